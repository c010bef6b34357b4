"""RunInstances as EC2 does it: one launch per ClientToken, the image's root disk, refusals before any launch."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any, Final

from infra.rehearsal.cloud.dependencies import MotoEC2
from infra.rehearsal.cloud.images import root_disk, root_gib
from infra.rehearsal.cloud.request import Call
from infra.rehearsal.cloud.response import Refusal

USER_DATA_BYTES: Final = 16 * 1024
NO_TOKEN: Final = "ABCDE"  # what moto puts where a caller sent none


class IdempotentLaunch(MotoEC2):
    """The same ClientToken gives the same instances; moto gives new ones.

    https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html
    """

    refuse_launch: Callable[[Any, Mapping[str, Any], int], None]
    """Quota and capacity: asked only for a launch that would be new. Raises Refusal."""

    def run_instances(self, *args: Any, **kwargs: Any) -> Any:
        """*args*: image, and the number that is both least and most, as `refuse_other_counts` sees to."""
        tokens = self.__dict__.setdefault("client_tokens", {})
        token = kwargs.get("client_token", NO_TOKEN)
        wish = repr((args, sorted((key, value) for key, value in kwargs.items() if key != "client_token")))
        if token in tokens:
            asked, reservation = tokens[token]
            if asked != wish:
                raise Refusal(
                    "IdempotentParameterMismatch",
                    f"The client token '{token}' was used with other parameters before.",
                )
            return reservation
        type(self).refuse_launch(self, kwargs, args[1])
        reservation = super().run_instances(*args, **kwargs)
        if token != NO_TOKEN:
            tokens[token] = (wish, reservation)
        return reservation


class RootDisk(MotoEC2):
    """A launch that does not speak of the root disk gets the image's; one that does need not repeat all of it."""

    def run_instances(self, image_id: str, *args: Any, **kwargs: Any) -> Any:
        ami = self.amis.get(image_id)
        if ami:
            kwargs["block_device_mappings"] = with_root(kwargs.get("block_device_mappings") or [], ami)
        return super().run_instances(image_id, *args, **kwargs)


def with_root(asked: list[dict[str, Any]], ami: Any) -> list[dict[str, Any]]:
    (root,) = root_disk(ami)
    others = [disk for disk in asked if disk["DeviceName"] != root["DeviceName"]]
    mine: dict[str, Any] = next((disk for disk in asked if disk["DeviceName"] == root["DeviceName"]), {"Ebs": {}})
    given = {key: value for key, value in mine["Ebs"].items() if value not in (None, "")}
    return [{**mine, "DeviceName": root["DeviceName"], "Ebs": {**root["Ebs"], **given}}, *others]


def refuse_big_user_data(call: Call, ec2: Any) -> None:
    """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html: 16 KB, before base64."""
    if len(base64.b64decode(call.params.get("UserData", ""))) > USER_DATA_BYTES:
        raise Refusal("InvalidParameterValue", f"User data is limited to {USER_DATA_BYTES} bytes")


def refuse_unknown_image(call: Call, ec2: Any) -> None:
    image = call.params.get("ImageId", "")
    if image not in ec2.amis:
        raise Refusal("InvalidAMIID.NotFound", f"The image id '[{image}]' does not exist")


def refuse_small_root(call: Call, ec2: Any) -> None:
    ami = ec2.amis[call.params["ImageId"]]
    number = 1
    while device := call.params.get(f"BlockDeviceMapping.{number}.DeviceName"):
        size = call.params.get(f"BlockDeviceMapping.{number}.Ebs.VolumeSize")
        if device == ami.root_device_name and size and int(size) < root_gib(ami):
            raise Refusal(
                "InvalidBlockDeviceMapping",
                f"Volume of size {size}GB is smaller than snapshot '{ami.ebs_snapshot.id}', "
                f"expect size >= {root_gib(ami)}GB",
            )
        number += 1


def refuse_wrong_architecture(call: Call, ec2: Any) -> None:
    kind, ami = call.params.get("InstanceType", ""), ec2.amis[call.params["ImageId"]]
    known = ec2.describe_instance_types([kind])
    built_for = known[0].get("ProcessorInfo", {}).get("SupportedArchitectures", []) if known else []
    if built_for and ami.architecture not in built_for:
        raise Refusal(
            "InvalidParameterValue",
            f"The architecture '{built_for[0]}' of the specified instance type does not match the architecture "
            f"'{ami.architecture}' of the specified AMI. Specify an instance type and an AMI that have matching "
            "architectures, and try again.",
        )


def refuse_type_not_in_zone(call: Call, ec2: Any) -> None:
    kind, zone = call.params.get("InstanceType", ""), zone_asked(call.params, ec2)
    offered = ec2.describe_instance_type_offerings("availability-zone", {"instance-type": [kind]})
    zones = sorted({offer["Location"] for offer in offered})
    if zone and zones and zone not in zones:
        raise Refusal(
            "Unsupported",
            f"Your requested instance type ({kind}) is not supported in your requested Availability Zone ({zone}). "
            f"Please retry your request by not specifying an Availability Zone or choosing {', '.join(zones)}.",
        )


def zone_asked(params: Mapping[str, Any], ec2: Any) -> str:
    """The zone a launch names, by itself or through a subnet; empty when it leaves the choice to EC2."""
    subnet_id = params.get("SubnetId") or params.get("NetworkInterface.1.SubnetId")
    if subnet_id:
        return str(ec2.get_subnet(subnet_id).availability_zone)
    return str(params.get("Placement.AvailabilityZone", ""))


def refuse_other_counts(call: Call, ec2: Any) -> None:
    """moto makes the least that is asked for. The kit asks for all or none; between the two nothing is rehearsed."""
    least, most = (str(call.params.get(name, "1")) for name in ("MinCount", "MaxCount"))
    if least != most:
        raise Refusal("InvalidParameterValue", f"the rehearsal takes MinCount = MaxCount only, not {least} to {most}")


LAUNCH_CHECKS: Final = (
    refuse_other_counts, refuse_unknown_image, refuse_big_user_data, refuse_small_root, refuse_wrong_architecture,
    refuse_type_not_in_zone,
)  # fmt: skip
