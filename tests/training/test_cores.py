"""How many cores a container has; how a program asks the kernel for short turns, and that it asks for nothing else."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest

from training.cores import _container_limit

SCHED = Path("/proc/self/sched")  # Linux, where the kernel was built to tell
on_linux = pytest.mark.skipif(  # on macOS take_short_turns does nothing, and Python cannot ask for the policy
    not hasattr(os, "sched_setscheduler"), reason="macOS has no policies of scheduling"
)


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


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({"cpu.max": "150000 100000\n"}, 2),
        ({"cpu.max": "400000 100000\n"}, 4),
        ({"cpu.max": "10000 100000\n"}, 1),
        ({"cpu.max": "max 100000\n"}, sys.maxsize),
        ({"cpu/cpu.cfs_quota_us": "300000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 3),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, sys.maxsize),
        ({"cpu.max": "what\n"}, sys.maxsize),
        ({}, sys.maxsize),
    ],
)
def test_a_container_has_as_many_cores_as_its_share_of_their_time_says(
    files: dict[str, str], cores: int, tmp_path: Path
) -> None:
    for name, text in files.items():
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)

    assert _container_limit(tmp_path) == cores
