"""The rented computer as EC2 describes it, found by its tags. Nothing on this laptop knows better."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any, Final

from infra.aws.client.session import Session
from infra.aws.client.tags import as_tags, filters, from_tags, own_filters
from infra.aws.instances.ami import login_user
from infra.names import DEADLINE_TAG, HOST_KEY_TAG, IDLE_TAG, KIT, NAME_TAG, NODES_TAG, OWNER_TAG, SSH_PORT_TAG
from infra.remote.guard.parsing import minutes, moment
from infra.text import whole_number

# No deadline is that far from its launch; and beyond it there are moments that no arithmetic takes.
_NO_PROMISE_S: Final = 10 * 365 * 86400.0
ENDED: Final = frozenset({"shutting-down", "terminated"})


@dataclass(frozen=True, kw_only=True)
class Instance:
    """One EC2 instance at one moment. *address* is empty while it has none; *state_reason*: AWS's word for why.
    *lasting_volume_ids*: the disks that somebody told EC2 to keep when it is terminated.

    *rank*: its number in its order, from 0. *private_address*: where its own group finds it.
    """

    id: str
    state: str
    type: str
    zone: str
    address: str = ""
    launched_at: datetime
    image_id: str
    key_name: str = ""
    group_ids: tuple[str, ...] = ()
    volume_ids: tuple[str, ...] = ()
    lasting_volume_ids: tuple[str, ...] = ()
    root_device: str = ""
    spot: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)
    token: str = ""
    state_reason: str = ""
    rank: int = 0
    private_address: str = ""

    @property
    def name(self) -> str:
        return self.tags.get(NAME_TAG, "")

    @property
    def port(self) -> int:
        return _port(self.tags.get(SSH_PORT_TAG, "22")) or 22

    @property
    def user(self) -> str:
        return login_user(self.root_device)

    @property
    def host_key(self) -> str:
        """ "ssh-ed25519 AAAA...", empty until `host_key()` has stored it."""
        return self.tags.get(HOST_KEY_TAG, "")

    @property
    def deadline(self) -> datetime | None:
        """None when its tag is absent or makes no sense; whoever meets None takes the deadline for passed."""
        at = moment(self.tags.get(DEADLINE_TAG))
        if at is None or abs(at - self.launched_at.timestamp()) > _NO_PROMISE_S:
            return None
        return datetime.fromtimestamp(at, timezone.utc)

    @property
    def idle_minutes(self) -> float | None:
        """None when its tag is absent or makes no sense; the guard then keeps to what it read last."""
        return minutes(self.tags.get(IDLE_TAG))

    @property
    def unreadable(self) -> tuple[str, ...]:
        """In words: which of our tags somebody wrote something else into, what is taken instead, and the next step."""
        deadline, idle, port = (self.tags.get(tag) for tag in (DEADLINE_TAG, IDLE_TAG, SSH_PORT_TAG))
        found = (
            (deadline is not None and self.deadline is None,
             f"{DEADLINE_TAG} = {deadline!r} is no time: it counts as passed, and the guard keeps to the last it could "
             "read; `rig extend --by 1h` writes a new one"),
            (idle is not None and self.idle_minutes is None,
             f"{IDLE_TAG} = {idle!r} is no number of minutes: the guard keeps to the last it could read; "
             "`rig stop`, then `rig start` writes a new one"),
            (port is not None and _port(port) is None, f"{SSH_PORT_TAG} = {port!r} is no port: 22 is taken"),
        )  # fmt: skip
        return tuple(words for wrong, words in found if wrong)

    @property
    def ended(self) -> bool:
        return self.state in ENDED

    @property
    def nodes(self) -> int:
        """How many machines its order was for."""
        return _count(self.tags.get(NODES_TAG, "1"))

    @property
    def node(self) -> str:
        """ "node 2 of 4 (i-0abc)", and of one that is alone its id."""
        return self.id if self.nodes == 1 else f"node {self.rank + 1} of {self.nodes} ({self.id})"


def _port(text: str) -> int | None:
    return whole_number(text, most=65535) or None


def _count(text: str) -> int:
    return whole_number(text, most=999) or 1


def list_instances(session: Session, name: str) -> tuple[Instance, ...]:
    """Every instance of the rig *name* that EC2 still shows, terminated ones too, oldest first: one filtered call."""
    return _describe(session, own_filters(name), f"look for the instance of {name}")


def orders_of(seen: Iterable[Instance]) -> list[tuple[Instance, ...]]:
    """The machines that have not ended, each order by itself and by rank; the oldest order, which is the rig, first.

    There is a second one when a launch died before it took itself back, or somebody launched "more like this": it has
    the same name, costs money, and may hold results.
    """
    orders: dict[str, list[Instance]] = {}
    for one in sorted((one for one in seen if not one.ended), key=_age):
        orders.setdefault(one.token if one.nodes > 1 else one.id, []).append(one)
    return [tuple(sorted(nodes, key=lambda one: one.rank)) for nodes in orders.values()]


def nodes_of(seen: Iterable[Instance]) -> tuple[Instance, ...]:
    """The machines that count, by rank: the oldest that has not ended, and of a group all of the same order.

    Two launches at the same moment both elect the same ones, and the younger takes itself back (`launch`). Fewer than
    `Instance.nodes` of the first: the others have ended, or EC2 does not show them yet.
    """
    return next(iter(orders_of(seen)), ())


def find_nodes(session: Session, name: str) -> tuple[Instance, ...]:
    """The machines of the rig *name*, by rank; empty if there is none that has not ended."""
    return nodes_of(list_instances(session, name))


def find(session: Session, name: str) -> Instance | None:
    """The instance of the rig *name*, of a group its first, running or not; None if there is none, or only terminated
    ones."""
    return next(iter(find_nodes(session, name)), None)


def find_all(session: Session, *, region: str = "") -> list[Instance]:
    """Every rig of the region that has not ended, by name."""
    with_tag = filters({f"tag:{OWNER_TAG}": KIT})
    alive = (one for one in _describe(session, with_tag, "look for rigs", region=region) if not one.ended)
    return sorted(alive, key=lambda one: (one.name, one.token if one.nodes > 1 else "", one.rank, *_age(one)))


def write_tags(session: Session, instance: Instance, tags: Mapping[str, str]) -> None:
    write_tags_on_all(session, (instance,), tags)


def write_tags_on_all(session: Session, nodes: Sequence[Instance], tags: Mapping[str, str]) -> None:
    """One call, which EC2 carries out whole or not at all."""
    ids = [one.id for one in nodes]
    with session.translated(f"write tags on {' '.join(ids)}"):
        session.client("ec2").create_tags(Resources=ids, Tags=as_tags(tags))


def _describe(session: Session, wanted: list[dict[str, Any]], action: str, *, region: str = "") -> tuple[Instance, ...]:
    """Filters instead of ids: an instance that EC2 does not show yet is an empty answer, not an error.

    The paginator makes one call unless AWS itself splits the answer.
    """
    with session.translated(action, region=region):
        pages = (
            session.client("ec2", region=region or None).get_paginator("describe_instances").paginate(Filters=wanted)
        )
        found = [one for page in pages for reservation in page["Reservations"] for one in reservation["Instances"]]
    return tuple(sorted(_as_orders([parse_instance(one) for one in found]), key=_age))


def _as_orders(found: Sequence[Instance]) -> list[Instance]:
    """*found*, where each machine of an order knows how many it was for, also one that somebody took the tag from: it
    would be stopped and paid for by nobody."""
    most: dict[str, int] = {}
    for one in found:
        most[one.token] = max(one.nodes, most.get(one.token, 1))
    return [one if one.nodes == most[one.token] or not one.token else _of(one, most[one.token]) for one in found]


def _of(one: Instance, nodes: int) -> Instance:
    return replace(one, tags={**one.tags, NODES_TAG: str(nodes)})


def _age(instance: Instance) -> tuple[datetime, str]:
    return instance.launched_at, instance.id


def parse_instance(found: Mapping[str, Any]) -> Instance:
    """An Instance from what DescribeInstances and RunInstances answer."""
    disks = [disk["Ebs"] for disk in found.get("BlockDeviceMappings", []) if "Ebs" in disk]
    reason = found.get("StateReason", {})
    return Instance(
        id=found["InstanceId"],
        state=found["State"]["Name"],
        type=found["InstanceType"],
        zone=found.get("Placement", {}).get("AvailabilityZone", ""),
        address=found.get("PublicIpAddress", ""),
        launched_at=found["LaunchTime"].astimezone(timezone.utc),
        image_id=found["ImageId"],
        key_name=found.get("KeyName", ""),
        group_ids=tuple(group["GroupId"] for group in found.get("SecurityGroups", [])),
        volume_ids=tuple(disk["VolumeId"] for disk in disks),
        lasting_volume_ids=tuple(disk["VolumeId"] for disk in disks if not disk.get("DeleteOnTermination", True)),
        root_device=found.get("RootDeviceName", ""),
        spot=found.get("InstanceLifecycle") == "spot",
        tags=from_tags(found.get("Tags", [])),
        token=found.get("ClientToken", ""),
        state_reason=reason.get("Message") or reason.get("Code", ""),
        rank=found.get("AmiLaunchIndex", 0),
        private_address=found.get("PrivateIpAddress", ""),
    )
