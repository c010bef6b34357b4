"""What the numbers of a time column count, where their size leaves no doubt."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from training.prognostics.cells import number_of_time
from training.prognostics.columns import SECONDS, Columns
from training.prognostics.dates import date_in, is_duration
from training.prognostics.log_keys import DIGITS

OUR_DAYS_S: Final = (4.0e8, 4.2e9)
"""Seconds since 1970 from 1982 to 2103."""

A_THOUSAND_YEARS_S: Final = 3.3e10
"""No log of machines holds a time beyond."""

EPOCHS: Final = {1.0: "seconds", 1e3: "milliseconds", 1e6: "microseconds", 1e9: "nanoseconds"}

_CLOCK: Final = re.compile(r"\d{1,2}:\d\d(:\d\d([.,]\d+)?)?(\s*[AaPp][Mm])?$")


def is_time_of_day(word: str) -> bool:
    return bool(_CLOCK.match(word)) or is_duration(word)


def in_digits(words: Sequence[str], time_unit: str) -> bool:
    """Whether *words* are dates like 20240531 and can be nothing else: as a number they are no time in *time_unit*."""
    if time_unit not in SECONDS or not all(date_in(word, DIGITS) for word in words):
        return False
    return all(not word.isdigit() or float(word) * SECONDS[time_unit] > A_THOUSAND_YEARS_S for word in words)


def epoch_of(words: Sequence[str], columns: Columns) -> tuple[float, str]:
    """How many of what is counted make a second since 1970; 0 where the numbers are in the unit of time itself."""
    numbers = [number_of_time(word, columns) for word in words]
    known = [number for number in numbers if number is not None]
    if len(known) < len(numbers) or columns.time_unit not in SECONDS:
        return 0.0, ""
    if max(map(abs, known)) * SECONDS[columns.time_unit] <= A_THOUSAND_YEARS_S:
        return 0.0, ""
    for epoch, called in EPOCHS.items():
        if all(OUR_DAYS_S[0] <= number / epoch <= OUR_DAYS_S[1] for number in known):
            return epoch, called
    return 0.0, ""
