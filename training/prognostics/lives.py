"""When a unit failed, and where its next life begins: one life from new, or from a repair, to a failure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from training.errors import BadData
from training.prognostics.log_schema import Description
from training.prognostics.unit_order import Rows


@dataclass(frozen=True)
class UnitFailures:
    """When a unit failed: times (failures,), rising, of any part and of each of several; and whether it did without
    that anybody wrote down when.
    """

    times: NDArray[np.float64]
    by_part: tuple[NDArray[np.float64], ...] = ()
    untimed: bool = False


@dataclass(frozen=True)
class Life:
    name: str
    begin: int
    end: int
    """Its rows, counted within the unit's."""
    fails_at: float
    parts_fail_at: tuple[float, ...] = ()
    watched_until: float = np.nan


def lives_of(
    rows: Rows,
    number: int,
    marks: NDArray[np.float64],
    description: Description,
    failed: Mapping[str, UnitFailures] | None,
) -> list[Life]:
    """The lives of one unit of *rows*; *marks* (rows of the unit,): what they say of its failure; *failed*: by unit.
    Raises BadData, naming the line."""
    begin = int(rows.begins[number])
    times, name = rows.times[begin : int(rows.begins[number + 1])], rows.names[number]
    if description.runs_to_failure:
        return [Life(name, 0, len(times), float(times[-1]))]
    if failed is not None:
        never = UnitFailures(np.empty(0), (np.empty(0),) * len(description.parts))
        here, repaired = failed.get(name, never), _goes_on(description)
        lives = _between(name, times, here.times, repaired=repaired)
        return [_with_parts(life, times, here.by_part, repaired=repaired) for life in lives]
    if description.label:
        return _by_label(rows, begin, name, times, marks, description)
    return _by_time_of_failure(rows, begin, name, times, marks, description)


def _with_parts(
    life: Life, times: NDArray[np.float64], by_part: tuple[NDArray[np.float64], ...], *, repaired: bool
) -> Life:
    """A repair leaves the other parts as they were: a part's next failure may be in a later life of the machine."""
    ends = float(times[-1]) if repaired else float(times[life.end - 1])
    begin = times[life.begin]
    later = [[at for at in part.tolist() if begin <= at and (repaired or at == life.fails_at)] for part in by_part]
    return replace(life, parts_fail_at=tuple(min(at, default=np.nan) for at in later), watched_until=ends)


def _goes_on(description: Description) -> bool:
    """A unit that a table of failures names twice was repaired, unless the description says no."""
    return description.repaired or "repaired" not in description.given


def _by_time_of_failure(
    rows: Rows, begin: int, name: str, times: NDArray[np.float64], marks: NDArray[np.float64], description: Description
) -> list[Life]:
    known = np.flatnonzero(~np.isnan(marks))
    said = np.unique(marks[known])
    if len(said) > 1 and not description.repaired:
        places = int(known[0]), int(known[np.flatnonzero(marks[known] != marks[known[0]])[0]])
        first, second = (rows.cell(begin + place, description.fails_at) for place in places)
        raise BadData(
            f"{rows.at(begin + places[1])}: a second time of failure ({second} after {first}) for one unit",
            "A unit fails once. Was it repaired, and goes on? Say repaired = true: each life is then one unit.",
        )
    if len(said) == 1 and said[0] < times[0]:
        table, _ = rows.place(int(rows.order[begin]))
        raise BadData(f"{table.file}: unit '{name}' failed before its first row", "Is the time of failure right?")
    return _between(name, times, said, repaired=description.repaired)


def _by_label(
    rows: Rows, begin: int, name: str, times: NDArray[np.float64], marks: NDArray[np.float64], description: Description
) -> list[Life]:
    known = np.flatnonzero(~np.isnan(marks))
    strange = known[~np.isin(marks[known], (0.0, 1.0))]
    if len(strange):
        raise BadData(
            f"{rows.at(begin + int(strange[0]))}: {description.label} is {marks[strange[0]]:g}, not 0 or 1",
            "1 stands for failed, 0 for not failed. Other codes: failed = [7, 8] says which mean a failure.",
        )
    failing = np.nan_to_num(marks) == 1.0
    first = np.flatnonzero(failing & ~np.append(False, failing[:-1]))
    if not len(first):
        return [Life(name, 0, len(times), np.nan)]
    if not description.repaired:
        return [Life(name, 0, int(first[0]) + 1, float(times[first[0]]))]
    return _after_downtime(name, times, failing, first)


def _after_downtime(
    name: str, times: NDArray[np.float64], failing: NDArray[np.bool_], first: NDArray[np.intp]
) -> list[Life]:
    """A life ends with the first row that says "failed"; the next begins with the first that does not any more."""
    again = np.flatnonzero(~failing & np.append(True, failing[:-1]))
    lives = []
    for begin in again.tolist():
        ends = first[first >= begin]
        end, fails_at = (int(ends[0]) + 1, float(times[ends[0]])) if len(ends) else (len(times), np.nan)
        lives.append((begin, end, fails_at))
    if failing[0]:
        lives.insert(0, (0, 1, float(times[0])))
    return [Life(_name_life(name, n), *life) for n, life in enumerate(lives)]


def _between(name: str, times: NDArray[np.float64], failures: NDArray[np.float64], *, repaired: bool) -> list[Life]:
    """Lives between *failures*, which rise. One before the first row ended a life of which the log has nothing."""
    failures = failures[failures >= times[0]]
    if not len(failures):
        return [Life(name, 0, len(times), np.nan)]
    if not repaired:
        failures = failures[:1]
    ends = np.searchsorted(times, failures, side="right")
    lives = [
        (int(begin), int(end), float(at))
        for begin, end, at in zip(np.append(0, ends[:-1]), ends, failures, strict=True)
        if begin < end
    ]
    if repaired and ends[-1] < len(times):
        lives.append((int(ends[-1]), len(times), np.nan))
    return [Life(_name_life(name, n), *life) for n, life in enumerate(lives)]


def _name_life(unit: str, number: int) -> str:
    return f"{unit} (life {number + 1})" if number else unit
