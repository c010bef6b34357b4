"""One look at a run and its machine: a single question over SSH, so that it may be asked every few seconds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infra.guard.status import STATUS_FILE, Watch, watch
from infra.host.connection import Host
from infra.host.facts import RunFacts, ask_facts
from infra.job.artifacts import as_ending
from infra.names import METRICS, RUNS_DIR
from infra.remote.recorder import EXIT, LOG
from infra.workflows.context import Rig, open_host, running_instance
from infra.workflows.runs import find_run
from infra.workflows.status import Standing, standing_of


@dataclass(frozen=True, kw_only=True)
class Glance:
    """*last_line* of the log, the newest row of metrics.jsonl, *gpus*: (use in %, memory in MiB) of each."""

    run: RunFacts
    last_line: str
    metrics: Mapping[str, Any]
    gpus: tuple[tuple[int, int], ...]
    guard: Watch | None


class Watcher:
    """Looks again and again over one connection; what AWS knows is asked once, as it changes only by hand."""

    def __init__(self, rig: Rig, name: str) -> None:
        self._rig = rig
        self._instance = running_instance(rig)
        self._host: Host = open_host(rig, self._instance)
        facts = ask_facts(self._host)
        self._run = find_run(facts.runs, name)
        self._folder = f"{facts.home}/{RUNS_DIR}/{self._run.name}"

    def standing(self) -> Standing:
        return standing_of(self._rig, self._instance)

    def look(self) -> Glance:
        log, metrics, gpus, guard = (
            self._ask("tail", "-n", "1", f"{self._folder}/{LOG}"),
            self._ask("tail", "-n", "1", f"{self._folder}/{METRICS}"),
            self._ask("nvidia-smi", "--query-gpu=utilization.gpu,memory.used", "--format=csv,noheader,nounits"),
            self._ask("cat", STATUS_FILE),
        )
        return Glance(
            run=self._run,
            last_line=log.strip().rpartition("\r")[2],
            metrics=row(metrics),
            gpus=tuple(used for line in gpus.splitlines() if (used := use(line))),
            guard=watch(guard),
        )

    def has_ended(self) -> bool:
        return bool(as_ending(self._ask("cat", f"{self._folder}/{EXIT}")))

    def close(self) -> None:
        self._host.close()

    def _ask(self, *words: str) -> str:
        answer = self._host.ask(words)
        return answer.out if answer.ok else ""


def row(line: str) -> Mapping[str, Any]:
    """A line of metrics.jsonl; empty while only half of it is written."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def use(line: str) -> tuple[int, int] | None:
    """ "97, 3021" -> (97, 3021); None for "[N/A], [N/A]"."""
    parts = [part.strip() for part in line.split(",")]
    return (int(parts[0]), int(parts[1])) if len(parts) == 2 and all(part.isdecimal() for part in parts) else None
