"""What each rig has cost, from AWS's own records. Arithmetic over what was recorded, not a bill.

How long an instance ran is in no description of it: EC2 shows only its last start. But EC2 also checks the status of
every running instance once a minute, and CloudWatch keeps count for fifteen months, so the checks of an instance are
the minutes it ran, over all its starts. https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/viewing_metrics_with_cloudwatch.html
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Final

from infra.aws.instances.hourly_cost import Disk, disks_of, prices_of
from infra.aws.instances.instance import Instance, find_all
from infra.aws.offers.prices import HOURS_PER_MONTH, Rates, rates
from infra.errors import RigError

if TYPE_CHECKING:
    from infra.aws.client.session import Session
    from infra.budget import HourlyCost

UP: Final = ("pending", "running", "stopping")
DAY: Final = timedelta(days=1)

COUNTED: Final = "counted by CloudWatch over all starts, without the first minutes of each"
THIS_START: Final = "since this start; CloudWatch did not tell of earlier ones"
UNKNOWN: Final = "running time unknown: CloudWatch did not tell"


@dataclass(frozen=True, kw_only=True)
class InstanceCost:
    """US dollars since the instance was made. *usd_running* holds its disk and address too, while it ran.

    *running_s* None: nobody knows, and *usd_running* is 0 for want of it; so it is where nobody knows the price. *how*:
    what the sum rests on.
    """

    id: str
    name: str
    type: str
    state: str
    created: datetime
    running_s: float | None
    usd_per_hour: float
    usd_running: float
    usd_stopped: float
    how: str

    @property
    def usd(self) -> float:
        return self.usd_running + self.usd_stopped


@dataclass(frozen=True)
class RunCost:
    """One run: its time at the price of the machine it ran on. *usd* None: its record does not name a price.

    *pretended*: in a rehearsal; it would have cost that. *seconds*: of all its parts, if it was resumed.
    """

    run: str
    instance_type: str
    seconds: float
    usd: float | None
    pretended: bool = False

    @property
    def said(self) -> str:
        """ "$0.0307", "would be $0.0307", or "-": the one wording of what a run cost."""
        return "-" if self.usd is None else f"{'would be ' if self.pretended else ''}${self.usd:.4f}"


def instance_costs(session: Session, *, now: datetime | None = None) -> list[InstanceCost]:
    """Every rig of the region that still exists. One terminated longer than an hour ago is in no record of EC2."""
    now = now or datetime.now(timezone.utc)
    found = find_all(session)
    disks = disks_of(session, found)
    instances = [one for one in found if one.id in disks]
    prices = prices_of(session, instances, disks)
    with ThreadPoolExecutor() as pool:
        minutes = list(pool.map(lambda one: minutes_up(session, one.id, disks[one.id].created, now), instances))
    here = rates(session.region)
    return [
        cost_of(one, disks[one.id], minutes=up, price=prices.get(one.id), rates=here, now=now)
        for one, up in zip(instances, minutes, strict=True)
    ]


def cost_of(
    instance: Instance, disk: Disk, *, minutes: int | None, price: HourlyCost | None, rates: Rates, now: datetime
) -> InstanceCost:
    """The arithmetic, at the price of what the instance is now. *minutes* None: CloudWatch had no answer."""
    usd_per_hour = price.usd_per_hour if price else 0.0
    running_s, how = _running(instance, minutes, now)
    exists_s = (now - disk.created).total_seconds()
    stopped_s = max(0.0, exists_s - (running_s or 0.0))
    return InstanceCost(
        id=instance.id,
        name=instance.name,
        type=instance.type,
        state=instance.state,
        created=disk.created,
        running_s=running_s,
        usd_per_hour=usd_per_hour,
        usd_running=usd_per_hour * (running_s or 0.0) / 3600,
        usd_stopped=rates.disk_usd_per_month(disk.gib) / HOURS_PER_MONTH * stopped_s / 3600,
        how=how if price else f"{how}; nobody knows the price of {instance.type}",
    )


def _running(instance: Instance, minutes: int | None, now: datetime) -> tuple[float | None, str]:
    up_s = (now - instance.launched_at).total_seconds() if instance.state in UP else 0.0
    if minutes:
        # The count lags a few minutes behind; what is known of this start is never less.
        return max(minutes * 60.0, up_s), COUNTED
    return (up_s, THIS_START) if up_s else (None, UNKNOWN)


def minutes_up(session: Session, instance_id: str, since: datetime, now: datetime) -> int | None:
    """For how many minutes EC2 found the instance running; None when CloudWatch may not be asked."""
    # Whole days: one point each, so that 1,440 days fit into one answer.
    begin = since.replace(hour=0, minute=0, second=0, microsecond=0)
    try:
        with session.translated(f"read how long {instance_id} has run"):
            answer = session.client("cloudwatch").get_metric_statistics(
                Namespace="AWS/EC2",
                MetricName="StatusCheckFailed",
                Dimensions=[{"Name": "InstanceId", "Value": instance_id}],
                StartTime=begin,
                EndTime=now + DAY,
                Period=int(DAY.total_seconds()),
                Statistics=["SampleCount"],
            )
    except RigError:
        return None
    return int(sum(point["SampleCount"] for point in answer["Datapoints"]))


def run_cost(run: str, ending: Mapping[str, Any]) -> RunCost:
    """From the record the run left (exit.json): its seconds at the price it was told when it started.

    The one place where a run's cost is computed: the screen at its end and `rig cost` show this figure.
    """
    seconds = _amount(ending.get("seconds")) + _amount(ending.get("seconds_before"))
    usd_per_hour = _amount(ending.get("usd_per_hour"))
    usd = seconds / 3600 * usd_per_hour if usd_per_hour else None
    return RunCost(run, str(ending.get("instance_type", "")), seconds, usd, bool(ending.get("pretended")))


def _amount(value: object) -> float:
    """The record comes from the host, whose programs may have written anything there: what is no amount is 0."""
    known = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e12
    return float(value) if known else 0.0  # type: ignore[arg-type]
