"""The Host entry for editors and other people's programs: written once asked for, then kept up to date."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from infra.aws.instances.instance import Instance
from infra.host import ssh_config
from infra.workflows.context import Rig, open_host, running_nodes
from infra.workflows.nodes import ask_each
from infra.workflows.results import announce_visit


@dataclass(frozen=True)
class Entry:
    """*include*: the one line for ~/.ssh/config."""

    alias: str
    path: Path
    include: str


def write_entry(rig: Rig) -> Entry:
    """Write the Host entry of the rig's running instance; of a group, one for each of its nodes that answers."""
    told = ask_each(rig, running_nodes(rig, whole=False), _announce)
    return _write_entry(rig, [node for node, _ in told.there])


def _announce(rig: Rig, instance: Instance) -> None:
    with open_host(rig, instance) as host:
        announce_visit(rig, host, instance)


def refresh_entry(rig: Rig, nodes: Sequence[Instance]) -> None:
    """Bring the Host entry up to date, if there is one: an instance has a new address after each start."""
    if entry_path(rig).exists():
        _write_entry(rig, nodes)


def remove_entry(rig: Rig) -> None:
    entry_path(rig).unlink(missing_ok=True)


def _write_entry(rig: Rig, nodes: Sequence[Instance]) -> Entry:
    """The first node has the rig's own alias, the second that with ".2": no name of a rig has a dot in it."""
    alias, path, entries = f"gluon-{rig.name}", entry_path(rig), []
    for one in nodes:
        with open_host(rig, one) as host:
            entries.append(ssh_config.entry(f"{alias}.{one.rank + 1}" if one.rank else alias, host.target))
    ssh_config.write(path, "".join(entries))
    return Entry(alias, path, ssh_config.include_line(path.parent))


def entry_path(rig: Rig) -> Path:
    """A rehearsal leaves no trace outside its project."""
    home = rig.project / ".rig" if rig.rehearsing else Path.home() / ".config" / "gluon-rig"
    return home / "ssh" / rig.name
