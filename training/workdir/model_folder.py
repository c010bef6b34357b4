"""The model folder: a run's net and all that is needed to ask it, without MXNet and without the code that trained it.

    model.json     what goes in and what comes out: shapes, scaling, columns, calibration, classes, scores
    model.onnx     the net
    CARD.md        the model card: what it learned from, how good it is, where it ends
    SHA256SUMS     checksums of the others, as `sha256sum --check` reads them; written last

A folder without SHA256SUMS is not whole. One of another VERSION is refused by name: it may mean something else by the
same words.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from training.errors import BadInput, name_full_disk
from training.workdir.atomic import flush
from training.workdir.checksum import sha256
from training.workdir.names import ASIDE, MODEL, ONNX

FORMAT: Final = "gluon-rig-model"
VERSION: Final = 1
DESCRIPTION: Final = "model.json"
CARD: Final = "CARD.md"
CHECKSUMS: Final = "SHA256SUMS"
FILES: Final = (CARD, DESCRIPTION, ONNX)

FORECAST: Final = "forecast"
IMAGES: Final = "images"
ARRAYS: Final = "arrays"


@dataclass(frozen=True)
class Pixels:
    """How bytes 0..255 become what the net takes: (byte - mean[channel]) / spread[channel], then the input's shape."""

    shape: tuple[int, ...]
    """(channels, height, width) of one picture as bytes."""
    mean: tuple[float, ...]
    spread: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Description:
    """model.json. *kind*: "forecast" takes rows of a log, "images" pictures, "arrays" numbers as the net takes them."""

    kind: str
    job: str
    input_shape: tuple[int, ...]
    """Of one example, as the net takes it: float32."""
    classes: tuple[str, ...] = ()
    pixels: Pixels | None = None
    preparation: Mapping[str, Any] = field(default_factory=dict)
    """Of a forecast: what training.prognostics.preparation.Preparation reads."""
    scores: Mapping[str, float] = field(default_factory=dict)
    data: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {"format": FORMAT, "version": VERSION, **asdict(self)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Description:
        """Raises KeyError, TypeError or ValueError where *data* is no description of this version."""
        pixels = data["pixels"]
        return cls(
            kind=_one_of((FORECAST, IMAGES, ARRAYS), data["kind"]),
            job=str(data["job"]),
            input_shape=tuple(int(size) for size in data["input_shape"]),
            classes=tuple(str(name) for name in data["classes"]),
            pixels=pixels and Pixels(*(tuple(pixels[name]) for name in ("shape", "mean", "spread"))),
            preparation=dict(data["preparation"]),
            scores=dict(data["scores"]),
            data=dict(data["data"]),
        )


def _one_of(known: tuple[str, ...], word: Any) -> str:
    if word not in known:
        raise ValueError(f"kind is {word!r}")
    return str(word)


@dataclass(frozen=True)
class Model:
    """A model folder that was looked through: whole, undamaged, of this version."""

    folder: Path
    description: Description
    checksum: str
    """Of all its files together: two models with the same one are the same."""

    @property
    def name(self) -> str:
        """The run's, where the folder lies in one."""
        whole = self.folder.resolve()
        return whole.parent.name if whole.name == MODEL else whole.name

    @property
    def onnx(self) -> Path:
        return self.folder / ONNX


def write_model(workdir: Path, description: Description, *, card: str) -> Path:
    """Make workdir/model from workdir/model.onnx, whole or not at all. Raises DiskFull."""
    target = workdir / MODEL
    with name_full_disk(target, "the model folder"), tempfile.TemporaryDirectory(dir=workdir, prefix=ASIDE) as aside:
        folder = Path(aside) / MODEL
        folder.mkdir()
        shutil.copyfile(workdir / ONNX, folder / ONNX)
        (folder / DESCRIPTION).write_text(json.dumps(description.as_json(), indent=2) + "\n", encoding="utf-8")
        (folder / CARD).write_text(card, encoding="utf-8")
        sums = "".join(f"{sha256(folder / name)}  {name}\n" for name in FILES)
        (folder / CHECKSUMS).write_text(sums, encoding="utf-8")
        for path in (*folder.iterdir(), folder):
            flush(path)
        shutil.rmtree(target, ignore_errors=True)  # of a run that was killed here and resumed
        folder.rename(target)
    return target


def find_model(place: Path) -> Path | None:
    """The model folder at *place*, which is one or is a run that has one."""
    if (place / MODEL).is_dir():
        return place / MODEL
    return place if place.name == MODEL or (place / DESCRIPTION).exists() else None


def open_model(place: Path) -> Model:
    """Look through the model folder of the run, or the model folder, at *place*.

    Raises BadInput, which names what is missing, damaged or of another version.
    """
    folder = find_model(place)
    if folder is None or not folder.is_dir():
        raise BadInput(
            f"{place} has no model folder",
            "name a finished run, or the folder model/ of one\n"
            "a run has none where it was made by an older version, or without the package onnx: train again",
        )
    described = _read_description(folder)
    sums = _sums(folder)
    for name in FILES:
        _check(folder / name, sums.get(name, ""))
    try:
        description = Description.from_json(described)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _explain_damage(folder / DESCRIPTION, f"{type(error).__name__}: {error}") from error
    return Model(folder, description, hashlib.sha256(repr(sorted(sums.items())).encode()).hexdigest())


def _read_description(folder: Path) -> dict[str, Any]:
    """model.json, of whichever version: the checksums of another one may be kept in another way."""
    path = folder / DESCRIPTION
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        given, version = found["format"], found["version"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise _explain_damage(path, getattr(error, "strerror", None) or "it is no description of a model") from error
    if given != FORMAT:
        raise _explain_damage(path, f"its format is {given!r}, not {FORMAT!r}")
    if version != VERSION:
        raise BadInput(
            f"{folder} is a model folder of version {version}; this Gluon Rig reads version {VERSION}",
            "take the Gluon Rig that made it, or train again with this one",
        )
    return dict(found)


def _sums(folder: Path) -> dict[str, str]:
    path = folder / CHECKSUMS
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise _explain_damage(path, getattr(error, "strerror", None) or "it is no text") from error
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}


def _check(path: Path, expected: str) -> None:
    try:
        found = sha256(path)
    except OSError as error:
        raise _explain_damage(path, error.strerror or "it cannot be read") from error
    if found != expected:
        raise _explain_damage(path, f"its checksum is not the one in {CHECKSUMS}")


def _explain_damage(path: Path, why: str) -> BadInput:
    return BadInput(f"{path} is damaged or cut short: {why}", "pull or copy the run again")
