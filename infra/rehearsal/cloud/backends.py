"""All mends in one place: which go over moto's backends, and which the layer does in front of them."""

from __future__ import annotations

from typing import Any

from moto.ec2.models import EC2Backend, ec2_backends
from moto.ec2.utils import filter_dict_attribute_mapping

from infra.rehearsal.cloud import attributes, console, images, launches
from infra.rehearsal.cloud.calls import Call
from infra.rehearsal.cloud.groups import GroupsInUse
from infra.rehearsal.cloud.launches import IdempotentLaunch, RootDisk
from infra.rehearsal.cloud.layer import Mends
from infra.rehearsal.cloud.lifecycle import LifeCycle
from infra.rehearsal.cloud.server import ACCOUNT, Parts


class RehearsedEC2(IdempotentLaunch, RootDisk, LifeCycle, GroupsInUse, EC2Backend):  # type: ignore[misc]
    """moto's EC2, each class in front of it mending one thing."""

    __module__ = EC2Backend.__module__  # moto finds a backend's URLs by this name


def install(parts: Parts) -> None:
    """Put the mended backends where moto makes its own. Before the first request."""
    RehearsedEC2.room = parts.room
    RehearsedEC2.clock = parts.clock
    RehearsedEC2.refuse_launch = lambda ec2, wish: None
    ec2_backends.backend = RehearsedEC2
    filter_dict_attribute_mapping["instance-lifecycle"] = "lifecycle"
    images.mend_parameters()
    images.mend_root_disks()


def mends(parts: Parts) -> Mends:
    return Mends(
        checks={
            ("ec2", "RunInstances"): launches.LAUNCH_CHECKS,
            ("ec2", "ModifyInstanceAttribute"): (attributes.refuse_type_of_running,),
        },
        answers={
            ("ec2", "GetConsoleOutput"): lambda call, ec2: console.console_output(call, ec2, parts.room),
        },
        rewrites={("ec2", "ModifyInstanceAttribute"): attributes.in_the_form_moto_reads},
    )


def backend_of(call: Call) -> Any:
    return ec2_backends[ACCOUNT][call.region] if call.service == "ec2" else None
