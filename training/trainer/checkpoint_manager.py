"""When a run is saved, what goes into its checkpoints, and how a run is put back to where the newest one stands."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from training.compat import NDArray, mx
from training.config import differences
from training.errors import BadCheckpoint, NonFiniteLoss
from training.trainer import checkpoint
from training.trainer.group import here
from training.trainer.losses import NOT_FINITE_HINT
from training.trainer.position import Position
from training.trainer.run import Run
from training.workdir.atomic import clear_aside
from training.workdir.names import CHECKPOINTS

Arrays = dict[str, NDArray]


class CheckpointManager:
    """A checkpoint holds the best epoch's weights too: a run whose other files are lost can be finished from it."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._folder = run.workdir / CHECKPOINTS
        self._data = run.data.identity()
        self._saved_at = time.monotonic()
        self._group = here()

    def clear_half_written(self) -> None:
        for folder in (self._run.workdir, self._folder) if self._group.writes else ():
            clear_aside(folder)

    def is_due(self) -> bool:
        return time.monotonic() - self._saved_at >= self._run.config.checkpoint_every_s

    def save(self, position: Position, best: Mapping[str, NDArray]) -> None:
        """*best*: the best epoch's weights, in their shapes. Raises NonFiniteLoss and
        WorkersDiffer, and saves nothing then; DiskFull."""
        learner = self._run.learner
        self._group.spread(learner.statistics())
        weights = learner.weights()
        _require_finite(weights, position.step)
        self._group.require_equal(weights, position.step)
        if self._group.writes:
            self._write(position, weights, best)
        self._saved_at = time.monotonic()

    def _write(self, position: Position, weights: Mapping[str, NDArray], best: Mapping[str, NDArray]) -> None:
        learner = self._run.learner
        state = {
            "position": position.to_json(),
            "optimizer": learner.counts(),
            "seconds": self._run.timer.seconds(),
            "config": asdict(self._run.config),
            "data": self._data,
        }
        arrays = {f"weight/{name}": array for name, array in weights.items()}
        arrays |= {f"state/{name}": array for name, array in learner.state().items()}
        arrays |= {f"best/{name}": array for name, array in best.items()}
        checkpoint.save(self._folder, position.step, arrays, state, keep=self._run.config.keep)

    def restore(self) -> tuple[str, Position, Arrays] | None:
        """Put the learner and the timer back to the newest checkpoint that any worker has.

        Return its name, the position and the best weights (any shape); None where there is none. Raises BadCheckpoint.
        """
        ours = checkpoint.newest(self._folder)
        rank = self._group.newest(checkpoint.step_of(ours))
        path = Path(self._group.from_one(rank, {}, str(ours or ""))[1])
        if not path.name:
            return None
        read = checkpoint.load(path) if self._group.rank == rank else ({}, {})
        return path.name, *self._restore(path, *self._group.from_one(rank, *read))

    def _restore(self, path: Path, arrays: Arrays, state: Mapping[str, Any]) -> tuple[Position, Arrays]:
        self._require_same_run(path, state)
        try:
            self._run.learner.load_weights(_select_kind(arrays, "weight"))
            self._run.learner.load_state(_select_kind(arrays, "state"), state["optimizer"])
            position = Position.from_json(state["position"])
            self._run.timer.add(state["seconds"])
        except (KeyError, TypeError, ValueError, AssertionError, mx.base.MXNetError) as error:
            raise BadCheckpoint(
                f"{path} does not fit the job {self._run.recipe.name} ({error}). It was left as it is.",
                "take another --workdir",
            ) from error
        return position, _select_kind(arrays, "best")

    def _require_same_run(self, path: Path, state: Mapping[str, Any]) -> None:
        if changed := differences(self._run.config, state.get("config", {})):
            raise BadCheckpoint(
                f"{path} is of a run with other settings:\n" + "\n".join(f"  - {line}" for line in changed),
                "repeat the settings it was begun with, or take another --workdir",
            )
        was = state.get("data", {})
        changed = [f"{key}: {was[key]} then, {now} now" for key, now in self._data.items() if was.get(key, now) != now]
        if changed:
            raise BadCheckpoint(
                f"{path} is of a run on other data:\n" + "\n".join(f"  - {line}" for line in changed),
                "bring the data of then back, or take another --workdir",
            )


def _select_kind(arrays: Mapping[str, NDArray], kind: str) -> Arrays:
    """The arrays named "*kind*/name", by name."""
    return {name.partition("/")[2]: array for name, array in arrays.items() if name.startswith(kind + "/")}


def _require_finite(weights: Mapping[str, NDArray], step: int) -> None:
    """A loss may be finite and the update after it not."""
    sums = {name: array.astype("float32").sum() for name, array in weights.items()}
    bad = [name for name, value in sums.items() if not math.isfinite(value.asscalar())]
    if bad:
        raise NonFiniteLoss(
            f"The weights {', '.join(bad[:3])} are no finite numbers any more after step {step}.", NOT_FINITE_HINT
        )
