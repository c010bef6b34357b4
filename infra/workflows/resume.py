"""Go on with a run that was ended before it was done: same name, same folder, from its last checkpoint."""

from __future__ import annotations

from pathlib import Path

from infra.aws.instances.instance import Instance, find_nodes
from infra.errors import HostUnreachable, NothingToDo, UserError
from infra.host.connection import Host
from infra.host.facts import Facts, RunFacts
from infra.host.push import push_data
from infra.host.retry import persistently
from infra.host.selection import select_all
from infra.host.sync import remember
from infra.job import artifacts, s3_backup
from infra.job.container import docker_remove
from infra.job.run_folders import runs_home
from infra.job.run_names import MOMENT, choose_run
from infra.job.spec import Job, with_workers
from infra.names import RUNS_DIR
from infra.workflows.context import Rig, open_host, running_nodes
from infra.workflows.ensure_image import Show
from infra.workflows.group_run import begin_on_all
from infra.workflows.launch import Announce, launch_again
from infra.workflows.nodes import on_each
from infra.workflows.prepare_run import choose
from infra.workflows.runs import facts_of
from infra.workflows.train import begin, take_nodes


def recover(rig: Rig, name: str, announce: Announce, show: Show, *, workers: str = "") -> str:
    """Launch again if need be, and go on with run *name*; where no machine is left, what there is to go on with is
    looked for before one is paid for."""
    if not rig.settings.bucket and not find_nodes(rig.session, rig.name):
        _require_unfinished_here(rig, name)
    launch_again(rig, announce)
    return resume(rig, name, show, workers=workers)


def _require_unfinished_here(rig: Rig, name: str) -> None:
    if name:
        choose_run(name, sorted(one.name for one in runs_home(rig.runs)), where="in runs/ here, and no machine is left")
    elif not any(_is_unfinished(one) for one in _list_here(rig)):
        raise _nothing_unfinished()


def resume(rig: Rig, name: str, show: Show, *, workers: str = "") -> str:
    """Start run *name* again where it stopped, or the newest unfinished one; its name. *workers*: as many as this on
    each machine from now on; empty for as many as before.

    Its folder is taken from the instance's disk, else from the bucket, else from runs/ here. Whether it really goes on
    is the program's own doing: `python -m training` does, from its last checkpoint.
    """
    nodes = take_nodes(rig, running_nodes(rig))
    if len(nodes) > 1:
        return _resume_on_all(rig, nodes, name, show, workers)
    instance = nodes[0]
    with open_host(rig, instance) as host, host.target.one_at_a_time(rig.tell):
        facts = facts_of(rig, host)
        name = _name_meant(rig, host, facts, name)
        _ensure_there(rig, host, facts, name)
        job = with_workers(_job_of(host, facts, name), workers)
        rig.tell(f"Going on with {name}")
        host.ask(docker_remove(facts.docker, name))  # what is left of its first part; it has ended
        return begin(rig, host, instance, job, name, choose(rig, job), show)


def _resume_on_all(rig: Rig, nodes: tuple[Instance, ...], name: str, show: Show, workers: str) -> str:
    """Each node with what it had itself; `training` takes the newest checkpoint that any of them has."""
    with open_host(rig, nodes[0]) as host:
        name = _name_meant(rig, host, facts_of(rig, host), name)
    rig.tell(f"Going on with {name} on {len(nodes)} machines")
    jobs = [job for job in on_each(rig, nodes, lambda rig, one: _make_ready(rig, one, name)) if job]
    if not jobs:
        raise UserError(f"Run {name} is neither on the machines nor in runs/ here, nor in a bucket.", "`rig runs`")
    job = with_workers(jobs[0], workers)
    return begin_on_all(rig, nodes, job, name, choose(rig, job), show)


def _make_ready(rig: Rig, node: Instance, name: str) -> Job | None:
    """The job of run *name*, whose folder is on *node* again; None where nobody has anything of it for this node."""
    with open_host(rig, node) as host, host.target.one_at_a_time(rig.tell):
        facts = facts_of(rig, host)
        if not _bring_there(rig, host, facts, name, node.rank):
            return None
        host.ask(docker_remove(facts.docker, name))
        return _job_of(host, facts, name)


def _name_meant(rig: Rig, host: Host, facts: Facts, name: str) -> str:
    """The run that *name* means, as for every other command; without one, the newest that did not end well."""
    if not name:
        return _find_newest_unfinished(rig, host, facts)
    known = sorted({one.name for one in (*runs_home(rig.runs), *facts.runs)})
    if rig.settings.bucket and MOMENT.fullmatch(name):  # which may have it alone
        return name
    return choose_run(name, known, where="on the instance or in runs/ here")


def _find_newest_unfinished(rig: Rig, host: Host, facts: Facts) -> str:
    known = {one.name: one for one in [*_list_here(rig), *facts.runs]}  # the instance knows better than a copy
    left = sorted(one.name for one in known.values() if _is_unfinished(one))
    bucket = s3_backup.newest(host, facts, rig.settings.bucket.rstrip("/")) if rig.settings.bucket else ""
    if bucket and bucket not in known:
        left.append(bucket)
    if not left:
        raise _nothing_unfinished()
    return max(left)


def _list_here(rig: Rig) -> list[RunFacts]:
    folders = [path for path in rig.runs.glob("[!.]*") if path.is_dir() and not path.is_symlink()]
    return [artifacts.read_recorded(path) for path in folders]


def _nothing_unfinished() -> NothingToDo:
    return NothingToDo("There is no unfinished run to go on with.", "`rig train remote --resume NAME` names one")


def _is_unfinished(one: RunFacts) -> bool:
    return one.state in ("lost", "ended") and (one.exit_code != 0 or bool(one.signal))


def _ensure_there(rig: Rig, host: Host, facts: Facts, name: str) -> None:
    if not _bring_there(rig, host, facts, name, 0):
        raise UserError(f"Run {name} is neither on the instance nor in runs/ here, nor in a bucket.", "`rig runs`")


def _bring_there(rig: Rig, host: Host, facts: Facts, name: str, rank: int) -> bool:
    """Whether the folder of *name* is on the host now, with what node *rank* had of it."""
    found = [one for one in facts.runs if one.name == name]
    if found and found[0].state == "running":
        raise NothingToDo(f"Run {name} is still going; `rig logs` follows it.")
    if found and found[0].state == "unknown":
        raise HostUnreachable("Docker on the host does not answer, so it cannot be told whether the run goes on.")
    from_bucket = not rank and not found and _from_bucket(rig, host, facts, name)
    return bool(found) or from_bucket or _from_here(rig, host, facts, name, rank)


def _from_bucket(rig: Rig, host: Host, facts: Facts, name: str) -> bool:
    if not rig.settings.bucket:
        return False
    bucket = s3_backup.require_bucket(rig.settings.bucket)
    rig.tell(f"Looking for {name} in {bucket}")
    return s3_backup.restore(host, facts, bucket, name)


def _from_here(rig: Rig, host: Host, facts: Facts, name: str, rank: int) -> bool:
    ours: Path = artifacts.home_of(rig.runs, name, rank)
    if not ours.is_dir():
        return False
    there, chosen = f"{facts.home}/{RUNS_DIR}/{name}", select_all(ours).without(artifacts.OTHER_NODES)
    if not chosen.sent:  # of a first node that was lost with all it had
        return False
    rig.tell(f"Copying {ours.relative_to(rig.project)} to the instance")
    remember(ours)
    persistently(
        lambda: push_data(host, chosen, there, rsync_there=facts.rsync, tell=rig.tell, progress=not rank),
        tell=rig.tell,
    )
    return True


def _job_of(host: Host, facts: Facts, name: str) -> Job:
    answer = host.ask(["cat", f"{facts.home}/{RUNS_DIR}/{name}/job.json"])
    try:
        return Job.from_json(answer.out)
    except ValueError:
        raise UserError(
            f"Run {name} left no job.json, so nobody knows what to go on with.", "start it anew: `rig train remote`"
        ) from None
