"""What was spent: on each instance, as AWS tells, and on each run that is home, as its record tells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from infra.aws.account.cost import InstanceCost, RunCost, instance_costs, run_cost
from infra.job.artifacts import ending
from infra.workflows.context import Rig


@dataclass(frozen=True, kw_only=True)
class Costs:
    instances: Sequence[InstanceCost]
    runs: Sequence[RunCost]


def find_costs(rig: Rig) -> Costs:
    return Costs(instances=instance_costs(rig.session), runs=_run_costs(rig.runs))


def _run_costs(runs: Path) -> list[RunCost]:
    folders = [folder for folder in sorted(runs.glob("*")) if folder.is_dir() and not folder.is_symlink()]
    return [run_cost(folder.name, ending(folder)) for folder in folders if ending(folder)]
