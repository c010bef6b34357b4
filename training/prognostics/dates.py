"""Dates, times of day and lengths of time, in the many ways in which programs write them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Final, NamedTuple, TypeVar

from training.prognostics.log_keys import DAY_FIRST, DIGITS, MONTH_FIRST, TIME_OF_DAY

Part = TypeVar("Part")


class Change(NamedTuple):
    """What is written for what, in a part of a time; Arrow does the same to whole columns."""

    found: re.Pattern[str]
    put: str

    def to(self, word: str) -> str:
        return self.found.sub(self.put, word)


HOUR_ALONE: Final = Change(re.compile(r"^(\d{1,2})$", re.ASCII), r"\1:00")
ONE_DIGIT: Final = Change(re.compile(r"^(\d)($|\.)", re.ASCII), r"0\1\2")
_HOUR_OF_ISO: Final = Change(re.compile(r"^(\d\d)([Zz]|[+-]\d\d(?::?\d\d)?)?$", re.ASCII), r"\1:00\2")
"""2024-03-01 10, 2024-03-01T10Z."""
MIDNIGHT: Final = Change(re.compile(r"[ T]00:00(:00(\.0+)?)?$", re.ASCII), "")
"""Behind a day that a workbook holds by itself."""
_SIGNS: Final = str.maketrans({"\u202f": " ", "\u00a0": " ", "\u5e74": "-", "\u6708": "-", "\u65e5": " "})
"""Browsers write a narrow blank before AM and PM; China and Japan their signs of year, month and day."""
_HALF_DAY: Final = re.compile(
    r"(?:(\uc624\uc804|\u4e0a\u5348|\u5348\u524d)|\uc624\ud6c4|\u4e0b\u5348|\u5348\u5f8c) *(.*)$"
)
"""What Korea, China and Japan write before the time of day, for AM and PM."""
_DOTTED_HALF: Final = Change(re.compile(r" ?([AaPp])\. ?[Mm]\.$"), r" \1m")
"""10:00 a. m., as Spanish computers write it."""
_DOTTED_DAY: Final = Change(re.compile(r"^(\d{4})\. ?(\d{1,2})\. ?(\d{1,2})\.(?= |$)", re.ASCII), r"\1-\2-\3")
"""2024. 03. 01., as Hungarian ones do."""
_DOTTED_CLOCK: Final = Change(re.compile(r"^(\d{1,2})\.(\d\d)(?:\.(\d\d))?$", re.ASCII), r"\1:\2:\3")
"""1.3.2024 10.00, as Finnish, Danish and Italian ones do."""
_TOLD_TWICE: Final = re.compile(r"([Zz]|[+-]\d\d:?\d\d)(?: [A-Z]{3,4}|\[[A-Za-z0-9_/+:-]+\])$", re.ASCII)
"""+0100 CET, Z[UTC], +01:00[Europe/Berlin]: the letters behind the number say nothing more."""
_WEEKDAY: Final = re.compile(r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? +(?=\d)")
_MONTH_NAMES: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTHS: Final = {name: n for n, name in enumerate(_MONTH_NAMES, start=1)}
_YEAR_FIRST: Final = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:(?:[T ]+|-(?=\d\d:))(.*))?$", re.ASCII)
_YEAR_LAST: Final = re.compile(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4}|(?<!-)\d\d)(?:,?[T ]+(.*))?$", re.ASCII)
_NAMED: Final = re.compile(
    r"(?:[A-Z][a-z]{2}, )?(\d{1,2})[-/ .]+([A-Za-z]{3})[a-z]*[-/. ,]+(\d{4}|\d\d)(?:[T :]+(.*))?$", re.ASCII
)
_MONTH_NAMED: Final = re.compile(r"([A-Za-z]{3})[a-z]*\.? (\d{1,2}), ?(\d{4})(?:,?[T ]+(.*))?$", re.ASCII)
_AS_C_WRITES: Final = re.compile(
    r"[A-Z][a-z]{2} ([A-Z][a-z]{2}) +(\d{1,2}) ([\d:.]+(?: *(?:UTC|GMT)(?:[+-]\d\d:?\d\d)?)?) (\d{4})$", re.ASCII
)
"""Fri Mar 01 12:00:00 2024, with GMT+01:00 before the year where Java writes it, as car loggers do."""
_MARKED: Final = re.compile(
    r"(?!\d{4}-\d\d-\d\d[T ]\d\d-\d\d$)(\d{4})([-._])(\d\d)\2(\d\d)"
    r"(?:[-._ T]{1,2}(\d\d)[-._hH]?(\d\d)(?:[-._mM]?(\d\d))?(?:[.,_](\d{1,9}))?([Zz])?)?$",
    re.ASCII,
)
"""As file names have it, which may hold no colon: 2003.10.22.12.06.24, 2024-03-01_12-06. But 2024-03-01T12-06 is noon
six hours west of Greenwich, by ISO 8601 and to Arrow.
"""
_IN_DIGITS: Final = re.compile(r"(\d{4})(\d\d)(\d\d)(?:[T _-]?(\d\d|\d\d:?\d\d(?::?\d\d)?(?:[.,]\d+)?.*))?$", re.ASCII)
_OF_WEEK: Final = re.compile(r"(\d{4})-?W(\d\d)(?:-?([1-7]))?(?:[T ]+(.*))?$", re.ASCII)
"""2024-W05-1, or 2024-W05: its Monday. https://en.wikipedia.org/wiki/ISO_week_date"""
_MONTH: Final = re.compile(r"(\d{4})-(\d\d)$", re.ASCII)
"""2024-05: its first day."""
_OF_YEAR: Final = re.compile(r"(\d{4})[-/:](\d{3})(?:[T :]+(.*))?$", re.ASCII)
"""2024-123, the 123rd day: as test stands and spacecraft write it."""
_CLOCK: Final = re.compile(
    r"(\d{1,2}):?(\d\d)(?::?(\d\d)(?:[.,:](\d{1,9}))?)?\s*([AaPp][Mm])?\s*(Z|z|(?:UTC|GMT)?[+-]\d\d(?::?\d\d)?|UTC|GMT)?$",
    re.ASCII,
)
_DURATION: Final = re.compile(
    r"(?:(\d{1,6})(?:\s*(?:days?|d),?\s+|\.(?=\d\d:)))?(\d{1,6}):(\d\d):(\d\d)(?:[.,](\d{1,9}))?$", re.ASCII
)
_ISO_DURATION: Final = re.compile(
    r"P(?=.)(?:(\d{1,6})D)?(?:T(?=.)(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,9})(?:[.,](\d{1,9}))?S)?)?$", re.ASCII
)
"""P1DT2H30M."""


def date_in(word: str, dates: str) -> datetime | None:
    """The date and time that *word* is, without a zone where it names none; None where it is no date."""
    word = tidy(word)
    try:
        if dates == TIME_OF_DAY:
            if _MONTH.match(word):  # not 20:24, three hours west of Greenwich
                return None
            return _moment_after(word) or _at(1970, 1, 1, word)
        if dates == DIGITS:
            found = _IN_DIGITS.match(word)
            clock = HOUR_ALONE.to(found[4]) if found and found[4] else None
            return _at(int(found[1]), int(found[2]), int(found[3]), clock) if found else None
        return _parse_written_out(word, dates)
    except (ValueError, OverflowError):  # the 31st of February; the end of the year 9999
        return None


def tidy(word: str) -> str:
    """*word* without signs that only some programs write and that say nothing more."""
    word = (word if word.isascii() else _latin(word)).strip()
    if "." in word:
        word = _DOTTED_DAY.to(_DOTTED_HALF.to(word))
    return _TOLD_TWICE.sub(r"\1", word) if word[-1:].isupper() or word[-1:] == "]" else word


def _latin(word: str) -> str:
    word = word.translate(_SIGNS)
    half = _HALF_DAY.search(word)
    return f"{word[: half.start()]}{half[2]} {'AM' if half[1] else 'PM'}" if half else word


def join_time(parts: Sequence[str]) -> str:
    """The time that stands in several columns as one word: date and time of day, or year, month, day, and then the time
    of day or its parts. Nothing where one of them says nothing.
    """
    parts = [part.strip() for part in parts]
    if len(parts) == 1 or not all(parts):
        return parts[0] if len(parts) == 1 else ""
    days, clock = days_and_clock(parts)
    if len(clock) == 1:
        return f"{MIDNIGHT.to('-'.join(days))} {HOUR_ALONE.to(clock[0])}"
    padded = [clock[0], *map(ONE_DIGIT.to, clock[1:])] if clock else []
    return " ".join(filter(None, ("-".join(days), ":".join(padded))))


def days_and_clock(parts: Sequence[Part]) -> tuple[Sequence[Part], Sequence[Part]]:
    """Which of *parts* make the day, and which the time of day."""
    first = 1 if len(parts) == 2 else 3
    return parts[:first], parts[first:]


def is_duration(word: str) -> bool:
    """Whether *word* is a length of time: 49:30:00.5, or 2 days 01:30:00; below a day it looks like a time of day."""
    return bool(_DURATION.match(word) or _ISO_DURATION.match(word))


def _moment_after(word: str) -> datetime | None:
    """The moment so long after 1970 began."""
    on_a_clock = _DURATION.match(word)
    found = on_a_clock or _ISO_DURATION.match(word)
    if not found:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups()[:4])
    if on_a_clock and (minutes > 59 or seconds > 59):
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
        return _at(int(found[1]), int(found[2]), int(found[3]), _HOUR_OF_ISO.to(found[4]) if found[4] else None)
    if found := _OF_WEEK.match(word):
        day = date.fromisocalendar(int(found[1]), int(found[2]), int(found[3] or 1))
        return _at(day.year, day.month, day.day, found[4])
    if found := _OF_YEAR.match(word):
        return _on_day_of_year(int(found[1]), int(found[2]), found[3])
    if found := _MONTH.match(word):
        return _at(int(found[1]), int(found[2]), 1, None)
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
        return _at(_full_year(found[4]), first if month_first else second, second if month_first else first,
                   _DOTTED_CLOCK.to(found[5]).rstrip(":") if found[5] else None)  # fmt: skip
    if found := _WEEKDAY.match(word):
        return _parse_written_out(word[found.end() :], dates)
    found = _IN_DIGITS.match(word) if "T" in word else None
    return _at(int(found[1]), int(found[2]), int(found[3]), found[4]) if found else None


def _on_day_of_year(year: int, number: int, clock: str | None) -> datetime:
    day = date(year, 1, 1) + timedelta(number - 1)
    if day.year != year:
        raise ValueError(number)
    return _at(year, day.month, day.day, clock)


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
    if second == 60:  # a leap second, in which computers' clocks have no place: the last thousandth before it
        second, micro = 59, 999_000 + micro // 1000
    if (hour, minute, second, micro) == (24, 0, 0, 0):
        return _at(year, month, day, f"00:00{found[6] or ''}") + timedelta(1)
    naive = datetime(year, month, day, hour, minute, second, micro)
    if not found[6]:
        return naive
    offset = found[6].lstrip("UTCGMZz")
    zone = offset[:3] + ":" + (offset[3:].lstrip(":") or "00") if offset else "+00:00"
    return datetime.fromisoformat(naive.isoformat() + zone)
