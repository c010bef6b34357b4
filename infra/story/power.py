"""Stop and terminate: what a run produced comes home first, whatever else happens, and the bill ends."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

from infra import budget
from infra.aws import lifecycle, rings
from infra.aws.ending import end_rig
from infra.aws.instance import Instance, find, sight
from infra.errors import ArtifactsMissing, HostUnreachable, NothingToDo, RigError, UserError
from infra.host.connection import Host
from infra.host.facts import Facts, ask_facts
from infra.job import artifacts, run
from infra.names import DEADLINE_TAG, HOME_TAG
from infra.story.entry import remove_entry
from infra.story.rig import Rig, open_host
from infra.story.status import Standing, standing_of
from infra.story.train import mark_home


def stop(rig: Rig) -> Instance:
    """Bring home what is not home yet, then stop. If the host does not answer, stop all the same: its disk stays."""
    instance = _existing(rig)
    if instance.state == "running":
        try:
            bring_all_home(rig, instance)
            mark_home(rig, instance, home=True)
        except RigError as error:
            # Money first: results on a stopped disk are safe, a running machine is not free.
            rig.tell(
                f"Not everything is home: {error.cause} It stays on the disk; `rig start` and `rig pull` fetch it."
            )
    done = lifecycle.stop(rig.session, instance, rig.tell)
    disarm(rig)
    return done


def disarm(rig: Rig) -> None:
    """Last: as long as an instance may run, its guards stay. Those of ended ones too, which a killed verb left."""
    reasons = [reason for one in sight(rig.session, rig.name) for reason in rings.disarm(rig.session, one.id)]
    for reason in reasons:
        rig.tell(f"A guard could not be taken off, which does no harm: {reason}")


def stopped(rig: Rig) -> Standing:
    """Stop, and say what stays and what it costs."""
    return standing_of(rig, stop(rig))


def extended(rig: Rig, instance: Instance, by_hours: float) -> Instance:
    """*instance* as it would be with a later deadline; changes nothing."""
    then = (instance.deadline or rig.now()) + timedelta(hours=by_hours)
    return dataclasses.replace(instance, tags={**instance.tags, DEADLINE_TAG: budget.tag(then)})


def extend(rig: Rig, instance: Instance, by_hours: float) -> Instance:
    """Move every armed deadline of the running *instance*, and return it with its new one."""
    later = extended(rig, instance, by_hours)
    assert later.deadline is not None
    for ring in rings.extend(rig.session, instance, later.deadline):
        rig.tell(str(ring))
    return later


def terminate(rig: Rig, *, lose_results: bool) -> list[str]:
    """Bring home what is not home yet, then delete instance, disk, key pair and group; what was removed.

    Raises UserError, having deleted nothing, when results would be lost and *lose_results* does not allow it.
    """
    instance = find(rig.session, rig.name)
    if instance is not None and not lose_results:
        _require_home(rig, instance)
    try:
        return end_rig(rig.session, rig.name, rig.tell)
    finally:
        disarm(rig)  # also when nothing else was left to remove
        remove_entry(rig)


def _existing(rig: Rig) -> Instance:
    instance = find(rig.session, rig.name)
    if instance is None:
        raise NothingToDo(f"There is no instance of the rig {rig.name!r}: nothing costs money.")
    return instance


def _require_home(rig: Rig, instance: Instance) -> None:
    way_out = "or give the results up: `rig terminate --lose-results`"
    if instance.state != "running":
        if instance.tags.get(HOME_TAG) == "yes":
            return
        raise UserError(
            f"{instance.id} is {instance.state}, and its disk may hold results that are not home; deleting it deletes "
            "them.",
            f"`rig start`, then `rig terminate` again\n{way_out}",
        )
    try:
        bring_all_home(rig, instance)
    except (HostUnreachable, ArtifactsMissing) as error:
        raise UserError(f"{error.cause} Nothing was deleted.", f"{error.hint}\n{way_out}".lstrip()) from error


def bring_all_home(rig: Rig, instance: Instance) -> None:
    """End what still runs, gently, and fetch every run that is not home."""
    with open_host(rig, instance) as host:
        facts = ask_facts(host)
        for one in facts.running:
            rig.tell(f"Run {one.name} is still going: asking it to save and end")
            run.stop(host, facts.docker, one.name)
        if facts.running:
            facts = ask_facts(host)
        _fetch_unfetched(rig, host, facts)


def _fetch_unfetched(rig: Rig, host: Host, facts: Facts) -> None:
    for one in facts.unfetched:
        rig.tell(f"Bringing the results of {one.name} home")
        rig.point_latest_at(artifacts.fetch(host, facts, one, rig.runs, tell=rig.tell))
