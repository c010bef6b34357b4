"""How a program asks the kernel for short turns, and that it asks for nothing else."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest

SCHED = Path("/proc/self/sched")  # Linux, where the kernel was built to tell


# macOS has no such policies, and take_short_turns does nothing there.
on_linux = pytest.mark.skipif(not hasattr(os, "sched_setscheduler"), reason="no policies here")


def kernel() -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", platform.release())[:2])


def turns_are_told() -> bool:
    return kernel() >= (6, 12) and SCHED.exists() and "se.slice" in SCHED.read_text()


@on_linux
def test_a_program_and_what_it_starts_take_turns_of_a_tenth_of_a_millisecond_and_stay_as_nice_as_they_were() -> None:
    script = """if True:
        import os, subprocess
        from training.cores import take_short_turns
        os.nice(3)
        take_short_turns()
        subprocess.run(["grep", "se.slice", "/proc/self/sched"], stderr=subprocess.DEVNULL)
        print(os.getpriority(os.PRIO_PROCESS, 0), os.sched_getscheduler(0))
    """
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    *turns, rest = said.stdout.splitlines()
    assert [line.split()[-1] for line in turns] == ["100000"] or not turns_are_told()
    assert rest == f"{min(19, os.getpriority(os.PRIO_PROCESS, 0) + 3)} {os.SCHED_OTHER}"


@on_linux
def test_a_program_of_another_policy_stays_as_it_is() -> None:
    script = """if True:
        import os
        from training.cores import take_short_turns
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        take_short_turns()
        print(os.sched_getscheduler(0) == os.SCHED_IDLE)
    """
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert said.stdout == "True\n"
