"""200 random schedules of dying nodes, guards and laptops: the bill of a group is never over its budget.

A simulation: the rules are the guard's own (`decide`), the promise and the price are the kit's, safeguard 3's moment is
the schedule's; what dies when is drawn. What is no code of ours has its documented bound: a machine winds down for at
most BACKSTOP_LATE_S, and EC2 acts on a schedule within two minutes of it. Each node keeps at least one of the three
that know a deadline: its guard, the backstop timer, the schedule; which, is drawn, too. What all three dead would cost,
no program can limit.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

import pytest

from infra import budget
from infra.aws.autostop.schedule import fires_at
from infra.budget import HourlyCost, Promise
from infra.guard.user_data import BACKSTOP_LATE_S
from infra.remote.guard.decide import TICK_S, LaunchDefaults, Memory, Observation, decide
from tests.sizes import size, tried

NOW = datetime(2026, 11, 20, 10, 0, 0, tzinfo=timezone.utc)
SCHEDULE_TAKES_S = 120.0
FAR_S = 60.0  # far from every deadline the guard need not be asked each five seconds


@dataclass(frozen=True)
class Fate:
    """What happens to one node, in seconds since the launch; None: never. *winds_down_s*: from the guard's word to off.

    *restart_s*: how long systemd takes to start a guard again that was killed at one of *killed_at*. *jump_s*: by how
    much the time of day that it is told is wrong from *jumps_at* on.
    """

    guard: bool
    backstop: bool
    schedule: bool
    killed_at: tuple[float, ...]
    restart_s: float
    reboots_at: float | None
    no_tags_from: float | None
    jumps_at: float | None
    jump_s: float
    idle_from: float | None
    terminated_at: float | None
    winds_down_s: float


def drawn(dice: random.Random, lasts_s: float) -> Fate:
    def maybe(share: float) -> float | None:
        return dice.uniform(0, lasts_s * 1.1) if dice.random() < share else None

    alive = dice.sample(("guard", "backstop", "schedule"), k=dice.randint(1, 3))
    return Fate(
        guard="guard" in alive, backstop="backstop" in alive, schedule="schedule" in alive,
        killed_at=tuple(dice.uniform(0, lasts_s * 1.1) for _ in range(dice.randint(0, 3))),
        restart_s=dice.uniform(1, 30), reboots_at=maybe(0.2), no_tags_from=maybe(0.2),
        jumps_at=maybe(0.2), jump_s=dice.uniform(-7200, 7200), idle_from=maybe(0.3), terminated_at=maybe(0.2),
        winds_down_s=dice.uniform(0, BACKSTOP_LATE_S),
    )  # fmt: skip


def off_at(fate: Fate, kept: Promise) -> float:
    """Seconds since the launch until the machine is off and costs no more."""
    deadline_s = kept.hours * 3600
    ends = [fate.terminated_at] if fate.terminated_at is not None else []
    if fate.schedule:
        ends.append((fires_at(kept.deadline) - NOW).total_seconds() + SCHEDULE_TAKES_S)
    if fate.backstop:
        ends.append(deadline_s + BACKSTOP_LATE_S)
    if fate.guard:
        ends.append(guard_fires_at(fate, kept) + fate.winds_down_s)
    return min(ends)


def guard_fires_at(fate: Fate, kept: Promise) -> float:
    """The real rules, asked as the guard asks them; a guard that was killed knows what it had written down."""
    defaults = LaunchDefaults(hours_s=kept.hours * 3600, idle_minutes=5)
    memory: Memory | None = None
    at, deadline = 0.0, kept.deadline.timestamp()
    while True:
        dead = any(killed <= at < killed + fate.restart_s for killed in fate.killed_at)
        if not dead:
            decision = decide(seen(fate, at, deadline), memory, defaults)
            memory = decision.memory
            if decision.trigger:
                return at
        left_s = deadline - NOW.timestamp() - at
        at += TICK_S if left_s < 2 * FAR_S else FAR_S
        assert left_s > -3600, "the guard never fired"


def seen(fate: Fate, at: float, deadline: float) -> Observation:
    again = fate.reboots_at is not None and at >= fate.reboots_at
    # A booting guard takes the time of day from EC2's metadata, which is right.
    jumped = fate.jumps_at is not None and fate.reboots_at is None and at >= max(fate.jumps_at, TICK_S)
    tags = fate.no_tags_from is None or at < fate.no_tags_from
    idle = fate.idle_from is not None and at >= fate.idle_from
    return Observation(
        boot="b2" if again else "b1", up_s=at - (fate.reboots_at or 0.0) if again else at,
        wall=NOW.timestamp() + at + (fate.jump_s if jumped else 0.0), deadline=deadline if tags else None,
        idle_minutes=5.0 if tags else None, busy=() if idle else ("a run",),
    )  # fmt: skip


def bill(dice: random.Random) -> tuple[float, float]:
    """The budget of a random group, and what AWS asks for at most."""
    nodes, usd = dice.choice((2, 3, 4, 8, 16, 64)), dice.choice((0.0104, 0.526, 3.912, 21.96))
    one = HourlyCost(usd_instance_per_hour=usd, usd_disk_per_month=4.8, usd_address_per_hour=0.005)
    cost = one.of(nodes, usd_alarm_per_month=0.10)
    usd_budget = cost.usd_per_hour * dice.uniform(0.3, 10)
    kept = budget.promise(cost, hours=8, usd_budget=usd_budget, now=NOW)
    assert kept.deadline - NOW == timedelta(hours=kept.hours)
    ran_s = [off_at(drawn(dice, kept.hours * 3600), kept) for _ in range(nodes)]
    alarms = cost.usd_per_hour - nodes * one.usd_per_hour
    return usd_budget, sum(one.usd_per_hour * max(s, 60) / 3600 for s in ran_s) + alarms * max(ran_s) / 3600


@pytest.mark.parametrize("seed", range(size(8, 200)))
def test_the_bill_of_a_group_is_never_over_its_budget_whatever_dies(seed: int) -> None:
    usd_budget, usd = bill(random.Random(seed))

    tried()
    assert usd <= usd_budget


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", range(8, 200))
def test_the_bill_of_two_hundred_groups(seed: int) -> None:
    usd_budget, usd = bill(random.Random(seed))

    assert usd <= usd_budget


def test_a_deadline_that_came_six_minutes_later_would_be_found() -> None:
    """The simulation can fail: with the schedule alone and a deadline that is not what the money buys."""
    one = HourlyCost(usd_instance_per_hour=1.0, usd_disk_per_month=0, usd_address_per_hour=0)
    kept = budget.promise(one.of(4), hours=8, usd_budget=4, now=NOW)
    late = Promise(kept.deadline + timedelta(minutes=6), kept.hours + 0.1, kept.usd_worst, kept.limit)
    fate = Fate(False, False, True, (), 1.0, None, None, None, 0.0, None, None, 0.0)

    assert 4 * off_at(fate, kept) / 3600 <= 4 < 4 * off_at(fate, late) / 3600
