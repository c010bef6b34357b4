"""What the first rows of all files show of how a log is written, before it is read: what is sure is taken so and said,
what is not sure is refused with the key that settles it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from training.errors import BadData
from training.prognostics import dialect as dialects
from training.prognostics.arrow_batches import first_rows, read_batches
from training.prognostics.arrow_cells import as_text, encode
from training.prognostics.cells import (
    HEX,
    NAIVE,
    TEXT,
    TRUTH,
    TRUTHS,
    ZONED,
    Cells,
    bare,
    is_hexadecimal,
    kind_of_time,
    number_of_time,
    plain_number,
    unit_behind,
)
from training.prognostics.columns import SECONDS, Columns, names_in, names_in_files
from training.prognostics.dates import begins_with_day_or_year, day_and_month
from training.prognostics.dialect import Dialect, sample_rows
from training.prognostics.file_names import names_in_path, words_in_path
from training.prognostics.find_dialect import find_dialect
from training.prognostics.log_keys import DAY_FIRST, DIGITS, MONTH_FIRST, TIME_OF_DAY
from training.prognostics.log_schema import Description
from training.prognostics.number_style import Style, refuse_thousands_as_decimals, style_of
from training.prognostics.suggested_path import refuse_unnamed
from training.prognostics.suggested_tags import refuse_tags
from training.prognostics.tag_rows import pick_values
from training.prognostics.time_style import OUR_DAYS_S, epoch_of, in_digits, is_time_of_day
from training.prognostics.unit_logs import Faults

MOST_WORDS: Final = 20
"""A text column with more different words in the first rows is no list of categories."""

SAMPLE_ROWS: Final = 120
"""Of a Parquet file; of text as many as dialect.py looks at."""

Words = Mapping[str, list[str]]
"""Column -> what its first rows hold, missing cells left out."""


@dataclass(frozen=True)
class Survey:
    dialects: Mapping[Path, Dialect]
    columns: Columns
    by_file: Mapping[Path, Columns]
    """The same, with the numbers of each file as they are written there."""
    said: list[str]
    """What was taken for what."""
    calendar: bool | None
    """Times are dates, or numbers that count from elsewhere, as running hours do; None: they may be either."""
    kind: str = ""
    """How times are written, where that is known: with a zone, without, or as a number."""


def survey(description: Description) -> Survey:
    """Raises BadData where a file is no log of this kind, all of them named, or something can be read in two ways."""
    files = [*description.files, *description.test]
    found, faults, samples, styles = {}, Faults(), {}, {}
    for file in files:
        with faults.gathered():
            wanted = names_in_files(description.columns, _list_wanted(description))
            found[file] = find_dialect(file, description.columns, wanted, given=description.given)
            samples[file] = _sample(file, found[file], wanted, description.columns)
            styles[file] = _style(file, samples[file], description, found[file])
    faults.refuse()
    refuse_unnamed(_list_wanted(description), found, description.columns)
    refuse_tags(found, description.columns)
    _refuse_doubtful(samples, styles, description.columns)
    columns = _with_style(description.columns, next(iter(styles.values())), next(iter(found.values())))
    words = _together(samples.values(), _list_wanted(description))
    columns, said = _kinds(columns, words, description)
    _refuse_made_of_text(columns)
    columns, times_said = _times(columns, words, description, found)
    _refuse_tags_without_day(columns)
    by_file = {
        file: replace(columns, decimal=style.decimal, thousands=style.thousands) for file, style in styles.items()
    }
    said = [*_dialects_said(found, styles), *_paths_said(description, samples), *said, *times_said]
    times = words[columns.time]
    return Survey(found, columns, by_file, said, _is_calendar(columns, times), _kind_of_times(columns, times))


def _list_wanted(description: Description) -> list[str]:
    mark = description.fails_at or description.label
    return list(dict.fromkeys([*names_in(description.columns), *([mark] if mark else [])]))


def _sample(file: Path, dialect: Dialect, wanted: Sequence[str], columns: Columns) -> dict[str, list[str]]:
    cells, in_path = Cells(columns), words_in_path(file, columns.path)
    named = _first_cells(file, dialect, wanted)
    if columns.tags and columns.tags.value in named:
        named[columns.tags.value] = pick_values(named, in_path, columns.tags, where=str(file))
    known = {name: [word for word in words if not cells.is_absent(word)] for name, words in named.items()}
    return known | {name: [word] for name, word in in_path.items()}


def _first_cells(file: Path, dialect: Dialect, wanted: Sequence[str]) -> dict[str, list[str]]:
    """Column by column, "" where a row has no cell."""
    if dialect.form == dialects.PARQUET:
        present = [name for name in wanted if name in dialect.header]
        batch = first_rows(file, present, SAMPLE_ROWS) if present else {}
        return {name: [word or "" for word in as_text(batch[name]).to_pylist()] for name in batch}
    rows, places = sample_rows(file, dialect), {name: n for n, name in reversed(list(enumerate(dialect.header)))}
    return {
        name: [row[places[name]].strip() if places[name] < len(row) else "" for row in rows]
        for name in wanted
        if name in places
    }


def _together(samples: Iterable[Words], wanted: Sequence[str]) -> Words:
    samples = list(samples)
    return {name: [word for sample in samples for word in sample.get(name, [])] for name in wanted}


def _numeric(columns: Columns) -> list[str]:
    return [name for name in (*columns.channels, *columns.conditions) if name != columns.time]


def _style(file: Path, sample: Words, description: Description, dialect: Dialect) -> Style:
    columns, given = description.columns, description.given
    if dialect.form == dialects.PARQUET:
        return Style()
    if "decimal" in given or "thousands" in given:
        decimal = columns.decimal if "decimal" in given else ("," if columns.thousands == "." else ".")
        return Style(decimal, columns.thousands)
    words = {bare(word, unit_behind(word)) for name in _numeric(columns) for word in sample.get(name, [])}
    return style_of(words, separator=dialect.separator, where=str(file))


def _refuse_doubtful(samples: Mapping[Path, Words], styles: Mapping[Path, Style], columns: Columns) -> None:
    grouped = {style: file for file, style in styles.items() if style.thousands}
    if not grouped:
        return
    for file, sample in samples.items():
        words = [bare(word, unit_behind(word)) for name in _numeric(columns) for word in sample.get(name, [])]
        for other, elsewhere in grouped.items():
            refuse_thousands_as_decimals(words, styles[file], other, where=str(file), elsewhere=elsewhere.name)


def _with_style(columns: Columns, style: Style, dialect: Dialect) -> Columns:
    separator = dialect.separator if dialect.form == dialects.TEXT_FILE else columns.separator
    return replace(columns, decimal=style.decimal, thousands=style.thousands, separator=separator)


def _dialects_said(found: Mapping[Path, Dialect], styles: Mapping[Path, Style]) -> list[str]:
    """Files written alike in one line."""
    alike: dict[str, list[str]] = {}
    for file, dialect in found.items():
        unusual = ", ".join([*dialect.describe(), *styles[file].describe()])
        if unusual:
            alike.setdefault(unusual, []).append(file.name)
    return [
        f"{files[0]}{f' and {len(files) - 1} more files' if len(files) > 1 else ''}: taken for {unusual}"
        for unusual, files in alike.items()
    ]


def _paths_said(description: Description, samples: Mapping[Path, Words]) -> list[str]:
    columns = description.columns
    first = next(iter(samples.values()))
    places = [f"{name} is '{first[name][0]}' there" for name in names_in_path(columns.path) if first.get(name)]
    said = [f"{next(iter(samples)).name}: by its path, {', '.join(places)}"] if places else []
    told = f'step = "file": {len(samples):,} files are one measurement each, told by {", ".join(columns.aggregates)}'
    return [*said, *([told] if columns.by_file else [])]


def _kinds(columns: Columns, words: Words, description: Description) -> tuple[Columns, list[str]]:
    """What the columns hold besides plain numbers."""
    kinds, said = dict(columns.kinds), []
    label = [description.label] if description.label and not description.failed else []
    for name in [*_numeric(columns), *label]:
        if name in kinds:
            continue
        kind = _kind(words[name], columns, name)
        if kind == TEXT and name in label:
            raise _which_mean_failure(name, words[name])
        if kind:
            kinds[name] = kind
            said.append(f"{name}: taken for {_kind_said(kind, words[name])}")
    return replace(columns, kinds=tuple(kinds.items())), said


def _refuse_made_of_text(columns: Columns) -> None:
    texts = [name for name, kind in columns.kinds if kind == TEXT and name in columns.channels]
    if columns.by_file and texts:
        raise BadData(
            f"{texts[0]}: holds text, and of a measurement only numbers are told",
            "Leave it out of channels; under conditions it says how the unit was run.",
        )
    if columns.tags and columns.tags.value in texts:
        wanted = ", ".join(map(repr, columns.tags.wanted[:8]))
        raise BadData(
            f"{columns.tags.value}: the values of {wanted} are text, not numbers",
            "Leave tags out of channels and conditions whose values are words.",
        )


def _refuse_tags_without_day(columns: Columns) -> None:
    """Their rows are put in the order of time, in which nothing shows that a clock went through midnight."""
    if columns.tags and columns.dates == TIME_OF_DAY:
        raise BadData(
            f"{columns.time}: times of day, without the day, and the rows of tags may stand in any order",
            'Write the date, too; in a column of its own: time = ["date", "time"].',
        )


def _which_mean_failure(name: str, words: Sequence[str]) -> BadData:
    different = list(dict.fromkeys(words))
    shown = ", ".join(f"'{word}'" for word in different[:8]) + (", ..." if len(different) > 8 else "")
    return BadData(
        f"{name}: the label says {shown}: which of them mean a failure?",
        f'Add to the TOML: failed = ["{different[-1]}"]',
    )


def _kind(words: Sequence[str], columns: Columns, name: str) -> str:
    different = set(words)
    if not different or any(plain_number(word, columns.decimal, columns.thousands) is not None for word in different):
        return ""
    if all(word.lower() in TRUTHS for word in different):
        return TRUTH
    if all(is_hexadecimal(word) for word in different):
        return HEX
    units = {unit_behind(word) for word in different}
    if len(units) > 1 and all(any(map(str.isdigit, unit)) for unit in units):
        units = {""}  # 35Hz12kN and 40Hz10kN are words
    if "" not in units:
        if len(units) > 1:
            raise BadData(
                f"{name}: its numbers are in {' and in '.join(sorted(units)[:4])}",
                "Write the column in one unit of measurement.",
            )
        return units.pop()
    return TEXT if 2 <= len(different) <= MOST_WORDS and units == {""} else ""


def _kind_said(kind: str, words: Sequence[str]) -> str:
    if kind == TRUTH:
        return "true and false (1 and 0)"
    if kind == HEX:
        return "hexadecimal numbers"
    if kind == TEXT:
        return f"text, a channel for each of its words ({', '.join(sorted(set(words))[:6])})"
    return f"numbers in {kind}"


def _times(
    columns: Columns, words: Words, description: Description, found: Mapping[Path, Dialect]
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
    if not seen or columns.dates or columns.clock:
        return _order_of_date(columns, seen, found)
    if all(is_time_of_day(word) for word in seen) and columns.time_unit in SECONDS:
        said = "times of day, or time gone by; a clock that goes back begins the next day"
        return replace(columns, dates=TIME_OF_DAY), [f"{columns.time}: taken for {said}"]
    if in_digits(seen, columns.time_unit):
        return replace(columns, dates=DIGITS), [f"{columns.time}: taken for dates in digits, like {seen[0]}"]
    epoch, called = epoch_of(seen, columns)
    if epoch:
        return replace(columns, epoch=epoch), [f"{columns.time}: taken for {called} since 1970"]
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


def _is_calendar(columns: Columns, seen: Sequence[str]) -> bool | None:
    if columns.dates or columns.epoch:
        return columns.dates != TIME_OF_DAY
    numbers = [number_of_time(word, columns) for word in seen]
    known = [number * SECONDS.get(columns.time_unit, 0.0) for number in numbers if number is not None]
    if len(known) < len(seen):
        return True
    return None if all(OUR_DAYS_S[0] <= moment <= OUR_DAYS_S[1] for moment in known) else False


def _kind_of_times(columns: Columns, seen: Sequence[str]) -> str:
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
