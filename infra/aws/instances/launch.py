"""From wish to running instance: found, started, waited for, or, only then, made.

What makes it safe to kill this at any moment and run it again:

- Nothing is remembered on the laptop. What exists is found by tags, and the tags come with the thing, in one call.
- A killed launch may have made an instance that EC2 does not show yet, for it shows new things some seconds late. The
  ClientToken is therefore computed (`launch_request.client_token`), not drawn: asking again names the same instance.
  The new deadline makes the words differ, which EC2 answers with IdempotentParameterMismatch: proof that the earlier
  request arrived. We then wait until its instance shows, and adopt it.
- Should two come to be nevertheless (two laptops, two zones), both launches elect the older one when theirs runs, and
  the younger is taken back by the launch that made it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from infra.aws.client.account import Account
from infra.aws.client.rollback import Rollback
from infra.aws.client.session import Session
from infra.aws.instances.instance import Instance, find_nodes, list_instances, nodes_of
from infra.aws.instances.launch_request import LaunchRequest, attempts, run_instances_words
from infra.aws.instances.lifecycle import start_all, stop_all, wait_for_all, watch
from infra.aws.instances.pending_instance import PendingInstance, wait_until_shown
from infra.aws.instances.provision import ASK_AGAIN_S, provision
from infra.errors import NoCapacity, RigError, UserError


def ensure_running(
    account: Account, request: LaunchRequest, *, rollback: Rollback, seen: Iterable[Instance] | None = None
) -> tuple[Instance, ...]:
    """The machines of the rig of *request*, running: as they are, or started with the request's tags, or new.

    *seen*: what `list_instances` answered a moment ago; None: look now. *rollback* takes back what was started or made
    if the caller fails later. Raises NoCapacity, QuotaTooSmall, NotAllowed and AwsFailed; then nothing of it runs.
    """
    seen = list_instances(account.session, request.name) if seen is None else tuple(seen)
    found = nodes_of(seen)
    if found:
        return _bring_up(account, request, found, rollback)
    pending = PendingInstance(account, request.name)
    rollback.later(f"the new instance{'s' if request.nodes > 1 else ''} of {request.name}", pending.discard)
    made = provision(request, pending, spent=frozenset(one.token for one in seen))
    if not pending.nodes:
        account.tell(f"{_ids(made)} was begun by an earlier launch: going on with it")
        return _bring_up(account, request, made, rollback)
    account.tell(f"{_ids(made)} ({made[0].type}, {made[0].zone}) {'is' if len(made) == 1 else 'are'} being made")
    return _elect(account, request, pending, rollback)


def _elect(
    account: Account, request: LaunchRequest, pending: PendingInstance, rollback: Rollback
) -> tuple[Instance, ...]:
    """What was just made, running; or what another launch made a moment earlier, and ours is taken back."""
    made = pending.nodes
    winner = nodes_of(watch(account, made, until="running")) or made
    if winner[0].id in {one.id for one in made}:
        return _require_whole(account, winner)
    account.tell(f"Another launch made {_ids(winner)} a moment earlier: keeping that one")
    pending.discard()
    return _bring_up(account, request, winner, rollback)


def _require_whole(account: Account, nodes: tuple[Instance, ...]) -> tuple[Instance, ...]:
    """*nodes*, all that the order was for. Raises UserError for a group of which one has gone."""
    if len(nodes) < nodes[0].nodes:  # right after its launch EC2 may show some of them later than others
        nodes = wait_until_shown(account, nodes[0].name) or nodes
    if len(nodes) < nodes[0].nodes:
        raise incomplete(nodes)
    return nodes


def incomplete(nodes: Sequence[Instance]) -> UserError:
    """What to say of a group that has lost a machine: it cannot get another of the same order."""
    first, there = nodes[0], {one.rank for one in nodes}
    gone = ", ".join(str(rank + 1) for rank in range(first.nodes) if rank not in there)
    return UserError(
        f"The group {first.name} was made of {first.nodes} machines, and has {len(nodes)}: node {gone} is gone.",
        "`rig train remote --recover` brings home what is there, and goes on with a whole group\n"
        "`rig start`, `rig pull`, `rig terminate` and `rig launch` do the same one by one",
    )


def _ids(nodes: Sequence[Instance]) -> str:
    return " ".join(one.id for one in nodes)


def preflight(session: Session, request: LaunchRequest) -> None:
    """Ask EC2 whether we may make the first offer (DryRun); quota and capacity it does not tell. Raises NotAllowed."""
    # A first launch has made neither group nor key yet; and a question needs no token.
    missing = {"ClientToken"} if request.group_id else {"ClientToken", "SecurityGroupIds", "KeyName"}
    words = {
        key: value
        for key, value in run_instances_words(request, next(attempts(request)), "").items()
        if key not in missing
    }
    try:
        with session.translated(f"launch {request.offers[0]}"):
            session.client("ec2").run_instances(**words, DryRun=True)
    except RigError as error:
        if error.code != "DryRunOperation":
            raise


def _bring_up(
    account: Account, request: LaunchRequest, nodes: tuple[Instance, ...], rollback: Rollback
) -> tuple[Instance, ...]:
    nodes = _require_whole(account, nodes) if request.whole else nodes
    states = {one.state for one in nodes}
    if states == {"running"}:
        account.tell(f"{request.name} ({_ids(nodes)}) is already running")
        return nodes
    if states <= {"pending", "running"}:
        return wait_for_all(account, nodes, until="running")
    rollback.later(f"the start of {_ids(nodes)}", lambda: _stop_again(account, request.name))
    return _start_when_free(account, request, nodes)


def _start_when_free(account: Account, request: LaunchRequest, nodes: tuple[Instance, ...]) -> tuple[Instance, ...]:
    for gone_s in account.clock.ticks(for_s=request.wait_s, every_s=ASK_AGAIN_S):
        try:
            return start_all(account, nodes, request.tags)
        except NoCapacity as error:
            if gone_s >= request.wait_s:
                raise
            account.tell(f"{error.cause}; asking again in a minute")
            nodes = find_nodes(account.session, request.name) if len(nodes) > 1 else nodes  # some may have started
    raise AssertionError("the last tick returns or raises")


def _stop_again(account: Account, name: str) -> None:
    """As it is now, not as it was: the start may not even have been sent."""
    nodes = find_nodes(account.session, name)
    if nodes:
        stop_all(account, nodes)
