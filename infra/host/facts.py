"""What the host says of itself: the kit's small programs are sent and asked in one round trip."""

from __future__ import annotations

import dataclasses
import io
import tarfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

from infra.errors import WorldError
from infra.host import foreign
from infra.host.connection import Host
from infra.host.foreign import json_object, make_printable
from infra.host.programs import SCRIPTS, hear, program
from infra.names import CODE_DIR, DATA_DIR, FETCHED_DIR, KIT_DIR, QUEUE_DIR, RUNS_DIR, STARTING_DIR

PROGRAMS = (
    "recorder.py",
    "workspace.py",
    "advice.py",
    "gone_names.py",
    "live_output.py",
    "host_facts.py",
    "s3_backup.py",
    "workers.py",
    "meeting.py",
    "turn.py",
)
WAYS = ((), ("docker",), ("sudo", "-n", "docker"))
STATES = ("running", "ended", "lost", "unknown")
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class RunFacts:
    """One run on the host's disk.

    *state*: running, ended, lost (its container is gone and it left no record), or unknown (Docker did not answer).
    *exit_code*: None while it runs, and when the machine went down under it. *oom*: a process of it was killed for
    memory. *signal*: what it was asked to end by ("SIGTERM"), if it was. *part*: the host's word for what it has
    written so far; a run that has gone on since has another. *waiting*: its container runs, and waits for its turn.
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
    part: str = ""
    waiting: bool = False


@dataclass(frozen=True, kw_only=True)
class Facts:
    """*docker*: the words that reach the engine, empty when it does not answer. *guard_silent_s*: seconds since the
    guard on the host last gave a sign, None if it never did. *ended*: why it last fired. *nameless*: folders among the
    runs that cannot have their name here, and so cannot come home. *beginning*: runs that are being started at this
    moment. *notebooks*: there is a folder of notebooks. *visited*: a user was led to a shell there; *strays*: files
    below the home folder that have been written since, outside of the kit's own folders. *code*: there is code from an
    earlier copy. *clock_ahead_s*: by how much its clock and this computer's differ, beyond what the question took."""

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
    nameless: tuple[str, ...] = ()
    beginning: tuple[str, ...] = ()
    notebooks: bool = False
    visited: bool = False
    strays: tuple[str, ...] = ()
    code: bool = True
    clock_ahead_s: float = 0.0

    @property
    def unfetched(self) -> tuple[RunFacts, ...]:
        return tuple(run for run in self.runs if not run.fetched)

    @property
    def running(self) -> tuple[RunFacts, ...]:
        return tuple(run for run in self.runs if run.state == "running")


def ask_facts(host: Host, *, images: Sequence[str] = ()) -> Facts:
    """Send the kit's programs to the host and return what host_facts.py says there."""
    asked = time.time()
    before, answer = hear(host, _lay_out(), program("host_facts.py", *images), given=_packed_programs())
    try:
        said = json_object(answer)
        facts, clock = parse(said), _maybe(foreign.amount, said.get("now"))
    except ValueError as error:
        raise WorldError(
            f"{host.target} gives an answer that makes no sense: {error}", "`rig ssh` opens a shell there"
        ) from error
    ahead = 0.0 if clock is None else min(clock - asked, 0.0) + max(clock - time.time(), 0.0)
    # What ~/.bashrc there prints comes first. rsync would take it for words of its own; the tar streams do not mind.
    return dataclasses.replace(facts, rsync=facts.rsync and not before, clock_ahead_s=ahead)


def _lay_out() -> list[str]:
    """Folders and programs for the next run. On a full disk they cannot be written, and the questions go on.

    A run may be starting while somebody else asks, and tar removes a file before it writes it anew. So the programs are
    unpacked aside, and each takes the place of the one before in one step: always there, and always whole.
    """
    folders = [CODE_DIR, KIT_DIR, RUNS_DIR, DATA_DIR, FETCHED_DIR, STARTING_DIR, QUEUE_DIR]
    unpack = f'aside=$(mktemp -d {KIT_DIR}/.new.XXXXXX) && tar -xf - -C "$aside" && mv -f "$aside"/* {KIT_DIR}/'
    return ["sh", "-c", f'mkdir -p "$@"; {unpack}; rm -rf "$aside"; true', "sh", *folders]


def parse(said: Mapping[str, Any]) -> Facts:
    """The host's answer, looked at once. Raises ValueError for one that makes no sense.

    A run is never lost for it: one whose facts are strange is of unknown state, and one whose name is none `nameless`.
    """
    runs, nameless = [], []
    for one in _rows(said, "runs"):
        try:
            runs.append(_run(one))
        except ValueError:
            nameless.append(make_printable(str(one.get("name"))))
    return Facts(
        home=foreign.home(said.get("home")),
        uid=foreign.count(said.get("uid")),
        gid=foreign.count(said.get("gid")),
        memory_bytes=foreign.count(said.get("memory_bytes")),
        docker=_docker(said.get("docker")),
        images=foreign.words(said.get("images")),
        gpus=foreign.words(said.get("gpus")),
        rsync=foreign.truth(said.get("rsync")),
        runs=tuple(runs),
        nameless=tuple(nameless),
        beginning=foreign.words(said.get("beginning")),
        notebooks=foreign.truth(said.get("notebooks")),
        visited=foreign.truth(said.get("visited")),
        strays=foreign.words(said.get("strays")),
        code=foreign.truth(said.get("code", True)),
        guard_silent_s=_maybe(foreign.amount, said.get("guard_silent_s")),
        ended=_maybe(lambda ended: foreign.plain_json(foreign.mapping(ended)), said.get("ended")),
    )


def _rows(said: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    rows = said.get(name)
    if not isinstance(rows, list):
        raise ValueError(f"no list of {name}")
    return [row if isinstance(row, dict) else {"name": row} for row in rows]


def _docker(said: object) -> tuple[str, ...]:
    """These words begin commands, so only the ways we know."""
    if said not in [list(way) for way in WAYS]:
        raise ValueError(f"no way to Docker: {make_printable(str(said))}")
    return tuple(said)


def _run(said: Mapping[str, Any]) -> RunFacts:
    name = foreign.run_name(said.get("name"))
    try:
        if said.get("state") not in STATES:
            raise ValueError("no such state")
        return RunFacts(
            name=name,
            state=said["state"],
            exit_code=_maybe(foreign.count, said.get("exit_code")),
            oom=foreign.truth(said.get("oom")),
            signal=foreign.text(said.get("signal")),
            started=_maybe(foreign.text, said.get("started")),
            ended=_maybe(foreign.text, said.get("ended")),
            sealed=foreign.truth(said.get("sealed")),
            fetched=foreign.truth(said.get("fetched")),
            part=foreign.text(said.get("part")),
            waiting=foreign.truth(said.get("waiting", False)),
        )
    except ValueError:
        return unknown_run(name)


def unknown_run(name: str) -> RunFacts:
    """Of which nothing can be told, not even that it is over."""
    return RunFacts(
        name=name, state="unknown", exit_code=None, oom=False, signal="",
        started=None, ended=None, sealed=False, fetched=False,
    )  # fmt: skip


def _maybe(look: Callable[[Any], T], said: object) -> T | None:
    return None if said is None else look(said)


@cache
def _packed_programs() -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name in PROGRAMS:
            tar.add(SCRIPTS / name, arcname=name)
    return packed.getvalue()
