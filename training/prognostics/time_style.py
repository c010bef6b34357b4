"""What the numbers of a time column count, where their size leaves no doubt."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from training.numerals import is_decimal, read_decimal
from training.prognostics.cells import plain_number
from training.prognostics.columns import SECONDS, Columns
from training.prognostics.dates import date_in, is_duration
from training.prognostics.log_keys import DIGITS

OUR_DAYS_S: Final = (4.0e8, 4.2e9)
"""Seconds since 1970 from 1982 to 2103."""

A_THOUSAND_YEARS_S: Final = 3.3e10
"""No log of machines holds a time beyond."""

SINCE_2000_S: Final = (9.46e8, 2.53e9)
"""From 2000 to 2050, for counts that would otherwise be those of another decade."""


class Epoch(NamedTuple):
    """What numbers may count, where they do not count the unit of time itself."""

    per_second: float
    begins_s: float
    """Where they begin, in seconds since 1970."""
    called: str
    within_s: tuple[float, float] = OUR_DAYS_S
    """Only moments between these are taken for such."""


EPOCHS: Final = (
    Epoch(1e7, -62_135_596_800.0, "ticks of .NET", SINCE_2000_S),  # as nanoseconds they would be of 1990
    Epoch(1e7, -11_644_473_600.0, "file times of Windows, 100 ns since 1601", SINCE_2000_S),
    Epoch(1.0, -2_082_844_800.0, "LabVIEW's seconds since 1904", SINCE_2000_S),  # or of 2066 and later
    Epoch(1.0, 0.0, "seconds since 1970"),
    Epoch(1e3, 0.0, "milliseconds since 1970"),
    Epoch(1e6, 0.0, "microseconds since 1970"),
    Epoch(1e9, 0.0, "nanoseconds since 1970"),
)
NO_EPOCH: Final = Epoch(0.0, 0.0, "")
"""Numbers are in the unit of time itself."""

_CLOCK: Final = re.compile(r"\d{1,2}:\d\d(:\d\d([.,]\d+)?)?(\s*[AaPp][Mm])?$", re.ASCII)
_CLOCK_IN_DIGITS: Final = re.compile(r"(?:[01]\d|2[0-3])(?:[0-5]\d){1,2}$", re.ASCII)


def is_time_of_day(word: str) -> bool:
    return bool(_CLOCK.match(word)) or is_duration(word)


def may_be_clocks(words: Sequence[str], time_unit: str) -> bool:
    """Whether *words* may be times of day without their colon, like 0900, or numbers with zeros in front."""
    different = set(words)
    if time_unit not in SECONDS or not all(map(_CLOCK_IN_DIGITS.match, different)):
        return False
    begins = {word[:-2] for word in different}  # of an hour and its minute; numbers that go on fill their hundreds
    return len({*map(len, different)}) == 1 and any(word[0] == "0" for word in different) and len(begins) > 1


def in_digits(words: Sequence[str], time_unit: str) -> bool:
    """Whether *words* are dates like 20240531 and can be nothing else: as a number they are no time in *time_unit*."""
    if time_unit not in SECONDS or not all(date_in(word, DIGITS) for word in words):
        return False
    hours = all(len(word) == 10 for word in words)  # 2024030110, which as seconds since 1970 would be in 2034
    return hours or all(
        not is_decimal(word) or read_decimal(word) * SECONDS[time_unit] > A_THOUSAND_YEARS_S for word in words
    )


def epoch_of(words: Sequence[str], columns: Columns) -> Epoch:
    """What the numbers count that *words* are."""
    numbers = [plain_number(word, columns.decimal, columns.thousands) for word in words]
    known = [number for number in numbers if number is not None]
    if len(known) < len(numbers) or columns.time_unit not in SECONDS:
        return NO_EPOCH
    if max(map(abs, known)) * SECONDS[columns.time_unit] <= A_THOUSAND_YEARS_S:
        return NO_EPOCH
    for epoch in EPOCHS:
        low, high = epoch.within_s
        if all(low <= number / epoch.per_second + epoch.begins_s <= high for number in known):
            return epoch
    return NO_EPOCH
