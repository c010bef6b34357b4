"""The part of systemd that a guard needs: services that start at boot and come back when they die, and timers."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from infra.rehearsal import processes
from infra.rehearsal.shims import power
from infra.rehearsal.shims.units import Units

UNIT_MARK = "RIG_UNIT"  # on every process of one service
NOT_RUNNING = 3  # systemctl's exit code of is-active and status
QUIET = ("daemon-reload", "daemon-reexec", "reset-failed")


def main(name: str, words: list[str]) -> int:
    switches = {word for word in words if word.startswith("-")}
    verb, *names = [word for word in words if not word.startswith("-")] or ["list-units"]
    if verb in ("poweroff", "reboot", "halt"):
        power.press(verb)
        return 0
    if verb in QUIET:
        return 0
    units = Units(Path(os.environ["RIG_ROOT"]))
    if verb == "boot":  # ours: what systemd itself does at a boot
        return max((_start(units, unit) for unit in units.enabled()), default=0)
    if verb not in VERBS:
        print(f"systemctl: the rehearsal has no `systemctl {verb}`", file=sys.stderr)
        return 1
    full = [name if "." in name else f"{name}.service" for name in names]
    return max((_on_one(units, verb, unit, now="--now" in switches) for unit in full), default=0)


def mark_of(name: str) -> str:
    return f"{name}@{os.environ['RIG_INSTANCE_ID']}"


def _on_one(units: Units, verb: str, name: str, *, now: bool) -> int:
    verbs = [verb, {"enable": "start", "disable": "stop"}[verb]] if now and verb in ("enable", "disable") else [verb]
    try:
        return max(VERBS[one](units, name) for one in verbs)
    except FileNotFoundError:
        print(f"Unit {name} could not be found.", file=sys.stderr)
        return 4 if verb == "status" else 5 if verb in ("start", "restart") else 1


def _enable(units: Units, name: str) -> int:
    if not units.read(name).wanted:
        print(f"The unit {name} has no [Install] section and cannot be enabled.", file=sys.stderr)
        return 1
    units.wants.mkdir(parents=True, exist_ok=True)
    link = units.wants / name
    link.unlink(missing_ok=True)
    link.symlink_to(units.folder / name)
    return 0


def _disable(units: Units, name: str) -> int:
    (units.wants / name).unlink(missing_ok=True)
    return 0


def _start(units: Units, name: str) -> int:
    units.read(name)
    with units.lock(name).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # runs already
            return 0
        # The keeper inherits the lock: the unit is active from here on, and as long as the keeper lives.
        words = [sys.executable, "-ESs", str(Path(__file__).with_name("run.py")), "unit", name, str(lock.fileno())]
        subprocess.Popen(words, pass_fds=[lock.fileno()], start_new_session=True, stdin=subprocess.DEVNULL,
                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
    return 0


def _stop(units: Units, name: str) -> int:
    units.stop_mark(name).touch()
    processes.end(f"{UNIT_MARK}={mark_of(name)}", grace_s=units.read(name).stop_s)
    return 0


def _restart(units: Units, name: str) -> int:
    _stop(units, name)
    with units.lock(name).open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)  # until its keeper is gone
    return _start(units, name)


def _is_active(units: Units, name: str) -> int:
    active = units.active(name)
    print("active" if active else "inactive")
    return 0 if active else NOT_RUNNING


def _is_enabled(units: Units, name: str) -> int:
    enabled = (units.wants / name).exists()
    print("enabled" if enabled else "disabled")
    return 0 if enabled else 1


def _status(units: Units, name: str) -> int:
    units.read(name)
    active = units.active(name)
    print(f"{name}\n     Active: {'active (running)' if active else 'inactive (dead)'}")
    return 0 if active else NOT_RUNNING


VERBS: dict[str, Callable[[Units, str], int]] = {
    "enable": _enable, "disable": _disable, "start": _start, "stop": _stop, "restart": _restart,
    "try-restart": _restart, "is-active": _is_active, "is-enabled": _is_enabled, "status": _status, "show": _status,
}  # fmt: skip
