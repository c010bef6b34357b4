"""`rig train` without the word remote: the same run on this computer, begun or gone on with."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

from infra.cli import run_result
from infra.cli.context import data_folder
from infra.cli.hints import theirs
from infra.cli.progress import LogView
from infra.console import deliver, tell
from infra.errors import INTERRUPTED, JobFailed, NothingToDo, UserError
from infra.job import artifacts
from infra.job.local import run_here
from infra.job.run_folders import LATEST, point_latest, runs_home
from infra.job.spec import Job, existing_folder, new_run_name
from infra.settings import Settings

RUNS = Path("runs")


def train_here(settings: Settings, job: Job) -> int:
    said = f"Training {job.name} on this computer; `make train remote` does it on the instance"
    tell(theirs(said, settings))
    return _run(settings, job, new_run_name(job, datetime.now(timezone.utc)))


def resume_here(settings: Settings, name: str) -> int:
    """Start a run in runs/ again. Whether it goes on from its last checkpoint is the program's doing; our jobs do."""
    home = {one.name: one for one in runs_home(RUNS)}
    name = (RUNS / LATEST).resolve().name if name == LATEST else name
    if name not in home:
        raise UserError(f"There is no run {name} in runs/ here.", "`rig runs` shows those that are home")
    if home[name].exit_code == 0 and not home[name].signal:
        raise NothingToDo(f"Run {name} is through: there is nothing to go on with.")
    job = _job_of(name)
    tell(f"Going on with {name} on this computer")
    return _run(settings, job, name)


def _job_of(name: str) -> Job:
    try:
        return Job.from_json((RUNS / name / "job.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise UserError(
            f"Run {name} left no job.json, so nobody knows what to go on with.", "start it anew: `rig train`"
        ) from None


def _run(settings: Settings, job: Job, name: str) -> int:
    folder = existing_folder(settings.code, "code")
    try:
        with LogView() as show:
            code = run_here(job, name, runs=RUNS, code=folder, data=data_folder(settings), show=show)
    except KeyboardInterrupt:
        tell(theirs(f"\nInterrupted. `rig train --resume {name}` goes on from its last checkpoint.", settings))
        return INTERRUPTED
    finally:
        point_latest(RUNS)
    return _show(RUNS / name, name, code)


def _show(folder: Path, name: str, code: int) -> int:
    from infra.aws.account.cost import run_cost
    from infra.job.outcome import judge
    from infra.workflows.runs import Outcome

    try:
        judge(artifacts.as_recorded(folder), command=artifacts.command_of(folder))
    except JobFailed as error:
        raise type(error)(error.cause, _hint_here(error.hint)) from None
    cost = run_cost(name, artifacts.ending(folder))
    done = Outcome(run=name, folder=folder.resolve(), exit_code=code, cost=cost)
    deliver(run_result.outcome(done, artifacts.summary(folder), here=Path.cwd()))
    return 0


def _hint_here(hint: str) -> str:
    """The judge's next steps without those that only an instance has: there is no Docker between us and the job."""
    lines = (line for line in hint.splitlines() if "docker" not in line)
    return "\n".join(lines).replace("rig train remote", "rig train")
