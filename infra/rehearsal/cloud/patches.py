"""All patches in one place: which go over moto's backends, and which the layer does in front of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.cloudwatch.models import CloudWatchBackend, cloudwatch_backends
from moto.ec2.models import EC2Backend, ec2_backends
from moto.ec2.models.instance_types import INSTANCE_TYPE_OFFERINGS
from moto.ec2.utils import filter_dict_attribute_mapping
from moto.scheduler.models import scheduler_backends

from infra.rehearsal.cloud import (
    alarms,
    answering,
    attributes,
    capacity,
    console,
    images,
    placement,
    prices,
    quotas,
    run_instances,
    schedules,
    spot,
)
from infra.rehearsal.cloud.capacity import ZoneChoice
from infra.rehearsal.cloud.create_image import Baking
from infra.rehearsal.cloud.dependencies import ACCOUNT, Parts
from infra.rehearsal.cloud.groups import GroupsInUse
from infra.rehearsal.cloud.lifecycle import LifeCycle
from infra.rehearsal.cloud.placement import Placed
from infra.rehearsal.cloud.request import Call
from infra.rehearsal.cloud.response import Refusal
from infra.rehearsal.cloud.run_instances import IdempotentLaunch, RootDisk
from infra.rehearsal.cloud.spot import SpotLaunch
from infra.rehearsal.cloud.wsgi import Patches
from infra.rehearsal.fault_injection import Faults


class RehearsedEC2(
    IdempotentLaunch, ZoneChoice, RootDisk, SpotLaunch, Placed, LifeCycle, GroupsInUse, Baking, EC2Backend
):
    """moto's EC2, each class in front of it fixing one thing. The order is that of a launch: a repeated one ends at
    the first, a new one passes all."""

    __module__ = EC2Backend.__module__  # moto finds a backend's URLs by this name


class RehearsedCloudWatch(CloudWatchBackend):
    __module__ = CloudWatchBackend.__module__
    now: Callable[[], float]

    def put_metric_alarm(self, *args: Any, **kwargs: Any) -> Any:
        alarm: Any = super().put_metric_alarm(*args, **kwargs)
        alarm.made_at = type(self).now()
        alarms.start_without_data(alarm)
        return alarm


def install(parts: Parts) -> None:
    """Put the fixed backends where moto makes its own. Before the first request."""
    RehearsedEC2.room = parts.room
    RehearsedEC2.clock = parts.clock
    RehearsedEC2.faults = parts.faults
    RehearsedEC2.refuse_launch = staticmethod(lambda ec2, wish, count: _refuse_launch(ec2, parts.faults, wish, count))
    RehearsedEC2.refuse_start = staticmethod(lambda ec2, instance: _refuse_start(ec2, parts.faults, instance))
    RehearsedCloudWatch.now = staticmethod(parts.clock.time)
    ec2_backends.backend = RehearsedEC2
    cloudwatch_backends.backend = RehearsedCloudWatch
    filter_dict_attribute_mapping["instance-lifecycle"] = "lifecycle"
    images.mend_parameters()
    images.mend_root_disks()
    images.spare_disk_keys()
    answering.remember()


def _refuse_launch(ec2: Any, faults: Faults, wish: Any, count: int) -> None:
    kind, is_spot = wish["instance_type"], wish.get("instance_market_options") == "spot"
    quotas.refuse_over_quota(ec2, faults, kind, spot=is_spot, count=count)
    capacity.refuse_without_capacity(ec2, faults, kind, capacity.zone_of_wish(ec2, wish), count)


def _refuse_start(ec2: Any, faults: Faults, instance: Any) -> None:
    quotas.refuse_over_quota(ec2, faults, instance.instance_type, spot=instance.lifecycle == "spot")
    # A stopped instance is tied to its zone by its disk. Of several some may start and others not.
    capacity.refuse_without_capacity(ec2, faults, instance.instance_type, str(instance.placement.zone))
    faults.take(str(instance.placement.zone), instance.instance_type)


def patches(parts: Parts) -> Patches:
    return Patches(
        checks={
            ("*", "*"): (
                lambda call, _: _refuse_as_expired(call, parts.faults),
                lambda call, _: _refuse_as_too_fast(call, parts.faults),
            ),
            ("ec2", "RunInstances"): (*run_instances.LAUNCH_CHECKS, placement.refuse_wrong_group),
            ("ec2", "ModifyInstanceAttribute"): (attributes.refuse_type_of_running,),
            ("scheduler", "CreateSchedule"): (schedules.refuse_bad_schedule,),
            ("scheduler", "UpdateSchedule"): (schedules.refuse_bad_schedule,),
        },
        answers={
            ("ec2", "GetConsoleOutput"): lambda call, ec2: console.console_output(call, ec2, parts.room),
            ("ec2", "CreatePlacementGroup"): placement.create,
            ("ec2", "DescribePlacementGroups"): placement.describe,
            ("ec2", "DeletePlacementGroup"): placement.delete,
            ("ec2", "DescribeSpotPriceHistory"): lambda call, ec2: spot.price_history(call, ec2, parts.clock),
            ("servicequotas", "GetServiceQuota"): lambda call, _: quotas.get_quota(call, parts.faults),
            ("servicequotas", "GetAWSDefaultServiceQuota"): lambda call, _: quotas.get_default(call),
            ("servicequotas", "ListServiceQuotas"): lambda call, _: quotas.list_quotas(call, parts.faults),
            ("servicequotas", "RequestServiceQuotaIncrease"): lambda call, _: quotas.request_increase(call),
            ("pricing", "GetProducts"): lambda call, _: prices.get_products(call, _regions_of),
        },
        rewrites={("ec2", "ModifyInstanceAttribute"): attributes.in_the_form_moto_reads},
    )


def _refuse_as_expired(call: Call, faults: Faults) -> None:
    if faults.now.expired and call.service != "s3":  # there the instance speaks, by a role of its own
        code = "RequestExpired" if call.service == "ec2" else "ExpiredToken"
        raise Refusal(code, "The security token included in the request is expired")


def _refuse_as_too_fast(call: Call, faults: Faults) -> None:
    if not faults.throttles():
        return
    if call.service == "ec2":
        raise Refusal("RequestLimitExceeded", "Request limit exceeded.", 503)
    raise Refusal("ThrottlingException", "Rate exceeded")


def _regions_of(machine_type: str) -> list[str]:
    offered = INSTANCE_TYPE_OFFERINGS["region"]
    return [region for region, kinds in offered.items() if any(kind["InstanceType"] == machine_type for kind in kinds)]


def backend_of(call: Call) -> Any:
    known: dict[str, Any] = {"ec2": ec2_backends, "scheduler": scheduler_backends}
    backends = known.get(call.service)
    return None if backends is None else backends[ACCOUNT][call.region]  # one not asked yet is empty, and false
