"""What `rig doctor` looks for on this computer."""

from __future__ import annotations

import shutil
import subprocess

from infra.aws.account.doctor import Check
from infra.host.carry import rsync_here
from infra.host.local_programs import missing


def laptop_checks() -> list[Check]:
    return [_ssh(), _rsync(), _git(), _docker()]


def _ssh() -> Check:
    if not shutil.which("ssh"):
        return Check("ssh", False, "not on this computer", missing("ssh").hint)
    try:
        said = subprocess.run(["ssh", "-V"], capture_output=True, text=True, errors="replace").stderr.strip()
    except OSError as error:
        return Check("ssh", False, f"cannot be started: {error.strerror}", missing("ssh").hint)
    return Check("ssh", True, said.split(",")[0])


def _rsync() -> Check:
    if rsync_here():
        return Check("rsync", True, "found")
    found = "not on this computer, or too old (3.1 is needed): folders go as one tar stream, which is slower"
    return Check("rsync", None, found, missing("rsync").hint)


def _git() -> Check:
    if shutil.which("git"):
        return Check("git", True, "found; .gitignore decides what is copied")
    return Check("git", None, "not on this computer: .gitignore is not read", missing("git").hint)


def _docker() -> Check:
    """Only the rehearsal uses a local engine, so its absence stops nothing."""
    try:
        answered = subprocess.run(["docker", "info"], capture_output=True, timeout=10).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        answered = False
    if answered:
        return Check("docker", True, "the engine on this computer answers")
    return Check(
        "docker", None, "no engine on this computer: a rehearsal runs jobs as plain processes; AWS has its own"
    )
