"""A described log, from its files to one log per life of a unit: the whole way in one place."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from training.errors import BadData
from training.prognostics.columns import Columns, Tags
from training.prognostics.failures import read_failures
from training.prognostics.log_schema import Description
from training.prognostics.names_of_units import say_alike, say_failures
from training.prognostics.resampling import refuse_no_step
from training.prognostics.survey import Survey, survey
from training.prognostics.table import Table
from training.prognostics.unit_logs import Failed, Faults, Units, logs_of, read_tables
from training.prognostics.windows import UnitLog
from training.prognostics.wrong_cells import Clock

MOST_WORDS = 50
"""A text channel with more different words is no channel: each becomes one of the net's inputs."""


@dataclass(frozen=True)
class Log:
    """The units to train on and those under test, what a row of them holds, and what was taken for what."""

    train: list[UnitLog]
    test: list[UnitLog]
    columns: Columns
    said: list[str]
    parts: tuple[str, ...] = ()
    """That are asked about each by itself."""


def read_log(description: Description) -> Log:
    """Raises BadData, which names every bad file, and of each the wrong cells by line and column."""
    seen = survey(description)
    apart = description.failures
    failed = read_failures(description, apart, log=seen) if apart else None
    described = replace(description, columns=seen.columns)
    tables = _read(described, seen)
    if seen.columns.tags:
        require_tags(seen.columns.tags, _words_met(tables[0]))
    columns = _with_categories(seen.columns.told, tables[0])
    train, test = _order_units(tables, described, columns, failed)
    if not train.logs:
        refuse_no_step(train.said)
    units = list(dict.fromkeys(name for some in tables for table in some for name in table.names))
    said = [
        *seen.said,
        *say_headers_again({table.file.name: table.headers_again for some in tables for table in some}),
        *train.said,
        *test.said,
        *say_alike(units),
        *say_failures(failed, units, seen.columns),
        *_strange(tables, columns),
    ]
    return Log(train.logs, test.logs, replace(columns, order=_order(seen, description)), said, description.parts)


def _read(description: Description, seen: Survey) -> tuple[list[Table], list[Table]]:
    faults, read, clock = Faults(), [], Clock()  # one clock: times of training and test are of one kind
    for files in (description.files, description.test):
        with faults.gathered():
            read.append(read_tables(description, seen.dialects, seen.by_file, files, clock))
    faults.refuse()
    train, test = read
    return train, test


def _order_units(
    tables: tuple[list[Table], list[Table]],
    description: Description,
    columns: Columns,
    failed: Failed | None,
) -> tuple[Units, Units]:
    faults, found = Faults(), []
    for some in tables:
        with faults.gathered():
            found.append(logs_of(some, description, columns, failed) if some else Units([], columns, []))
    faults.refuse()
    train, test = found
    return train, test


def require_some_words(name: str, words: Sequence[str]) -> None:
    """Raises BadData where a text column of the training files holds none, or too many to be told apart."""
    if not words:
        raise BadData(f"{name}: no row of the training files holds a word in it", "Leave the column out.")
    if len(words) > MOST_WORDS:
        raise BadData(
            f"{name}: {len(words):,} different texts, such as '{words[0]}' and '{words[-1]}'",
            f"A text channel may have {MOST_WORDS} words. Leave the column out, or write it as a number.",
        )


def _words_met(tables: Sequence[Table]) -> dict[str, set[str]]:
    """Text column -> its words."""
    return {name: {word for table in tables for word in table.texts[name]} for name in tables[0].texts}


def require_tags(tags: Tags, met: Mapping[str, Collection[str]]) -> None:
    """Raises BadData where no training file has a value of one of *tags*, or none of good quality; *met* are the words
    they have in each text column.
    """
    qualities = met.get(tags.quality, ())
    if qualities and not {*tags.good} & {*qualities}:
        shown = ", ".join(f"'{word}'" for word in sorted(qualities)[:8])
        raise BadData(
            f"no value's {tags.quality} is {' or '.join(map(repr, tags.good))}: the files have {shown}",
            f"good lists the words that count, letter for letter as the column '{tags.quality}' has them.",
        )
    absent = [name for name in tags.wanted if name not in met[tags.name]]
    if absent:
        raise BadData(
            f"no row of the training files is of the tag {' or '.join(map(repr, absent))}",
            f"channels and conditions are names of tags, letter for letter as the column '{tags.name}' has them.",
        )


def _with_categories(columns: Columns, tables: Sequence[Table]) -> Columns:
    """The words of each text column, as the training files have them."""
    named = [name for name in tables[0].texts if name in dict(columns.kinds)]
    words = {name: sorted({word for table in tables for word in table.texts[name]}) for name in named}
    for name, some in words.items():
        require_some_words(name, some)
    return replace(columns, categories=tuple((name, tuple(some)) for name, some in words.items()))


def _strange(tables: tuple[list[Table], list[Table]], columns: Columns) -> list[str]:
    """Words of text columns in the test files that training never met."""
    known = {name: set(words) for name, words in columns.categories}
    texts = [(name, table.texts[name]) for table in tables[1] for name in known]
    new = {(name, word) for name, words in texts for word in words} - {
        (name, word) for name, words in known.items() for word in words
    }
    return [f"{name}: '{word}' is in the test files alone: taken for none of the others" for name, word in sorted(new)]


def say_headers_again(counts: Mapping[str, int]) -> list[str]:
    """*counts*: in which file how many lines name the columns once more."""
    found = {file: count for file, count in counts.items() if count}
    more = f" and {len(found) - 1:,} more files" if len(found) > 1 else ""
    return [f"{next(iter(found))}{more}: the header again, left out: {sum(found.values()):,} lines"] if found else []


def _order(seen: Survey, description: Description) -> tuple[str, ...]:
    """How the columns stand in the training files; unknown where these differ."""
    if seen.columns.by_file:
        return ()
    headers = {seen.dialects[file].header for file in description.files}
    return headers.pop() if len(headers) == 1 else ()
