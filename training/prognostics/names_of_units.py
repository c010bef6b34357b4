"""What the names of a log's units show, and those of its failures, that is easily overlooked."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from training.prognostics.columns import Columns
from training.prognostics.failures import are_days
from training.prognostics.lives import UnitFailures

FAIL_ON_DAYS: Final = (
    "failures: days without a time of day: each counts from the beginning of its day, and the rows of that day as of "
    "the next life"
)
UNTIMED: Final = (
    "failures: entries of {} say no time, and are left out: these units count as if they had not failed then. Where "
    "nobody knows the time, leave the units out of the log"
)


def names_some(units: Sequence[str]) -> str:
    return ", ".join(map(repr, units[:3])) + (f" and {len(units) - 3:,} more units" if len(units) > 3 else "")


def say_alike(units: Sequence[str], *, of: str = "units") -> list[str]:
    """Units, or what else *of* calls them, whose names differ by case, blanks or leading zeros alone."""
    known: dict[str, list[str]] = {}
    for name in units:
        known.setdefault(_bare(name), []).append(name)
    pairs = [names for names in known.values() if len(names) > 1]
    more = f" and {len(pairs) - 1} more such" if len(pairs) > 1 else ""
    return [f"{of} {' and '.join(map(repr, pairs[0]))}{more}: taken for different ones"] if pairs else []


def _bare(unit: str) -> str:
    """What is left of a name without what spreadsheets take away or put there: case, blanks, zeros in front, ".0"."""
    return unit.strip().lower().removesuffix(".0").lstrip("0") or "0"


def say_failures(failed: Mapping[str, UnitFailures] | None, units: Collection[str], columns: Columns) -> list[str]:
    """Of a table of failures: how much of it is of the log's *units*, and what may be meant for one of them."""
    if failed is None:
        return []
    here = {*units}
    counted = {name for name, one in failed.items() if name in here and len(one.times)}
    known = sum(len(failed[name].times) for name in counted)
    untimed = [name for name, one in failed.items() if name in here and one.untimed]
    other = len({*failed} - here)
    bare = {_bare(name): name for name in units}
    alike = [(name, bare[_bare(name)]) for name in failed if name not in here and _bare(name) in bare]
    more = f" and {len(alike) - 1} more such" if len(alike) > 1 else ""
    return [
        f"failures: {known:,} of {len(counted):,} units of the log"
        + (f"; {other:,} units that are not in it left out" if other else ""),
        *([f"failures: unit '{alike[0][0]}'{more} is not '{alike[0][1]}' of the log: left out"] if alike else []),
        *([UNTIMED.format(names_some(untimed))] if untimed else []),
        *([FAIL_ON_DAYS] if columns.time_unit != "days" and are_days(failed, columns) else []),
    ]
