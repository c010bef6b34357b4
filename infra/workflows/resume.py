"""Go on with a run that was ended before it was done: same name, same folder, from its last checkpoint."""

from __future__ import annotations

from pathlib import Path

from infra.errors import HostUnreachable, NothingToDo, UserError
from infra.host.connection import Host
from infra.host.facts import Facts, RunFacts
from infra.host.retry import persistently
from infra.host.selection import select_all
from infra.host.sync import push_data, remember
from infra.job import artifacts, s3_backup
from infra.job.container import docker_remove
from infra.job.spec import Job
from infra.names import RUNS_DIR
from infra.workflows.context import Rig, open_host, running_instance
from infra.workflows.ensure_image import Show
from infra.workflows.runs import facts_of
from infra.workflows.train import begin, choose


def resume(rig: Rig, name: str, show: Show) -> str:
    """Start run *name* again where it stopped, or the newest unfinished one; its name.

    Its folder is taken from the instance's disk, else from the bucket, else from runs/ here. Whether it really goes on
    is the program's own doing: `python -m training` does, from its last checkpoint.
    """
    instance = running_instance(rig)
    with open_host(rig, instance) as host, host.target.one_at_a_time(rig.tell):
        facts = facts_of(rig, host)
        name = name or _find_newest_unfinished(rig, host, facts)
        _ensure_there(rig, host, facts, name)
        job = _job_of(host, facts, name)
        rig.tell(f"Going on with {name}")
        host.ask(docker_remove(facts.docker, name))  # what is left of its first part; it has ended
        return begin(rig, host, instance, job, name, choose(rig, job), show)


def _find_newest_unfinished(rig: Rig, host: Host, facts: Facts) -> str:
    folders = [path for path in rig.runs.glob("[!.]*") if path.is_dir() and not path.is_symlink()]
    here = [artifacts.read_recorded(path) for path in folders]
    known = {one.name: one for one in [*here, *facts.runs]}  # the instance knows better than a copy
    left = sorted(one.name for one in known.values() if _is_unfinished(one))
    bucket = s3_backup.newest(host, facts, rig.settings.bucket.rstrip("/")) if rig.settings.bucket else ""
    if bucket and bucket not in known:
        left.append(bucket)
    if not left:
        raise NothingToDo("There is no unfinished run to go on with.", "`rig train remote --resume NAME` names one")
    return max(left)


def _is_unfinished(one: RunFacts) -> bool:
    return one.state in ("lost", "ended") and (one.exit_code != 0 or bool(one.signal))


def _ensure_there(rig: Rig, host: Host, facts: Facts, name: str) -> None:
    found = [one for one in facts.runs if one.name == name]
    if found and found[0].state == "running":
        raise NothingToDo(f"Run {name} is still going; `rig logs` follows it.")
    if found and found[0].state == "unknown":
        raise HostUnreachable("Docker on the host does not answer, so it cannot be told whether the run goes on.")
    if found or _from_bucket(rig, host, facts, name) or _from_here(rig, host, facts, name):
        return
    raise UserError(f"Run {name} is neither on the instance nor in runs/ here, nor in a bucket.", "`rig runs`")


def _from_bucket(rig: Rig, host: Host, facts: Facts, name: str) -> bool:
    if not rig.settings.bucket:
        return False
    bucket = s3_backup.require_bucket(rig.settings.bucket)
    rig.tell(f"Looking for {name} in {bucket}")
    return s3_backup.restore(host, facts, bucket, name)


def _from_here(rig: Rig, host: Host, facts: Facts, name: str) -> bool:
    ours: Path = rig.runs / name
    if not ours.is_dir():
        return False
    rig.tell(f"Copying runs/{name} to the instance")
    remember(ours)
    there, chosen = f"{facts.home}/{RUNS_DIR}/{name}", select_all(ours)
    persistently(lambda: push_data(host, chosen, there, rsync_there=facts.rsync, tell=rig.tell), tell=rig.tell)
    return True


def _job_of(host: Host, facts: Facts, name: str) -> Job:
    answer = host.ask(["cat", f"{facts.home}/{RUNS_DIR}/{name}/job.json"])
    try:
        return Job.from_json(answer.out)
    except ValueError:
        raise UserError(
            f"Run {name} left no job.json, so nobody knows what to go on with.", "start it anew: `rig train remote`"
        ) from None
