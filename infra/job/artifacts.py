"""Bring a run's work folder home, and know that all of it came."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from infra.console import Tell
from infra.errors import ArtifactsMissing
from infra.host.connection import Host
from infra.host.facts import Facts, RunFacts
from infra.host.patience import persistently
from infra.host.sync import pull
from infra.job.container import forget
from infra.job.run import silent
from infra.names import KIT_DIR, RUNS_DIR
from scripts.record import EXIT, JOB, LOG, MANIFEST, MARK, sha256

_RECORD = {LOG, EXIT, MANIFEST, JOB}  # what the recorder writes about any run


def fetch(host: Host, facts: Facts, run: RunFacts, into: Path, *, tell: Tell) -> Path:
    """Bring *run* home to *into*/NAME and return that folder; what is there of a run that goes on, all of an ended one.

    Raises ArtifactsMissing if a file of the ended run is absent or not the one the manifest names, and
    HostUnreachable if nobody on the host can say whether it has ended; what is there has come home then, too.
    """
    home = into / run.name
    there = f"{facts.home}/{RUNS_DIR}/{run.name}"
    over = run.state in ("ended", "lost")
    if over and not run.sealed:
        # The recorder was killed before it could seal: what is on the disk now is all there will be.
        seal = ["python3", f"{facts.home}/{KIT_DIR}/record.py", "--seal", there]
        persistently(lambda: host.run(seal, timeout_s=600), tell=tell)
    if not over:
        _drop_stale_record(home)
    persistently(lambda: pull(host, there, home, rsync_there=facts.rsync), tell=tell)
    if run.state == "unknown":
        raise silent(f"what {run.name} has written so far is in {home}; whether it goes on cannot be told now")
    if over:
        verify(home)
    if over and not run.fetched:
        persistently(lambda: host.ask(*forget(facts.docker, facts.home, run.name)), tell=tell)
    return home


def _drop_stale_record(home: Path) -> None:
    """A resumed run that goes on again must not look ended here."""
    for name in (EXIT, MANIFEST):
        (home / name).unlink(missing_ok=True)


def verify(folder: Path) -> None:
    """Compare every file with the manifest. Raises ArtifactsMissing naming those that are absent or differ."""
    listed = read_manifest(folder)
    absent = [name for name in listed if not (folder / name).is_file()]
    differ = [name for name, digest in listed.items() if name not in absent and sha256(folder / name) != digest]
    if absent or differ:
        raise ArtifactsMissing(
            f"{folder} is not whole: {_names('missing', absent)}{_names('different from the host', differ)}",
            "run `rig pull` again; files you changed here yourself are kept, so move them away first",
        )


def read_manifest(folder: Path) -> dict[str, str]:
    """Path -> SHA-256. Raises ArtifactsMissing if there is no manifest."""
    try:
        lines = (folder / MANIFEST).read_text().splitlines()
    except FileNotFoundError:
        raise ArtifactsMissing(f"{folder} has no {MANIFEST}: the run has not ended, or it never started.") from None
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}


def require_results(folder: Path) -> None:
    """Raises ArtifactsMissing if the run left nothing but the record every run has."""
    left = [path for path in folder.rglob("*") if path.is_file() and path.name not in _RECORD]
    if not left:
        raise ArtifactsMissing(
            f"The run ended well but left no results in {folder}.",
            "write them below the folder named by the environment variable RIG_RUN_DIR, or into ./out",
        )


def summary(folder: Path) -> Mapping[str, Any]:
    """What a job of the kit says of itself at its end (summary.json); empty for a program that writes its own."""
    return ours(_json(folder / "summary.json"))


def ours(found: Mapping[str, Any]) -> Mapping[str, Any]:
    """*found* if the kit wrote it: any program may leave files of the same names, of any shape."""
    return found if found.get("by") == MARK else {}


def as_recorded(folder: Path) -> RunFacts:
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
    found = ours(_parsed(text))
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


_KINDS: Mapping[str, Callable[[object], bool]] = {
    "exit_code": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "pretended": lambda value: isinstance(value, bool),
    **dict.fromkeys(("seconds", "seconds_before", "usd_per_hour", "oom_kills"), _is_amount),
    **dict.fromkeys(("signal", "started", "ended", "instance_type", "results"), _is_text),
}


def _json(path: Path) -> Mapping[str, Any]:
    try:
        return _parsed(path.read_bytes())
    except OSError:
        return {}


def _parsed(text: bytes | str) -> Mapping[str, Any]:
    """A JSON object; empty for anything else. RecursionError: a thousand brackets."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _names(what: str, names: list[str]) -> str:
    return f"{what}: {', '.join(names[:5])}{' ...' if len(names) > 5 else ''}. " if names else ""
