"""One question to EC2 that the SDK must not repeat by itself: it would ask for the same missing machine again."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import Any, Final, TypeVar

from infra.aws.client.account import Account
from infra.aws.client.error_messages import BY_CODE
from infra.aws.client.errors import STRANGER, status_of
from infra.aws.client.session import Session
from infra.aws.offers.instance_types import machine_types
from infra.aws.offers.quota import quota_of
from infra.errors import QuotaTooSmall, RigError

Answer = TypeVar("Answer")

# What may pass within seconds and says nothing about capacity. Asking again is safe because both callers' questions
# are idempotent: RunInstances by its ClientToken, StartInstances by nature.
PASSING: Final = frozenset(
    {
        *("RequestLimitExceeded", "Throttling", "ThrottlingException"),
        *("InternalError", "Unavailable", "ServiceUnavailable"),
        *("EndpointConnectionError", "ConnectTimeoutError", "ReadTimeoutError", "ConnectionClosedError"),
        *("ResponseStreamingError", "IncompleteReadError", "HTTPClientError", "SSLError", "ProxyConnectionError"),
        STRANGER,
    }
)
_PAUSES_S: Final = (1.0, 2.0, 4.0, 8.0)


def passes(error: RigError) -> bool:
    """Whether the same question may fare better in a second. Then nobody knows either whether it was heard.

    A server's error that has no meaning of its own (502 of a gateway) is one; a lack of capacity, 500 too, is not.
    """
    code = error.code
    return code in PASSING or (status_of(error) >= 500 and code not in BY_CODE)


def retry(account: Account, action: str, question: Callable[[Any], Answer], *, machine: str, spot: bool) -> Answer:
    """`question(ec2 client)`, repeated only while AWS throttles or the line is bad; a lack of capacity is told at once.

    *machine* and *spot* say which quota counts: QuotaTooSmall then names it, with its numbers.
    """
    session = account.session
    with session.patiently(action):
        for pause_s in (*_PAUSES_S, None):
            try:
                with session.translated(action):
                    return question(session.client("ec2", patient=False))
            except QuotaTooSmall as error:
                raise _in_numbers(session, machine, spot, error) from error.__cause__
            except RigError as error:
                if pause_s is None or not passes(error):
                    raise
            account.clock.sleep(pause_s)
    raise AssertionError("the last question returns or raises")


def _in_numbers(session: Session, machine: str, spot: bool, error: QuotaTooSmall) -> QuotaTooSmall:
    """AWS's sentence names neither quota nor numbers. The command has failed anyway, so there is time to look."""
    try:
        quotas = [quota_of(session, found, spot=spot) for found in machine_types(session, [machine])]
    except RigError:  # looking is a courtesy: AWS's own sentence has to do
        return error
    if not quotas or quotas[0] is None:
        return error
    cause = f"{error.cause}\nThe quota {quotas[0]}. Nothing was started."
    return QuotaTooSmall(cause, f"{shlex.join(quotas[0].request)}\n{error.hint}")
