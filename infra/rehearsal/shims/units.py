"""What is read of systemd's unit files: .service and .timer, the keys named here and no others.

https://www.freedesktop.org/software/systemd/man/latest/systemd.service.html and systemd.timer.html
"""

from __future__ import annotations

import fcntl
import shlex
from dataclasses import dataclass, field
from pathlib import Path

_FACTORS = {"ms": 0.001, "min": 60.0, "h": 3600.0, "s": 1.0}


@dataclass(frozen=True, kw_only=True)
class Unit:
    """Durations in seconds; 0 where the key is absent. *console*: its output also goes to the machine's console."""

    name: str
    exec_start: tuple[str, ...] = ()
    type: str = "simple"
    restart: str = "no"
    restart_s: float = 0.1
    stop_s: float = 90.0
    watchdog_s: float = 0.0
    environment: dict[str, str] = field(default_factory=dict)
    folder: str = ""
    wanted: bool = False
    console: bool = False
    on_boot_s: float = 0.0
    after_inactive_s: float = 0.0
    starts: str = ""


def parse(name: str, text: str) -> Unit:
    lines = [line.strip() for line in text.splitlines()]
    pairs = [line.partition("=")[::2] for line in lines if "=" in line and line[0] not in "#;"]
    given = {key.strip(): value.strip() for key, value in pairs}
    words = [word for key, value in pairs if key.strip() == "Environment" for word in shlex.split(value)]
    return Unit(
        name=name,
        exec_start=tuple(shlex.split(given.get("ExecStart", "").lstrip("-@:+!"))),
        type=given.get("Type", "simple"),
        restart=given.get("Restart", "no"),
        restart_s=seconds(given.get("RestartSec", "100ms")),
        stop_s=seconds(given.get("TimeoutStopSec", "90")),
        watchdog_s=seconds(given.get("WatchdogSec", "0")),
        environment={key: value for key, _, value in (word.partition("=") for word in words)},
        folder=given.get("WorkingDirectory", ""),
        wanted="WantedBy" in given,
        console="console" in given.get("StandardOutput", ""),
        on_boot_s=seconds(given.get("OnBootSec", "0")),
        after_inactive_s=seconds(given.get("OnUnitInactiveSec", "0")),
        starts=given.get("Unit", name.removesuffix(".timer") + ".service"),
    )


def seconds(text: str) -> float:
    """ "50ms", "2", "1min", "1min 30s" -> seconds."""
    total = 0.0
    for word in text.split():
        unit = next((unit for unit in _FACTORS if word.endswith(unit)), "")
        total += float(word.removesuffix(unit)) * _FACTORS.get(unit, 1.0)
    return total


class Units:
    """The units of one instance; *root* is its disk. A unit is active while somebody holds its lock."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / "etc" / "systemd" / "system"
        self.wants = self.folder / "multi-user.target.wants"
        self.run = root / "run" / "units"
        self.log = root / "var" / "log"

    def read(self, name: str) -> Unit:
        """Raises FileNotFoundError when there is no such unit."""
        return parse(name, (self.folder / name).read_text())

    def enabled(self) -> list[str]:
        return sorted(link.name for link in self.wants.glob("*.*"))

    def lock(self, name: str) -> Path:
        self.run.mkdir(parents=True, exist_ok=True)
        return self.run / name

    def stop_mark(self, name: str) -> Path:
        """Its keeper reads this: end, and do not restart."""
        return self.lock(f"{name}.stop")

    def active(self, name: str) -> bool:
        with self.lock(name).open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False
