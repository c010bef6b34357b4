"""A machine whose clock is minutes off is named, with how far, and with what sets it right."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from infra.workflows.clocks import describe_clocks

SET = "`sudo chronyc makestep` or `sudo timedatectl set-ntp true` sets it"
SO = "and so are the times in its logs and records; no verdict and no safeguard goes by them"


def said(*ahead_s: float) -> list[str]:
    count = len(ahead_s)
    nodes: list[Any] = [
        SimpleNamespace(nodes=count, rank=rank, node=f"node {rank + 1} of {count}" if count > 1 else "i-0")
        for rank in range(count)
    ]
    facts: list[Any] = [SimpleNamespace(clock_ahead_s=by) for by in ahead_s]
    return list(describe_clocks(list(zip(nodes, facts, strict=True))))


@pytest.mark.parametrize("near", [(), (0.0,), (59.0,), (-59.0, 59.0, 0.0)])
def test_of_clocks_that_are_near_nothing_is_said(near: tuple[float, ...]) -> None:
    assert said(*near) == []


def test_each_clock_that_is_off_is_named_with_what_follows_and_what_sets_it() -> None:
    assert said(750.0) == [f"The clock of i-0 is 12 min ahead of this computer's, {SO}. `rig ssh`: there {SET}."]
    assert said(0.0, -7260.0, 1e300) == [
        f"The clock of node 2 of 3 is 2 h 01 min behind this computer's, {SO}. `rig ssh --node 2`: there {SET}.",
        f"The clock of node 3 of 3 is 876000 h 00 min ahead of this computer's, {SO}. `rig ssh --node 3`: there {SET}.",
    ]


def test_where_all_machines_agree_it_is_this_computer_that_is_off() -> None:
    assert said(-600.0, -570.0, -620.0) == [
        "The clocks of all 3 machines are 10 min behind this computer's, so most likely it is this computer's that is "
        f"wrong: {SET} on Linux."
    ]
    assert len(said(-600.0, 600.0)) == 2
