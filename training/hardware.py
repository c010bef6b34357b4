"""What the run ran on, for the report."""

from __future__ import annotations

import platform
import shutil
import subprocess
from pathlib import Path

import numpy as np

from training.compat import mx
from training.cores import physical_cores


def describe() -> dict[str, str]:
    """Names and values, in the order to be shown."""
    found = {
        "Processor": f"{_processor()}, {physical_cores()} cores",
        "Memory": _memory(),
        "GPU": _gpus(),
        "System": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "Libraries": f"MXNet {mx.__version__}, NumPy {np.__version__}",
    }
    return {name: value for name, value in found.items() if value}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())


def _memory() -> str:
    try:
        first = Path("/proc/meminfo").read_text().split()[1]
    except (OSError, IndexError):
        return ""
    return f"{int(first) / 2**20:.1f} GiB"


def _gpus() -> str:
    nvidia_smi = shutil.which("nvidia-smi")
    if nvidia_smi is None:
        return ""
    line = [nvidia_smi, "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    try:
        answer = subprocess.run(line, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):  # it hangs where a driver is broken; a report is not worth a run
        return ""
    return "; ".join(answer.stdout.split("\n")).strip("; ") if answer.returncode == 0 else ""
