"""One look at a run and its machine, short enough to be taken every few seconds over one connection."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from infra import budget
from infra.aws.instances.instance import Instance
from infra.guard.status import STATUS_FILE, Watch, watch
from infra.host.connection import Host
from infra.host.facts import Facts, RunFacts
from infra.job.artifacts import as_ending, as_number
from infra.names import METRICS, RUNS_DIR
from infra.remote.recorder import EXIT, LOG
from infra.text import whole_number
from infra.workflows.context import Rig, open_host, running_nodes
from infra.workflows.nodes import ask_first
from infra.workflows.runs import facts_of, find_run
from infra.workflows.status import Standing, standings_of


@dataclass(frozen=True)
class Gpu:
    """*busy*: in %. Memory in MiB; *total_mib* 0 where it is not told."""

    busy: int
    used_mib: int
    total_mib: int = 0


@dataclass(frozen=True)
class Load:
    """*busy*: of all processors together, in %, since the look before; None at the first. Memory in bytes."""

    processors: int
    busy: float | None
    used_bytes: int
    total_bytes: int


@dataclass(frozen=True, kw_only=True)
class Glance:
    """*log*: its last lines. *rows*: of metrics.jsonl, the newest last. *load*: None where the host does not tell.

    *took_s*: how long the run took, once it has ended."""

    run: RunFacts
    log: tuple[str, ...]
    rows: tuple[Mapping[str, Any], ...]
    gpus: tuple[Gpu, ...]
    load: Load | None
    guard: Watch | None
    ended: bool
    took_s: float | None = None


_LOG_LINES: Final = "40"
_ROWS: Final = "600"
_GPU_QUESTION: Final = "--query-gpu=utilization.gpu,memory.used,memory.total"
_MOST_MIB: Final = 999_999_999
_AWS_EVERY_S: Final = 60.0  # what AWS knows changes by hand alone, and by `extend`


class Watcher:
    """Looks again and again over one connection."""

    def __init__(self, rig: Rig, name: str) -> None:
        self._rig = rig
        self._nodes = running_nodes(rig, whole=False)
        self._host, facts = ask_first(rig, self._nodes, _open)
        self.run = find_run(facts.runs, name)
        self._folder = f"{facts.home}/{RUNS_DIR}/{self.run.name}"
        self._ticks: tuple[int, int] | None = None
        self._standing: tuple[float, Standing] | None = None

    def standing(self) -> Standing:
        """What AWS says of the machine and its money, asked once a minute."""
        now = time.monotonic()
        if self._standing is None or now - self._standing[0] > _AWS_EVERY_S:
            self._standing = now, _of_all(standings_of(self._rig, self._nodes))
        return self._standing[1]

    def forget_standing(self) -> None:
        """It was changed by hand: its deadline was moved."""
        self._nodes = running_nodes(self._rig, whole=False)
        self._standing = None

    def look(self) -> Glance:
        log, metrics, gpus, guard, load, end = (
            self._ask("tail", "-n", _LOG_LINES, f"{self._folder}/{LOG}"),
            self._ask("tail", "-n", _ROWS, f"{self._folder}/{METRICS}"),
            self._ask("nvidia-smi", _GPU_QUESTION, "--format=csv,noheader,nounits"),
            self._ask("cat", STATUS_FILE),
            self._ask("cat", "/proc/stat", "/proc/meminfo"),
            self._ask("cat", f"{self._folder}/{EXIT}"),
        )
        return Glance(
            run=self.run,
            log=tuple(line.rpartition("\r")[2] for line in log.split("\n") if line.strip()),
            rows=tuple(found for line in metrics.splitlines() if (found := row(line))),
            gpus=tuple(used for line in gpus.splitlines() if (used := use(line))),
            load=self._load(load),
            guard=watch(guard),
            ended=bool(as_ending(end)),
            took_s=as_number(as_ending(end).get("seconds")),
        )

    def _load(self, said: str) -> Load | None:
        ticks, before = processor_ticks(said), self._ticks
        memory = {name: int(kib) * 1024 for name, kib in _MEMORY.findall(said)}
        total = memory.get("MemTotal", 0)
        if ticks is None or not total:
            return None
        self._ticks = ticks
        busy = None
        if before is not None and ticks[1] > before[1]:
            busy = 100 * max(0.0, min(1.0, (ticks[0] - before[0]) / (ticks[1] - before[1])))
        return Load(len(_PROCESSORS.findall(said)), busy, max(total - memory.get("MemAvailable", 0), 0), total)

    def close(self) -> None:
        self._host.close()

    def _ask(self, *words: str) -> str:
        answer = self._host.ask(words)
        return answer.out if answer.ok else ""


def _open(rig: Rig, node: Instance) -> tuple[Host, Facts]:
    host = open_host(rig, node)
    return host, facts_of(rig, host)


def _of_all(standings: Sequence[Standing]) -> Standing:
    """The first machine's, with the money of its whole group; None where nobody knows one of them."""
    money: dict[str, Any] = {name: budget.total([getattr(one, name) for one in standings]) for name in _MONEY}
    return replace(standings[0], **money)


_MONEY: Final = ("usd_per_hour", "usd_spent", "usd_worst", "usd_disk_per_month")


_MEMORY: Final = re.compile(r"^(MemTotal|MemAvailable):\s+(\d{1,15}) kB$", re.MULTILINE | re.ASCII)
_PROCESSORS: Final = re.compile(r"^cpu\d", re.MULTILINE | re.ASCII)
_IDLE, _WAITING = 3, 4  # of the columns of /proc/stat: https://man7.org/linux/man-pages/man5/proc_stat.5.html


def processor_ticks(said: str) -> tuple[int, int] | None:
    """(busy, all) of all processors together, from /proc/stat; None where it says none."""
    words = next((line.split()[1:11] for line in said.splitlines() if line.startswith("cpu ")), [])
    if len(words) <= _WAITING or not all(word.isascii() and word.isdecimal() and len(word) < 20 for word in words):
        return None
    ticks = [int(word) for word in words]
    return sum(ticks) - ticks[_IDLE] - ticks[_WAITING], sum(ticks)


def row(line: str) -> Mapping[str, Any]:
    """A line of metrics.jsonl; empty while only half of it is written."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def use(line: str) -> Gpu | None:
    """ "97, 3021, 15360" -> Gpu(97, 3021, 15360); None for "[N/A], [N/A]"."""
    parts = [part.strip() for part in line.split(",")]
    numbers = [number for part in parts if (number := whole_number(part, most=_MOST_MIB)) is not None]
    return Gpu(*numbers) if len(parts) == len(numbers) and len(parts) in (2, 3) else None
