"""Start the workers of one run on this machine, meet those of the other machines, and end all of them together.

    python3 workers.py [--workers N|gpus] [--nodes N --node K --first ADDRESS:PORT] -- COMMAND WORD...

Horovod's workers find one another through the environment and a rendezvous server of Horovod's own, which runs in here
on node 0. So there is no ssh between nodes, no mpirun and no key on a node. Runs inside the container (or as a plain
process), below the recorder. But for that server, the standard library is enough.

A worker that ends badly or stands still, and a node that is not heard of, end the run on all nodes: the exit code is
that of the first worker that failed, and the last line names it. SIGTERM is passed on, and ends nothing by itself:
what a program makes of it (python -m training: all save and end well) is its own.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

# On the instance this file is a program with its neighbours beside it; on the laptop it is in a package as well.
if __package__:
    from infra.remote.meeting import Cause, Meeting, NotMet, Slot, interface_of
else:
    from meeting import (  # type: ignore[import-not-found, no-redef]
        Cause,
        Meeting,
        NotMet,
        Slot,
        interface_of,
    )

# What a worker ends with that has lost the others (training/errors.py): it is not the one that failed.
LOST_OTHERS = 75
EVERYWHERE = "the run ends everywhere"  # the end of the last line, on each machine (infra/job/workers.py reads it)
GRACE_S = 5.0  # from the verdict until SIGKILL
LOOK_EVERY_S = 0.1
SILENCE_S = 20.0  # less than Gloo waits, so that we are first and can name who is silent
# Gloo waits for the others while they meet, and at each sum; in vain, it ends the process that waited (SIGABRT).
GLOO_GAVE_UP = b"gloo::"
LAST_BYTES = 4096
NO_HOROVOD = (
    "Several workers need Horovod, and it is not installed here.\n"
    "  -> on this computer: `make extra-horovod` builds it, once; the training image has it\n"
)


def main(argv: Sequence[str]) -> int:
    options = read(argv)
    if not horovod_is_here():
        sys.stderr.write(NO_HOROVOD)
        return 2
    workers = count_workers(options.workers)
    meeting = Meeting(options.node, options.nodes, options.first, silence_s=seconds("RIG_SILENCE_S", SILENCE_S))
    try:
        slots = meeting.meet(workers, within_s=seconds("RIG_MEET_S", 600.0))
    except NotMet as error:
        Output().say(str(error))
        return 1
    with meeting.heard():
        return Workers(meeting, slots, options.command).run()


def read(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="workers.py", description=__doc__)
    parser.add_argument("--workers", default="1", help="processes on this machine: a number, or gpus: one for each")
    parser.add_argument("--nodes", type=int, default=1)
    parser.add_argument("--node", type=int, default=0)
    parser.add_argument("--first", default="127.0.0.1:0", help="node 0: ADDRESS:PORT; port 0: any that is free")
    parser.add_argument("command", nargs="+")
    return parser.parse_args(list(argv))


def horovod_is_here() -> bool:
    import importlib.util

    return importlib.util.find_spec("horovod") is not None


def count_workers(asked: str) -> int:
    if asked != "gpus":
        return max(1, int(asked))
    if not shutil.which("nvidia-smi"):
        return 1
    listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=60, check=False)
    return max(1, sum(line.startswith("GPU ") for line in listed.stdout.splitlines()))


def seconds(name: str, default: float) -> float:
    try:
        return float(os.environ[name])
    except (KeyError, ValueError):
        return default


class Output:
    """What all workers of this node write, as one stream. Worker 0's bytes pass as they come; a line of anyone else
    stands whole, and not within one of worker 0's, which print() writes in pieces. A live line (a carriage return in
    it) has no end worth waiting for."""

    PATIENCE_S = 1.0

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._unfinished = b""  # the last bytes of the line that worker 0 is writing
        self._last: dict[int, bytes] = {}

    def last_of(self, rank: int) -> bytes:
        """The last bytes that worker *rank* has written."""
        return self._last.get(rank, b"")

    def _keep(self, rank: int, piece: bytes) -> None:
        self._last[rank] = (self._last.get(rank, b"") + piece)[-LAST_BYTES:]

    def pass_on(self, output: IO[bytes], rank: int) -> None:
        while piece := os.read(output.fileno(), 65536):
            self._keep(rank, piece)
            with self._changed:
                write(piece)
                self._unfinished = (self._unfinished[-1024:] + piece).rpartition(b"\n")[2]
                self._changed.notify_all()

    def show_lines(self, output: IO[bytes], rank: int) -> None:
        for line in output:
            self._keep(rank, line)
            self.put(f"[{rank}] ".encode() + line.rstrip(b"\n"))

    def say(self, text: str) -> None:
        self.put(f"gluon-rig: {text}".encode())

    def put(self, line: bytes) -> None:
        with self._changed:
            self._changed.wait_for(lambda: not self._unfinished or b"\r" in self._unfinished, self.PATIENCE_S)
            write((b"\n" if self._unfinished else b"") + line + b"\n")
            self._unfinished = b""


def write(text: bytes) -> None:
    with contextlib.suppress(OSError):
        sys.stdout.buffer.write(text)
        sys.stdout.buffer.flush()


def environment(slot: Slot, meeting: Meeting, environ: Mapping[str, str]) -> dict[str, str]:
    """What Horovod 0.28.1 reads of its place in the group (horovod/runner/gloo_run.py); the user's own words stand."""
    interface = interface_of(meeting.own_address)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    defaults = {
        "HOROVOD_GLOO_TIMEOUT_SECONDS": "30",
        "HOROVOD_STALL_SHUTDOWN_TIME_SECONDS": "300",  # a worker that does not come to a sum: named after 60 s
        "OMP_NUM_THREADS": str(max(1, cores // slot.local_size)),
        **({"HOROVOD_GLOO_IFACE": interface, "NCCL_SOCKET_IFNAME": interface} if interface else {}),
    }
    return {
        **defaults,
        **environ,
        "HOROVOD_HOSTNAME": slot.hostname,
        "HOROVOD_RANK": str(slot.rank),
        "HOROVOD_SIZE": str(slot.size),
        "HOROVOD_LOCAL_RANK": str(slot.local_rank),
        "HOROVOD_LOCAL_SIZE": str(slot.local_size),
        "HOROVOD_CROSS_RANK": str(slot.cross_rank),
        "HOROVOD_CROSS_SIZE": str(slot.cross_size),
        "HOROVOD_CONTROLLER": "gloo",
        "HOROVOD_CPU_OPERATIONS": "gloo",
        "HOROVOD_GLOO_RENDEZVOUS_ADDR": meeting.address,
        "HOROVOD_GLOO_RENDEZVOUS_PORT": str(meeting.port),
        "RIG_NODE": str(meeting.node),
        "RIG_NODES": str(meeting.nodes),
        "PYTHONUNBUFFERED": "1",
    }


class Workers:
    """The processes of this node. A signal that we get is passed on as SIGTERM: our process group may have heard it
    already, and a second Ctrl-C would end `training` before it has saved."""

    def __init__(self, meeting: Meeting, slots: Sequence[Slot], command: Sequence[str]) -> None:
        self._meeting, self._slots, self._command = meeting, slots, list(command)
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._output = Output()
        self._pumps: dict[int, threading.Thread] = {}
        self._told: set[int] = set()
        self._still_since: dict[int, float] = {}
        self._asked = ""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._pass_on)

    def run(self) -> int:
        """Until all workers of this node have ended; the exit code of the run."""
        for slot in self._slots:
            self._start(slot)
        while self._alive() and self._meeting.verdict() is None:
            self._look()
            time.sleep(LOOK_EVERY_S)
        self._look()
        cause = self._meeting.verdict() if self._alive() else self._meeting.part()
        self._end_all()
        if cause is None:
            return 130 if self._asked == "SIGINT" else 0
        self._output.say(f"{cause.what}; {EVERYWHERE}")
        return cause.exit_code

    def _start(self, slot: Slot) -> None:
        shows_itself = slot.local_rank == 0 and sys.stdout.isatty()  # a bar is drawn on a terminal alone
        process = subprocess.Popen(
            self._command,
            env=environment(slot, self._meeting, os.environ),
            stdin=subprocess.DEVNULL,
            stdout=None if shows_itself else subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self._processes[slot.rank] = process
        if process.stdout is not None:
            self._show(process.stdout, slot)
        if self._asked:
            process.send_signal(signal.SIGTERM)

    def _show(self, output: IO[bytes], slot: Slot) -> None:
        show = self._output.pass_on if slot.local_rank == 0 else self._output.show_lines
        pump = threading.Thread(target=show, args=(output, slot.rank), daemon=True)
        pump.start()
        self._pumps[slot.rank] = pump

    def _look(self) -> None:
        """Tell the meeting who has ended, and who stands still."""
        for rank, process in self._processes.items():
            code = process.poll()
            if code is not None and rank not in self._told:
                self._told.add(rank)
                self._meeting.tell_end(rank, self._meaning_of(rank, code))
        for rank in self._alive():
            self._note_stillness(rank)

    def _meaning_of(self, rank: int, code: int) -> int:
        """*code*, but for a worker that has only waited in vain for another one, which hangs at an import, say."""
        if code != -signal.SIGABRT or rank not in self._pumps:
            return code
        self._pumps[rank].join(timeout=1)  # its last words may still be on their way
        return LOST_OTHERS if GLOO_GAVE_UP in self._output.last_of(rank) else code

    def _note_stillness(self, rank: int) -> None:
        """A process that somebody has stopped (SIGSTOP): its sockets stay open, so no other worker would name it."""
        if not is_stopped(self._processes[rank].pid):
            self._still_since.pop(rank, None)
            return
        since = self._still_since.setdefault(rank, time.monotonic())
        if time.monotonic() - since > self._meeting.silence_s:
            self._meeting.accuse(Cause(f"{self._meeting.name_of(rank)} stands still (SIGSTOP)", 1))

    def _alive(self) -> list[int]:
        return [rank for rank, process in self._processes.items() if process.poll() is None]

    def _end_all(self) -> None:
        """Those that are left notice by themselves that the others have gone, and say so; a while, and then SIGKILL."""
        patience_ends = time.monotonic() + GRACE_S
        while self._alive() and time.monotonic() < patience_ends:
            time.sleep(LOOK_EVERY_S)
        for rank in self._alive():
            self._processes[rank].kill()  # of a stopped process, too
        for process in self._processes.values():
            process.wait()
        for pump in self._pumps.values():
            pump.join(timeout=5)

    def _pass_on(self, number: int, _: object) -> None:
        again, self._asked = self._asked, signal.Signals(number).name
        for process in self._processes.values():
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGKILL if again == self._asked == "SIGINT" else signal.SIGTERM)


def is_stopped(pid: int) -> bool:
    """State T of proc(5), "stopped (on a signal)". Where there is no /proc nobody tells, and Gloo's own limit holds."""
    with contextlib.suppress(OSError, IndexError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
    return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
