"""The part of systemd that the guard needs: simple services that start at boot and come back when they die."""

from __future__ import annotations

import fcntl
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from infra.rehearsal import processes
from infra.rehearsal.shims import power

UNIT_MARK = "RIG_UNIT"  # on every process of one service
NOT_RUNNING = 3  # systemctl's exit code of is-active and status
STOP_TIMEOUT_S = 5.0


@dataclass(frozen=True, kw_only=True)
class Unit:
    """What is read of a .service file. *restart_s*: pause before a restart."""

    name: str
    exec_start: list[str]
    restart: str = "no"
    restart_s: float = 0.1
    environment: dict[str, str] = field(default_factory=dict)
    folder: str = "/"
    wanted: bool = False


class Units:
    def __init__(self, root: Path) -> None:
        self.folder = root / "etc" / "systemd" / "system"
        self.wants = self.folder / "multi-user.target.wants"
        self.run = root / "run" / "units"
        self.log = root / "var" / "log"

    def read(self, name: str) -> Unit:
        """Raises FileNotFoundError when there is no such unit."""
        return parse(name, (self.folder / name).read_text())

    def lock(self, name: str) -> Path:
        self.run.mkdir(parents=True, exist_ok=True)
        return self.run / name

    def active(self, name: str) -> bool:
        with self.lock(name).open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False


def parse(name: str, text: str) -> Unit:
    """https://www.freedesktop.org/software/systemd/man/latest/systemd.service.html, the keys named in Unit only."""
    pairs = [
        line.strip().partition("=") for line in text.splitlines() if "=" in line and not line.startswith(("#", ";"))
    ]
    given = {key.strip(): value.strip() for key, _, value in pairs}
    environment = dict(
        word.partition("=")[::2]
        for key, _, value in pairs
        if key.strip() == "Environment"
        for word in shlex.split(value)
    )
    return Unit(
        name=name, exec_start=shlex.split(given["ExecStart"].lstrip("-@:+!")), restart=given.get("Restart", "no"),
        restart_s=_seconds(given.get("RestartSec", "100ms")), environment=environment,
        folder=given.get("WorkingDirectory", "/"), wanted="WantedBy" in given,
    )  # fmt: skip


def _seconds(text: str) -> float:
    for unit, factor in (("ms", 0.001), ("min", 60.0), ("s", 1.0)):
        if text.endswith(unit):
            return float(text.removesuffix(unit)) * factor
    return float(text)


def main(name: str, words: list[str]) -> int:
    switches = {word for word in words if word.startswith("-")}
    verb, *names = [word for word in words if not word.startswith("-")] or ["list-units"]
    if verb in ("poweroff", "reboot", "halt"):
        power.press(verb)
        return 0
    if verb in ("daemon-reload", "daemon-reexec", "reset-failed"):
        return 0
    units = Units(Path(os.environ["RIG_ROOT"]))
    if verb == "boot":
        return max((_start(units, link.name) for link in sorted(units.wants.glob("*.service"))), default=0)
    if verb not in VERBS:
        print(f"systemctl: the rehearsal has no `systemctl {verb}`", file=sys.stderr)
        return 1
    full = [name if "." in name else f"{name}.service" for name in names]
    return max((_on_one(VERBS[verb], units, unit, "--now" in switches, verb) for unit in full), default=0)


def _on_one(act: Callable[[Units, str], int], units: Units, name: str, now: bool, verb: str) -> int:
    try:
        code = act(units, name)
        if now and verb in ("enable", "disable"):
            code = max(code, (_start if verb == "enable" else _stop)(units, name))
    except FileNotFoundError:
        print(f"Unit {name} could not be found.", file=sys.stderr)
        return 5 if verb in ("start", "restart") else 4 if verb == "status" else 1
    return code


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
        words = [sys.executable, "-ESs", str(Path(__file__).with_name("run.py")), "unit", name, str(lock.fileno())]
        subprocess.Popen(words, pass_fds=[lock.fileno()], start_new_session=True, stdin=subprocess.DEVNULL,
                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
    return 0


def _stop(units: Units, name: str) -> int:
    (units.run / f"{name}.stop").touch()  # its keeper reads this: do not restart
    processes.end(f"{UNIT_MARK}={name}@{os.environ['RIG_INSTANCE_ID']}", grace_s=STOP_TIMEOUT_S)
    return 0


def _restart(units: Units, name: str) -> int:
    _stop(units, name)
    with units.lock(name).open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
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
