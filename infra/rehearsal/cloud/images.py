"""Deep Learning AMIs as AWS publishes them: public parameters, names, owner, root disks, which moto lacks.

Names, parameters and smallest root disks: https://docs.aws.amazon.com/dlami/latest/devguide/appendix-ami-release-notes.html
and public logs of 2026; the ids are made up.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Final

OWNER: Final = "898082745236"
DATES: Final = ("20261015", "20261112")  # the newest last; the older one proves that "newest" is looked for
PARAMETER: Final = "/aws/service/deeplearning/ami/{architecture}/{ami_type}/latest/ami-id"


@dataclass(frozen=True)
class Family:
    """One line of Deep Learning AMIs; *root_gib* is the size of its root snapshot."""

    ami_type: str
    title: str
    root_gib: int
    login: str = "ubuntu"
    root_device: str = "/dev/sda1"
    architecture: str = "x86_64"


_SINGLE: Final = "Deep Learning Base AMI with Single CUDA"
_OSS: Final = "Deep Learning Base OSS Nvidia Driver GPU AMI"
FAMILIES: Final = (
    Family("base-with-single-cuda-ubuntu-22.04", f"{_SINGLE} (Ubuntu 22.04)", 35),
    Family("base-with-single-cuda-ubuntu-24.04", f"{_SINGLE} (Ubuntu 24.04)", 35),
    Family("base-with-single-cuda-amazon-linux-2023", f"{_SINGLE} (Amazon Linux 2023)", 35, "ec2-user", "/dev/xvda"),
    Family("base-oss-nvidia-driver-gpu-ubuntu-22.04", f"{_OSS} (Ubuntu 22.04)", 75),
    Family("base-oss-nvidia-driver-gpu-ubuntu-24.04", f"{_OSS} (Ubuntu 24.04)", 75),
    Family("base-oss-nvidia-driver-gpu-amazon-linux-2023", f"{_OSS} (Amazon Linux 2023)", 75, "ec2-user", "/dev/xvda"),
)


def image_id(family: Family, date: str) -> str:
    return "ami-" + hashlib.sha256(f"{family.ami_type} {date}".encode()).hexdigest()[:17]


def family_of(image: str) -> Family | None:
    return next((family for family in FAMILIES for date in DATES if image_id(family, date) == image), None)


def catalogue() -> list[dict[str, Any]]:
    """What moto reads from MOTO_AMIS_PATH."""
    return [
        {
            "ami_id": image_id(family, date), "name": f"{family.title} {date}", "owner_id": OWNER, "public": True,
            "description": f"{family.title}, {date}; made up for rehearsals", "architecture": family.architecture,
            "virtualization_type": "hvm", "hypervisor": "xen", "state": "available", "image_type": "machine",
            "image_location": f"amazon/{family.title} {date}", "root_device_type": "ebs",
            "root_device_name": family.root_device, "boot_mode": "uefi-preferred",
            "creation_date": f"{date[:4]}-{date[4:6]}-{date[6:]}T07:12:44.000Z",
        }
        for family in FAMILIES
        for date in DATES
    ]  # fmt: skip


def parameters() -> dict[str, str]:
    """Name of each public parameter -> id of the newest image."""
    return {
        PARAMETER.format(architecture=family.architecture, ami_type=family.ami_type): image_id(family, DATES[-1])
        for family in FAMILIES
    }


def mend_parameters() -> None:
    """moto's put_parameter refuses names below /aws, so they are put where it looks them up."""
    from moto.core.utils import utcnow
    from moto.ssm.models import Parameter, SimpleSystemManagerBackend, ssm_backends

    make: Any = Parameter  # moto leaves two methods abstract that it never calls

    class WithDeepLearning(SimpleSystemManagerBackend):
        __module__ = SimpleSystemManagerBackend.__module__  # moto finds a backend's URLs by this name

        def __init__(self, region_name: str, account_id: str) -> None:
            super().__init__(region_name, account_id)
            for name, value in parameters().items():
                self._parameters[name].append(
                    make(
                        account_id=account_id,
                        name=name,
                        value=value,
                        parameter_type="String",
                        description="",
                        allowed_pattern=None,
                        keyid=None,
                        last_modified_date=utcnow(),
                        version=1,
                        data_type="text",
                    )
                )

    ssm_backends.backend = WithDeepLearning


def mend_root_disks() -> None:
    """moto gives every image a root disk of 15 GB that stays behind after a terminate."""
    from moto.ec2.models.amis import Ami

    Ami.block_device_mappings = property(root_disk)  # type: ignore[method-assign,assignment]


def spare_disk_keys() -> None:
    """moto draws an RSA key for an account's first encrypted disk, for a tenth of a second and more, and never uses it:
    the key of a disk is symmetric. One of elliptic curves stands in for it."""
    import moto.kms.models
    from moto.kms.utils import KeySpec, generate_private_key

    def draw(key_spec: str) -> Any:
        return generate_private_key(KeySpec.ECC_NIST_P256 if key_spec == KeySpec.SYMMETRIC_DEFAULT else key_spec)

    patched: Any = moto.kms.models
    patched.generate_private_key = draw


def root_disk(ami: Any) -> list[dict[str, Any]]:
    size = root_gib(ami)
    ami.ebs_snapshot.volume.size = size
    ebs = {"SnapshotId": ami.ebs_snapshot.id, "VolumeSize": size, "DeleteOnTermination": True, "VolumeType": "gp3",
           "Encrypted": False}  # fmt: skip
    return [{"DeviceName": ami.root_device_name, "Ebs": ebs}]


def root_gib(ami: Any) -> int:
    """Of a published image its own size, of an image made here the size of the disk it was made from."""
    family = family_of(ami.id)
    if family:
        return family.root_gib
    instance = getattr(ami, "instance", None)
    disks = instance.block_device_mapping if instance else {}
    return max((disk.size for disk in disks.values() if disk.size), default=8)


def login_of(ec2: Any, image: str) -> str:
    """The login user of *image*; an image made here keeps that of the one it was made from."""
    family = family_of(image)
    if family:
        return family.login
    made_from = getattr(ec2.amis.get(image), "instance", None)
    return login_of(ec2, made_from.image_id) if made_from else "ubuntu"
