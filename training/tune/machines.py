"""The machines of a study, as node 0 sees them: where trials run, how far each has come, and its files.

A trial is bound to a machine, where its work folder is: a worker that dies there is followed by another, which goes on
with it. Only when the machine itself is lost does the trial begin anew, on another.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from training.places import LOOK_EVERY_S, pack_files, unpack_files, workers_by_node
from training.tune import trial as one_trial
from training.tune.trial import folder_of, study_here
from training.workdir.names import CHECKPOINTS, TENSORBOARD

Scores = Mapping[int, Mapping[int, float]]
"""By trial, by epoch."""
ASK_EVERY_S: Final = 0.5
SMALL_BYTES: Final = 4 << 20
"""Of a trial that is not the best: its report and its log are seen from the study's page, its weights stay there."""
STAYS: Final = (CHECKPOINTS, TENSORBOARD)


class Machines:
    """*metric*: what a trial is judged by. *folder*: the study's, here."""

    def __init__(self, client: Any, folder: Path, job: str, metric: str) -> None:
        self._client, self._folder, self._job, self._metric = client, folder, job, metric
        self._slots: dict[int, list[str]] = {}
        self._looked_at = -LOOK_EVERY_S
        self._asked_at: dict[int, float] = {}
        self._begun: Counter[int] = Counter()

    def look(self) -> dict[int, list[str]]:
        """The workers of each machine that is there; asked twice a second at most."""
        if time.monotonic() - self._looked_at >= LOOK_EVERY_S:
            self._slots, self._looked_at = workers_by_node(self._client), time.monotonic()
        return self._slots

    def free(self, busy: Sequence[int]) -> int | None:
        """A machine with a place for one more trial, where *busy* names the machine of each that runs."""
        taken = Counter(busy)
        room = {node: len(workers) - taken[node] for node, workers in self.look().items()}
        return max(sorted(room), key=lambda node: room[node]) if any(left > 0 for left in room.values()) else None

    def begin(self, number: int, words: Sequence[str], node: int) -> Any:
        """The future of trial *number*'s `trial.Outcome`."""
        self._begun[number] += 1
        return self._client.submit(
            one_trial.run_trial, self._job, number, words, self._metric, pure=False,
            key=f"trial-{number}-{self._begun[number]}", resources={f"node{node}": 1},
        )  # fmt: skip

    def scores(self, numbers: Collection[int], node: int) -> Scores:
        """How far the trials *numbers* of *node* have come; nothing where it was asked a moment ago."""
        if time.monotonic() - self._asked_at.get(node, -ASK_EVERY_S) < ASK_EVERY_S:
            return {}
        self._asked_at[node] = time.monotonic()
        found: Scores | None = self._ask(node, _scores_there, list(numbers), self._metric)
        return found or {}

    def prune(self, number: int, node: int) -> None:
        self._ask(node, _prune_there, number)

    def bring(self, number: int, node: int, *, most_bytes: float = float("inf")) -> None:
        """Files of trial *number* into the study's folder here, each of *most_bytes* at most."""
        if node and (content := self._ask(node, _take_there, number, most_bytes)):
            unpack_files(content, folder_of(self._folder, number))

    def end_trials(self) -> None:
        """Each saves a checkpoint and ends."""
        for node in self.look():
            if node:
                self._ask(node, _end_there, self._job)
        one_trial.end_trials(self._job, os.getpid())

    def _ask(self, node: int, function: Any, *words: Any) -> Any:
        """None where the machine is lost meanwhile."""
        workers = self.look().get(node, [])
        try:
            return next(iter(self._client.run(function, *words, workers=workers[:1]).values()), None)
        except OSError:  # distributed's CommClosedError is one
            return None


def _scores_there(numbers: Collection[int], metric: str) -> Scores:
    return {number: one_trial.scores(folder_of(study_here(), number), metric) for number in numbers}


def _prune_there(number: int) -> None:
    (folder_of(study_here(), number) / one_trial.PRUNE).touch()


def _take_there(number: int, most_bytes: float) -> bytes:
    folder = folder_of(study_here(), number)
    inside = {path: path.relative_to(folder).parts[0] for path in folder.rglob("*") if path.is_file()}
    return pack_files(folder, [p for p, top in inside.items() if top not in STAYS and p.stat().st_size <= most_bytes])


def _end_there(job: str) -> None:
    one_trial.end_trials(job, os.getppid())
