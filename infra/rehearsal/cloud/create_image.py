"""An image made of an instance holds that instance's disk; moto's is empty, and refuses tags for the snapshot."""

from __future__ import annotations

from typing import Any

from infra.rehearsal.cloud.dependencies import MotoEC2
from infra.rehearsal.instance.record import MachineRoom


class Baking(MotoEC2):
    room: MachineRoom

    def create_image(self, instance_id: str, name: str, description: str, tag_specifications: list[Any]) -> Any:
        of_image = [one for one in tag_specifications if one["ResourceType"] != "snapshot"]
        ami = super().create_image(instance_id, name, description, of_image)
        for one in tag_specifications:
            if one["ResourceType"] == "snapshot":
                ami.ebs_snapshot.add_tags({tag["Key"]: tag["Value"] for tag in one["Tags"]})
        source = self.get_instance(instance_id)
        ami.root_device_name, ami.root_device_type = source.root_device_name, "ebs"
        self.room.bake(instance_id, ami.id)
        return ami
