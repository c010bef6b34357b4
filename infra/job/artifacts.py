"""Bring a run's work folder home, and know that all of it came."""

from __future__ import annotations

import contextlib
import functools
import itertools
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from infra.console import Tell
from infra.errors import ArtifactsMissing
from infra.host.connection import Host
from infra.host.facts import Facts, RunFacts
from infra.host.foreign import run_name
from infra.host.retry import persistently
from infra.host.sync import Arrival, pull, pull_ended, reopen, seal
from infra.job.container import forget
from infra.job.outcome import moment
from infra.job.run import silent
from infra.names import KIT_DIR, RUNS_DIR, SUMMARY
from infra.remote.recorder import EXIT, JOB, LOG, MANIFEST, MARK

_SHOWN = 20  # names in a message
_LAST_BYTES = 1 << 14
OTHER_NODES = "other-nodes"
_RECORD = {LOG, EXIT, MANIFEST, JOB}  # what the recorder writes about any run


def home_of(into: Path, name: str, rank: int) -> Path:
    """Where what *name* left on node *rank* of a group comes to: the first node's are the run's results."""
    return into / name / OTHER_NODES / str(rank + 1) if rank else into / name


def fetch(host: Host, facts: Facts, run: RunFacts, into: Path, *, rank: int = 0, tell: Tell) -> Path:
    """Bring *run* home to *into*/NAME and return that folder; what is there of a run that goes on, all of an ended one.

    *rank*: of the node, in a group.

    Raises ArtifactsMissing naming what of the ended run is not here, once all the rest is; and HostUnreachable if
    nobody on the host can say whether it has ended; what is there has come home then, too.
    """
    home = home_of(into, _safe_name(run), rank)
    there = f"{facts.home}/{RUNS_DIR}/{run.name}"
    if run.state not in ("ended", "lost"):
        _fetch_part(host, facts, run, there, home, tell)
        return home
    if not run.sealed:
        # The recorder was killed before it could seal: what is on the disk now is all there will be.
        line = ["python3", f"{facts.home}/{KIT_DIR}/recorder.py", "--seal", there]
        persistently(lambda: host.ask(line, timeout_s=600), tell=tell)
    arrival = persistently(lambda: pull_ended(host, there, home, rsync_there=facts.rsync), tell=tell)
    _tell_notes(run, arrival, tell)
    if arrival.left:
        raise ArtifactsMissing(
            f"{home} is not whole. Missing: {list_some(arrival.left, more=arrival.more_left)}.",
            "fix that and run `rig pull` again",
        )
    seal(home, arrival)
    if not run.fetched:
        # One by one: the disk may be full, Docker silent.
        for words in forget(facts.docker, facts.home, run.name, part=run.part):
            persistently(functools.partial(host.ask, words), tell=tell)
    return home


def _safe_name(run: RunFacts) -> str:
    try:
        return run_name(run.name)
    except ValueError as error:
        raise ArtifactsMissing(f"The host names a run that nothing here can be called: {error}") from error


def _fetch_part(host: Host, facts: Facts, run: RunFacts, there: str, home: Path, tell: Tell) -> None:
    if _wears_an_old_ending(run, home):
        reopen(home)
        (home / EXIT).unlink(missing_ok=True)
    arrival = persistently(lambda: pull(host, there, home, rsync_there=facts.rsync), tell=tell)
    _tell_notes(run, arrival, tell)
    if arrival.left:
        tell(f"Not home yet of {run.name}: {list_some(arrival.left, more=arrival.more_left)}")
    if run.state == "unknown":
        raise silent(f"what {run.name} has written so far is in {home}; whether it goes on cannot be told now")


def _wears_an_old_ending(run: RunFacts, home: Path) -> bool:
    """A resumed run that goes on again must not look ended here. One that has ended since we asked, and that another
    pull has brought home, must: its end is later than our run's start."""
    ended, started = moment(ending(home).get("ended")), moment(run.started)
    return (home / EXIT).exists() and (ended is None or started is None or ended <= started)


def nameless(facts: Facts) -> ArtifactsMissing:
    return ArtifactsMissing(
        f"Among the runs on the host are folders that no run can be called: {', '.join(facts.nameless[:5])}.",
        f"give them other names with `rig ssh`, in {RUNS_DIR}",
    )


def _tell_notes(run: RunFacts, arrival: Arrival, tell: Tell) -> None:
    for name, why in itertools.islice(arrival.notes.items(), _SHOWN):
        tell(f"{run.name}: {name}: {why}")
    if (more := len(arrival.notes) + arrival.more_notes - _SHOWN) > 0:
        tell(f"{run.name}: the same of {more:,} more")


def list_some(left: Mapping[str, str], *, more: int = 0) -> str:
    """The first of *left*, and how many there are beside them; *more*: that many are not in it."""
    first = ", ".join(f"{name} ({why})" for name, why in itertools.islice(left.items(), _SHOWN))
    more += max(0, len(left) - _SHOWN)
    return first + (f", and {more:,} more" if more else "")


def has_left_nothing(folder: Path) -> bool:
    """Whether the run, which was to leave files, left only the record every run has. That is no failure."""
    end = ending(folder)
    own = (path for path in folder.rglob("*") if OTHER_NODES not in path.relative_to(folder).parts[:1])
    left = (path for path in own if path.is_file() and path not in {folder / name for name in _RECORD})
    return bool(end) and end.get("results") != "optional" and not any(left)


def command_of(folder: Path) -> list[str]:
    """What ran, as the recorder wrote it down."""
    return list(ending(folder).get("command", []))


def show_log(folder: Path, show: Callable[[str], None]) -> bool:
    """Show each line of the log in *folder*, a run at home; whether there is one."""
    try:
        with (folder / LOG).open(encoding="utf-8", errors="replace", newline="\n") as log:
            for line in log:
                show(line.rstrip("\n"))
    except OSError:
        return False
    return True


def end_of_log(folder: Path) -> bytes:
    """The last lines of a run's log; nothing where there is none."""
    with contextlib.suppress(OSError), (folder / LOG).open("rb") as log:
        log.seek(max(0, os.fstat(log.fileno()).st_size - _LAST_BYTES))
        return log.read(_LAST_BYTES)
    return b""


def summary(folder: Path) -> Mapping[str, Any]:
    """What a job of the kit says of itself at its end (summary.json); empty for a program that writes its own."""
    return ours(_json(folder / SUMMARY))


def ours(found: Mapping[str, Any]) -> Mapping[str, Any]:
    """*found* if the kit wrote it: any program may leave files of the same names, of any shape."""
    return found if found.get("by") == MARK else {}


def read_recorded(folder: Path) -> RunFacts:
    """A run as its own record tells it; lost, without an exit code, where there is none."""
    end = ending(folder)
    return RunFacts(
        name=folder.name,
        state="ended" if end else "lost",
        exit_code=end.get("exit_code"),
        oom=bool(end.get("oom_kills")),
        signal=str(end.get("signal", "")),
        started=end.get("started"),
        ended=end.get("ended"),
        sealed=(folder / MANIFEST).exists(),
        fetched=True,
    )


def ending(folder: Path) -> Mapping[str, Any]:
    """The recorder's exit.json: command, exit_code, started, ended, seconds; empty while the run goes on."""
    try:
        return as_ending((folder / EXIT).read_bytes())
    except OSError:
        return {}


def as_ending(text: bytes | str) -> Mapping[str, Any]:
    """What is not as the recorder writes it is left out; empty for the record of nobody we know."""
    found = ours(parse_object(text))
    kinds = {name: _KINDS[name] for name in found if name in _KINDS}
    return {name: found[name] for name, fits in kinds.items() if fits(found[name])}


def as_number(value: object) -> float | None:
    """A finite number that is none of JSON's other things: no truth value, no infinity, no thousand digits."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < 1e18 else None


def _is_amount(value: object) -> bool:
    found = as_number(value)
    return found is not None and found >= 0


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_words(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(word, str) for word in value)


_KINDS: Mapping[str, Callable[[object], bool]] = {
    "command": _is_words,
    "exit_code": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "pretended": lambda value: isinstance(value, bool),
    **dict.fromkeys(("seconds", "seconds_before", "usd_per_hour", "oom_kills"), _is_amount),
    **dict.fromkeys(("signal", "started", "ended", "instance_type", "results"), _is_text),
}


def _json(path: Path) -> Mapping[str, Any]:
    try:
        return parse_object(path.read_bytes())
    except OSError:
        return {}


def parse_object(text: bytes | str) -> Mapping[str, Any]:
    """A JSON object; empty for anything else. RecursionError: a thousand brackets."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
