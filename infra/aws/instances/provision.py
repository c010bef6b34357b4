"""Asking EC2 for a machine: which type, which zone, under which token, and what its no means."""

from __future__ import annotations

import itertools
from typing import Final

from infra.aws.instances.instance import Instance
from infra.aws.instances.launch_request import Attempt, LaunchRequest, attempts, client_token, run_instances_words
from infra.aws.instances.pending_instance import PendingInstance
from infra.errors import AwsFailed, NoCapacity, RigError

ASK_AGAIN_S: Final = 60.0
# The type is not offered in that zone, or not to this account: the next attempt may fare better.
ELSEWHERE: Final = frozenset({"Unsupported", "InvalidParameterCombination"})


def provision(request: LaunchRequest, pending: PendingInstance, *, spent: frozenset[str]) -> tuple[Instance, ...]:
    """The first attempt that EC2 grants; all of them again every minute while the request's waiting time lasts.

    *spent*: tokens of instances that have ended. Only capacity leads on to the next attempt: a quota is the same in
    every zone. `pending.nodes` stays empty when the machines are those that an earlier launch made.
    """
    for gone_s in pending.account.clock.ticks(for_s=request.wait_s, every_s=ASK_AGAIN_S):
        refused: list[RigError] = []
        for attempt in attempts(request):
            try:
                return _make_or_adopt(request, attempt, pending, spent)
            except RigError as error:
                if not isinstance(error, NoCapacity) and error.code not in ELSEWHERE:
                    raise
                pending.account.tell(f"{attempt}: {error.code}")
                refused.append(error)
        if gone_s < request.wait_s:
            minutes = f"{(request.wait_s - gone_s) / 60:.0f} more minutes"
            pending.account.tell(f"No machine is free; asking again in a minute, for {minutes}")
    raise _explain_refusals(request, refused)


def _make_or_adopt(
    request: LaunchRequest, attempt: Attempt, pending: PendingInstance, spent: frozenset[str]
) -> tuple[Instance, ...]:
    """What EC2 makes for *attempt*, or what an earlier launch made for it."""
    for generation in itertools.count():
        token = client_token(request, attempt, generation)
        if token in spent:
            continue
        try:
            return pending.make(attempt, run_instances_words(request, attempt, token))
        except AwsFailed as error:
            if error.code != "IdempotentParameterMismatch":
                raise
        if earlier := pending.wait_for_earlier():
            return earlier
    raise AssertionError("count() has no end")


def _explain_refusals(request: LaunchRequest, refused: list[RigError]) -> RigError:
    if not any(isinstance(error, NoCapacity) for error in refused):
        return refused[-1]
    places = "; ".join(f"{offer} in any zone, {', '.join(offer.zones)}".rstrip(", ") for offer in request.offers)
    free = f"no {request.nodes} free machines in one zone" if request.nodes > 1 else "no free machine"
    return NoCapacity(
        f"AWS has {free} now. Asked for: {places}. Nothing was started.",
        "name more types (TYPE=g4dn.xlarge,g6.xlarge,g5.xlarge), wait for one (WAIT_MINUTES=30), or another region",
        code="InsufficientInstanceCapacity",
    )
