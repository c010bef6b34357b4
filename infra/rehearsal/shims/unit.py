"""Keeps one service running, as systemd does: `Restart=always` brings it back, `systemctl stop` does not."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

from infra.rehearsal.shims.systemctl import UNIT_MARK, Unit, Units


def main(name: str, words: list[str]) -> int:
    unit_name, descriptor = words
    os.set_inheritable(int(descriptor), False)  # the lock says that this process, the keeper, lives
    units = Units(Path(os.environ["RIG_ROOT"]))
    unit = units.read(unit_name)
    stop = units.run / f"{unit_name}.stop"
    stop.unlink(missing_ok=True)
    # Power off asks all processes at once; the service then ends by itself and must not come back.
    signal.signal(signal.SIGTERM, lambda *_: stop.touch())
    while True:
        code = _run_once(unit, units.log / f"{unit_name}.log")
        if stop.exists() or not _again(unit.restart, code):
            return 0
        time.sleep(unit.restart_s)
        if stop.exists():
            return 0


def _run_once(unit: Unit, log: Path) -> int:
    mark = {UNIT_MARK: f"{unit.name}@{os.environ['RIG_INSTANCE_ID']}"}
    folder = unit.folder if unit.folder != "/" else os.environ["RIG_ROOT"]
    with log.open("ab") as output:
        try:
            return subprocess.call(unit.exec_start, env={**os.environ, **unit.environment, **mark}, cwd=folder,
                                   stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True)  # fmt: skip
        except OSError as error:
            output.write(f"{unit.exec_start[0]}: {error.strerror}\n".encode())
            return 203  # systemd's EXIT_EXEC


def _again(restart: str, code: int) -> bool:
    return restart == "always" or (restart == "on-failure" and code != 0)
