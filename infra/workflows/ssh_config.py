"""The Host entry for editors and other people's programs: written once asked for, then kept up to date."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from infra.aws.instances.instance import Instance
from infra.host import ssh_config
from infra.workflows.context import Rig, open_host, running_instance
from infra.workflows.results import announce_visit


@dataclass(frozen=True)
class Entry:
    """*include*: the one line for ~/.ssh/config."""

    alias: str
    path: Path
    include: str


def write_entry(rig: Rig) -> Entry:
    """Write the Host entry of the rig's running instance."""
    instance = running_instance(rig)
    with open_host(rig, instance) as host:
        announce_visit(rig, host, instance)
    return _write_entry(rig, instance)


def refresh_entry(rig: Rig, instance: Instance) -> None:
    """Bring the Host entry up to date, if there is one: an instance has a new address after each start."""
    if entry_path(rig).exists():
        _write_entry(rig, instance)


def remove_entry(rig: Rig) -> None:
    entry_path(rig).unlink(missing_ok=True)


def _write_entry(rig: Rig, instance: Instance) -> Entry:
    alias, path = f"gluon-{rig.name}", entry_path(rig)
    with open_host(rig, instance) as host:
        ssh_config.write(path, ssh_config.entry(alias, host.target))
    return Entry(alias, path, ssh_config.include_line(path.parent))


def entry_path(rig: Rig) -> Path:
    """A rehearsal leaves no trace outside its project."""
    home = rig.project / ".rig" if rig.rehearsing else Path.home() / ".config" / "gluon-rig"
    return home / "ssh" / rig.name
