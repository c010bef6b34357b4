"""For the tests: a whole launch as the story composes it, a census of the account, and a way to die at any AWS call."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timezone
from pathlib import Path
from typing import Any

from moto.ec2.models import ec2_backends

from infra.aws.access.key_pair import LocalKey
from infra.aws.account.discovery import discover
from infra.aws.account.ensure_access import ensure_access
from infra.aws.client.account import Account
from infra.aws.client.polling import Clock
from infra.aws.client.rollback import rollback_on_failure
from infra.aws.client.session import Session
from infra.aws.client.tags import own_filters
from infra.aws.instances.ami import Image
from infra.aws.instances.instance import Instance
from infra.aws.instances.launch import ensure_running
from infra.aws.instances.launch_request import LaunchRequest
from infra.aws.offers.instance_types import InstanceType
from infra.aws.offers.offers import Offer
from infra.aws.offers.prices import Price
from infra.names import DEADLINE_TAG
from tests.aws.pretend_account import DLAMI

ACCOUNT, REGION = "123456789012", "us-east-1"
NAME = "rig"
HOME = "203.0.113.7"
KEY = LocalKey(Path("id_rig"), "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIN0ZJZ2yhJVJhHm/jlB8oZ2S8vuHo1o1k0CkQmQ0w4o1")
IMAGE = Image(DLAMI, "Deep Learning AMI", "/dev/sda1", 35, "x86_64")


def offer(name: str, *zones: str, spot: bool = False, usd_per_hour: float = 0.5) -> Offer:
    machine = InstanceType(name, vcpus=4, memory_gib=16, architectures=("x86_64",), zones=zones)
    price = Price(usd_per_hour, "list", date(2026, 11, 20))
    return Offer(machine, REGION, price, ceiling=price, spot=spot)


MICRO = offer("t3.micro", "us-east-1a", "us-east-1b")


def launch_request(**changes: Any) -> LaunchRequest:
    plain = LaunchRequest(
        name=NAME,
        image=IMAGE,
        offers=(MICRO,),
        disk_gib=60,
        key_name="",
        group_id="sg-1",
        user_data=b"#cloud-boothook\n",
        tags={DEADLINE_TAG: "2026-11-20T20:00:00Z"},
    )
    return replace(plain, **changes)


def launch(
    session: Session,
    clock: Clock,
    *,
    tell: Callable[[str], None] = lambda line: None,
    deadline: str = "2026-11-20T20:00:00Z",
    address: str = HOME,
    **changes: Any,
) -> Instance:
    seen = discover(session, name=NAME, key=KEY, os="ubuntu-22.04", ask_address=lambda: address)
    account = Account(session, tell, clock)
    with rollback_on_failure(tell) as rollback:
        access = ensure_access(account, NAME, KEY, seen, rollback)
        wanted = launch_request(
            key_name=access.key_name, group_id=access.group_id, tags={DEADLINE_TAG: deadline}, **changes
        )
        return ensure_running(account, wanted, rollback=rollback, seen=seen.instances)[0]


@dataclass(frozen=True)
class Census:
    """What of the rig is in the account, in numbers, and what a user would pay for."""

    instances: tuple[str, ...] = ()
    volumes: int = 0
    groups: tuple[tuple[str, ...], ...] = ()
    keys: int = 0


def census(session: Session) -> Census:
    ec2, mine = session.client("ec2"), own_filters(NAME)
    states = [
        one["State"]["Name"]
        for reservation in ec2.describe_instances(Filters=mine)["Reservations"]
        for one in reservation["Instances"]
    ]
    groups = ec2.describe_security_groups(Filters=mine)["SecurityGroups"]
    return Census(
        instances=tuple(sorted(state for state in states if state != "terminated")),
        volumes=len(ec2.describe_volumes(Filters=mine)["Volumes"]),
        groups=tuple(
            tuple(part["CidrIp"] for rule in group["IpPermissions"] for part in rule["IpRanges"]) for group in groups
        ),
        keys=len(ec2.describe_key_pairs(Filters=mine)["KeyPairs"]),
    )


NOTHING = Census()


def whole(state: str = "running") -> Census:
    return Census(instances=(state,), volumes=1, groups=((f"{HOME}/32",),), keys=1)


def forget_ended(keep: int = 1) -> None:
    """As EC2 does after an hour; moto keeps them for ever, and grows slow."""
    kept = ec2_backends[ACCOUNT][REGION].reservations
    ended = [key for key, one in kept.items() if all(i._state.name == "terminated" for i in one.instances)]
    for key in ended[: len(ended) - keep]:
        del kept[key]


RIG = Instance(
    id="i-0abc",
    state="running",
    type="g4dn.xlarge",
    zone="us-east-1a",
    launched_at=datetime(2026, 11, 20, 10, tzinfo=timezone.utc),
    image_id="ami-1",
)


class Killed(BaseException):
    """SIGKILL: nothing in the product may catch it to any effect, for from then on every call of that process dies."""


@dataclass
class Reaper:
    """Ends the command at its *at*-th AWS call, before or after the call took effect."""

    at: int = 0
    after: bool = False
    death: type[BaseException] = Killed
    calls: list[str] = field(default_factory=list)
    dead: bool = False
    survived: bool = False
    armed: bool = False
    lock: Any = field(default_factory=threading.Lock)

    def watch(self, session: Session) -> None:
        """Hook into *session*; do so before its first client is made."""
        session.events.register_first("before-call", self._before)
        session.events.register_last("after-call", self._after)

    @contextmanager
    def strike(self, at: int, *, after: bool, death: type[BaseException] = Killed) -> Iterator[None]:
        self.at, self.after, self.death = at, after, death
        self.calls, self.dead, self.survived, self.armed = [], False, False, True
        try:
            yield
            self.survived = True
        except death:
            assert self.dead
        finally:
            self.armed = False

    def _before(self, model: Any, context: dict[str, Any], **_: Any) -> None:
        with self.lock:
            if not self.armed:
                return
            if self.dead and self.death is Killed:
                raise Killed
            self.calls.append(model.name)
            context["call"] = len(self.calls)
            if not self.after:
                self._fall(context)

    def _after(self, context: dict[str, Any], **_: Any) -> None:
        with self.lock:
            if self.armed and self.after:
                self._fall(context)

    def _fall(self, context: dict[str, Any]) -> None:
        if context.get("call") == self.at and not self.dead:
            self.dead = True
            raise self.death
