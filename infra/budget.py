"""Money and time: what an hour costs, when a launch must be off, and the most it can cost. Pure arithmetic.

The promise is on one launch: from `start` to off. It holds the machine, its disk and its public address while it runs,
and the minutes that switching off may take. It does not hold what no clock can limit: see `NOT_INCLUDED`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Final

from infra.errors import UserError
from infra.settings import MOST_HOURS

# EBS is billed by the second, as a share of the month; in the shortest month a second costs most. Promises use that.
# https://aws.amazon.com/ebs/pricing/
SHORTEST_MONTH_H: Final = 28 * 24
# Linux instances are billed by the second, but at least a minute at each start. https://aws.amazon.com/ec2/pricing/
MINIMUM_BILLED_S: Final = 60
# From the deadline until the meter stands still at the latest: safeguard 3 fires ten minutes after it, to the minute,
# and EC2 takes a moment to act.
WINDING_DOWN_S: Final = 12 * 60
ALARMS_PER_NODE, FREE_ALARMS = 2, 10  # https://aws.amazon.com/cloudwatch/pricing/
LEAST_USEFUL_S: Final = 3 * 60  # a launch needs about that until a job can start; as `hours` demands

INCLUDED: Final = "the machine, its disk and its public address while it runs, and 12 minutes to switch off"
NOT_INCLUDED: Final = "the disk while stopped, data sent to the internet beyond 100 GB a month, taxes"


@dataclass(frozen=True, kw_only=True)
class HourlyCost:
    """US dollars. *usd_instance_most_per_hour*: for spot, whose price moves, the on-demand price it cannot pass."""

    usd_instance_per_hour: float
    usd_disk_per_month: float
    usd_address_per_hour: float
    usd_instance_most_per_hour: float = 0.0

    @property
    def usd_per_hour(self) -> float:
        return self.usd_instance_per_hour + self._usd_beside_per_hour

    @property
    def usd_most_per_hour(self) -> float:
        return max(self.usd_instance_per_hour, self.usd_instance_most_per_hour) + self._usd_beside_per_hour

    @property
    def _usd_beside_per_hour(self) -> float:
        return self.usd_disk_per_month / SHORTEST_MONTH_H + self.usd_address_per_hour

    def of(self, nodes: int, *, usd_alarm_per_month: float = 0.0) -> HourlyCost:
        """What *nodes* such machines cost together, with the alarms beyond the ten that are free."""
        alarms = max(0, ALARMS_PER_NODE * nodes - FREE_ALARMS) * usd_alarm_per_month if nodes > 1 else 0.0
        return HourlyCost(
            usd_instance_per_hour=self.usd_instance_per_hour * nodes,
            usd_instance_most_per_hour=self.usd_instance_most_per_hour * nodes,
            usd_disk_per_month=self.usd_disk_per_month * nodes + alarms,
            usd_address_per_hour=self.usd_address_per_hour * nodes,
        )


@dataclass(frozen=True)
class Promise:
    """*deadline*: off by then, to the second. *limit*: what set it, "hours", "budget", or MOST_HOURS in words."""

    deadline: datetime
    hours: float
    usd_worst: float
    limit: str

    def __str__(self) -> str:
        return f"off by {clock(self.deadline)}, {usd(self.usd_worst)} at most ({INCLUDED})"


def promise(price: HourlyCost, *, hours: float, usd_budget: float | None, now: datetime) -> Promise:
    """The deadline of a launch that begins *now*. A budget (None: none) wins over *hours*; nothing over MOST_HOURS.

    Raises UserError if the budget buys no useful time.
    """
    affordable_s = math.floor(hours * 3600) if usd_budget is None else _seconds_for(usd_budget, price)
    running_s = min(affordable_s, int(MOST_HOURS * 3600))
    limit = (
        "hours" if usd_budget is None else "budget" if running_s == affordable_s else f"the most, {MOST_HOURS:g} hours"
    )
    deadline = now.replace(microsecond=0) + timedelta(seconds=running_s)
    return Promise(deadline, running_s / 3600, usd_worst(price, started_at=now, deadline=deadline), limit)


def _seconds_for(usd_budget: float, price: HourlyCost) -> int:
    seconds = math.floor(usd_budget / price.usd_most_per_hour * 3600) - WINDING_DOWN_S - 1
    if seconds < LEAST_USEFUL_S:
        least = usd_for(price, LEAST_USEFUL_S + WINDING_DOWN_S + 2)
        raise UserError(
            f"A budget of {usd(usd_budget)} is too small: at {rate(price.usd_most_per_hour)} the least that makes "
            f"sense is {usd(least)}, for {LEAST_USEFUL_S // 60} minutes of work and "
            f"{WINDING_DOWN_S // 60} to switch off.",
            f"BUDGET={math.ceil(least * 100) / 100:.2f} or more; or a cheaper type, such as TYPE=t3.micro to practise",
        )
    return seconds


def usd_for(price: HourlyCost, seconds: float) -> float:
    """The most that *seconds* of running cost."""
    return price.usd_most_per_hour * max(seconds, MINIMUM_BILLED_S) / 3600


def usd_worst(price: HourlyCost, *, started_at: datetime, deadline: datetime) -> float:
    """The most that a launch can cost which began at *started_at* and has its (moved) deadline at *deadline*."""
    return usd_for(price, max(0.0, (deadline - started_at).total_seconds()) + WINDING_DOWN_S)


def usd_spent(usd_per_hour: float, *, started_at: datetime, now: datetime) -> float:
    """Since *started_at*, of an instance that runs; what was spent in earlier starts is not in it."""
    return usd_per_hour * max((now - started_at).total_seconds(), MINIMUM_BILLED_S) / 3600


def total(amounts: Sequence[float | None]) -> float | None:
    """None where nobody knows one of them."""
    known = [one for one in amounts if one is not None]
    return sum(known) if len(known) == len(amounts) else None


def usd(amount: float) -> str:
    """Rounded up, so that a printed limit is never below the real one: "$4.27", "$0.031"."""
    places = 2 if amount >= 0.1 or amount == 0 else 3
    # The inner rounding keeps 0.1 + 0.2 from becoming a cent more.
    return f"${math.ceil(round(amount * 10**places, 6)) / 10**places:.{places}f}"


def rate(usd_per_hour: float) -> str:
    return f"${usd_per_hour:.4f}/h"


def per_month(usd_per_month: float) -> str:
    return f"{usd(usd_per_month)} per month"


def duration(seconds: float) -> str:
    """ "7 h 58 min", "12 min", "40 s"; rounded down, as time left should be."""
    whole = max(0, math.floor(seconds))
    hours, minutes = whole // 3600, whole % 3600 // 60
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min" if minutes else f"{whole} s"


def stopwatch(seconds: float) -> str:
    """ "0:07", "12:30", "1:02:03"."""
    whole = max(0, math.floor(seconds))
    hours, minutes, rest = whole // 3600, whole % 3600 // 60, whole % 60
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def clock(at: datetime) -> str:
    return at.astimezone(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")


def tag(deadline: datetime) -> str:
    """How a deadline stands in its tag: ISO 8601, UTC, to the second."""
    return deadline.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def hours_in(text: str) -> float:
    """ "2h", "90m", "1h30m". Raises UserError for anything else: a plain "20" may mean hours or minutes."""
    said = text.strip().lower().replace(" ", "")
    match = re.fullmatch(r"(?:([0-9]+(?:\.[0-9]+)?)h)?(?:([0-9]+)m(?:in)?)?", said)
    hours = float(match[1] or 0) + float(match[2] or 0) / 60 if match else 0.0
    if hours <= 0:
        unit = f"{said}h or {said}m" if re.fullmatch("[0-9]*[1-9][0-9]*", said) else "for instance 2h, 90m or 1h30m"
        raise UserError(f"{text[:40]!r} is not a time.", f"say {unit}")
    if hours > MOST_HOURS:
        raise UserError(f"{text[:40]!r} is too long: {MOST_HOURS:g}h at most.", "later on it may be extended again")
    return hours
