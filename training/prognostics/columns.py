"""Which column of a log means what: all that is needed to read its rows, in training as in service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from training.prognostics.file_names import names_in_path
from training.prognostics.step_keys import END, MEAN, say_step

SECONDS: Final = {"seconds": 1.0, "minutes": 60.0, "hours": 3600.0, "days": 86400.0}


@dataclass(frozen=True, kw_only=True)
class Tags:
    """Of a log with a row for each value: which of its columns say what was measured, and how much."""

    name: str
    value: str
    channels: tuple[str, ...]
    """The names that a tag has, and so the columns of the log that is made of them."""
    conditions: tuple[str, ...] = ()
    pattern: str = ""
    """What a tag's name is made of: "{unit}.{tag}", with the column of the unit."""
    quality: str = ""
    good: tuple[str, ...] = ()

    @property
    def wanted(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.channels, *self.conditions)))

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Tags:
        lists = {name: tuple(data[name]) for name in ("channels", "conditions", "good")}
        return cls(**{**data, **lists})


@dataclass(frozen=True, kw_only=True)
class Columns:
    """Which column means what: all that is needed to read a row in service."""

    time: str
    channels: tuple[str, ...]
    unit: str = ""
    conditions: tuple[str, ...] = ()
    time_unit: str = "steps"
    separator: str = ","
    """One character, or empty for any run of blanks."""
    header: tuple[str, ...] = ()
    """Names of the columns where the log has no header line."""
    order: tuple[str, ...] = ()
    """Names of the columns as the training files had them, for a log that arrives without its header."""
    clock: tuple[str, ...] = ()
    """The columns that hold the rest of the time, where `time` holds the date, or the year, alone."""
    decimal: str = "."
    thousands: str = ""
    """What stands between the thousands of a number, where anything does."""
    dates: str = ""
    """How dates are written that can be read in two ways: one of DATES in log_keys.py."""
    zone: str = ""
    """Whose clocks times without a zone were read from; UTC where it is empty."""
    epoch: float = 0.0
    """Numbers in the time column count so many to a second; 0: they are in `time_unit`."""
    epoch_begins: float = 0.0
    """Since when they do, in seconds since 1970."""
    kinds: tuple[tuple[str, str], ...] = ()
    """(column, kind) of those that are no plain numbers: TRUTH, TEXT, or the unit behind each number."""
    categories: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """(column, its words) of text columns: what training met."""
    missing: tuple[str, ...] = ()
    """Cells that mean "not measured" besides empty ones; where they are numbers, however they are written."""
    sort: bool = False
    """The rows of a unit may stand in any order, and be there twice: those of a whole file are sorted by time."""
    step: float = 0.0
    """The net sees steps of this length, in `time_unit`, instead of rows; 0: rows as they are."""
    aggregates: tuple[str, ...] = ()
    """What it sees of each channel within a step."""
    path: str = ""
    """The end of each file's path, whose places in braces are columns, too."""
    by_file: bool = False
    """All rows of a file are samples of one measurement, which is a row of the log."""
    tags: Tags | None = None
    """Each value has a row of its own, which names what it is of."""
    samples: Columns | None = None
    """Of a log whose rows are made of several of its files' rows: the columns of the files."""

    @property
    def timed_by(self) -> tuple[str, ...]:
        """The columns whose words together are the time."""
        return (self.time, *self.clock)

    @property
    def told(self) -> Columns:
        """What a row of the log holds: as in its files, or what is made of several of their rows."""
        if self.tags:
            return replace(
                self.of_samples,
                channels=self.tags.channels,
                conditions=self.tags.conditions,
                step=self.step,
                aggregates=self.aggregates,
            )
        if not self.by_file:
            return self
        kinds = tuple((name, kind) for name, kind in self.kinds if name in self.conditions)
        names = [name for name in self.channels if name != self.time]
        aggregates = tuple(f"{name} {what}" for name in names for what in self.aggregates)
        channels = (*aggregates, *({self.time} & {*self.channels}))
        return replace(self.of_samples, channels=channels, conditions=self.conditions, kinds=kinds)

    @property
    def of_samples(self) -> Columns:
        """Rows, of no channel yet, that are made of several rows of these."""
        return Columns(
            unit=self.unit,
            time=self.time,
            clock=self.clock,
            time_unit=self.time_unit,
            dates=self.dates,
            zone=self.zone,
            epoch=self.epoch,
            epoch_begins=self.epoch_begins,
            channels=(),
            samples=self,
        )

    @property
    def of_files(self) -> Columns:
        """What a row of the log's files holds."""
        return self.samples or self

    @property
    def in_no_file(self) -> Columns:
        """For rows that come by a pipe or a request: what would stand in a path, they say themselves."""
        return replace(self, path="", header=()) if self.path else self

    @property
    def measured(self) -> tuple[str, ...]:
        """What a row holds: the channels, a text channel as one of 0 and 1 for each of its words."""
        words = dict(self.categories)
        return tuple(
            feature
            for name in self.channels
            for feature in ([f"{name}={word}" for word in words[name]] if name in words else [name])
        )

    @property
    def summaries(self) -> tuple[tuple[int, str], ...]:
        """(which of `measured`, aggregate) for each feature of a step. Of a word only its share of the rows."""
        plain = set(self.channels) - dict(self.categories).keys()

        def aggregates(name: str) -> tuple[str, ...]:
            return (END,) if name == self.time else self.aggregates if name in plain else (MEAN,)

        return tuple((place, what) for place, name in enumerate(self.measured) for what in aggregates(name))

    @property
    def features(self) -> tuple[str, ...]:
        """What the net sees: what a row holds, or of a step the aggregates of each channel."""
        if not self.step:
            return self.measured
        plain, names = set(self.channels) - {self.time}, self.measured
        return tuple(
            f"{names[place]} {what}" if names[place] in plain else names[place] for place, what in self.summaries
        )

    @property
    def step_said(self) -> str:
        return say_step(self.step, self.time_unit)

    def as_json(self) -> dict[str, Any]:
        steps = ("step", "aggregates") if not (self.step or self.by_file) else ()
        unused = {*steps, *(name for name in ("path", "by_file", "tags", "samples", "sort") if not getattr(self, name))}
        samples = {"samples": self.samples.as_json()} if self.samples else {}
        return {name: part for name, part in asdict(self).items() if name not in unused} | samples

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Columns:
        names = ("channels", "conditions", "header", "order", "missing", "aggregates", "clock")
        data = {**data, "clock": _clocks(data.get("clock", ()))}
        tuples = {name: tuple(data[name]) for name in names if name in data}  # older runs have not all of them
        kinds = tuple((name, kind) for name, kind in data.get("kinds", ()))
        categories = tuple((name, tuple(words)) for name, words in data.get("categories", ()))
        more: dict[str, Any] = {"kinds": kinds, "categories": categories}
        if data.get("samples"):
            more["samples"] = cls.from_json(data["samples"])
        if data.get("tags"):
            more["tags"] = Tags.from_json(data["tags"])
        return cls(**{**data, **tuples, **more})


def _clocks(said: Any) -> tuple[str, ...]:
    """Older runs knew one at the most."""
    return tuple(said) if not isinstance(said, str) else (said,) if said else ()


def names_in(table: Columns) -> list[str]:
    """The columns a log must have for a forecast."""
    named = (table.unit, *table.timed_by, *table.channels, *table.conditions)
    return list(dict.fromkeys(name for name in named if name))


def names_in_files(table: Columns, wanted: Sequence[str]) -> list[str]:
    """Those of *wanted* that its files hold: the others stand in their names, or in those of tags."""
    in_tags = {*names_in_path(table.tags.pattern)} & {table.unit} if table.tags else set[str]()
    places = {*names_in_path(table.path), *in_tags}
    return [name for name in wanted if name not in places]
