"""What a launch asks for, as values, and the very words in which EC2 hears it. Touches nothing."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from infra.aws.client.tags import own_tags, specification
from infra.aws.instances.ami import Image
from infra.aws.instances.placement_group import placements
from infra.aws.offers.offers import Offer
from infra.names import KIT, NODES_TAG


@dataclass(frozen=True, kw_only=True)
class LaunchRequest:
    """One rig, wanted running. *image*: None only when the rig exists, and nothing new is made.

    *offers*, best first; for spot with a fallback, the on-demand offers come last. The zones of each are tried in their
    order, after a request that leaves the zone to EC2. *disk_gib* is raised to what the image needs.

    *tags* go on every new instance, and on a stopped one before it is started: the new deadline above all. *offer_tags*
    go over them on a new instance of that offer: the deadline that the budget allows at its price. *wait_s*: how long
    to go on asking when no machine is free.

    *nodes*: all of them or none; *whole*: so, too, where some of an older order are gone. *placement*: the setting of
    that name; *placement_group*: the group's own, where there is one.
    """

    name: str
    image: Image | None
    offers: tuple[Offer, ...]
    disk_gib: int
    key_name: str
    group_id: str
    user_data: bytes
    tags: Mapping[str, str]
    offer_tags: Mapping[Offer, Mapping[str, str]] = field(default_factory=dict)
    wait_s: float = 0.0
    instance_profile: str = ""
    nodes: int = 1
    whole: bool = True
    placement: str = "none"
    placement_group: str = ""


@dataclass(frozen=True)
class Attempt:
    """One question to EC2. *zone*: "" leaves it to EC2, which knows best where machines are free. *close*: in the
    placement group, where fewer are free."""

    offer: Offer
    zone: str = ""
    close: bool = False

    def __str__(self) -> str:
        where = f"{self.offer} in {self.zone}" if self.zone else f"{self.offer} in any zone"
        return f"{where}, close together" if self.close else where


def attempts(request: LaunchRequest) -> Iterator[Attempt]:
    """Unpinned first, then each zone by name, in each first close together; then the same for the next offer."""
    for offer in request.offers:
        for zone in ("", *offer.zones):
            for close in placements(offer.machine, request.placement, nodes=request.nodes):
                yield Attempt(offer, zone, close)


def client_token(request: LaunchRequest, attempt: Attempt, generation: int) -> str:
    """The same token for the same attempt, also in another process, on another laptop, on another day.

    It hangs on the security group, which lives and dies with the rig, so a rig that was terminated and launched again
    has new tokens; *generation* counts on for one whose instance ended while the group stayed.
    """
    parts = (
        KIT,
        request.name,
        request.group_id,
        attempt.offer.machine.name,
        str(attempt.offer.spot),
        attempt.zone,
        str(generation),
        *(["close"] if attempt.close else []),
    )
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def run_instances_words(request: LaunchRequest, attempt: Attempt, token: str) -> dict[str, Any]:
    """RunInstances' arguments. Everything that costs or is to be found again is tagged in this same call."""
    assert request.image, "a rig that exists is started, not made"
    kinds = ["instance", "volume", "network-interface", *(["spot-instances-request"] if attempt.offer.spot else [])]
    group = {NODES_TAG: str(request.nodes)} if request.nodes > 1 else {}
    tags = {**group, **request.tags, **request.offer_tags.get(attempt.offer, {})}
    place = {
        **({"AvailabilityZone": attempt.zone} if attempt.zone else {}),
        **({"GroupName": request.placement_group} if attempt.close else {}),
    }
    return {
        "ImageId": request.image.id,
        "InstanceType": attempt.offer.machine.name,
        # "If you specify a value that is more capacity than Amazon EC2 can provide ..., Amazon EC2 does not launch any
        # instances": https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RunInstances.html
        "MinCount": request.nodes,
        "MaxCount": request.nodes,
        "ClientToken": token,
        "KeyName": request.key_name,
        "SecurityGroupIds": [request.group_id],
        "UserData": request.user_data,
        "BlockDeviceMappings": [_root_disk(request.image, request.disk_gib)],
        "MetadataOptions": METADATA,
        "TagSpecifications": specification(kinds, {**own_tags(request.name), **tags}),
        # What a power-off means, and with it what the guard's power-off means. EC2 cannot stop one-time spot.
        "InstanceInitiatedShutdownBehavior": "terminate" if attempt.offer.spot else "stop",
        **({"Placement": place} if place else {}),
        **({"IamInstanceProfile": {"Name": request.instance_profile}} if request.instance_profile else {}),
        **({"InstanceMarketOptions": ONE_TIME_SPOT} if attempt.offer.spot else {}),
        # t3's own default bills bursts on top of the price; "standard" slows down instead.
        **({"CreditSpecification": {"CpuCredits": "standard"}} if re.match(r"t\d", attempt.offer.machine.name) else {}),
    }


METADATA: Final[Mapping[str, Any]] = {
    "HttpTokens": "required",
    # 1: a container behind Docker's bridge cannot reach the metadata, the guard on the host can.
    "HttpPutResponseHopLimit": 1,
    # The guard reads its deadline from the tags.
    "InstanceMetadataTags": "enabled",
}
# A persistent request would buy the next machine by itself after this one is terminated; and no MaxPrice, as AWS
# advises: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-best-practices.html
ONE_TIME_SPOT: Final[Mapping[str, Any]] = {
    "MarketType": "spot",
    "SpotOptions": {"SpotInstanceType": "one-time", "InstanceInterruptionBehavior": "terminate"},
}


def _root_disk(image: Image, disk_gib: int) -> dict[str, Any]:
    return {
        "DeviceName": image.root_device,
        "Ebs": {
            "VolumeSize": max(disk_gib, image.root_gib),
            "VolumeType": "gp3",
            "Encrypted": True,
            "DeleteOnTermination": True,
        },
    }
