"""What a finished net that tells states is worth: calibrated, beside simple classifiers, part by part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.data.splits import Split
from training.diagnostics.features import KINDS, statistics
from training.diagnostics.metrics import by_part, confusion_counts, cross_entropy, fit_temperature, log_softmax, right
from training.diagnostics.preparation import StatePreparation
from training.prognostics.baselines import share_better
from training.prognostics.importance import Importance, permutation_importance
from training.prognostics.metrics import ReliabilityBin, calibration_error, reliability
from training.trainer.recipe import Findings, Result

Array = NDArray[np.floating]

TREES: Final = 200
MOST_ROWS: Final = 20_000


@dataclass(frozen=True)
class PartFound:
    """Of one part, on the test cycles whose state is known."""

    states: tuple[str, ...]
    confusion: NDArray[np.int64]
    accuracy: float
    commonest: float
    """The accuracy of always saying the state that training showed most often."""
    forest: float | None
    """That of a random forest on each cycle's statistics; None without scikit-learn."""
    net_better: float | None
    """In what share of redraws of the groups the net is right more often than the forest."""
    reliability: tuple[ReliabilityBin, ...]
    calibration_error: float
    calibration_error_before: float


@dataclass(frozen=True)
class StatesFound:
    parts: Mapping[str, PartFound]
    importance: Sequence[Importance]
    cycles: int
    groups: int


def examine(result: Result) -> Findings:
    prepared = StatePreparation.from_json(result.data.keep)
    valid = by_part(result.valid.outputs, prepared.sizes)
    heats = tuple(fit_temperature(part, result.valid.y[:, number]) for number, part in enumerate(valid))
    prepared = replace(prepared, temperatures=heats)
    forests = _forests(result, prepared)
    parts = {
        part: _part(result, prepared, number, forests[number] if forests else None)
        for number, part in enumerate(prepared.states)
    }
    y = result.test.y
    found = StatesFound(parts, _importance(result, prepared), len(y), len(np.unique(y[:, -1])))
    return Findings(scores=_scores(found), keep={"temperatures": list(heats)}, shown=found)


def _scores(found: StatesFound) -> dict[str, float]:
    scores = {f"{part}_accuracy": one.accuracy for part, one in found.parts.items()}
    scores["calibration_error"] = float(np.mean([one.calibration_error for one in found.parts.values()]))
    forests = [one.forest for one in found.parts.values() if one.forest is not None]
    return scores | ({"forest_accuracy": float(np.mean(forests))} if forests else {})


def _part(result: Result, prepared: StatePreparation, number: int, forest: Array | None) -> PartFound:
    """*forest* (cycles,): the numbers of the states that the forest says."""
    y, truth = result.test.y, result.test.y[:, number]
    scores, known = by_part(result.test.outputs, prepared.sizes)[number], truth >= 0
    ours, heat = right(scores, truth), prepared.temperatures[number]
    theirs = (forest[known] == truth[known]).astype(np.float64) if forest is not None else None
    taught = result.data.train.y[:, number]
    commonest = np.bincount(taught[taught >= 0].astype(int)).argmax()
    curve = _curve(scores / heat, truth)
    return PartFound(
        states=list(prepared.states.values())[number],
        confusion=confusion_counts(scores, truth),
        accuracy=float(ours.mean()) if len(ours) else float("nan"),
        commonest=float(np.mean(truth[known] == commonest)) if known.any() else float("nan"),
        forest=float(theirs.mean()) if theirs is not None and len(theirs) else None,
        net_better=share_better(-ours, -theirs, y[known, -1], seed=result.config.seed) if theirs is not None else None,
        reliability=curve,
        calibration_error=calibration_error(curve),
        calibration_error_before=calibration_error(_curve(scores, truth)),
    )


def _curve(scores: Array, truth: Array) -> tuple[ReliabilityBin, ...]:
    """Of the state that is said: how sure, and how often right."""
    known = truth >= 0
    return reliability(np.exp(log_softmax(scores[known])).max(axis=1), right(scores, truth))


def _forests(result: Result, prepared: StatePreparation) -> list[Array]:
    if find_spec("sklearn") is None:
        return []
    from sklearn.ensemble import RandomForestClassifier

    train = _sample(result.data.train, result.config.seed)
    seen, asked = (statistics(np.asarray(split.X)) for split in (train, result.data.test))
    said = []
    for number in range(len(prepared.states)):
        known = train.y[:, number] >= 0
        forest = RandomForestClassifier(TREES, random_state=0).fit(seen[known], train.y[known, number])
        said.append(np.asarray(forest.predict(asked)))
    return said


def _sample(split: Split, seed: int) -> Split:
    return split[np.sort(np.random.RandomState(seed).permutation(len(split))[:MOST_ROWS])]


def _importance(result: Result, prepared: StatePreparation) -> list[Importance]:
    def error(outputs: Array, y: Array) -> float:
        parts = by_part(outputs, prepared.sizes)
        return float(np.mean([cross_entropy(scores, y[:, number]) for number, scores in enumerate(parts)]))

    channels = prepared.layout.channels
    assert result.data.valid.X.shape[2] == KINDS * len(channels)
    return permutation_importance(result.net, result.data.valid, channels, error, seed=result.config.seed)
