"""What a finished run leaves in its work folder, made from the best epoch's weights."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

from training import checkpoint
from training.clock import Clock
from training.compat import mx
from training.config import JobConfig
from training.console import Console
from training.data.splits import Data
from training.devices import Choice
from training.environment import Surroundings
from training.errors import disk_full_named
from training.evaluate import predict
from training.learner import Learner
from training.metrics import MetricsFile
from training.recipe import Recipe, Result
from training.summary import Summary

BEST = "best.params"


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run: what is done, with what, where. Only the learner and the clock move."""

    recipe: Recipe
    config: JobConfig
    workdir: Path
    data: Data
    learner: Learner
    device: Choice
    around: Surroundings
    clock: Clock

    def save_best(self) -> None:
        checkpoint.replace_arrays(self.workdir / BEST, self.learner.weights())

    def load_best(self) -> None:
        self.learner.load_weights(mx.nd.load(str(self.workdir / BEST)))

    def usd(self) -> float:
        return round(self.around.usd_per_hour * self.clock.total() / 3600, 6)


def leave(run: Run, summary: Summary, console: Console) -> Summary:
    """Write everything; return the summary with the test scores. The summary is written last."""
    run.clock.switch("evaluating")
    run.load_best()
    result = _result(run, summary)
    _write_data_card(run)
    if run.recipe.after is not None:
        result = replace(result, scores={**result.scores, **run.recipe.after(result, run.workdir)})
    seconds = run.clock.seconds()
    summary = replace(
        summary,
        score=result.scores[run.recipe.best],
        scores=dict(result.scores),
        seconds=round(sum(seconds.values()), 2),
    )
    said = "  ".join(f"{name} {value:.4f}" for name, value in summary.scores.items())
    console.progress(1.0, f"test {said}  best epoch {summary.best_epoch}", always=True)
    summary.write(run.workdir)
    return summary


def _result(run: Run, summary: Summary) -> Result:
    valid, test = (predict(run.learner, split, run.config.batch_size) for split in (run.data.valid, run.data.test))
    return Result(
        config=run.config,
        data=run.data,
        valid=valid,
        test=test,
        rows=MetricsFile(run.workdir / "metrics.jsonl").rows(),
        scores=run.recipe.metrics(test.outputs, test.y),
        best_epoch=summary.best_epoch,
    )


def _write_data_card(run: Run) -> None:
    """data.json: where the data came from, and what predict needs to prepare rows as training did."""
    path = run.workdir / "data.json"
    card = {
        "source": run.data.source,
        "checksum": run.data.checksum,
        "classes": list(run.data.classes),
        "input_shape": list(run.data.train.X.shape[1:]),
        "keep": dict(run.data.keep),
    }
    with disk_full_named(path, "the data card"):
        path.write_text(json.dumps(card, indent=2) + "\n")
