"""What a run came to so far, for summary.json."""

from __future__ import annotations

from training.trainer.position import Position
from training.trainer.run import Run
from training.workdir.summary import Summary


def summarize(run: Run, position: Position, reason: str, message: str = "") -> Summary:
    return Summary(
        job=run.recipe.name,
        reason=reason,
        metric=run.recipe.best,
        score=position.best_score,
        higher_is_better=run.recipe.higher_is_better,
        seconds=round(run.timer.total(), 2),
        samples_per_s=round(run.samples_per_s(position.step)),
        device=str(run.device),
        epochs=position.epoch,
        steps=position.step,
        best_epoch=position.best_epoch,
        message=message,
    )
