"""What the user is shown of money in a rehearsal, and of a run that did not end well."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

from infra.aws.account.cost import THIS_START, InstanceCost, RunCost
from infra.cli.screens.money import render_costs
from infra.cli.screens.runs import render_outcome
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

    assert "would be $0.01" in costs
    assert "would be $0.0307" in costs
    assert "would be $0.0307 for that time on g4dn.xlarge" in last
    assert "would be" not in render_costs(Costs(instances=[rig], runs=[]), pretended=False)


def test_a_cancelled_run_shows_its_exit_code() -> None:
    done = Outcome(run="r", folder=Path("r"), exit_code=137, cost=RUN)

    assert "  exit code  137" in render_outcome(done, {}, here=Path.cwd())
