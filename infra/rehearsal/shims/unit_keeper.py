"""Keeps one unit going, as systemd does: `Restart=always` brings a service back, its watchdog kills a silent one, a
timer starts its service again and again, and `systemctl stop` ends all that."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from infra.rehearsal.clock import Clock, from_environment
from infra.rehearsal.paths import write_whole
from infra.rehearsal.shims.systemctl import UNIT_MARK, mark_of
from infra.rehearsal.shims.units import Unit, Units

EXIT_EXEC = 203  # systemd's code for a program that could not be started
# A watchdog sped up with the clock must still outlast a busy laptop.
LEAST_WATCHDOG_S = 5.0


def main(name: str, words: list[str]) -> int:
    unit_name, descriptor = words
    os.set_inheritable(int(descriptor), False)  # the lock is held as long as this supervisor runs
    units = Units(Path(os.environ["RIG_ROOT"]))
    stop = units.stop_mark(unit_name)
    stop.unlink(missing_ok=True)
    # Power off asks all processes at once; the service then ends by itself and must not come back.
    signal.signal(signal.SIGTERM, lambda *_: stop.touch())
    unit, clock = units.read(unit_name), from_environment(os.environ)
    if unit_name.endswith(".timer"):
        _keep_timer(units, unit, stop, clock)
    else:
        _keep_service(units, unit, stop, clock)
    return 0


def _keep_service(units: Units, unit: Unit, stop: Path, clock: Clock) -> None:
    while True:
        code = _run_once(units, unit, clock)
        again = unit.restart == "always" or (unit.restart == "on-failure" and code != 0)
        if not again or _stopped_within(stop, clock.really(unit.restart_s)):
            return


def _keep_timer(units: Units, unit: Unit, stop: Path, clock: Clock) -> None:
    pause_s = unit.on_boot_s
    while not _stopped_within(stop, clock.really(pause_s)):
        _show_uptime(units.root)
        _run_once(units, units.read(unit.starts), clock)
        if not unit.after_inactive_s:
            return
        pause_s = unit.after_inactive_s


def _stopped_within(stop: Path, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while not stop.exists():
        left = until - time.monotonic()
        if left <= 0:
            return False
        time.sleep(min(left, 0.2))
    return True


def _run_once(units: Units, unit: Unit, clock: Clock) -> int:
    outputs = [units.log / f"{unit.name}.log", *([units.root.parent / "console.log"] if unit.console else [])]
    with _Watchdog(max(clock.really(unit.watchdog_s), LEAST_WATCHDOG_S) if unit.watchdog_s else 0) as watchdog:
        environment = {**os.environ, **unit.environment, **watchdog.environment, UNIT_MARK: mark_of(unit.name)}
        try:
            child = subprocess.Popen(
                unit.exec_start, env=environment, cwd=unit.folder or units.root, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            _keep(outputs, f"{unit.exec_start[0]}: {error.strerror}\n".encode())
            return EXIT_EXEC
        watchdog.guard(child)
        copier = threading.Thread(target=_copy, args=(child, outputs), daemon=True)
        copier.start()
        code = child.wait()
        copier.join(timeout=1)  # a grandchild may hold the pipe open
    return code


def _copy(child: subprocess.Popen[bytes], outputs: list[Path]) -> None:
    assert child.stdout
    for line in child.stdout:
        _keep(outputs, line)


def _keep(outputs: list[Path], line: bytes) -> None:
    for path in outputs:
        try:
            with path.open("ab") as file:
                file.write(line)
        except OSError:  # a full disk takes no log; the service must not notice
            continue


class _Watchdog:
    """sd_notify(3) for Type=notify services: kills one that has said nothing for *patience_s*. 0: does nothing."""

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self.environment: dict[str, str] = {}

    def __enter__(self) -> _Watchdog:
        if self._patience_s:
            # Not below ${RIG_ROOT}: the path of a socket has 100 characters at most.
            self._folder = tempfile.TemporaryDirectory(prefix="rig-")
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._socket.bind(f"{self._folder.name}/notify")
            self._socket.settimeout(self._patience_s)
            self.environment = {"NOTIFY_SOCKET": f"{self._folder.name}/notify",
                                "WATCHDOG_USEC": str(int(self._patience_s * 1e6))}  # fmt: skip
        return self

    def guard(self, child: subprocess.Popen[bytes]) -> None:
        if self._patience_s:
            threading.Thread(target=self._listen, args=(child,), daemon=True).start()

    def _listen(self, child: subprocess.Popen[bytes]) -> None:
        while child.poll() is None:
            try:
                self._socket.recv(1024)
            except TimeoutError:
                child.kill()
            except OSError:  # closed: the service has ended
                return

    def __exit__(self, *_: object) -> None:
        if self._folder:
            self._socket.close()
            self._folder.cleanup()


def _show_uptime(root: Path) -> None:
    """A file cannot tell the time, so ${RIG_ROOT}/proc/uptime is written whenever a timer is about to fire.

    The computer's own uptime, not the instance's: what runs on the instance reads the same clock by system call.
    """
    now = time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()
    (root / "proc").mkdir(exist_ok=True)
    write_whole(root / "proc" / "uptime", f"{now:.2f} {now:.2f}\n")
