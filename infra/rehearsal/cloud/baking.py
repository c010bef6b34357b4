"""An image made of an instance holds that instance's disk; moto's is empty."""

from __future__ import annotations

from typing import Any

from infra.rehearsal.instance.record import MachineRoom


class Baking:
    room: MachineRoom

    def create_image(self, instance_id: str, *args: Any, **kwargs: Any) -> Any:
        ami = super().create_image(instance_id, *args, **kwargs)  # type: ignore[misc]
        source = self.get_instance(instance_id)  # type: ignore[attr-defined]
        ami.root_device_name, ami.root_device_type = source.root_device_name, "ebs"
        self.room.bake(instance_id, ami.id)
        return ami
