"""What every step that waits or tells has in its hands: the door to AWS, the ear, and the clock."""

from __future__ import annotations

from dataclasses import dataclass

from infra.aws.client.polling import REAL, Clock
from infra.aws.client.session import Session
from infra.console import Tell


@dataclass(frozen=True)
class Account:
    """The account as one command meets it. *tell* hears each step; tests hand in a *clock* that does not wait."""

    session: Session
    tell: Tell
    clock: Clock = REAL
