"""Asking every region at once, without letting one that is shut spoil the answer of the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from infra.errors import RigError

if TYPE_CHECKING:
    from infra.aws.client.session import Session

SIDE_BY_SIDE = 16
Place = TypeVar("Place")
Said = TypeVar("Said")


@dataclass(frozen=True)
class Answers(Generic[Place, Said]):
    """What each place said; *silent* holds the reason of those that said nothing, which is not the same as "none"."""

    said: Mapping[Place, Said]
    silent: Mapping[Place, str]


def enabled_regions(session: Session) -> list[str]:
    """The regions this account may use."""
    open_to_us = {"Name": "opt-in-status", "Values": ["opt-in-not-required", "opted-in"]}
    with session.translated("list the regions of your account"):
        answer = session.client("ec2").describe_regions(Filters=[open_to_us])
    return sorted(region["RegionName"] for region in answer["Regions"])


def in_each(places: Iterable[Place], ask: Callable[[Place], Said]) -> Answers[Place, Said]:
    """Ask side by side. Raises the first error when not one place answers."""
    with ThreadPoolExecutor(max_workers=SIDE_BY_SIDE) as pool:
        asked = {place: pool.submit(ask, place) for place in places}
    said: dict[Place, Said] = {}
    failed: dict[Place, RigError] = {}
    for place, answer in asked.items():
        try:
            said[place] = answer.result()
        except RigError as error:
            failed[place] = error
    if failed and not said:
        raise next(iter(failed.values()))
    return Answers(said, {place: error.cause for place, error in failed.items()})
