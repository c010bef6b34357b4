"""usage.jsonl: how busy processor, GPU and memory were, sampled while a run trains. Bounded, and never in its way."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from training.errors import TrainingError
from training.workdir.atomic import replace_text
from training.workdir.metrics import MetricsFile, Row

MOST_ROWS: Final = 600  # then every second one goes, and half as many are taken from there on
EVERY_S: Final = 1.0
EVERY_WITH_GPU_S: Final = 5.0  # asking nvidia-smi costs a tenth of a second of one core
_QUERY: Final = ("--query-gpu=index,utilization.gpu,memory.used", "--format=csv,noheader,nounits")

Reading = Mapping[str, float]
"""Names and numbers: "cpu_percent" of all cores, "memory_gib" of this process, "gpu0_percent", "gpu0_gib" and so on."""


class UsageFile:
    """Rows hold "seconds" of the run and a Reading. Raises DiskFull."""

    def __init__(self, path: Path, every_s: float) -> None:
        self._file = MetricsFile(path)
        self._rows = [row for row in self._file.rows() if isinstance(row, dict) and "seconds" in row]
        self.every_s = every_s
        if self._rows:
            self._go_on()

    def add(self, row: Row) -> None:
        self._rows.append(row)
        if len(self._rows) < MOST_ROWS:
            self._file.append(row)
        else:
            self._thin_out()
            self._write()

    def _go_on(self) -> None:
        """As thinly as the run was sampled before, and behind whole lines: a crash may have cut the last one short."""
        while len(self._rows) > MOST_ROWS // 2:
            self._thin_out()
        self._write()

    def _write(self) -> None:
        replace_text(self._file.path, "".join(json.dumps(row) + "\n" for row in self._rows), "the usage")

    def _thin_out(self) -> None:
        self._rows, self.every_s = self._rows[::2], 2 * self.every_s


@contextmanager
def sample_usage(path: Path, *, seconds_before: float, gpus: Sequence[int]) -> Iterator[None]:
    """Sample into *path* until the block ends. *seconds_before*: what the run had taken; *gpus*: those it uses."""
    over = threading.Event()
    words = (path, seconds_before, read_gpus(gpus) if gpus else _read_none, over)
    thread = threading.Thread(target=_sample, args=words, name="usage", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(timeout=2)  # nvidia-smi may hang; the run does not wait for it


def _sample(path: Path, seconds_before: float, ask_gpus: Callable[[], Reading], over: threading.Event) -> None:
    begun, cpu = time.perf_counter(), _Cpu()
    try:
        file = UsageFile(path, EVERY_S if ask_gpus is _read_none else EVERY_WITH_GPU_S)
        ended = False
        while not ended:
            ended = over.wait(file.every_s)  # the last sample is that of the end
            seconds = seconds_before + time.perf_counter() - begun
            file.add({"seconds": round(seconds, 1), **cpu.read(), **read_memory(), **ask_gpus()})
    except (OSError, TrainingError):
        return  # a full disk: the run itself says so, and its curves matter more


class _Cpu:
    """The share of all cores that this process has used since it was last asked, in percent."""

    def __init__(self) -> None:
        self._spent, self._at = _cpu_seconds(), time.perf_counter()

    def read(self) -> Reading:
        spent, at = _cpu_seconds(), time.perf_counter()
        share = (spent - self._spent) / max(at - self._at, 1e-9) / (os.cpu_count() or 1)
        self._spent, self._at = spent, at
        return {"cpu_percent": round(100 * share, 1)}


def _cpu_seconds() -> float:
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def read_memory(status: Path = Path("/proc/self/status")) -> Reading:
    """What this process holds in memory; nothing where the system does not tell (macOS)."""
    try:
        lines = [line.split() for line in status.read_text().splitlines() if line.startswith("VmRSS:")]
        return {"memory_gib": round(int(lines[0][1]) / 2**20, 3)}
    except (OSError, IndexError, ValueError):
        return {}


def _read_none() -> Reading:
    return {}


def read_gpus(gpus: Sequence[int]) -> Callable[[], Reading]:
    """Asks nvidia-smi about *gpus*; where it once gave no answer, never again: it hangs where a driver is broken."""
    program = shutil.which("nvidia-smi")
    silent = [program is None]

    def ask() -> Reading:
        if silent[0]:
            return {}
        found = parse_gpus(_run_smi(str(program)), gpus)
        silent[0] = not found
        return found

    return ask


def _run_smi(program: str) -> str:
    try:
        return subprocess.run([program, *_QUERY], capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return ""


def parse_gpus(answer: str, gpus: Sequence[int]) -> Reading:
    """From lines "0, 87, 10240" (index, percent, MiB); what is no number ("[N/A]") is left out."""
    found: dict[str, float] = {}
    for index, percent, mib in (line.split(", ") for line in answer.splitlines() if line.count(", ") == 2):
        if index.isdecimal() and int(index) in gpus:
            found |= {f"gpu{index}_percent": float(percent)} if percent.isdecimal() else {}
            found |= {f"gpu{index}_gib": round(int(mib) / 1024, 2)} if mib.strip().isdecimal() else {}
    return found


def gpus_of(devices: Sequence[Any]) -> list[int]:
    return [device.device_id for device in devices if device.device_type == "gpu"]
