"""What one cell of a log means: a number, a moment, nothing. It is known here alone, for files and single rows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import lru_cache
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

from training.errors import BadData
from training.numerals import are_plain, is_decimal, is_number_to_python, read_decimal
from training.prognostics.columns import SECONDS, Columns
from training.prognostics.dates import date_in
from training.prognostics.file_names import one_form
from training.prognostics.log_keys import DAY_FIRST, DIGITS, MONTH_FIRST, TIME_OF_DAY

MISSING: Final = frozenset(
    {"", "na", "n/a", "nan", "null", "none", "-", "#n/a", "#na", "#nv", "#n/a n/a", "n.a.", "<na>", "nil", "\\n"}
    | {"--", "---", "?", "#div/0!", "#value!", "#ref!", "#num!", "#name?", "#null!"}
    | {f"{sign}{said}" for sign in ("", "+", "-") for said in ("nan", "nan(ind)", "nan(snan)", "1.#qnan", "1.#ind")}
)
"""Besides empty cells; #N/A, #NV and other errors are Excel's, <NA> is pandas', \\N databases', nan(ind) and 1.#QNAN
what C prints under Windows."""

TRUTHS: Final = {"true": 1.0, "false": 0.0, "yes": 1.0, "no": 0.0, "on": 1.0, "off": 0.0}

TRUTH, TEXT, HEX = "truth", "text", "0x"
"""Kinds of columns; any other kind is a unit written behind each number, like "V"."""

SHOWN_LETTERS: Final = 80

NUMBER, ZONED, NAIVE = "a number", "a time with its zone", "a time without a zone"

_USUAL: Final = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?([Zz]|[+-]\d\d:\d\d)?$", re.ASCII)
"""As most logs have it: no need to look closer."""
_LETTERED_ZONE: Final = re.compile(r"\d [A-Z]{3,4}$", re.ASCII)
_FORTRAN: Final = re.compile(r"([-+]?(?:\d+[.,]?\d*|[.,]\d+))[dD]([-+]\d{1,3})$", re.ASCII)
"""6.02D+01: its numbers of double precision."""
_HEX: Final = re.compile(r"0[xX][0-9a-fA-F]{1,12}$")
_HOURLESS: Final = re.compile(r"\d{1,2}:\d\d[.,]\d+$", re.ASCII)
_WITH_UNIT: Final = re.compile(
    r"[-+]?[\d.,' \u00a0\u202f\u2009]*\d(?:[eE][-+]?\d+)?[^\S\n]*((?:[%‰°]|[^\W\d_])\S{0,11}(?: \D\S{0,11})?)$"
)


def unit_of_file(file: Path | str) -> str:
    """What a file is called that is one unit: its name without what says how it is written."""
    name = Path(file).name
    for suffix in (".gz", ".zst", ".bz2", ".zip"):
        name = name.removesuffix(suffix)
    return Path(name).stem


def trim(word: str) -> str:
    """Without blanks around it, in one form, and without the byte order mark of a file that was put behind another."""
    return one_form(word.strip().lstrip("\ufeff").strip())


def split_blanks(line: str) -> list[str]:
    """The cells of a line whose columns are apart by any run of blanks; quotation marks are none of them."""
    return line.replace('"', "").split()


def kind_of_time(word: str) -> str:
    """Local times beside times with a zone are hours apart, and nothing shows it but how they are written."""
    if usual := _USUAL.match(word):
        return ZONED if usual[1] else NAIVE
    if is_decimal(word):
        return NUMBER
    read = (date_in(word, dates) for dates in ("", DAY_FIRST, MONTH_FIRST, TIME_OF_DAY, DIGITS))
    found = next((moment for moment in read if moment is not None), None)
    return ZONED if found is not None and found.tzinfo is not None else NAIVE


@dataclass(frozen=True)
class Cells:
    """The cells of one log, as its columns say they are written."""

    columns: Columns
    absent: frozenset[str] = field(init=False)
    kinds: Mapping[str, str] = field(init=False)

    def __post_init__(self) -> None:
        named = {word.strip().lower() for word in self.columns.missing}
        object.__setattr__(self, "absent", MISSING | named)
        object.__setattr__(self, "kinds", dict(self.columns.kinds))

    @property
    def stand_ins(self) -> NDArray[np.float32]:
        """The numbers that mean "not measured"."""
        return np.array([read_decimal(word) for word in self.columns.missing if is_decimal(word)], dtype=np.float32)

    def is_absent(self, word: str) -> bool:
        return trim(word).lower() in self.absent

    def number(self, word: str, column: str) -> float:
        """What *word* of *column* says; NaN where it says nothing. Raises ValueError, whose text says why."""
        word = trim(word)
        if word.lower() in self.absent:
            return np.nan
        kind = self.kinds.get(column)
        if kind == TRUTH:
            return truth(word)
        if kind == HEX and _HEX.match(word):
            return float(int(word, 16))
        found = plain_number(bare(word, kind) if kind else word, self.columns.decimal, self.columns.thousands)
        if found is None:
            raise ValueError(_header_again(word) if word == column.strip() else _no_number(word, self.columns.decimal))
        return found

    def moment(self, word: str) -> float:
        """A number as it is; a date and time in steps of the log's unit of time since 1970, taken for UTC where neither
        it nor the columns name a zone. NaN where *word* says nothing. Raises ValueError.
        """
        word = trim(word)
        if word.lower() in self.absent:
            return np.nan
        columns = self.columns
        if columns.dates not in (DIGITS, TIME_OF_DAY):
            number = plain_number(word, columns.decimal, columns.thousands)
            if number is not None:
                return self.steps(number / columns.epoch + columns.epoch_begins) if columns.epoch else number
        moment = date_in(word, columns.dates)
        if moment is None:
            raise ValueError(_no_moment(word, columns))
        if columns.time_unit not in SECONDS:
            raise ValueError(f"'{word}' is a date: say time_unit = one of {', '.join(SECONDS)}")
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=zone_named(columns.zone) if columns.zone else timezone.utc)
        return self.steps(moment.timestamp())

    def steps(self, seconds: float) -> float:
        return seconds / SECONDS[self.columns.time_unit]


def _header_again(word: str) -> str:
    return f"'{word}' is the column's name: the header stands here again, as where files are put one behind the other"


def _no_moment(word: str, columns: Columns) -> str:
    word = shorten(word)
    if word in map(str.strip, columns.timed_by):
        return _header_again(word)
    if _HOURLESS.match(word):
        return (
            f"'{word}' is minutes and seconds of an hour that is not written (Excel saves what it shows: [h]:mm:ss.000)"
        )
    if _LETTERED_ZONE.search(word):
        return f"'{word}' ends in letters that mean several zones: write +01:00 instead, or leave them out and say zone"
    return f"'{word}' is neither a number nor a date like 2024-05-31T12:00:00"


def _no_number(word: str, decimal: str) -> str:
    first, newline, _ = word.partition("\n")
    if newline:
        return f"'{first[:SHOWN_LETTERS]}...' goes on in the next line: is a quotation mark left open?"
    odd = not are_plain(word) and is_number_to_python(word)
    otherwise = (decimal == "." and is_decimal(word.replace(",", "."))) or (decimal != "." and is_decimal(word))
    if otherwise and are_plain(word):
        return f"'{word}' is not a number: '{decimal}' stands before the decimals here"
    return f"'{shorten(word)}' is not a number" + (": digits are 0 to 9, and no _ stands between them" if odd else "")


def shorten(word: str) -> str:
    """As much of a cell as a message can show."""
    return word if len(word) <= SHOWN_LETTERS else f"{word[:SHOWN_LETTERS]}..."


def is_hexadecimal(word: str) -> bool:
    return bool(_HEX.match(word))


def truth(word: str) -> float:
    if word.lower() in TRUTHS:
        return TRUTHS[word.lower()]
    if word in ("0", "1"):
        return float(word)
    raise ValueError(f"'{word}' is neither true nor false")


def bare(word: str, unit: str) -> str:
    """The number before the *unit* of measurement, where that stands behind it."""
    return word.removesuffix(unit).rstrip()


def unit_behind(word: str) -> str:
    """The "V" of "12.1 V"; empty where no number stands before it."""
    found = _WITH_UNIT.match(word.strip())
    return found[1] if found else ""


@lru_cache(maxsize=16)
def grouped(decimal: str, thousands: str) -> re.Pattern[str]:
    """A number whose thousands are told apart."""
    apart, point = re.escape(thousands), re.escape(decimal)
    return re.compile(rf"[-+]?\d{{1,3}}(?:{apart}\d{{3}})+(?:{point}\d+)?$", re.ASCII)


def plain_number(word: str, decimal: str, thousands: str) -> float | None:
    if not word.isascii():
        word = word.replace("\u2212", "-")  # the minus sign of printed texts
    if "d" in word or "D" in word:
        word = _FORTRAN.sub(r"\1e\2", word)
    if thousands and grouped(decimal, thousands).match(word):
        word = word.replace(thousands, "")
    if decimal != ".":
        if "." in word:
            return None
        word = word.replace(decimal, ".")
    return read_decimal(word) if is_decimal(word) else None


@lru_cache(maxsize=16)
def zone_named(name: str) -> ZoneInfo:
    """Raises BadData where this computer knows no such zone."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise BadData(f"zone: '{name}' is no time zone that this computer knows", 'zone = "Europe/Berlin"') from error


QUARTER_S: Final = 900.0
"""Clocks are put back at a whole quarter of an hour."""


def second_readings(times: NDArray[np.float64], columns: Columns) -> list[tuple[int, float]]:
    """(row, time) of those of *times*, read from local clocks, that these clocks showed once more later on."""
    step = QUARTER_S / SECONDS[columns.time_unit]
    quarters, place = np.unique(np.floor(times / step), return_inverse=True)
    by = np.array([_put_back_by(quarter * QUARTER_S, columns.zone) for quarter in quarters.tolist()])
    shift = by[place.ravel()] / SECONDS[columns.time_unit]
    return [(int(row), float(times[row] + shift[row])) for row in np.flatnonzero(shift > 0)]


def _put_back_by(moment: float, zone: str) -> float:
    """By how many seconds the clocks of *zone* were put back, where they show the time of *moment* twice."""
    if not np.isfinite(moment):
        return 0.0
    local = datetime.fromtimestamp(moment, zone_named(zone)).replace(fold=0)
    first, second = local.utcoffset(), local.replace(fold=1).utcoffset()
    return (first - second).total_seconds() if first and second and first > second else 0.0
