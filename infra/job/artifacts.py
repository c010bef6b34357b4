"""Bring a run's work folder home, and know that all of it came."""

from __future__ import annotations

import json
from collections.abc import Mapping
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
from scripts.record import EXIT, JOB, LOG, MANIFEST, sha256

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
    """What the job says of itself at its end (summary.json); empty if it says nothing."""
    return _json(folder / "summary.json")


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
    return _json(folder / "exit.json")


def _json(path: Path) -> Mapping[str, Any]:
    try:
        value = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _names(what: str, names: list[str]) -> str:
    return f"{what}: {', '.join(names[:5])}{' ...' if len(names) > 5 else ''}. " if names else ""
