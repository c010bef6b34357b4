"""The pretend account of these tests: its names, moto's own record of an instance, and which calls the kit has made."""

from __future__ import annotations

from typing import Any

from moto.ec2.models import ec2_backends

from infra.rehearsal.cloud import images

ACCOUNT = "123456789012"
REGION = "us-east-1"
FAMILIES = (images.FAMILIES[0], images.FAMILIES[-1])
"""What the account's region has: the first image for Ubuntu 22.04, the last for Amazon Linux. More would be slow."""
OLD_DLAMI, DLAMI = (images.image_id(FAMILIES[0], date) for date in images.DATES)
LARGE_DLAMI = images.image_id(FAMILIES[-1], images.DATES[-1])
MADE: set[str] = set()
"""Every call that the kit's code has made in any test so far: what the IAM policy has to allow."""


def moto_instance(instance_id: str) -> Any:
    """moto's own record, to put it into a state that needs time or bad luck on EC2."""
    return ec2_backends[ACCOUNT][REGION].get_instance(instance_id)
