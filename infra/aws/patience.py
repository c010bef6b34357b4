"""One question to EC2 that the SDK must not repeat by itself: it would ask for the same missing machine again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

from infra.aws.clock import Clock
from infra.aws.failures import code_of
from infra.aws.session import Session
from infra.errors import RigError

Answer = TypeVar("Answer")

# What may pass within seconds and says nothing about capacity. Asking again is safe because both callers' questions
# are idempotent: RunInstances by its ClientToken, StartInstances by nature.
PASSING: Final = frozenset(
    {
        *("RequestLimitExceeded", "Throttling", "ThrottlingException"),
        *("InternalError", "Unavailable", "ServiceUnavailable"),
        *("EndpointConnectionError", "ConnectTimeoutError", "ReadTimeoutError", "ConnectionClosedError"),
    }
)
_PAUSES_S: Final = (1.0, 2.0, 4.0, 8.0)


def ask_once(session: Session, action: str, question: Callable[[Any], Answer], clock: Clock) -> Answer:
    """`question(ec2 client)`, repeated only while AWS throttles or the line is bad; capacity and quota errors pass."""
    for pause_s in _PAUSES_S:
        try:
            return _ask(session, action, question)
        except RigError as error:
            if code_of(error) not in PASSING:
                raise
        clock.sleep(pause_s)
    return _ask(session, action, question)


def _ask(session: Session, action: str, question: Callable[[Any], Answer]) -> Answer:
    with session.translated(action):
        return question(session.client("ec2", patient=False))
