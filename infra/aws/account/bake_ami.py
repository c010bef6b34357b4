"""Turn the prepared instance into an image (AMI) of the account's own, so that the next launch is ready at boot."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from infra.aws.client.account import Account
from infra.aws.client.tags import own_tags, specification
from infra.aws.instances.instance import Instance
from infra.aws.offers.prices import rates
from infra.errors import AwsFailed
from infra.names import KIT

# A first snapshot of 60 GiB takes some ten minutes; AWS promises nothing.
LIMIT_S: Final = 3600.0


@dataclass(frozen=True)
class BakedImage:
    """*usd_per_month*: at most; a snapshot costs what is written on the disk, not its size."""

    id: str
    gib: int
    usd_per_month: float


def bake(account: Account, instance: Instance, now: datetime) -> BakedImage:
    """Make an image of *instance* and wait until it can be launched from.

    EC2 reboots the instance meanwhile, so that the disk is as after a shutdown. Image and snapshot carry our tags from
    the same call on, so `rig sweep` finds them even if this command is killed while it waits.
    """
    name = f"{KIT}-{instance.name}-{now:%Y%m%d-%H%M%S}"
    session = account.session
    account.tell(f"Making the image {name} of {instance.id}; it reboots for that")
    with session.translated(f"make an image of {instance.id}"):
        image_id = session.client("ec2").create_image(
            InstanceId=instance.id,
            Name=name,
            Description="Prepared instance of Gluon Rig",
            TagSpecifications=specification(("image", "snapshot"), own_tags(instance.name)),
        )["ImageId"]
    found = _wait(account, image_id)
    gib = sum(disk["Ebs"].get("VolumeSize", 0) for disk in found.get("BlockDeviceMappings", []) if "Ebs" in disk)
    return BakedImage(image_id, gib, gib * rates(session.region).snapshot_usd_per_gib_month)


def _wait(account: Account, image_id: str) -> dict[str, Any]:
    state = "pending"
    for gone_s in account.clock.ticks(for_s=LIMIT_S, every_s=15, first_s=1):
        with account.session.translated(f"look at image {image_id}"):
            images = account.session.client("ec2").describe_images(ImageIds=[image_id])["Images"]
        state = images[0]["State"] if images else "pending"
        if state == "available":
            return dict(images[0])
        if state != "pending":
            break
        account.tell(f"{image_id} is {state} ({gone_s:.0f} s)")
    raise AwsFailed(
        f"Image {image_id} is {state} and cannot be launched from.",
        "`rig sweep` shows it and its snapshot with what they cost; `rig sweep --delete` removes them",
    )
