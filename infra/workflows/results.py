"""Whether anything lies on the instance's disk alone. A stopped disk cannot be asked, so the cloud remembers it.

Two tags, each written by one kind of hand, and no order of hands can lose a result:

- Whoever begins work (a run, a notebook, a shell, the machine itself) first lets the host show it, then writes a value
  of its own into STARTED_TAG, and only then begins.
- Whoever looks reads STARTED_TAG first, then asks the host, and if all is home writes what it had read into
  RESULTS_FETCHED_TAG.

Everything is home where both are equal. A look that did not see some work was made before the host showed it, so before
that work's own value was written: what the look had read is another value.
"""

from __future__ import annotations

import secrets

from infra.aws.instances.instance import Instance, write_tags
from infra.errors import AWS_IS_SHUT
from infra.host.connection import Host
from infra.host.facts import Facts, RunFacts
from infra.names import RESULTS_FETCHED_TAG, STARTED_TAG, VISITED_DIR
from infra.workflows.context import Rig


def fresh_mark(what: str) -> str:
    """A value for STARTED_TAG that nobody has written before: "run 20261120-155301-lenet-3f2a 9c1e..."."""
    return f"{what} {secrets.token_hex(8)}"


def announce(rig: Rig, instance: Instance, what: str) -> None:
    """Say that *what* is about to put something on the disk. The host shows it already."""
    write_tags(rig.session, instance, {STARTED_TAG: fresh_mark(what)})


def announce_visit(rig: Rig, host: Host, instance: Instance) -> None:
    """A user is about to be led to a shell there, and may write where the kit does not look. A host that cannot take
    the note, for its disk is full, must not keep the user out."""
    host.ask(["mkdir", "-p", VISITED_DIR])
    announce(rig, instance, "a shell")


def tag_results_fetched(rig: Rig, instance: Instance) -> None:
    """Say that all is home. *instance* was described before the host was asked."""
    if started := instance.tags.get(STARTED_TAG):
        write_tags(rig.session, instance, {RESULTS_FETCHED_TAG: started})


def tag_if_aws_answers(rig: Rig, instance: Instance) -> None:
    """As `tag_results_fetched`. Without it `terminate` asks once more than it had to, which is the safe side."""
    try:
        tag_results_fetched(rig, instance)
    except AWS_IS_SHUT as error:
        rig.tell(f"The results are home, but AWS does not know it yet: {error.cause}. `rig pull` tells it later")


def is_home(instance: Instance) -> bool:
    """Whether nothing lies on its disk alone, as the tags of *instance* say."""
    started = instance.tags.get(STARTED_TAG, "")
    return bool(started) and instance.tags.get(RESULTS_FETCHED_TAG) == started


def nothing_left(facts: Facts, fetched: RunFacts | None = None) -> bool:
    """Whether *facts*, but for the run that was *fetched* since, show nothing that is on the disk alone.

    Notebooks and a user's own files count as left: only `homecoming.bring_all_home` looks at them.
    """
    left = {one.name for one in facts.unfetched} - ({fetched.name} if fetched else set())
    return not (left or facts.nameless or facts.beginning or facts.notebooks or facts.visited)
