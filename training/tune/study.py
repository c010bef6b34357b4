"""The study: Optuna's, in one SQLite file. Only one process touches it (ask and tell); trials know nothing of it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
import sqlalchemy.exc
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import Trial, TrialState
from scipy.stats import qmc

from training.errors import BadInput, TrainingError
from training.tune.space import Range, Space

FILE = "study.db"
_NAME = "tune"


def distributions(space: Space) -> dict[str, BaseDistribution]:
    return {key: _distribution(found) for key, found in space.open.items()}


def _distribution(found: Range | tuple[Any, ...]) -> BaseDistribution:
    if not isinstance(found, Range):
        return CategoricalDistribution(found)
    if found.whole:
        return IntDistribution(int(found.low), int(found.high), log=found.log, step=int(found.step) or 1)
    return FloatDistribution(found.low, found.high, log=found.log, step=found.step or None)


def spread_points(space: Space, trials: int, seed: int) -> list[dict[str, Any]]:
    """*trials* settings that lie evenly in *space*: scrambled Sobol points, the same for the same *seed*.

    https://doi.org/10.1016/0041-5553(67)90144-9; by SciPy. They do not depend on results, so it does not matter which
    trial ends first: many places find what one finds.
    """
    sobol = qmc.Sobol(len(space.open), seed=seed)
    points = sobol.random_base2(math.ceil(math.log2(max(2, trials))))[:trials]
    return [{key: _at(found, x) for (key, found), x in zip(space.open.items(), point, strict=True)} for point in points]


def _at(found: Range | tuple[Any, ...], x: float) -> Any:
    """The value at *x*, 0 <= x < 1."""
    if not isinstance(found, Range):
        return found[int(x * len(found))]
    step = found.step or (1 if found.whole else 0)
    if step and not found.log:
        count = int((found.high - found.low) / step + 1e-9) + 1
        value = found.low + step * int(x * count)
        return int(value) if found.whole else value
    low, high = (math.log(found.low), math.log(found.high)) if found.log else (found.low, found.high)
    value = low + x * (high - low)
    value = min(found.high, max(found.low, math.exp(value))) if found.log else value
    return round(value) if found.whole else float(f"{value:.6g}")


@contextmanager
def trouble_explained(folder: Path) -> Iterator[None]:
    """What stands inside asks the study in *folder*; raises TrainingError where its file cannot be used."""
    try:
        yield
    except (optuna.exceptions.StorageInternalError, sqlalchemy.exc.SQLAlchemyError) as error:
        said = str(getattr(error.__cause__ or error, "orig", error)).splitlines()[
            0
        ]  # SQLite's own words, if it is they
        raise TrainingError(
            f"The study's file {folder / FILE} cannot be used: {said}.",
            "on a full disk, free some space and go on with it; trials that have ended are in trials/\n"
            "a damaged file is of no more use: take another --workdir",
        ) from error
    except RuntimeError as error:
        if "optuna version" not in str(error):
            raise
        raise BadInput(
            f"{folder / FILE} was written by another version of Optuna.", "take another --workdir, or that version"
        ) from error


class Study:
    """*learns*: later trials are chosen by what earlier ones came to (TPE); else all are fixed from the start."""

    def __init__(self, folder: Path, space: Space, *, higher_is_better: bool, seed: int, learns: bool) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._space, self._seed, self._learns = space, seed, learns
        self._distributions = distributions(space)
        self._points: list[dict[str, Any]] = []
        self.optuna = optuna.create_study(
            storage=f"sqlite:///{folder / FILE}",
            study_name=_NAME,
            load_if_exists=True,
            direction="maximize" if higher_is_better else "minimize",
            sampler=optuna.samplers.TPESampler(seed=seed, constant_liar=True, multivariate=True),
            pruner=optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=1),
        )

    def plan(self, trials: int) -> None:
        """Have *trials* trials in all. Raises BadInput where the study in the folder is of another space."""
        known = {key: repr(one) for key, one in self._distributions.items()}
        before = self.optuna.user_attrs.get("space")
        if before not in (None, known):
            raise BadInput("This folder holds a study of another space.", "take another --workdir")
        self.optuna.set_user_attr("space", known)
        self._points = [] if self._learns else spread_points(self._space, trials, self._seed)

    def left(self) -> list[Trial]:
        """Trials that an earlier part of the study began and did not end: they are done first."""
        begun = self.optuna.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        return [Trial(self.optuna, one._trial_id) for one in begun]

    def begun(self) -> int:
        """How many trials have begun, or ended."""
        return self._known() - self._waiting()

    def ask(self) -> Trial:
        """The next trial. Its point is written down only now: each costs the disk some milliseconds, and a study of a
        thousand would stand still for minutes before its first."""
        if not self._waiting() and self._known() < len(self._points):
            self.optuna.enqueue_trial(self._points[self._known()])
        return self.optuna.ask(self._distributions)

    def _known(self) -> int:
        return len(self.optuna.get_trials(deepcopy=False))

    def _waiting(self) -> int:
        """One, of a study that was killed while it asked; all that had not begun, of one by an earlier version."""
        return len(self.optuna.get_trials(deepcopy=False, states=(TrialState.WAITING,)))

    def tell(self, number: int, value: float | None, note: str) -> None:
        """*value* None: the trial failed, for the reason in *note*."""
        if value is None:
            self.optuna.tell(number, state=TrialState.FAIL)
        else:
            self.optuna.tell(number, value)
        self.optuna.set_user_attr(f"note {number}", note)

    def tell_pruned(self, number: int) -> None:
        self.optuna.tell(number, state=TrialState.PRUNED)

    def note(self, number: int) -> str:
        return str(self.optuna.user_attrs.get(f"note {number}", ""))

    def best(self) -> int | None:
        """The number of the best finished trial."""
        done = self.optuna.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        return self.optuna.best_trial.number if done else None
