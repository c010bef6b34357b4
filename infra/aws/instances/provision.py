"""Asking EC2 for a machine: which type, which zone, under which token, and what its no means."""

from __future__ import annotations

import itertools
from typing import Final

from infra.aws.client.errors import code_of
from infra.aws.instances.instance import Instance
from infra.aws.instances.launch_request import Attempt, Order, attempts, client_token, request
from infra.aws.instances.pending_instance import PendingInstance
from infra.errors import AwsFailed, NoCapacity, RigError

ASK_AGAIN_S: Final = 60.0
# The type is not offered in that zone, or not to this account: the next attempt may fare better.
ELSEWHERE: Final = frozenset({"Unsupported", "InvalidParameterCombination"})


def provision(order: Order, pending: PendingInstance, *, spent: frozenset[str]) -> Instance:
    """The first attempt that EC2 grants; all of them again every minute while the order's waiting time lasts.

    *spent*: tokens of instances that have ended. Only capacity leads on to the next attempt: a quota is the same in
    every zone. `pending.instance` stays None when the instance is one that an earlier launch made.
    """
    for gone_s in pending.clock.ticks(for_s=order.wait_s, every_s=ASK_AGAIN_S):
        refused: list[RigError] = []
        for attempt in attempts(order):
            try:
                return _make_or_adopt(order, attempt, pending, spent)
            except RigError as error:
                if not isinstance(error, NoCapacity) and code_of(error) not in ELSEWHERE:
                    raise
                pending.tell(f"{attempt}: {code_of(error)}")
                refused.append(error)
        if gone_s < order.wait_s:
            minutes = f"{(order.wait_s - gone_s) / 60:.0f} more minutes"
            pending.tell(f"No machine is free; asking again in a minute, for {minutes}")
    raise _explain_refusals(order, refused)


def _make_or_adopt(order: Order, attempt: Attempt, pending: PendingInstance, spent: frozenset[str]) -> Instance:
    """The instance that EC2 makes for *attempt*, or the one that an earlier launch made for it."""
    for generation in itertools.count():
        token = client_token(order, attempt, generation)
        if token in spent:
            continue
        try:
            return pending.make(attempt, request(order, attempt, token))
        except AwsFailed as error:
            if code_of(error) != "IdempotentParameterMismatch":
                raise
        if earlier := pending.wait_for_earlier():
            return earlier
    raise AssertionError("count() has no end")


def _explain_refusals(order: Order, refused: list[RigError]) -> RigError:
    if not any(isinstance(error, NoCapacity) for error in refused):
        return refused[-1]
    places = "; ".join(f"{offer} in any zone, {', '.join(offer.zones)}".rstrip(", ") for offer in order.offers)
    return NoCapacity(
        f"AWS has no free machine now. Asked for: {places}. Nothing was started.",
        "name more types (TYPE=g4dn.xlarge,g6.xlarge,g5.xlarge), wait for one (WAIT_MINUTES=30), or another region",
        code="InsufficientInstanceCapacity",
    )
