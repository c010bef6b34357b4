"""What the user is shown of money in a rehearsal, and of a run that did not end well."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from types import SimpleNamespace

from infra import budget
from infra.aws.account.cost import THIS_START, InstanceCost, RunCost
from infra.budget import HourlyCost
from infra.cli.local_time import beside_utc
from infra.cli.screens.money import render_costs, render_plan
from infra.cli.screens.runs import render_outcome
from infra.console.paint import wrap
from infra.workflows.cost import Costs
from infra.workflows.runs import Outcome

RUN = RunCost("r", "g4dn.xlarge", 205.0, 0.0307, pretended=True)


def test_pretended_money_is_what_it_would_be_and_one_figure_everywhere() -> None:
    rig = InstanceCost(
        id="i-1", name="rig", type="g4dn.xlarge", state="running", created=datetime(2026, 1, 1, tzinfo=timezone.utc),
        running_s=60, usd_per_hour=0.54, usd_running=0.01, usd_stopped=0.0, how=THIS_START,
    )  # fmt: skip

    costs = render_costs(Costs(instances=[rig], runs=[RUN]), pretended=True)
    last = render_outcome(Outcome(run="r", folder=Path("r"), exit_code=0, cost=RUN), {}, here=Path.cwd())

    assert "WOULD BE" in costs
    assert "would be $0.0307" in costs
    assert "would be $0.0307 for that time on g4dn.xlarge" in last
    assert "would be" not in render_costs(Costs(instances=[rig], runs=[]), pretended=False)


def test_a_cancelled_run_shows_its_exit_code() -> None:
    done = Outcome(run="r", folder=Path("r"), exit_code=137, cost=RUN)

    assert "  exit code  137" in render_outcome(done, {}, here=Path.cwd())


class Quota(SimpleNamespace):
    def __str__(self) -> str:
        return '"Running On-Demand G and VT instances" in us-east-1: 4 vCPUs needed, 64 granted, 0 in use'


def test_the_plan_begins_with_price_most_and_deadline_and_fits_a_small_terminal() -> None:
    price = HourlyCost(usd_instance_per_hour=0.526, usd_disk_per_month=4.8, usd_address_per_hour=0.005)
    promise = budget.promise(price, hours=8, usd_budget=None, now=datetime(2026, 1, 1, tzinfo=timezone.utc))
    zones = tuple(f"us-east-1{letter}" for letter in "abcdf")
    offer = SimpleNamespace(
        price="$0.526/h (AWS price list, 2026-07-20)",
        zones=zones,
        machine="g4dn.xlarge (1 x T4 16 GiB, 4 vCPU)",
        spot=False,
    )
    name = "Deep Learning Base AMI with Single CUDA (Ubuntu 22.04) 20261112"
    image = SimpleNamespace(name=name, id="ami-" + "0" * 17)
    steps = ["a change that takes all of a line and a little more, as key and safeguards do: (free)", "a change"]
    plan = SimpleNamespace(
        best=offer, dearest=offer, offers=(offer,), promise=promise, cost=price, usd_worst=4.42, region="us-east-1",
        nodes=1, running=False, idle_minutes=20, in_vain=(), pretended=False,
        changes=[*steps, *steps, "a change"], quotas=SimpleNamespace(get=lambda _: Quota(enough=True)),
        existing=SimpleNamespace(instance=None, image=image, nodes=()),
    )  # fmt: skip

    lines = [
        "".join(part.plain for part in parts)
        for line in beside_utc(render_plan(plan)).split("\n")
        for parts in wrap(line, 80)
    ]

    assert [label for line in lines if (label := line[2:11].strip())][:3] == ["price", "at most", "off by"]
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80


def test_the_machines_of_a_group_have_one_sum() -> None:
    one = InstanceCost(
        id="i-1", name="four", type="g4dn.xlarge", state="running", created=datetime(2026, 1, 1, tzinfo=timezone.utc),
        running_s=60, usd_per_hour=0.54, usd_running=0.5, usd_stopped=0.25, how=THIS_START,
    )  # fmt: skip

    costs = render_costs(Costs(instances=[one] * 4, runs=[]), pretended=False)

    assert "four: 4 machines together, $3.00" in costs
    assert costs.count(THIS_START) == 1
