"""What the first rows of all files show of how a log is written, before it is read: what is sure is taken so and said,
what is not sure is refused with the key that settles it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from training.errors import BadData
from training.prognostics import dialect as dialects
from training.prognostics.arrow_batches import first_rows
from training.prognostics.arrow_cells import as_text
from training.prognostics.cells import (
    HEX,
    TEXT,
    TRUTH,
    TRUTHS,
    Cells,
    bare,
    is_hexadecimal,
    plain_number,
    unit_behind,
)
from training.prognostics.columns import Columns, names_in, names_in_files
from training.prognostics.dates import join_time
from training.prognostics.dialect import Dialect, sample_rows
from training.prognostics.file_names import words_in_path
from training.prognostics.find_dialect import find_dialect
from training.prognostics.find_times import find_times, is_calendar, kind_of_times, say_undecided
from training.prognostics.log_keys import TIME_OF_DAY
from training.prognostics.log_schema import Description
from training.prognostics.number_style import Style, refuse_thousands_as_decimals, style_of
from training.prognostics.suggested_path import refuse_unnamed
from training.prognostics.suggested_tags import refuse_tags
from training.prognostics.tag_rows import pick_values
from training.prognostics.unit_logs import Faults

MOST_WORDS: Final = 20
"""A text column with more different words in the first rows is no list of categories."""

SAMPLE_ROWS: Final = 120
"""Of a Parquet file; of text as many as dialect.py looks at."""

_OF_DIGITS: Final = re.compile(r"[-+]?\d[\d.,' ]*$")

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
    columns, times_said = find_times(columns, words, description, found)
    if not description.columns.dates:
        times_said += say_undecided(columns, samples, found)
    _refuse_tags_without_day(columns)
    by_file = {
        file: replace(columns, decimal=style.decimal, thousands=style.thousands) for file, style in styles.items()
    }
    said = [*_dialects_said(found, styles), *_paths_said(description, samples), *said, *times_said]
    times = words[columns.time]
    return Survey(found, columns, by_file, said, is_calendar(columns, times), kind_of_times(columns, times))


def _list_wanted(description: Description) -> list[str]:
    mark = description.fails_at or description.label
    return list(dict.fromkeys([*names_in(description.columns), *([mark] if mark else [])]))


def _sample(file: Path, dialect: Dialect, wanted: Sequence[str], columns: Columns) -> dict[str, list[str]]:
    cells, in_path = Cells(columns), words_in_path(file, columns.path)
    named = _first_cells(file, dialect, wanted)
    if columns.tags and columns.tags.value in named:
        named[columns.tags.value] = pick_values(named, in_path, columns.tags, where=str(file))
    known = {name: [word for word in words if not cells.is_absent(word)] for name, words in named.items()}
    known |= {name: [word] for name, word in in_path.items()}
    return {**known, columns.time: _joined_times(named, in_path, columns)} if columns.clock else known


def _joined_times(named: Words, in_path: Mapping[str, str], columns: Columns) -> list[str]:
    """The times of some rows, each put together of its columns."""
    rows = max((len(words) for words in named.values()), default=1)
    parts = [named.get(name) or [in_path.get(name, "")] * rows for name in columns.timed_by]
    return [word for word in map(join_time, zip(*parts, strict=True)) if word]


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
    first = next(iter(samples))
    places = [f"{name} is '{word}' there" for name, word in words_in_path(first, columns.path).items()]
    said = [f"{first.name}: by its path, {', '.join(places)}"] if places else []
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
        if name in label and (kind == TEXT or (not kind and _are_letters(words[name]))):
            raise _which_mean_failure(name, words[name])
        if kind:
            kinds[name] = kind
            said.append(f"{name}: taken for {_kind_said(kind, words[name])}")
    return replace(columns, kinds=tuple(kinds.items())), said


def _are_letters(words: Sequence[str]) -> bool:
    return bool(words) and all(word[:1].isalpha() for word in words)


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
    words_of_text = 2 <= len(different) <= MOST_WORDS and units == {""}
    # 1,23,060.5 is a number of a kind that nobody here knows, not a word.
    return TEXT if words_of_text and not all(map(_OF_DIGITS.match, different)) else ""


def _kind_said(kind: str, words: Sequence[str]) -> str:
    if kind == TRUTH:
        return "true and false (1 and 0)"
    if kind == HEX:
        return "hexadecimal numbers"
    if kind == TEXT:
        return f"text, a channel for each of its words ({', '.join(sorted(set(words))[:6])})"
    return f"numbers in {kind}"
