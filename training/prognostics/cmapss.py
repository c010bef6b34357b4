"""NASA C-MAPSS: simulated turbofan engines that run until they fail. Subsets FD001 to FD004.

Text, blank-separated, no header; a row is one flight (cycle) of one engine: unit number, cycle, three settings, 21
sensors. Every training engine runs until it fails; each test record ends some time before, and RUL_*.txt holds the
remaining cycles at its last row.

Source: Saxena, Goebel, Simon, Eklund, "Damage propagation modeling for aircraft engine run-to-failure simulation",
PHM 2008. NASA offers it as https://data.nasa.gov/dataset/cmapss-jet-engine-simulated-data (public domain).
"""

from __future__ import annotations

import gzip
import hashlib
import math
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.errors import BadData
from training.numerals import is_decimal, read_decimal
from training.prognostics.windows import UnitLog

SUBSETS: Final = ("FD001", "FD002", "FD003", "FD004")
SETTINGS: Final = tuple(f"setting_{number}" for number in (1, 2, 3))
SENSORS: Final = tuple(f"sensor_{number:02d}" for number in range(1, 22))
COLUMNS: Final = ("unit", "cycle", *SETTINGS, *SENSORS)
CHANNELS: Final = ("cycle", *SENSORS)
"""What a row's values are: the engine's age, which every record gives, and what was measured."""
FIRST_SENSOR: Final = COLUMNS.index(SENSORS[0])

PUBLISHED_SHA256: Final = {
    "FD001": "963b5e22825b34d8b21c69e1aeb4af3e647050eb672ee8834ba4b5d91d2de0f8",
    "FD003": "2abbe9968cc5e8eb091980f51b20f62bb4127336d3482cb52071d53bf23329e2",
}
"""Of the training files, unpacked."""

WHERE_TO_GET_IT: Final = "Get C-MAPSS (12 MB) from https://data.nasa.gov/dataset/cmapss-jet-engine-simulated-data"

AGAIN: Final = "Unpack the data set again: this file is damaged."


@dataclass(frozen=True)
class Subset:
    train: list[UnitLog]
    test: list[UnitLog]


def read_subset(folder: Path, subset: str) -> Subset:
    """Read one subset from *folder*. Test records know when their engine failed: their last row plus its RUL."""
    train = [replace(log, fails_at=float(log.times[-1])) for log in read_logs(folder / f"train_{subset}.txt")]
    test = read_logs(folder / f"test_{subset}.txt")
    remaining = _read_numbers(folder / f"RUL_{subset}.txt", columns=1)[:, 0]
    if len(remaining) != len(test):
        raise BadData(
            f"RUL_{subset}.txt has {len(remaining)} rows, test_{subset}.txt has {len(test)} engines",
            "They belong to different subsets, or one is cut short: unpack the data set again.",
        )
    failed = [replace(log, fails_at=float(log.times[-1] + rest)) for log, rest in zip(test, remaining, strict=True)]
    return Subset(train=train, test=failed)


def checksum(folder: Path, subset: str) -> str:
    """ "sha256 ..." of the unpacked training file, and whether it is the published one (where that is known here)."""
    found = hashlib.sha256(_content(folder / f"train_{subset}.txt")).hexdigest()
    known = PUBLISHED_SHA256.get(subset)
    return f"sha256 {found}" + ("" if known is None else " (as published)" if found == known else " (not as published)")


def read_logs(path: Path) -> list[UnitLog]:
    """Read the engines of one file, in the order of their numbers, without knowing when they fail.

    Raises BadData where an engine's rows are not together, or its cycles do not rise.
    """
    rows = _read_numbers(path, columns=len(COLUMNS))
    starts = np.flatnonzero(np.diff(rows[:, 0], prepend=np.nan) != 0)
    _in_order(path, rows, starts)
    return [_log(part) for part in np.split(rows, starts[1:])]


def _in_order(path: Path, rows: NDArray[np.float64], starts: NDArray[np.intp]) -> None:
    _, first = np.unique(rows[starts, 0], return_index=True)
    again = np.setdiff1d(starts, starts[first])
    falls = np.setdiff1d(np.flatnonzero(np.diff(rows[:, 1]) <= 0) + 1, starts)
    if not len(again) and not len(falls):
        return
    place = min(*again[:1], *falls[:1], len(rows))
    engine, cycle = (f"{number:g}" for number in rows[place, :2])
    wrong = f"cycle {cycle} comes after {rows[place - 1, 1]:g}" if place in falls else "its rows are not together"
    raise BadData(f"{path.name} line {_line_of(path, place)}: engine {engine}: {wrong}", AGAIN)


def _line_of(path: Path, row: int) -> int:
    lines = _content(path).decode("ascii", errors="replace").splitlines()
    return [number for number, line in enumerate(lines, start=1) if line.strip()][row]


def _log(rows: NDArray[np.float64]) -> UnitLog:
    return UnitLog(
        unit=str(int(rows[0, 0])),
        times=rows[:, 1],
        conditions=rows[:, 2:FIRST_SENSOR].astype(np.float32),
        values=rows[:, [COLUMNS.index(name) for name in CHANNELS]].astype(np.float32),
    )


def _read_numbers(path: Path, *, columns: int) -> NDArray[np.float64]:
    text = _content(path).decode("ascii", errors="replace")
    try:
        rows = np.loadtxt(text.splitlines(), dtype=np.float64, ndmin=2, comments=None)
    except ValueError:
        rows = np.empty((0, 0))
    if rows.shape[1] != columns or not np.isfinite(rows).all():
        raise BadData(_first_bad_line(path.name, text, columns), AGAIN)
    return rows


def _content(path: Path) -> bytes:
    packed = path.with_name(path.name + ".gz")
    if path.is_file():
        return path.read_bytes()
    if packed.is_file():
        return _unpack(packed)
    raise BadData(
        f"{path} is not there",
        f"{WHERE_TO_GET_IT}\nand put its train_*.txt, test_*.txt and RUL_*.txt (or .txt.gz) into {path.parent}\n"
        "for a run on an instance: into a folder cmapss of a folder here, which DATA=FOLDER sends",
    )


def _unpack(path: Path) -> bytes:
    try:
        return gzip.decompress(path.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise BadData(f"{path} cannot be unpacked ({error})", "It is damaged: fetch it again.") from error


def _first_bad_line(name: str, text: str, columns: int) -> str:
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split()
        if words and len(words) != columns:
            return f"{name} line {number}: {len(words)} columns instead of {columns}"
        for word in words:
            if not _is_number(word):
                return f"{name} line {number}: '{word}' is not a number"
    return f"{name} is empty"


def _is_number(word: str) -> bool:
    return is_decimal(word) and math.isfinite(read_decimal(word))
