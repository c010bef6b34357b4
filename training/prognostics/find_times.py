"""How the times of a log are written, as its first rows show it: dates in which order, a clock, what numbers count."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from training.errors import BadData
from training.prognostics.arrow_batches import read_batches
from training.prognostics.arrow_cells import encode
from training.prognostics.cells import NAIVE, TRUTHS, ZONED, Cells, kind_of_time, plain_number
from training.prognostics.columns import SECONDS, Columns
from training.prognostics.dates import begins_with_day_or_year, day_and_month
from training.prognostics.dialect import Dialect
from training.prognostics.log_keys import DAY_FIRST, DIGITS, MONTH_FIRST, NUMBERS, TIME_OF_DAY
from training.prognostics.log_schema import Description
from training.prognostics.suggested_path import refuse_day_in_path
from training.prognostics.time_style import OUR_DAYS_S, epoch_of, in_digits, is_time_of_day, may_be_clocks


def find_times(
    columns: Columns, words: Mapping[str, list[str]], description: Description, found: Mapping[Path, Dialect]
) -> tuple[Columns, list[str]]:
    """How the times are written, where that is to be found out."""
    told = words.get(description.fails_at, [])
    if told and all(word.lower() in TRUTHS for word in told):
        raise BadData(
            f"{description.fails_at}: says whether a unit failed, not when: '{told[0]}'",
            f'Say label = "{description.fails_at}" instead of fails_at.',
        )
    names = [name for name in (columns.time, description.fails_at) if name]
    seen = [word for name in names for word in words.get(name, [])]
    if not seen or columns.dates:
        return _order_of_date(columns, seen, found)
    if all(is_time_of_day(word) for word in seen) and columns.time_unit in SECONDS:
        refuse_day_in_path(found, columns)
        said = "times of day, or time gone by; a clock that goes back begins the next day"
        return replace(columns, dates=TIME_OF_DAY), [f"{columns.time}: taken for {said}"]
    if may_be_clocks(seen, columns.time_unit):
        raise BadData(
            f"{columns.time}: '{seen[0]}' is a time of day, or the number {seen[0].lstrip('0') or '0'}",
            f'Add to the TOML: dates = "{TIME_OF_DAY}" or dates = "{NUMBERS}".',
        )
    if in_digits(seen, columns.time_unit):
        return replace(columns, dates=DIGITS), [f"{columns.time}: taken for dates in digits, like {seen[0]}"]
    epoch = epoch_of(seen, columns)
    if epoch.per_second:
        counted = replace(columns, epoch=epoch.per_second, epoch_begins=epoch.begins_s)
        return counted, [f"{columns.time}: taken for {epoch.called}"]
    return _order_of_date(columns, seen, found)


def _order_of_date(columns: Columns, seen: Sequence[str], found: Mapping[Path, Dialect]) -> tuple[Columns, list[str]]:
    doubtful = {word: pair for word in seen if (pair := day_and_month(word))}
    pairs = list(doubtful.values())
    if not pairs or columns.dates:
        return columns, []
    unclear = [word for word in seen if begins_with_day_or_year(word)]
    if unclear:
        raise BadData(
            f"{columns.time}: '{unclear[0]}' begins with its day or with its year",
            f'Write years with four digits. If it is the day: dates = "{DAY_FIRST}".',
        )
    order = _decide(pairs)
    if not order:
        for file, dialect in found.items():
            for word in _all_words(file, dialect, columns):
                pair = day_and_month(word)
                order = order or (_decide([pair]) if pair else "")
    if not order:
        word, (first, second) = next(iter(doubtful.items()))
        raise BadData(
            f"{columns.time}: '{word}' is the {first}. day of month {second}, or the {second}. day of month {first}",
            f'Add to the TOML: dates = "{DAY_FIRST}" or dates = "{MONTH_FIRST}".',
        )
    said = f"{columns.time}: taken for dates with the {order}, like {next(iter(doubtful))}"
    return replace(columns, dates=order), [said]


def say_undecided(
    columns: Columns, samples: Mapping[Path, Mapping[str, list[str]]], found: Mapping[Path, Dialect]
) -> list[str]:
    """Files none of whose dates tells the day from the month, where others do; *samples*: the first words of each."""
    if columns.dates not in (DAY_FIRST, MONTH_FIRST):
        return []
    pairs = {
        file: list(filter(None, map(day_and_month, words.get(columns.time, [])))) for file, words in samples.items()
    }
    open_ones = [file for file, some in pairs.items() if some and not _decide(some)]
    left = [
        file.name
        for file in open_ones
        if not _decide(filter(None, map(day_and_month, _all_words(file, found[file], columns))))
    ]
    if not left:
        return []
    more = f" and {len(left) - 1:,} more files" if len(left) > 1 else ""
    return [
        f"{columns.time}: in {left[0]}{more} no day is above 12: taken for {columns.dates}, too. Where that is not so, "
        "every time of the file is wrong: write its dates like 2024-03-01"
    ]


def is_calendar(columns: Columns, seen: Sequence[str]) -> bool | None:
    if columns.dates or columns.epoch:
        return columns.dates not in (TIME_OF_DAY, NUMBERS)
    seen = _with_digits(seen)
    numbers = [plain_number(word, columns.decimal, columns.thousands) for word in seen]
    known = [number * SECONDS.get(columns.time_unit, 0.0) for number in numbers if number is not None]
    if len(known) < len(seen):
        return True
    return None if all(OUR_DAYS_S[0] <= moment <= OUR_DAYS_S[1] for moment in known) else False


def _with_digits(seen: Sequence[str]) -> list[str]:
    """Other words are no times; "unknown" is said where it is read, with its line."""
    return [word for word in seen if any(map(str.isdigit, word))]


def kind_of_times(columns: Columns, seen: Sequence[str]) -> str:
    seen = _with_digits(seen)
    kind = kind_of_time(seen[0]) if seen else ""
    kind = NAIVE if columns.dates == DIGITS else kind
    return ZONED if kind == NAIVE and columns.zone else kind


def _decide(pairs: Iterable[tuple[int, int]]) -> str:
    for first, second in pairs:
        if first > 12:
            return DAY_FIRST
        if second > 12:
            return MONTH_FIRST
    return ""


def _all_words(file: Path, dialect: Dialect, columns: Columns) -> Iterable[str]:
    if columns.time not in dialect.header:
        return
    for batch in read_batches(file, dialect, [columns.time], Cells(columns)):
        yield from encode(batch[columns.time])[1]
