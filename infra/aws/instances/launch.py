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

from collections.abc import Iterable

from infra.aws.client.account import Account
from infra.aws.client.rollback import Rollback
from infra.aws.client.session import Session
from infra.aws.instances.instance import Instance, list_instances, oldest_alive
from infra.aws.instances.launch_request import LaunchRequest, attempts, run_instances_words
from infra.aws.instances.lifecycle import start, stop, wait, watch
from infra.aws.instances.pending_instance import PendingInstance
from infra.aws.instances.provision import ASK_AGAIN_S, provision
from infra.errors import NoCapacity, RigError


def ensure_running(
    account: Account, request: LaunchRequest, *, rollback: Rollback, seen: Iterable[Instance] | None = None
) -> Instance:
    """The rig of *request*, running: as it is, or started with the request's tags, or new.

    *seen*: what `list_instances` answered a moment ago; None: look now. *rollback* takes back what was started or made
    if the caller fails later. Raises NoCapacity, QuotaTooSmall, NotAllowed and AwsFailed; then nothing of it runs.
    """
    seen = list_instances(account.session, request.name) if seen is None else tuple(seen)
    found = oldest_alive(seen)
    if found:
        return _bring_up(account, request, found, rollback)
    pending = PendingInstance(account, request.name)
    rollback.later(f"the new instance of {request.name}", pending.discard)
    instance = provision(request, pending, spent=frozenset(one.token for one in seen))
    if pending.instance is None:
        account.tell(f"{instance.id} was begun by an earlier launch: going on with it")
        return _bring_up(account, request, instance, rollback)
    account.tell(f"{instance.id} ({instance.type}, {instance.zone}) is being made")
    winner = oldest_alive(watch(account, instance, until="running"))
    if winner is None or winner.id == instance.id:
        return winner or instance
    account.tell(f"Another launch made {winner.id} a moment earlier: keeping that one")
    pending.discard()
    return _bring_up(account, request, winner, rollback)


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


def _bring_up(account: Account, request: LaunchRequest, instance: Instance, rollback: Rollback) -> Instance:
    if instance.state == "running":
        account.tell(f"{request.name} ({instance.id}) is already running")
        return instance
    if instance.state == "pending":
        return wait(account, instance, until="running")
    rollback.later(f"the start of {instance.id}", lambda: _stop_again(account, request.name))
    return _start_when_free(account, request, instance)


def _start_when_free(account: Account, request: LaunchRequest, instance: Instance) -> Instance:
    for gone_s in account.clock.ticks(for_s=request.wait_s, every_s=ASK_AGAIN_S):
        try:
            return start(account, instance, request.tags)
        except NoCapacity as error:
            if gone_s >= request.wait_s:
                raise
            account.tell(f"{error.cause}; asking again in a minute")
    raise AssertionError("the last tick returns or raises")


def _stop_again(account: Account, name: str) -> None:
    """As it is now, not as it was: the start may not even have been sent."""
    instance = oldest_alive(list_instances(account.session, name))
    if instance:
        stop(account, instance)
