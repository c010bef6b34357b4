"""Security groups that are in use cannot be deleted; moto deletes them."""

from __future__ import annotations

from typing import Any

from infra.rehearsal.cloud.dependencies import MotoEC2
from infra.rehearsal.cloud.response import Refusal


class GroupsInUse(MotoEC2):
    def delete_security_group(self, name: str | None = None, group_id: str | None = None) -> None:
        wanted = group_id or name
        for instance in self.all_instances():
            uses = {label for group in _groups_of(instance) for label in (group.id, group.name)}
            if instance.state != "terminated" and wanted in uses:
                raise Refusal("DependencyViolation", f"resource {wanted} has a dependent object")
        super().delete_security_group(name, group_id)


def _groups_of(instance: Any) -> list[Any]:
    return [*instance.security_groups, *(group for nic in instance.nics.values() for group in nic.group_set)]
