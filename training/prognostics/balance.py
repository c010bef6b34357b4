"""What the rows of some units can teach: how many are known to fail in time, how many not to, and who tells nothing.

A unit that has not failed and whose record is no longer than the horizon has no known answer. Where such units vanish
unsaid, a score is that of the failures alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from training.errors import BadData
from training.prognostics.windows import UnitLog, targets


@dataclass(frozen=True)
class Balance:
    units: int
    failed_units: int
    unanswered_units: int
    """None of their rows has a known answer: they are left out."""
    failing_rows: int
    """Known to fail within the horizon."""
    lasting_rows: int
    """Known to live on for longer than the horizon."""
    shortest_history: int
    """In rows, of one unit."""
    median_history: int
    longest_history: int

    def as_json(self) -> dict[str, int]:
        return asdict(self)

    def __str__(self) -> str:
        lasting_units = self.units - self.failed_units
        left_out = f"; {self.unanswered_units:,} units have no known answer and are left out"
        return (
            f"{self.units:,} units ({self.failed_units:,} failed, {lasting_units:,} did not); rows known to fail "
            f"within the horizon {self.failing_rows:,}, known not to {self.lasting_rows:,}; histories of "
            f"{self.shortest_history:,} to {self.longest_history:,} rows, half of them up to {self.median_history:,}"
            + (left_out if self.unanswered_units else "")
        )


def count_balance(logs: Sequence[UnitLog], *, horizon: float, cap: float) -> Balance:
    asked = [targets(log, cap=cap, horizon=horizon) for log in logs]
    failing = sum(int(one.fails.sum()) for one in asked)
    histories = sorted(len(log.times) for log in logs) or [0]
    return Balance(
        units=len(logs),
        failed_units=sum(bool(np.isfinite(log.fails_at)) for log in logs),
        unanswered_units=sum(not (one.fails_known.any() or one.remaining_known.any()) for one in asked),
        failing_rows=failing,
        lasting_rows=sum(int(one.fails_known.sum()) for one in asked) - failing,
        shortest_history=histories[0],
        median_history=histories[(len(histories) - 1) // 2],
        longest_history=histories[-1],
    )


def add_balances(parts: Sequence[Balance], histories: Sequence[int]) -> Balance:
    """Of units counted apart; *histories* are all their lengths."""
    lengths = sorted(histories) or [0]
    names = ("units", "failed_units", "unanswered_units", "failing_rows", "lasting_rows")
    return Balance(
        **{name: sum(getattr(part, name) for part in parts) for name in names},
        shortest_history=lengths[0],
        median_history=lengths[(len(lengths) - 1) // 2],
        longest_history=lengths[-1],
    )


def refuse_no_log(logs: Sequence[UnitLog], *, source: str) -> None:
    """Raises BadData where most units have one row: nothing there goes on over time."""
    single = sum(len(log.times) == 1 for log in logs)
    if single > len(logs) / 2:
        raise BadData(
            f"{source}: {single:,} of {len(logs):,} units have one row only: that is no log over time",
            "If a row is a machine's whole story, a classifier for tables fits: scikit-learn's "
            "HistGradientBoostingClassifier, as any script of yours: rig train --script FILE.py\n"
            "If rows belong together, name in unit the column that is the same in all rows of one machine.",
        )


def refuse_one_sided(balances: Mapping[str, Balance], *, horizon: float, source: str) -> None:
    """Raises BadData where a net could learn, or a score show, one of the two answers only."""
    for name, one in balances.items():
        if not one.lasting_rows:
            raise _one_sided(f"no row of the {name} units is known not to fail within horizon={horizon:g}", one, source)
        if one.unanswered_units > one.units / 2:
            raise _one_sided(f"most of the {name} units have no known answer for horizon={horizon:g}", one, source)
    if not balances["training"].failing_rows:
        raise BadData(
            f"{source}: no row of the training units is known to fail within horizon={horizon:g}\n"
            f"  training: {balances['training']}",
            "A larger horizon=N, or records that go on until the failure, show what comes before one.",
        )


def _one_sided(cause: str, one: Balance, source: str) -> BadData:
    return BadData(
        f"{source}: {cause}: the score would be that of the failures alone\n  {one}",
        "A unit that has not failed tells something only where its record goes on for longer than the horizon.\n"
        "Take a smaller horizon=N, or longer records of units that did not fail.",
    )
