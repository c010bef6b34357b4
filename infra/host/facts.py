"""What the host says of itself: the kit's small programs are sent and asked in one round trip."""

from __future__ import annotations

import dataclasses
import io
import json
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.errors import WorldError
from infra.host.commands import ssh
from infra.host.connection import DROPPED, GREETING, Host, local_process, lost
from infra.names import CODE_DIR, DATA_DIR, FETCHED_DIR, KIT_DIR, RUNS_DIR, SNAPSHOTS_DIR

PROGRAMS = ("record.py", "host_facts.py", "copies.py")
_SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


@dataclass(frozen=True, kw_only=True)
class RunFacts:
    """One run on the host's disk.

    *state*: running, ended, lost (its container is gone and it left no record), or unknown (Docker did not answer).
    *exit_code*: None while it runs, and when the machine went down under it. *oom*: a process of it was killed for
    memory. *signal*: what it was asked to end by ("SIGTERM"), if it was.
    """

    name: str
    state: str
    exit_code: int | None
    oom: bool
    signal: str
    started: str | None
    ended: str | None
    sealed: bool
    fetched: bool


@dataclass(frozen=True, kw_only=True)
class Facts:
    """*docker*: the words that reach the engine, empty when it does not answer. *guard_silent_s*: seconds since the
    guard on the host last gave a sign, None if it never did. *ended*: why it last fired."""

    home: str
    uid: int
    gid: int
    memory_bytes: int
    docker: tuple[str, ...]
    images: tuple[str, ...]
    gpus: tuple[str, ...]
    rsync: bool
    runs: tuple[RunFacts, ...]
    guard_silent_s: float | None
    ended: Mapping[str, Any] | None

    @property
    def unfetched(self) -> tuple[RunFacts, ...]:
        return tuple(run for run in self.runs if not run.fetched)

    @property
    def running(self) -> tuple[RunFacts, ...]:
        return tuple(run for run in self.runs if run.state == "running")


def ask_facts(host: Host, *, images: Sequence[str] = ()) -> Facts:
    """Send the kit's programs to the host and return what host_facts.py says there."""
    folders = [CODE_DIR, KIT_DIR, RUNS_DIR, DATA_DIR, SNAPSHOTS_DIR, FETCHED_DIR]
    line = ssh(
        host.target,
        ["echo", GREETING],
        ["mkdir", "-p", *folders],
        ["tar", "-xf", "-", "-C", KIT_DIR],
        ["python3", f"{KIT_DIR}/host_facts.py", *images],
    )
    process = local_process(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, said = process.communicate(_packed_programs())
    if process.returncode == DROPPED:
        raise lost(host.target, said.decode(errors="replace"))
    if process.returncode:
        raise WorldError(f"{host.target} could not say what it is: {said.decode(errors='replace').strip()}")
    before, _, answer = out.rpartition(GREETING.encode() + b"\n")
    facts = parse(json.loads(answer))
    # What ~/.bashrc there prints comes first. rsync would take it for words of its own; the tar streams do not mind.
    return dataclasses.replace(facts, rsync=facts.rsync and not before)


def parse(said: Mapping[str, Any]) -> Facts:
    lists = {name: tuple(said[name]) for name in ("docker", "images", "gpus")}
    return Facts(**{**said, **lists, "runs": tuple(RunFacts(**run) for run in said["runs"])})


def _packed_programs() -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for program in PROGRAMS:
            tar.add(_SCRIPTS / program, arcname=program)
    return packed.getvalue()
