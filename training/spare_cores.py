"""How many cores are really free: neither taken by other programs nor by the hypervisor.

The load average remembers a minute, this program's own last run included; a core that a hypervisor lends to somebody
else is in no figure of the guest's. So it is tried: do as many threads as there are cores compute side by side as fast
as one of them can?
"""

from __future__ import annotations

import hashlib
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

WINDOW_S = 0.04  # longer than what the kernel gives a program in one piece
TRIES = 3
QUESTIONS = 3


@dataclass(frozen=True)
class Effort:
    """What a piece of work took: *wall_s* seconds, of which the thread had the processor *cpu_s* seconds."""

    wall_s: float
    cpu_s: float


def cores_are_spare(cores: int) -> bool:
    """Whether *cores* threads have at least seven eighths of *cores* cores.

    Takes a tenth of a second where they have. A no is asked about again, twice: what runs for a moment only, such as a
    program that ends while this one begins, is nothing to plan for.
    """
    return cores == 1 or any(_are_spare_now(cores) for _ in range(QUESTIONS))


def _are_spare_now(cores: int) -> bool:
    amount = round(1000 * WINDOW_S / compute(1000).cpu_s)
    with ThreadPoolExecutor(cores) as threads:
        tries = [list(threads.map(compute, [amount] * cores)) for _ in range(TRIES)]
    # In a second that a hypervisor took half of, a thread gets half as much done, and does not know it.
    fastest_s = min(effort.cpu_s for side_by_side in tries for effort in side_by_side)
    had = statistics.median(sum(fastest_s / effort.wall_s for effort in side_by_side) for side_by_side in tries)
    return had >= cores * 7 / 8


def compute(amount: int) -> Effort:
    """*amount* rounds of a hash, in one call that holds up no other thread of Python."""
    wall, cpu = time.perf_counter(), time.thread_time()
    hashlib.pbkdf2_hmac("sha256", b"", b"", amount)
    return Effort(time.perf_counter() - wall, max(time.thread_time() - cpu, 1e-6))
