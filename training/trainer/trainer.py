"""The epochs of a run: the step, and what follows it. What a step does to a net: learner.py, `GluonLearner.step`."""

from __future__ import annotations

from itertools import islice

from training.compat import NDArray, mx
from training.console import Console
from training.data.streams import Streamed
from training.trainer.batches import Batches, from_stream, on_device
from training.trainer.checkpoint_manager import CheckpointManager
from training.trainer.evaluate import predict_together
from training.trainer.group import Wishes, here
from training.trainer.losses import InFlightWindow, Losses
from training.trainer.position import Position
from training.trainer.recipe import Scores
from training.trainer.run import Run
from training.trainer.run_log import RunLog
from training.trainer.schedule import epoch_order, learning_rate, reseed
from training.trainer.signals import StopRequest


class Training:
    """What moves (position, losses, best weights) around what stays (the run)."""

    def __init__(self, run: Run, console: Console) -> None:
        self.run, self.console = run, console
        self.position = Position()
        self._log, self._checkpoints = RunLog(run, console), CheckpointManager(run)
        self._losses, self._window = Losses([]), InFlightWindow()
        self._best: dict[str, NDArray] = {}
        self._X, self._y = (on_device(part, run.learner.home) for part in (run.data.train.X, run.data.train.y))
        self._group = here()

    def fit(self, stop: StopRequest) -> bool:
        """Train to the end (True), or save a checkpoint and leave off when *stop* is set (False)."""
        while self.position.epoch < self.run.config.num_epochs:
            if not self._epoch(stop):
                self._save()
                return False
            self._end_epoch()
        self._log.close()
        return True

    def _epoch(self, stop: StopRequest) -> bool:
        """The batches that are left of the present epoch; False when *stop* is set."""
        run = self.run
        run.timer.switch("training")
        for X, y in self._batches():
            # Not after the last batch: the end of the epoch is the better place to stop and to save.
            wishes = self._agree(stop)
            if wishes.stop:
                return False
            if wishes.save and self.position.batch:
                self._save()
            self._step(X, y)
        return True

    def _batches(self) -> Batches:
        """Those of the present epoch, from the present one on."""
        run, seed, epoch, begin = self.run, self.run.config.seed, self.position.epoch, self.position.batch
        if isinstance(self._X, Streamed):
            stream, home = self._X.stream, run.learner.home
            return from_stream(stream, self._group, home, seed=seed, epoch=epoch, batch=run.batch_size, begin=begin)
        order = epoch_order(len(run.data.train), seed, epoch)
        mine, share = self._group.cut(order, run.batch_size), self._group.share(run.batch_size)
        return islice(run.recipe.minibatches(self._X, self._y, share, mine), begin, None)

    def _agree(self, stop: StopRequest) -> Wishes:
        """What all workers do before this step; each has a clock and signals of its own."""
        mine = Wishes(stop.is_set(), stop.signal_name, self._checkpoints.is_due(), self._window.stride)
        agreed = self._group.agree(mine, settled=self._window.has_just_begun)
        self._window.stride = agreed.stride
        stop.signal_name = stop.signal_name or agreed.signal_name  # a signal may have come while we asked
        return agreed

    def _step(self, X: NDArray, y: NDArray) -> None:
        """One step: rate and random numbers of its number, forward, backward, update; the loss is read later."""
        if self.run.learner.draws:
            reseed(self.run.config.seed + self._group.rank, self.position.step)
        lr = learning_rate(self.run.config, self.position.step, self.run.steps)
        self._losses.add(self.run.learner.step(X, y, lr))
        self.position.end_step()
        if self._window.is_due():
            self._window.fit(self._losses.settle(self._window.stride))
            self._log.write_due(self._losses, self.position)

    def _settle(self) -> None:
        """Wait for every step, and write the rows that are due."""
        self._losses.settle()
        self._log.write_due(self._losses, self.position)

    def _end_epoch(self) -> None:
        self._settle()
        self._log.write_last_of_epoch(self._losses, self.position)
        self.run.timer.switch("evaluating")
        scores = self._evaluate()
        self._log.write_scores(self.position, scores)
        is_best = self._keep_best(scores[self.run.recipe.best])
        praise = "  best so far" if is_best and not self.run.recipe.last_is_best else ""
        self._log.say_scores(self.position, scores, praise=praise)
        self.position.end_epoch()
        self._save()

    def _evaluate(self) -> Scores:
        self._group.spread(self.run.learner.statistics())
        found = predict_together(self.run.learner, self.run.data.valid, self.run.batch_size, self._group)
        scores: Scores = self._group.from_first(self.run.recipe.metrics(found.outputs, found.y))
        return scores

    def _keep_best(self, score: float) -> bool:
        if not self.run.recipe.better(score, self.position.best_score):
            return False
        self.position.best_score, self.position.best_epoch = score, self.position.epoch + 1
        self.run.timer.switch("saving")
        self._best = {name: array.copyto(mx.cpu()) for name, array in self.run.learner.weights().items()}
        if self._group.leads:
            self.run.save_best(self._best)
        return True

    def _save(self) -> None:
        """A checkpoint of this very step. The losses are read first: what is not finite is never saved."""
        self._settle()
        self.position.pending = self._losses.rest(self.position.step)
        self.run.timer.switch("saving")
        self._checkpoints.save(self.position, self._best)
        self.run.timer.switch("training")
        self._window.begin()

    def resume(self) -> None:
        """Go to the newest checkpoint, if there is one. Raises BadCheckpoint."""
        if (found := self._checkpoints.restore()) is not None:
            name, self.position, self._best = found
            if self._best and self._group.leads:
                self.run.save_best(self._best)
            self._losses = Losses(self.position.pending)
            self.console.say(f"going on from {name}: epoch {self.position.epoch + 1}, batch {self.position.batch}")
        self._checkpoints.clear_half_written()
        self._log.begin(self.position)
