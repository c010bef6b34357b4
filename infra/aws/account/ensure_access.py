"""How this laptop gets in: its key known to EC2, its address let through, both side by side."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from infra.aws.access.key_pair import LocalKey, import_key_pair
from infra.aws.access.security_group import admit_only, admit_own, ensure_group
from infra.aws.account.discovery import Existing
from infra.aws.client.account import Account
from infra.aws.client.rollback import Rollback
from infra.aws.client.session import Session


@dataclass(frozen=True)
class SshAccess:
    key_name: str
    group_id: str


def ensure_access(
    account: Account, name: str, key: LocalKey, seen: Existing, rollback: Rollback, *, nodes: int = 1
) -> SshAccess:
    """Make what *seen* lacks: key pair, group, the one rule for this computer's address, and for several *nodes* that
    for traffic among them.

    An instance that is there already has its keys inside, so EC2 need not know this one.
    """
    with ThreadPoolExecutor(max_workers=2) as side_by_side:
        pair = side_by_side.submit(_ensure_key, account.session, name, key, seen, rollback)
        group = side_by_side.submit(_ensure_group, account, name, seen, rollback, nodes)
    return SshAccess(pair.result(), group.result())


def _ensure_key(session: Session, name: str, key: LocalKey, seen: Existing, rollback: Rollback) -> str:
    if seen.key_known or seen.instance:
        return key.pair_name(name)
    return import_key_pair(session, name, key, rollback)


def _ensure_group(account: Account, name: str, seen: Existing, rollback: Rollback, nodes: int) -> str:
    group = ensure_group(account, name, seen.group, rollback)
    admit_only(account, group, seen.source)
    if nodes > 1:
        admit_own(account, group)
    return group.id
