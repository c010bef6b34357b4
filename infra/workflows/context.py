"""What every command needs, and the way from an instance in AWS to a host one can speak to."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path

from infra.aws.access.host_key import host_key
from infra.aws.access.security_group import Group, admit_only, find_group, my_address
from infra.aws.client.account import Account
from infra.aws.client.session import Session
from infra.aws.instances.instance import Instance, find_nodes
from infra.aws.instances.launch import incomplete
from infra.console import Tell
from infra.errors import AwsFailed, UserError
from infra.host.connection import Host
from infra.host.known_hosts import pin, pinned_key
from infra.host.target import Target
from infra.settings import Settings


def utc_now() -> datetime:
    return datetime.now(timezone.utc)


@dataclass(frozen=True)
class Rig:
    """*project*: the folder in which `rig` was typed; runs/ and .rig/ lie in it.

    *now*: a rehearsal's time may run faster than the world's.
    """

    settings: Settings
    session: Session
    project: Path
    tell: Tell
    now: Callable[[], datetime] = utc_now

    @property
    def name(self) -> str:
        return self.settings.name

    @property
    def account(self) -> Account:
        return Account(self.session, self.tell)

    @property
    def rehearsing(self) -> bool:
        return self.settings.cloud == "rehearsal"

    @property
    def runs(self) -> Path:
        return self.project / "runs"

    @property
    def key(self) -> Path:
        """Outside the project, so that a fresh clone does not lock its owner out; a rehearsal leaves no trace there."""
        if self.settings.key:
            return Path(self.settings.key).expanduser()
        if self.rehearsing:
            return self.project / ".rig" / "rehearsal-key"
        return Path.home() / ".config" / "gluon-rig" / "id_ed25519"

    @property
    def known_hosts(self) -> Path:
        return self.project / ".rig" / "known_hosts"

    @cached_property
    def commit(self) -> str:
        """The git commit of the code that is sent, with "+" when files were changed since; empty without git."""
        try:
            described = subprocess.run(
                ["git", "describe", "--always", "--abbrev=12", "--dirty=+", "--exclude=*"],
                cwd=Path(self.settings.code).expanduser(), capture_output=True, text=True,
            )  # fmt: skip
        except OSError:
            return ""
        return described.stdout.strip()


def running_instance(rig: Rig) -> Instance:
    """The rig's instance, of a group the first, running, and open to where we are now. Raises UserError saying how to
    get one."""
    return running_nodes(rig, whole=False)[0]


def running_node(rig: Rig, known: Instance) -> Instance:
    """*known* as it is now, running; of a rig of one machine, whichever counts now. Raises UserError."""
    nodes = running_nodes(rig, whole=False)
    same = [one for one in nodes if one.rank == known.rank]
    if not same:
        raise UserError(f"{known.node} does not run any more.", "`make status`")
    return same[0]


def running_nodes(rig: Rig, *, whole: bool = True) -> tuple[Instance, ...]:
    """The machines of the rig, running, and open to where we are now. Raises UserError saying how to get them, and
    if they are to be *whole*, also when one of them is gone or off."""
    with ThreadPoolExecutor(max_workers=3) as side_by_side:
        found = side_by_side.submit(find_nodes, rig.session, rig.name)
        group = side_by_side.submit(find_group, rig.session, rig.name)
        source = side_by_side.submit(_source, rig)
    nodes = _running(rig, found.result(), whole)
    _let_me_in(rig, group.result(), source.result())
    return nodes


def _source(rig: Rig) -> str:
    """Our address as AWS sees it; empty when nobody tells, which the connection itself will then show."""
    try:
        return my_address(rig.session)
    except AwsFailed:
        return ""


def _let_me_in(rig: Rig, group: Group | None, source: str) -> None:
    """A laptop that moved is let in before its first connection has to time out."""
    if group and source and source not in {rule[3] for rule in group.rules}:
        rig.tell(f"Your address has changed; it is {source} now")
        admit_only(rig.account, group, source)


def _running(rig: Rig, nodes: tuple[Instance, ...], whole: bool) -> tuple[Instance, ...]:
    if not nodes:
        raise UserError(f"There is no instance of the rig {rig.name!r}.", "`make launch` rents one")
    if whole and len(nodes) < nodes[0].nodes:
        raise incomplete(nodes)
    running = tuple(one for one in nodes if one.state == "running")
    if not running or (whole and len(running) < len(nodes)):
        off = next(one for one in nodes if one.state != "running")
        command = "start" if off.state == "stopped" else "status"
        raise UserError(f"{off.node} is {off.state}.", f"`make {command}`")
    return running


def open_host(rig: Rig, instance: Instance) -> Host:
    """The host behind *instance*, its key pinned from what AWS says; nothing is sent yet."""
    if pinned_key(rig.known_hosts, instance.id) is None:
        pin(rig.known_hosts, instance.id, host_key(rig.account, instance))
    return Host(
        Target(
            identity=instance.id,
            address=instance.address,
            port=instance.port,
            user=instance.user,
            key=rig.key,
            known_hosts=rig.known_hosts,
        )
    )
