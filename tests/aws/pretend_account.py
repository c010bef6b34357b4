"""The pretend account of these tests: its names, moto's own record of an instance, and which calls the kit has made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from moto.ec2.models import ec2_backends

ACCOUNT = "123456789012"
REGION = "us-east-1"
DLAMI = "ami-0d1a0000000022040"
AMIS = Path(__file__).with_name("amis.json")
MADE: set[str] = set()
"""Every call that the kit's code has made in any test so far: what the IAM policy has to allow."""


def moto_instance(instance_id: str) -> Any:
    """moto's own record, to put it into a state that needs time or bad luck on EC2."""
    return ec2_backends[ACCOUNT][REGION].get_instance(instance_id)
