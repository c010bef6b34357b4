"""Asking every region at once, without letting one that is shut spoil the answer of the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from infra.errors import RigError

if TYPE_CHECKING:
    from infra.aws.session import Session

SIDE_BY_SIDE = 16
T = TypeVar("T")


@dataclass(frozen=True)
class Answers(Generic[T]):
    """What each region said; *silent* holds the reason of those that said nothing, which is not the same as "none"."""

    by_region: Mapping[str, T]
    silent: Mapping[str, str]


def enabled_regions(session: Session) -> list[str]:
    """The regions this account may use."""
    open_to_us = {"Name": "opt-in-status", "Values": ["opt-in-not-required", "opted-in"]}
    with session.translated("list the regions of your account"):
        answer = session.client("ec2").describe_regions(Filters=[open_to_us])
    return sorted(region["RegionName"] for region in answer["Regions"])


def in_each(regions: Iterable[str], ask: Callable[[str], T]) -> Answers[T]:
    """Ask side by side. Raises the first error when not one region answers."""
    with ThreadPoolExecutor(max_workers=SIDE_BY_SIDE) as pool:
        asked = {region: pool.submit(ask, region) for region in regions}
    said: dict[str, T] = {}
    failed: dict[str, RigError] = {}
    for region, answer in asked.items():
        try:
            said[region] = answer.result()
        except RigError as error:
            failed[region] = error
    if failed and not said:
        raise next(iter(failed.values()))
    return Answers(said, {region: error.cause for region, error in failed.items()})
