"""What is there already, asked side by side before anything is changed."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from infra.aws.access.key_pair import LocalKey, find_key_pair
from infra.aws.access.network import Subnet, default_subnets
from infra.aws.access.security_group import Group, ask_address_service, find_group, my_address
from infra.aws.client.session import Session
from infra.aws.instances.ami import Image, describe_image, newest_id
from infra.aws.instances.instance import Instance, list_instances, nodes_of


@dataclass(frozen=True, kw_only=True)
class Existing:
    """One rig's things in AWS. *source*: this computer's address as "a.b.c.d/32".

    *image*: what a new instance would boot, *subnets*: where it could live; None when there is an instance, which has
    its disk and its place already. *subnets* is None too when we may not look.
    """

    instances: tuple[Instance, ...]
    group: Group | None
    key_known: bool
    source: str
    image: Image | None
    subnets: tuple[Subnet, ...] | None = None

    @property
    def nodes(self) -> tuple[Instance, ...]:
        """The machines of the rig, by rank; one, unless it is a group."""
        return nodes_of(self.instances)

    @property
    def instance(self) -> Instance | None:
        return next(iter(self.nodes), None)


def discover(
    session: Session,
    *,
    name: str,
    key: LocalKey,
    os: str,
    ami: str = "",
    ask_address: Callable[[], str] = ask_address_service,
) -> Existing:
    """Look for everything at once: one round of calls, and for a new instance a second one, for its image's disk."""
    with ThreadPoolExecutor(max_workers=6) as side_by_side:
        instances = side_by_side.submit(list_instances, session, name)
        group = side_by_side.submit(find_group, session, name)
        key_known = side_by_side.submit(find_key_pair, session, name, key)
        source = side_by_side.submit(my_address, session, ask_address)
        subnets = side_by_side.submit(default_subnets, session)
        newest = side_by_side.submit(lambda: ami or newest_id(session, os))
    is_there = nodes_of(instances.result())
    return Existing(
        instances=instances.result(),
        group=group.result(),
        key_known=key_known.result(),
        source=source.result(),
        image=None if is_there else describe_image(session, ami=newest.result(), os=os),
        subnets=None if is_there else subnets.result(),
    )
