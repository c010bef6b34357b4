"""The cluster placement group of a rig with several machines: they stand close together, on one fast network.

Between two machines in one, a single TCP flow carries 10 Gbit/s instead of 5, and the network has its full width
between all of them. It costs nothing, and fewer machines are free in it.
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/placement-strategies.html
"""

from __future__ import annotations

from typing import Final

from infra.aws.client.account import Account
from infra.aws.client.rollback import Rollback
from infra.aws.client.tags import own_tags, specification
from infra.aws.offers.instance_types import InstanceType
from infra.errors import AwsFailed
from infra.names import KIT

# Below that width a placement group changes little, and makes a shortage likelier.
WIDE_GBITS: Final = 25.0


def placement_group_name(name: str) -> str:
    return f"{KIT}-{name}"


def placements(machine: InstanceType, wish: str, *, nodes: int) -> tuple[bool, ...]:
    """Whether to ask for *nodes* of *machine* in a placement group, best first. *wish*: the setting `placement`."""
    if nodes == 1 or wish == "none" or not machine.close:
        return (False,)
    if wish == "cluster":
        return (True,)
    return (True, False) if machine.efa or machine.network_gbits >= WIDE_GBITS else (False,)


def ensure_placement_group(account: Account, name: str, rollback: Rollback) -> str:
    """Make it, or find it made; its name."""
    title = placement_group_name(name)
    rollback.later(f"placement group {title}", lambda: delete_placement_group(account, name))
    try:
        with account.session.translated(f"create placement group {title}"):
            account.session.client("ec2").create_placement_group(
                GroupName=title,
                Strategy="cluster",
                TagSpecifications=specification(["placement-group"], own_tags(name)),
            )
    except AwsFailed as error:
        if error.code != "InvalidPlacementGroup.Duplicate":
            raise
    return title


def delete_placement_group(account: Account, name: str, *, wait_s: float = 120.0) -> bool:
    """Delete that of *name*; say whether there was one. EC2 lets it go a while after its last instance ended."""
    title = placement_group_name(name)
    for gone_s in account.clock.ticks(for_s=wait_s, every_s=5.0):
        try:
            with account.session.translated(f"delete placement group {title}"):
                account.session.client("ec2").delete_placement_group(GroupName=title)
        except AwsFailed as error:
            if error.code == "InvalidPlacementGroup.Unknown":
                return False
            if error.code != "InvalidPlacementGroup.InUse" or gone_s >= wait_s:
                raise
            continue
        return True
    raise AssertionError("the last tick returns or raises")
