"""How this laptop gets in: its key known to EC2, its address let through, both side by side."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from infra.aws.access.key_pair import LocalKey, import_key_pair
from infra.aws.access.security_group import admit_only, ensure_group
from infra.aws.account.discovery import Survey
from infra.aws.client.polling import REAL, Clock
from infra.aws.client.rollback import Undo
from infra.aws.client.session import Session
from infra.console import Tell


@dataclass(frozen=True)
class Door:
    key_name: str
    group_id: str


def open_door(
    session: Session, name: str, key: LocalKey, seen: Survey, tell: Tell, *, undo: Undo, clock: Clock = REAL
) -> Door:
    """Make what *seen* lacks: key pair, group, and the one rule for this computer's address.

    An instance that is there already has its keys inside, so EC2 need not know this one.
    """
    with ThreadPoolExecutor(max_workers=2) as side_by_side:
        pair = side_by_side.submit(_ensure_key, session, name, key, seen, undo)
        group = side_by_side.submit(_ensure_way_in, session, name, seen, tell, undo, clock)
    return Door(pair.result(), group.result())


def _ensure_key(session: Session, name: str, key: LocalKey, seen: Survey, undo: Undo) -> str:
    if seen.key_known or seen.instance:
        return key.pair_name(name)
    return import_key_pair(session, name, key, undo)


def _ensure_way_in(session: Session, name: str, seen: Survey, tell: Tell, undo: Undo, clock: Clock) -> str:
    group = ensure_group(session, name, seen.group, undo, clock)
    admit_only(session, group, seen.source, tell)
    return group.id
