"""The screens of the group "begin here"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra import budget
from infra.cli.screens.instance import render_stop
from infra.cli.screens.runs import render_outcome
from infra.names import BEST_WEIGHTS
from infra.settings import Settings, Wrong, show

if TYPE_CHECKING:
    from infra.aws.account.doctor import Check
    from infra.workflows.runs import Outcome
    from infra.workflows.status import Standing


def render_settings(chosen: Settings) -> str:
    """Those that are wrong without a value: what is wrong with them is said beside."""
    lines = []
    for f in fields(Settings):
        value = Wrong if f.name in chosen.wrong else getattr(chosen, f.name)
        mark = "!" if value is Wrong else " " if value == f.default else "*"
        lines.append(f"{mark} {f.name} = {'' if value is Wrong else show(value)}\n      {f.metadata['doc']}")
    wrong = ["! is wrong, as was said above"] if chosen.wrong else []
    return "\n".join([*lines, "", "* differs from the default", *wrong])


def render_checks(made: Sequence[Check]) -> str:
    marks = {True: "ok", False: "NO", None: "? "}
    width = max(len(check.name) for check in made)
    lines = []
    for check in made:
        lines.append(f"  {marks[check.ok]}  {check.name:<{width}}  {check.found}")
        lines += [f"      {'':<{width}}  -> {step}" for step in check.fix.splitlines()]
    failing = sum(check.ok is False for check in made)
    lines.append(f"\n{failing} to fix before a launch." if failing else "\nNothing stands in the way of a launch.")
    return "\n".join(lines)


def render_demo_stop(one: Standing, *, ours: bool) -> str:
    """*ours*: the pretend cloud ends with the demo."""
    if not ours:
        return render_stop([one])
    return (
        f"{one.instance.id} is {one.instance.state}. On AWS its disk would still cost "
        f"{budget.per_month(one.usd_disk_per_month)} until `make terminate`; here the pretend cloud ends with the demo."
    )


def render_demo(done: Outcome, *, seconds: float, here: Path, summary: Mapping[str, Any]) -> str:
    return "\n".join(
        [
            "",
            f"That was the whole story, in {seconds:.0f} s. On AWS the same steps rent a real GPU; here it was free.",
            "",
            render_outcome(done, summary, here=here),
            "",
            f"next: {_trains_here(done)}`make doctor` looks at your AWS account;",
            "README.md has the rest",
        ]
    )


def _trains_here(done: Outcome) -> str:
    """Nothing where a stand-in took the job's place: there is no MXNet here."""
    return "`make train JOB=lenet` trains on this CPU, " if (done.folder / BEST_WEIGHTS).exists() else ""
