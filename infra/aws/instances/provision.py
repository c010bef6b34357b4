"""Asking EC2 for a machine: which type, which zone, under which token, and what its no means."""

from __future__ import annotations

import itertools
from typing import Final

from infra.aws.client.errors import code_of
from infra.aws.instances.instance import Instance, elected, parsed, sight
from infra.aws.instances.launch_request import Attempt, Order, attempts, client_token, request
from infra.aws.instances.pending_instance import SHOWN_S, Birth
from infra.aws.instances.retry import ask_once, passes
from infra.errors import AwsFailed, NoCapacity, RigError

ASK_AGAIN_S: Final = 60.0
# The type is not offered in that zone, or not to this account: the next attempt may fare better.
ELSEWHERE: Final = frozenset({"Unsupported", "InvalidParameterCombination"})


def ask_everywhere(order: Order, birth: Birth, *, spent: frozenset[str]) -> Instance:
    """The first attempt that EC2 grants; all of them again every minute while the order's waiting time lasts.

    *spent*: tokens of instances that have ended. Only capacity leads on to the next attempt: a quota is the same in
    every zone. `birth.instance` stays None when the instance is one that an earlier launch made.
    """
    for gone_s in birth.clock.ticks(for_s=order.wait_s, every_s=ASK_AGAIN_S):
        refused: list[RigError] = []
        for attempt in attempts(order):
            try:
                return _asked(order, attempt, birth, spent)
            except RigError as error:
                if not isinstance(error, NoCapacity) and code_of(error) not in ELSEWHERE:
                    raise
                birth.tell(f"{attempt}: {code_of(error)}")
                refused.append(error)
        if gone_s < order.wait_s:
            birth.tell(
                f"No machine is free; asking again in a minute, for {(order.wait_s - gone_s) / 60:.0f} more minutes"
            )
    raise _exhausted(order, refused)


def _asked(order: Order, attempt: Attempt, birth: Birth, spent: frozenset[str]) -> Instance:
    """The instance that EC2 makes for *attempt*, or the one that an earlier launch made for it."""
    for generation in itertools.count():
        token = client_token(order, attempt, generation)
        if token in spent:
            continue
        try:
            return _made(order, attempt, token, birth)
        except AwsFailed as error:
            if code_of(error) != "IdempotentParameterMismatch":
                raise
        earlier = _shown(birth)
        if earlier:
            return earlier
    raise AssertionError("count() has no end")


def _made(order: Order, attempt: Attempt, token: str, birth: Birth) -> Instance:
    birth.token = token
    words = request(order, attempt, token)
    try:
        answer = ask_once(
            birth.session,
            f"launch {attempt}",
            lambda ec2: ec2.run_instances(**words),
            machine=attempt.offer.type,
            spot=attempt.offer.spot,
            clock=birth.clock,
        )
    except RigError as error:
        if not passes(error):  # EC2 answered: it made nothing
            birth.token = ""
        raise
    birth.instance, birth.token = parsed(answer["Instances"][0]), ""
    return birth.instance


def _shown(birth: Birth) -> Instance | None:
    """What an earlier launch made, as soon as EC2 shows it; None if it has ended since."""
    for _ in birth.clock.ticks(for_s=SHOWN_S, every_s=2.0):
        alive = elected(sight(birth.session, birth.name))
        if alive:
            return alive
    return None


def _exhausted(order: Order, refused: list[RigError]) -> RigError:
    if not any(isinstance(error, NoCapacity) for error in refused):
        return refused[-1]
    places = "; ".join(f"{offer} in any zone, {', '.join(offer.zones)}".rstrip(", ") for offer in order.offers)
    return NoCapacity(
        f"AWS has no free machine now. Asked for: {places}. Nothing was started.",
        "name more types (TYPE=g4dn.xlarge,g6.xlarge,g5.xlarge), wait for one (WAIT_MINUTES=30), or another region",
        code="InsufficientInstanceCapacity",
    )
