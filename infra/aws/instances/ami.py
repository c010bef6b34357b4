"""Which disk image the instance boots: the newest Deep Learning AMI, or one that the user fixed.

The Deep Learning AMI brings the NVIDIA driver, Docker and the NVIDIA container toolkit; the "single CUDA" one is less
than half as large as the others, and the container brings its own CUDA anyway.
https://docs.aws.amazon.com/dlami/latest/devguide/find-dlami-id.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from infra.aws.client.session import Session
from infra.aws.client.tags import filters
from infra.errors import NotAllowed, UserError

_PARAMETER: Final = "/aws/service/deeplearning/ami/x86_64/{}/latest/ami-id"


@dataclass(frozen=True)
class Image:
    """*root_gib*: the least root disk it boots from; *user*: who logs in."""

    id: str
    name: str
    root_device: str
    root_gib: int
    architecture: str

    @property
    def user(self) -> str:
        return login_user(self.root_device)


@dataclass(frozen=True)
class Source:
    """Where an operating system's images are found: SSM parameters, best first, then names at the owner "amazon"."""

    parameters: tuple[str, ...]
    names: tuple[str, ...]


def _source(system: str, title: str, *later: str) -> Source:
    kinds = (f"base-with-single-cuda-{system}", f"base-oss-nvidia-driver-gpu-{system}", *later)
    names = (
        f"Deep Learning Base AMI with Single CUDA ({title}) ????????",
        f"Deep Learning Base OSS Nvidia Driver GPU AMI ({title}) ????????",
    )
    return Source(tuple(_PARAMETER.format(kind) for kind in kinds), names)


SOURCES: Final[Mapping[str, Source]] = {
    # Patches for 22.04 end on 2027-04-30. When its images go, the next Ubuntu serves: the job sees its container only.
    "ubuntu-22.04": _source("ubuntu-22.04", "Ubuntu 22.04", "base-with-single-cuda-ubuntu-24.04"),
    "ubuntu-24.04": _source("ubuntu-24.04", "Ubuntu 24.04"),
    "al2023": _source("amazon-linux-2023", "Amazon Linux 2023"),
}


def login_user(root_device: str) -> str:
    """Amazon Linux boots from /dev/xvda and lets ec2-user in; Ubuntu boots from /dev/sda1 and lets ubuntu in."""
    return "ec2-user" if root_device == "/dev/xvda" else "ubuntu"


def newest_id(session: Session, os: str) -> str:
    """The id of the newest Deep Learning AMI with *os* ("ubuntu-22.04"); "" when AWS publishes none under our names.

    All parameters in one call; those that do not exist are left out of the answer.
    """
    source = SOURCES[os]
    try:
        with session.translated("look up the newest Deep Learning AMI"):
            answer = session.client("ssm").get_parameters(Names=list(source.parameters))
    except NotAllowed:  # a second way leads to the same images, and it needs no permission beyond ec2:DescribeImages
        return ""
    values = {found["Name"]: found["Value"] for found in answer["Parameters"]}
    return next((values[name] for name in source.parameters if name in values), "")


def _by_name(session: Session, os: str) -> Image:
    names = SOURCES[os].names
    wanted = {"name": names, "state": "available", "architecture": "x86_64"}
    with session.translated("look up the newest Deep Learning AMI by its name"):
        # The owner's alias, because the account number differs in China and GovCloud.
        found = session.client("ec2").describe_images(Owners=["amazon"], Filters=filters(wanted))["Images"]
    if not found:
        raise UserError(
            f"There is no Deep Learning AMI for {os} in {session.region}",
            "another region has one (REGION=us-east-1), or name an image of your own: AMI=ami-...",
        )
    slim = names[0].partition("(")[0]
    return _parse(max(found, key=lambda one: (one.get("Name", "").startswith(slim), one.get("CreationDate", ""))))


def describe_image(session: Session, *, ami: str, os: str) -> Image:
    """The image *ami*; when that is empty, the newest one whose name says Deep Learning AMI and *os*.

    Raises UserError when there is none.
    """
    return _by_id(session, ami) if ami else _by_name(session, os)


def _by_id(session: Session, ami: str) -> Image:
    try:
        with session.translated(f"look up image {ami}"):
            (found,) = session.client("ec2").describe_images(ImageIds=[ami])["Images"]
    except ValueError:  # an image that was deleted a moment ago is answered with an empty list
        raise UserError(
            f"{session.region} has no image {ami}", "image ids belong to one region; leave AMI empty for the newest"
        ) from None
    return _parse(found)


def _parse(found: Mapping[str, Any]) -> Image:
    root = found.get("RootDeviceName", "")
    sizes = [
        disk["Ebs"]["VolumeSize"]
        for disk in found.get("BlockDeviceMappings", [])
        if disk["DeviceName"] == root and "VolumeSize" in disk.get("Ebs", {})
    ]
    if not sizes:
        raise UserError(f"Image {found['ImageId']} does not boot from an EBS disk", "take another: AMI=ami-...")
    return Image(
        id=found["ImageId"],
        name=found.get("Name", ""),
        root_device=root,
        root_gib=sizes[0],
        architecture=found["Architecture"],
    )
