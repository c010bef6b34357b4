"""How many cores are really free: neither taken by other programs nor by the hypervisor.

The load average remembers a minute, this program's own last run included; a core that a hypervisor lends to somebody
else is in no figure of the guest's. So it is tried: do as many threads as there are cores get as much done as a core
can in the time that it gives them, on all the time that passes?
"""

from __future__ import annotations

import statistics
import threading
import time
import zlib
from dataclasses import dataclass

BLOCK = bytes(1 << 20)  # a fraction of a millisecond of crc32, which lets other threads of Python run meanwhile
WINDOW_S = 0.04  # longer than what the kernel gives a program in one piece
TRIES = 3


@dataclass(frozen=True)
class Window:
    """*blocks* of work done by all threads in *wall_s* seconds, for which they had the processor *cpu_s* seconds."""

    blocks: int
    cpu_s: float
    wall_s: float


def cores_are_spare(cores: int) -> bool:
    """Whether *cores* threads have at least seven eighths of *cores* cores; takes about a sixth of a second.

    The middle one of three tries, since a program that runs for a moment only is none to plan for.
    """
    if cores == 1:
        return True
    one, *tries = work(1), *(work(cores) for _ in range(TRIES))
    # In a second that a hypervisor took half of, a thread gets half as much done, and does not know it.
    blocks_per_s = max(window.blocks / max(window.cpu_s, 1e-6) for window in (one, *tries))
    had = statistics.median(window.blocks / blocks_per_s / window.wall_s for window in tries)
    return had >= cores * 7 / 8


def work(threads: int) -> Window:
    """What *threads* threads get done in a window."""
    done = [(0, 0.0)] * threads
    start = threading.Barrier(threads)

    def compute(place: int) -> None:
        start.wait()
        blocks, began, until = 0, time.thread_time(), time.perf_counter() + WINDOW_S
        while time.perf_counter() < until:
            zlib.crc32(BLOCK)
            blocks += 1
        done[place] = blocks, time.thread_time() - began

    helpers = [threading.Thread(target=compute, args=(place,)) for place in range(1, threads)]
    for helper in helpers:
        helper.start()
    began = time.perf_counter()
    compute(0)
    for helper in helpers:
        helper.join()
    return Window(sum(blocks for blocks, _ in done), sum(cpu_s for _, cpu_s in done), time.perf_counter() - began)
