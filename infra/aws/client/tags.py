"""How the kit finds and marks what is its own in an account."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from infra.names import KIT, NAME_TAG, OWNER_TAG


def own_tags(name: str) -> dict[str, str]:
    """What everything that belongs to the rig *name* carries. "Name" is the column that the AWS console shows."""
    return {OWNER_TAG: KIT, NAME_TAG: name, "Name": f"{KIT}-{name}"}


def filters(wanted: Mapping[str, str | Iterable[str]]) -> list[dict[str, Any]]:
    """{"tag:x": "y"} in AWS's words."""
    return [{"Name": key, "Values": [v] if isinstance(v, str) else list(v)} for key, v in wanted.items()]


def own_filters(name: str) -> list[dict[str, Any]]:
    return filters({f"tag:{OWNER_TAG}": KIT, f"tag:{NAME_TAG}": name})


def as_tags(values: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in values.items()]


def from_tags(tags: Iterable[Mapping[str, str]]) -> dict[str, str]:
    return {tag["Key"]: tag.get("Value", "") for tag in tags}


def specification(kinds: Iterable[str], values: Mapping[str, str]) -> list[dict[str, Any]]:
    """TagSpecifications: the tags come with the thing, in the same call, or there is no thing."""
    return [{"ResourceType": kind, "Tags": as_tags(values)} for kind in kinds]
