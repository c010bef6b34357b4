"""What one cell of a log means: a number, a moment, nothing. It is known here alone, for files and single rows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

from training.errors import BadData
from training.prognostics.log_keys import DAY_FIRST, DIGITS, MONTH_FIRST, TIME_OF_DAY
from training.prognostics.log_schema import SECONDS, Columns

MISSING: Final = frozenset(
    {"", "na", "n/a", "nan", "null", "none", "-", "#n/a", "#na", "#nv", "#n/a n/a", "n.a.", "<na>", "nil"}
    | {"--", "---", "?", "#div/0!", "#value!", "#ref!", "#num!", "#name?", "#null!"}
)
"""Besides empty cells; #N/A, #NV and other errors are Excel's, <NA> is pandas'."""

TRUTHS: Final = {"true": 1.0, "false": 0.0, "yes": 1.0, "no": 0.0, "on": 1.0, "off": 0.0}

TRUTH, TEXT, HEX = "truth", "text", "0x"
"""Kinds of columns; any other kind is a unit written behind each number, like "V"."""

NUMBER, ZONED, NAIVE = "a number", "a time with its zone", "a time without a zone"

_MONTH_NAMES: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTHS: Final = {name: n for n, name in enumerate(_MONTH_NAMES, start=1)}
_ZONE_AT_END: Final = re.compile(
    r"[Zz]$|[T ]\d\d:?\d\d.*[+-]\d\d(:?\d\d){0,2}$|\d\d *(?:UTC|GMT)$|\d\d *(?:UTC|GMT)(?:[+-]\d\d:?\d\d)? \d{4}$"
)
_YEAR_FIRST: Final = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[T ]+(.*))?$")
_YEAR_LAST: Final = re.compile(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4}|(?<!-)\d\d)(?:,?[T ]+(.*))?$")
_NAMED: Final = re.compile(r"(?:[A-Z][a-z]{2}, )?(\d{1,2})[- .]+([A-Za-z]{3})[a-z]*[-. ,]+(\d{4}|\d\d)(?:[T ]+(.*))?$")
_MONTH_NAMED: Final = re.compile(r"([A-Za-z]{3})[a-z]*\.? (\d{1,2}), ?(\d{4})(?:,?[T ]+(.*))?$")
_AS_C_WRITES: Final = re.compile(
    r"[A-Z][a-z]{2} ([A-Z][a-z]{2}) +(\d{1,2}) ([\d:.]+(?: *(?:UTC|GMT)(?:[+-]\d\d:?\d\d)?)?) (\d{4})$"
)
"""Fri Mar 01 12:00:00 2024, with GMT+01:00 before the year where Java writes it, as car loggers do."""
_IN_DIGITS: Final = re.compile(r"(\d{4})(\d\d)(\d\d)(?:[T ]?(\d\d:?\d\d(?::?\d\d)?(?:[.,]\d+)?.*))?$")
_CLOCK: Final = re.compile(
    r"(\d{1,2}):?(\d\d)(?::?(\d\d)(?:[.,](\d{1,9}))?)?\s*([AaPp][Mm])?\s*(Z|z|(?:UTC|GMT)?[+-]\d\d(?::?\d\d)?|UTC|GMT)?$"
)
_DURATION: Final = re.compile(r"(?:(\d{1,6})\s*(?:days?|d),?\s+)?(\d{1,6}):(\d\d):(\d\d)(?:[.,](\d{1,9}))?$")
_LETTERED_ZONE: Final = re.compile(r"\d [A-Z]{3,4}$")
_HEX: Final = re.compile(r"0[xX][0-9a-fA-F]{1,12}$")
_HOURLESS: Final = re.compile(r"\d{1,2}:\d\d[.,]\d+$")
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
    """Without blanks around it, and without the byte order mark of a file that was put behind another."""
    return word.strip().lstrip("\ufeff").strip()


def is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def kind_of_time(word: str) -> str:
    """Local times beside times with a zone are hours apart, and nothing shows it but how they are written."""
    if _ZONE_AT_END.search(word):
        return ZONED
    return NUMBER if is_number(word) else NAIVE


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
            raise ValueError(_header_again(word) if word == column.strip() else _no_number(word))
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
                return self.steps(number / columns.epoch) if columns.epoch else number
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
    if word in (columns.time.strip(), columns.clock.strip()):
        return _header_again(word)
    if _HOURLESS.match(word):
        return (
            f"'{word}' is minutes and seconds of an hour that is not written (Excel saves what it shows: [h]:mm:ss.000)"
        )
    if _LETTERED_ZONE.search(word):
        return f"'{word}' ends in letters that mean several zones: write +01:00 instead, or leave them out and say zone"
    return f"'{word}' is neither a number nor a date like 2024-05-31T12:00:00"


def _no_number(word: str) -> str:
    first, newline, _ = word.partition("\n")
    return (
        f"'{first}...' goes on in the next line: is a quotation mark left open?"
        if newline
        else f"'{word}' is not a number"
    )


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
    return re.compile(rf"[-+]?\d{{1,3}}(?:{apart}\d{{3}})+(?:{point}\d+)?$")


def plain_number(word: str, decimal: str, thousands: str) -> float | None:
    word = word.replace("\u2212", "-")  # the minus sign of printed texts
    if thousands and grouped(decimal, thousands).match(word):
        word = word.replace(thousands, "")
    if decimal != ".":
        if "." in word:
            return None
        word = word.replace(decimal, ".")
    try:
        return float(word)
    except ValueError:
        return None


def date_in(word: str, dates: str) -> datetime | None:
    """The date and time that *word* is, without a zone where it names none; None where it is no date."""
    try:
        if dates == TIME_OF_DAY:
            return _moment_after(word) or _at(1970, 1, 1, word)
        if dates == DIGITS:
            found = _IN_DIGITS.match(word)
            return _at(int(found[1]), int(found[2]), int(found[3]), found[4]) if found else None
        return _parse_written_out(word, dates)
    except ValueError:  # the 31st of February
        return None


def is_duration(word: str) -> bool:
    """Whether *word* is a length of time: 49:30:00.5, or 2 days 01:30:00; below a day it looks like a time of day."""
    return bool(_DURATION.match(word))


def _moment_after(word: str) -> datetime | None:
    """The moment so long after 1970 began."""
    found = _DURATION.match(word)
    if not found:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups()[:4])
    if minutes > 59 or seconds > 59:
        raise ValueError(word)
    micro = int((found[5] or "0")[:6].ljust(6, "0"))
    try:
        return datetime(1970, 1, 1) + timedelta(days, seconds, micro, 0, minutes, hours)
    except OverflowError as error:
        raise ValueError(word) from error


def _parse_written_out(word: str, dates: str) -> datetime | None:
    if found := _YEAR_FIRST.match(word):
        return _at(int(found[1]), int(found[2]), int(found[3]), found[4])
    if found := _NAMED.match(word):
        month = _MONTHS.get(found[2].lower())
        return _at(_full_year(found[3]), month, int(found[1]), found[4]) if month else None
    if found := _MONTH_NAMED.match(word):
        month = _MONTHS.get(found[1].lower())
        return _at(int(found[3]), month, int(found[2]), found[4]) if month else None
    if found := _AS_C_WRITES.match(word):
        month = _MONTHS.get(found[1].lower())
        return _at(int(found[4]), month, int(found[2]), found[3]) if month else None
    if found := _YEAR_LAST.match(word):
        first, second = int(found[1]), int(found[3])
        if found[2] != "." and dates not in (DAY_FIRST, MONTH_FIRST):
            raise ValueError(word)
        month_first = dates == MONTH_FIRST
        return _at(_full_year(found[4]), first if month_first else second, second if month_first else first, found[5])
    found = _IN_DIGITS.match(word) if "T" in word else None
    return _at(int(found[1]), int(found[2]), int(found[3]), found[4]) if found else None


def day_and_month(word: str) -> tuple[int, int] | None:
    """The first two numbers of a date whose year stands last and that no point divides: which is the day?"""
    found = _YEAR_LAST.match(word.strip())
    return (int(found[1]), int(found[3])) if found and found[2] != "." else None


def begins_with_day_or_year(word: str) -> bool:
    """24/03/01 is a day of 2001 or of 2024."""
    found = _YEAR_LAST.match(word.strip())
    return bool(found and found[2] != "." and len(found[4]) == 2 and int(found[1]) > 12)


def _full_year(digits: str) -> int:
    """Of two digits the year nearest to now: '24 is 2024, '87 is 1987."""
    year = int(digits)
    return year if len(digits) == 4 else year + (2000 if year < 70 else 1900)


def _at(year: int, month: int, day: int, clock: str | None) -> datetime:
    """Raises ValueError where there is no such day, or *clock* is no time of day."""
    if not clock:
        return datetime(year, month, day)
    found = _CLOCK.match(clock.strip())
    if not found:
        raise ValueError(clock)
    hour, minute, second = int(found[1]), int(found[2]), int(found[3] or 0)
    if found[5]:
        if not 1 <= hour <= 12:
            raise ValueError(clock)
        hour = hour % 12 + (12 if found[5].lower() == "pm" else 0)
    micro = int((found[4] or "0")[:6].ljust(6, "0"))
    naive = datetime(year, month, day, hour, minute, second, micro)
    if not found[6]:
        return naive
    offset = found[6].lstrip("UTCGMZz")
    zone = offset[:3] + ":" + (offset[3:].lstrip(":") or "00") if offset else "+00:00"
    return datetime.fromisoformat(naive.isoformat() + zone)


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
