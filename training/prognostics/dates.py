"""Dates, times of day and lengths of time, in the many ways in which programs write them."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Final

from training.prognostics.log_keys import DAY_FIRST, DIGITS, MONTH_FIRST, TIME_OF_DAY

_MONTH_NAMES: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTHS: Final = {name: n for n, name in enumerate(_MONTH_NAMES, start=1)}
_YEAR_FIRST: Final = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[T ]+(.*))?$")
_YEAR_LAST: Final = re.compile(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4}|(?<!-)\d\d)(?:,?[T ]+(.*))?$")
_NAMED: Final = re.compile(r"(?:[A-Z][a-z]{2}, )?(\d{1,2})[- .]+([A-Za-z]{3})[a-z]*[-. ,]+(\d{4}|\d\d)(?:[T ]+(.*))?$")
_MONTH_NAMED: Final = re.compile(r"([A-Za-z]{3})[a-z]*\.? (\d{1,2}), ?(\d{4})(?:,?[T ]+(.*))?$")
_AS_C_WRITES: Final = re.compile(
    r"[A-Z][a-z]{2} ([A-Z][a-z]{2}) +(\d{1,2}) ([\d:.]+(?: *(?:UTC|GMT)(?:[+-]\d\d:?\d\d)?)?) (\d{4})$"
)
"""Fri Mar 01 12:00:00 2024, with GMT+01:00 before the year where Java writes it, as car loggers do."""
_MARKED: Final = re.compile(
    r"(\d{4})([-._])(\d\d)\2(\d\d)(?:[-._ T]{1,2}(\d\d)[-._hH]?(\d\d)(?:[-._mM]?(\d\d))?(?:[.,_](\d{1,9}))?([Zz])?)?$"
)
"""As file names have it, which may hold no colon: 2003.10.22.12.06.24, 2024-03-01_12-06."""
_IN_DIGITS: Final = re.compile(r"(\d{4})(\d\d)(\d\d)(?:[T _-]?(\d\d:?\d\d(?::?\d\d)?(?:[.,]\d+)?.*))?$")
_CLOCK: Final = re.compile(
    r"(\d{1,2}):?(\d\d)(?::?(\d\d)(?:[.,](\d{1,9}))?)?\s*([AaPp][Mm])?\s*(Z|z|(?:UTC|GMT)?[+-]\d\d(?::?\d\d)?|UTC|GMT)?$"
)
_DURATION: Final = re.compile(r"(?:(\d{1,6})\s*(?:days?|d),?\s+)?(\d{1,6}):(\d\d):(\d\d)(?:[.,](\d{1,9}))?$")


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
    if found := _MARKED.match(word):
        return _at_marks(found)
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


def _at_marks(found: re.Match[str]) -> datetime:
    hour, minute, second, fraction, zone = found.groups()[4:]
    clock = f"{hour}:{minute}:{second or '00'}" + (f".{fraction}" if fraction else "") + (zone or "") if hour else None
    return _at(int(found[1]), int(found[3]), int(found[4]), clock)


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
