"""`rig train` without the word remote: the same run on this computer, begun or gone on with."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Final

from infra.aws.account.cost import run_cost
from infra.errors import JobFailed, NothingToDo, UserError
from infra.job import artifacts
from infra.job.local import run_here
from infra.job.outcome import judge
from infra.job.run_folders import point_latest, runs_home
from infra.job.run_names import choose_run
from infra.job.spec import Job, existing_folder, new_run_name
from infra.settings import Settings
from infra.workflows.ensure_image import Show
from infra.workflows.runs import Outcome

RUNS: Final = Path("runs")


def begin_here(job: Job) -> tuple[str, Job]:
    return new_run_name(job, datetime.now(timezone.utc)), job


def find_unfinished(name: str) -> tuple[str, Job]:
    """A run in runs/ that can be started again, and its job.

    Whether it goes on from its last checkpoint is the program's doing; our jobs do.
    """
    home = {one.name: one for one in runs_home(RUNS)}
    name = choose_run(name, list(home), where="in runs/ here")
    if home[name].exit_code == 0 and not home[name].signal:
        raise NothingToDo(f"Run {name} is through: there is nothing to go on with.")
    return name, _job_of(name)


def find_study(name: str) -> tuple[str, Job]:
    """A study in runs/ to go on with, whether it was stopped or its time was up; it knows itself what is left."""
    name = choose_run(name, [one.name for one in runs_home(RUNS)], where="in runs/ here")
    job = _job_of(name)
    if job.command[3:4] != ("tune",):
        raise UserError(f"Run {name} is no study.", f"`rig train --resume {name}` goes on with it")
    return name, job


def _job_of(name: str) -> Job:
    try:
        return Job.from_json((RUNS / name / "job.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise UserError(
            f"Run {name} left no job.json, so nobody knows what to go on with.", "start it anew: `rig train`"
        ) from None


def train_here(settings: Settings, job: Job, name: str, show: Show) -> Outcome:
    """Run *job* in runs/*name*, and judge it. Raises JobFailed; after Ctrl-C, KeyboardInterrupt when it has ended."""
    folder = existing_folder(settings.code, "code")
    try:
        code = run_here(job, name, runs=RUNS, code=folder, data=_data_folder(settings), show=show)
    finally:
        point_latest(RUNS)
    return _judge(RUNS / name, code)


def _data_folder(settings: Settings) -> Path:
    if settings.data:
        return Path(settings.data).expanduser().resolve()
    return Path.home() / ".cache" / "gluon-rig" / "data"


def _judge(folder: Path, code: int) -> Outcome:
    try:
        judge(artifacts.read_recorded(folder), command=artifacts.command_of(folder))
    except JobFailed as error:
        raise type(error)(error.cause, _hint_here(error.hint)) from None
    cost = run_cost(folder.name, artifacts.ending(folder))
    return Outcome(run=folder.name, folder=folder.resolve(), exit_code=code, cost=cost)


def _hint_here(hint: str) -> str:
    """The judge's next steps without those that only an instance has: there is no Docker between us and the job."""
    lines = (line for line in hint.splitlines() if "docker" not in line)
    return "\n".join(lines).replace("`rig train remote", "`rig train")
