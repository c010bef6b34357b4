"""Runs one container as a process: keeps its output with times, passes SIGTERM on, records how it ended.

Lives in a session of its own, so that the SSH connection that started it may go.
"""

from __future__ import annotations

import fcntl
import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import threading
from io import TextIOWrapper
from pathlib import Path
from typing import IO, Any

from infra.rehearsal import processes
from infra.rehearsal.shims.confinement import NOT_EXECUTABLE, NOT_FOUND, can_confine
from infra.rehearsal.shims.store import Container, Outcome, Wish, now

RUN = (sys.executable, "-ESs", str(Path(__file__).with_name("run.py")))
PLAIN = "rehearsal: this container runs as a plain process: --gpus and limits have no effect, "
CONFINED = "and it sees this computer's files, but changes none that are not its own"
FREE = "and it may write wherever you may; on an instance it could not"
CONTAINER_MARK = "RIG_CONTAINER_ID"
LINE_BYTES = 16 * 1024  # Docker's json-file log driver cuts longer lines too


def launch(container: Container) -> None:
    """Start the supervisor of *container*; it is alive from here on, seen by everyone."""
    with container.lock.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # The lock belongs to the open file, which the supervisor inherits: no moment without an owner.
        subprocess.Popen(
            [*RUN, "supervise", str(container.folder), str(lock.fileno())],
            pass_fds=[lock.fileno()], start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip


def main(name: str, words: list[str]) -> int:
    os.set_inheritable(int(words[1]), False)
    container = Container(Path(words[0]))
    wish, confined = container.wish, can_confine()
    # Before the command, so that it changes nothing that an instance would not let it change.
    before = [*RUN, "confined", *wish.writable, "--"] if confined else []
    with container.log.open("a", buffering=1) as log:
        _say(log, f"{PLAIN}{CONFINED if confined else FREE}")
        code = _run(container, [*before, *wish.command], wish, log)
    if wish.remove:
        shutil.rmtree(container.folder, ignore_errors=True)
    return code


def _run(container: Container, command: list[str], wish: Wish, log: TextIOWrapper) -> int:
    started = now()
    try:
        child = subprocess.Popen(
            command, cwd=wish.folder, env=wish.environment, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
    except OSError as error:
        _say(log, f"{wish.command[0]}: {error.strerror}")
        code = NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_EXECUTABLE
        container.record(Outcome(0, started, now(), code))
        return code
    container.record(Outcome(child.pid, started))
    signal.signal(signal.SIGTERM, lambda *_: _ask_to_end(child, wish.stop_timeout_s))
    ended = threading.Thread(target=_sweep_up, args=(child, wish.id))
    ended.start()
    _keep_output(child, log)
    ended.join()
    code = child.returncode if child.returncode >= 0 else 128 - child.returncode
    container.record(Outcome(child.pid, started, now(), code))
    return code


def _ask_to_end(child: subprocess.Popen[bytes], timeout_s: int) -> None:
    child.send_signal(signal.SIGTERM)
    threading.Thread(target=_kill_after, args=(child, timeout_s), daemon=True).start()


def _kill_after(child: subprocess.Popen[bytes], timeout_s: int) -> None:
    try:
        child.wait(timeout_s)
    except subprocess.TimeoutExpired:
        child.kill()


def _sweep_up(child: subprocess.Popen[bytes], container_id: str) -> None:
    """When a container's first process ends, all others in it do; that also closes the pipes they hold."""
    child.wait()
    processes.end(f"{CONTAINER_MARK}={container_id}")


def _keep_output(child: subprocess.Popen[bytes], log: TextIOWrapper) -> None:
    assert child.stdout
    assert child.stderr
    rest: dict[str, bytes] = {"stdout": b"", "stderr": b""}
    with selectors.DefaultSelector() as ready:
        for stream, pipe in (("stdout", child.stdout), ("stderr", child.stderr)):
            ready.register(pipe, selectors.EVENT_READ, stream)
        while ready.get_map():
            for key, _ in ready.select():
                data = _read_some(key.fileobj)
                rest[key.data] = _write_lines(log, key.data, rest[key.data] + data, last=not data)
                if not data:
                    ready.unregister(key.fileobj)


def _read_some(pipe: Any) -> bytes:
    return os.read(pipe.fileno(), LINE_BYTES)


def _write_lines(log: TextIOWrapper, stream: str, data: bytes, *, last: bool) -> bytes:
    """Log every whole line of *data* and return the unfinished rest."""
    *whole, rest = data.split(b"\n")
    for line in whole:
        _write(log, stream, line.decode(errors="replace") + "\n")
    if rest and (last or len(rest) >= LINE_BYTES):
        _write(log, stream, rest.decode(errors="replace"))
        return b""
    return rest


def _write(log: IO[str], stream: str, text: str) -> None:
    log.write(json.dumps({"time": now(), "stream": stream, "log": text}) + "\n")


def _say(log: IO[str], text: str) -> None:
    _write(log, "stderr", text + "\n")
