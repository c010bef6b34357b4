"""Who may knock: one security group per rig, with one rule: SSH from the address of this computer.

The machines of a group have a second rule, for traffic among themselves: their training engines choose ports at random,
and speak in clear, unlocked; this rule alone keeps others out.
"""

from __future__ import annotations

import ipaddress
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from infra.aws.client.account import Account
from infra.aws.client.rollback import Rollback
from infra.aws.client.session import Session
from infra.aws.client.tags import filters, from_tags, own_filters, own_tags, specification
from infra.errors import AwsFailed, RigError, UserError
from infra.names import KIT, OWNER_TAG

# Amazon's own; plain text, one line: https://checkip.amazonaws.com
ADDRESS_SERVICE: Final = "https://checkip.amazonaws.com"
SSH_PORT: Final = 22


@dataclass(frozen=True)
class Group:
    """*rules*: AWS's IpPermissions, flattened to one (protocol, first port, last port, source) each; those that name
    addresses. *among_own*: there is the rule that lets the machines of this group speak with each other."""

    id: str
    rules: tuple[tuple[str, int, int, str], ...] = ()
    among_own: bool = False


def ask_address_service() -> str:
    with urllib.request.urlopen(ADDRESS_SERVICE, timeout=5) as answer:
        return str(answer.read(100).decode("ascii"))


def my_address(session: Session, ask: Callable[[], str] = ask_address_service) -> str:
    """The address from which AWS sees this computer, as a range of one: "203.0.113.7/32", or ".../128" for IPv6."""
    if session.endpoint_url:
        return "127.0.0.1/32"
    try:
        address = ipaddress.ip_address(ask().strip())
    except (OSError, ValueError) as error:
        raise AwsFailed(
            f"Cannot find out this computer's public address: {ADDRESS_SERVICE} does not answer ({error})",
            "check the internet connection; the kit opens SSH to your address only, so it has to know it",
        ) from error
    return f"{address}/{address.max_prefixlen}"


def group_name(name: str) -> str:
    return f"{KIT}-{name}"


def find_group(session: Session, name: str) -> Group | None:
    with session.translated(f"look up the security group of {name}"):
        found = session.client("ec2").describe_security_groups(Filters=own_filters(name))["SecurityGroups"]
    return _parse(found[0]) if found else None


def ensure_group(account: Account, name: str, seen: Group | None, rollback: Rollback) -> Group:
    """*seen*, or a new group without rules. Tags come with it, so that a killed launch leaves nothing unmarked."""
    if seen:
        return seen
    title = group_name(name)
    rollback.later(f"security group {title}", lambda: delete_group(account, name))
    try:
        with account.session.translated(f"create security group {title}"):
            made = account.session.client("ec2").create_security_group(
                GroupName=title,
                Description=f"SSH to the rig {name} from one address",
                TagSpecifications=specification(["security-group"], own_tags(name)),
            )
    except AwsFailed as error:
        if error.code != "InvalidGroup.Duplicate":
            raise
        return _adopt(account, title)
    return Group(made["GroupId"])


def admit_only(account: Account, group: Group, source: str) -> None:
    """Make SSH from *source* the one rule of *group*. The new one comes before the old ones go: no gap in between."""
    wanted = ("tcp", SSH_PORT, SSH_PORT, source)
    if wanted not in group.rules:
        account.tell(f"Opening SSH (port {SSH_PORT}) to {source} only")
        _authorize(account.session, group, wanted)
    others = [rule for rule in group.rules if rule != wanted]
    if others:
        account.tell("Closing what was open before: " + ", ".join(f"port {rule[1]} to {rule[3]}" for rule in others))
        with account.session.translated(f"close old rules of security group {group.id}"):
            account.session.client("ec2").revoke_security_group_ingress(
                GroupId=group.id, IpPermissions=[_permission(rule) for rule in others]
            )


def admit_own(account: Account, group: Group) -> None:
    """Let the machines of *group* speak with each other, on all ports."""
    if group.among_own:
        return
    account.tell("Opening all ports between the machines of the group, and to nobody else")
    among_own = {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group.id}]}
    try:
        with account.session.translated(f"open security group {group.id} to itself"):
            account.session.client("ec2").authorize_security_group_ingress(GroupId=group.id, IpPermissions=[among_own])
    except RigError as error:
        if error.code != "InvalidPermission.Duplicate":
            raise


def delete_group(account: Account, name: str, *, wait_s: float = 120.0) -> bool:
    """Delete the group of *name*; say whether there was one. EC2 lets it go a while after its last instance ended."""
    session = account.session
    for gone_s in account.clock.ticks(for_s=wait_s, every_s=5.0):
        group = find_group(session, name)
        if group is None:
            return False
        try:
            with session.translated(f"delete security group {group.id}"):
                session.client("ec2").delete_security_group(GroupId=group.id)
        except AwsFailed as error:
            if error.code == "DependencyViolation" and gone_s < wait_s:
                continue
            if error.code != "InvalidGroup.NotFound":
                raise
        return True
    raise AssertionError("the last tick returns or raises")


def _adopt(account: Account, title: str) -> Group:
    """The group of that name: another launch made it a moment ago, and EC2 may not show it yet."""
    session = account.session
    for _ in account.clock.ticks(for_s=20.0, every_s=2.0):
        with session.translated(f"look up security group {title}"):
            found = session.client("ec2").describe_security_groups(Filters=filters({"group-name": title}))
        for group in found["SecurityGroups"]:
            if from_tags(group.get("Tags", [])).get(OWNER_TAG) == KIT:
                return _parse(group)
            raise UserError(
                f"The security group {title} ({group['GroupId']}) in {session.region} was not made by this kit",
                "use another NAME, or remove that group",
            )
    raise AwsFailed(f"EC2 says the security group {title} exists, but does not show it", "run the command again")


def _authorize(session: Session, group: Group, rule: tuple[str, int, int, str]) -> None:
    try:
        with session.translated(f"open SSH in security group {group.id}"):
            session.client("ec2").authorize_security_group_ingress(GroupId=group.id, IpPermissions=[_permission(rule)])
    except RigError as error:
        if error.code != "InvalidPermission.Duplicate":
            raise


def _permission(rule: tuple[str, int, int, str]) -> dict[str, Any]:
    protocol, first, last, source = rule
    where = {"Ipv6Ranges": [{"CidrIpv6": source}]} if ":" in source else {"IpRanges": [{"CidrIp": source}]}
    ports = {} if protocol == "-1" else {"FromPort": first, "ToPort": last}
    return {"IpProtocol": protocol, **ports, **where}


def _parse(found: Mapping[str, Any]) -> Group:
    rules = [
        (one["IpProtocol"], one.get("FromPort", -1), one.get("ToPort", -1), source)
        for one in found.get("IpPermissions", [])
        for source in [
            *(part["CidrIp"] for part in one.get("IpRanges", [])),
            *(part["CidrIpv6"] for part in one.get("Ipv6Ranges", [])),
        ]
    ]
    among = [pair.get("GroupId") for one in found.get("IpPermissions", []) for pair in one.get("UserIdGroupPairs", [])]
    return Group(found["GroupId"], tuple(rules), among_own=found["GroupId"] in among)
