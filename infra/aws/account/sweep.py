"""Everything the kit ever made, in all regions, with what it costs a month; and taking it away.

Nothing is found but what carries our tag (alarms and schedules: our name), so nothing else can be removed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from infra.aws.account.resources import KIND_BY_NAME, KINDS, Thing
from infra.aws.client.errors import code_of
from infra.aws.client.polling import REAL, Clock
from infra.aws.client.regions import enabled_regions, in_each
from infra.errors import RigError

if TYPE_CHECKING:
    from infra.aws.client.session import Session
    from infra.console import Tell

# AWS lets these go once what uses them has ended.
IN_USE: Final = {"DependencyViolation", "VolumeInUse", "InvalidSnapshot.InUse", "InvalidIPAddress.InUse"}
TERMINATION_WAIT_S: Final = 600.0
RELEASE_WAIT_S: Final = 120.0


@dataclass(frozen=True)
class Found:
    """*unseen*: where nobody could look ("eu-west-1, volume"), and why: something of ours may still cost money."""

    things: tuple[Thing, ...]
    unseen: Mapping[str, str]

    @property
    def usd_per_month(self) -> float:
        return sum(thing.usd_per_month for thing in self.things)


@dataclass(frozen=True)
class Left:
    """A thing that is still there, and why."""

    thing: Thing
    reason: str


def find(session: Session, *, regions: Sequence[str] | None = None) -> Found:
    """Look in all *regions* of the account (None: every one that is enabled) side by side."""
    where = [(region, kind.name) for region in regions or enabled_regions(session) for kind in KINDS]
    answers = in_each(where, lambda place: KIND_BY_NAME[place[1]].things(session, place[0]))
    things = [thing for some in answers.said.values() for thing in some]
    things.sort(key=lambda thing: (-thing.usd_per_month, thing.region, thing.kind, thing.id))
    return Found(tuple(things), {f"{region}, {kind}": why for (region, kind), why in answers.silent.items()})


def remove(session: Session, things: Iterable[Thing], *, tell: Tell, clock: Clock = REAL) -> list[Left]:
    """Remove *things*, machines first and guards last; answer what could not be removed.

    Killed half-way, nothing is lost: `find` shows the rest, and removing what is gone already is no error.
    """
    things = list(things)
    left: list[Left] = []
    for kind in KINDS:
        mine = [thing for thing in things if thing.kind == kind.name]
        refused = [Left(thing, why) for thing in mine if (why := _removed(session, thing, tell, clock))]
        left += refused
        if kind.name == "instance":
            _wait_for_the_end(session, set(mine) - {one.thing for one in refused}, tell, clock)
    return left


def _removed(session: Session, thing: Thing, tell: Tell, clock: Clock) -> str:
    """Remove one thing; answer why it is still there, or nothing."""
    kind = KIND_BY_NAME[thing.kind]
    tell(f"Removing {thing}")
    why = ""
    for _ in clock.ticks(for_s=RELEASE_WAIT_S, every_s=5.0):
        try:
            with session.translated(f"remove {thing}", region=thing.region):
                kind.remove(session.client(kind.service, region=thing.region), thing.id)
            return ""
        except RigError as error:
            code, why = code_of(error), error.cause
            if "NotFound" in code:
                return ""
            if code not in IN_USE:
                return why
    return why


def _wait_for_the_end(session: Session, instances: set[Thing], tell: Tell, clock: Clock) -> None:
    """Until EC2 has let go of disks, addresses and groups, removing them is refused."""
    if not instances:
        return
    tell(f"Waiting for {len(instances)} instance(s) to end")
    regions = sorted({thing.region for thing in instances})
    ids = {thing.id for thing in instances}
    for _ in clock.ticks(for_s=TERMINATION_WAIT_S, every_s=5.0):
        living = [thing for region in regions for thing in KIND_BY_NAME["instance"].things(session, region)]
        if not ids & {thing.id for thing in living}:
            return
