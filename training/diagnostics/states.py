"""From labelled cycles to a net that tells the states of several parts at once.

A row of `y` holds the number of each part's state, -1 where nobody knows it; how many states each part has; and at the
end the cycle's group.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from training.console import Console
from training.data.splits import Data, Split
from training.diagnostics.cycles import Cycles, Labels, read_labelled, state_key
from training.diagnostics.description import Description
from training.diagnostics.features import binned, fit_scale
from training.diagnostics.metrics import by_part, cross_entropy, right
from training.diagnostics.preparation import StatePreparation
from training.diagnostics.splitting import groups_of, held_out
from training.errors import BadData
from training.prognostics.names_of_units import say_alike
from training.trainer.recipe import Scores

Array = NDArray[np.floating]

MOST_STATES: Final = 30
"""More are a quantity, not states of a part."""


class Splitting(Protocol):
    """Keys of a job that tells states."""

    @property
    def seed(self) -> int: ...
    @property
    def bins(self) -> int: ...
    @property
    def split(self) -> str: ...
    @property
    def held_out(self) -> float: ...
    @property
    def tested(self) -> float: ...


def states_data(config: Splitting, description: Description, *, source: str) -> Data:
    """Read, share out, scale by training cycles alone. Raises BadData."""
    cycles, labels = read_labelled(description, description.places)
    names = {part: _states(part, said) for part, said in zip(labels.parts, labels.states, strict=True)}
    truth = _numbered(labels, names)
    groups = groups_of(truth, labels.groups, split=config.split)
    hint = f"{_say_rarest(names, truth, groups)}\n{_hint(config, labels)}"
    X, sizes = binned(cycles, bins=config.bins), [len(states) for states in names.values()]
    if description.test:
        valid, train = held_out(truth, groups, shares=[config.held_out], seed=config.seed, hint=hint)
        test_X, test_y = _read_test(config, description, names)
    else:
        shares = [config.tested, config.held_out]
        test, valid, train = held_out(truth, groups, shares=shares, seed=config.seed, hint=hint)
        test_X, test_y = X[test], _y(truth[test], groups[test], sizes)
    scale = fit_scale(X[train])
    prepared = StatePreparation(description.layout, names, config.bins, scale)
    _tell(names, {"training": truth[train], "validation": truth[valid], "test": test_y[:, : len(names)].astype(int)})
    return Data(
        train=Split(scale.apply(X[train]), _y(truth[train], groups[train], sizes)),
        valid=Split(scale.apply(X[valid]), _y(truth[valid], groups[valid], sizes)),
        test=Split(scale.apply(test_X), test_y),
        source=f"{source} ({len(cycles):,} cycles in {len(np.unique(groups)):,} groups)",
        checksum=_checksum(cycles, labels),
        keep=prepared.as_json(),
    )


def _read_test(config: Splitting, description: Description, names: dict[str, tuple[str, ...]]) -> tuple[Array, Array]:
    cycles, labels = read_labelled(description, description.test)
    truth = _numbered(labels, names)
    groups = groups_of(truth, labels.groups, split=config.split)
    return binned(cycles, bins=config.bins), _y(truth, groups, [len(states) for states in names.values()])


def _y(truth: NDArray[np.int64], groups: NDArray[np.int64], sizes: Sequence[int]) -> Array:
    each = np.tile(np.array(sizes), (len(truth), 1))
    return np.concatenate([truth, each, groups[:, None]], axis=1, dtype=np.float32)


def _sizes(y: Array) -> list[int]:
    parts = (y.shape[1] - 1) // 2
    return [int(size) for size in y[0, parts : 2 * parts]]


def _states(part: str, said: Sequence[str]) -> tuple[str, ...]:
    """In the order of numbers where they are some; of one that is written in several ways, the shortest. Raises BadData
    where there is nothing to tell apart.
    """
    spelled: dict[float | str, list[str]] = {}
    for state in sorted(set(said) - {""}, key=lambda state: (len(state), state)):
        spelled.setdefault(state_key(state), []).append(state)
    known = sorted((spellings[0] for spellings in spelled.values()), key=_order)
    if len(known) < 2:
        raise BadData(f"{part} is in one state only: {', '.join(known) or 'none is known'}", "Leave it out of parts.")
    if len(known) > MOST_STATES:
        raise BadData(
            f"{part} has {len(known):,} states, of which {known[0]}, {known[1]}, ...: is it a quantity?",
            "List a measured column under channels. A part's states are a few names, like a grade of wear.",
        )
    _say_spellings(part, [spellings for spellings in spelled.values() if len(spellings) > 1], known)
    return tuple(known)


def _say_spellings(part: str, several: Sequence[Sequence[str]], known: Sequence[str]) -> None:
    for spellings in several:
        Console().say(f"{part}: {' and '.join(spellings)}: taken for one state, {spellings[0]}")
    for line in say_alike(known, of=f"{part}: states"):
        Console().say(line)


def _order(state: str) -> tuple[int, float, str]:
    key = state_key(state)
    return (0, key, state) if isinstance(key, float) else (1, 0.0, state)


def _numbered(labels: Labels, names: dict[str, tuple[str, ...]]) -> NDArray[np.int64]:
    """(cycles, parts). Raises BadData where a test shows a state that training does not."""
    columns = []
    for part, said in zip(labels.parts, labels.states, strict=True):
        places: dict[float | str, int] = {state_key(state): number for number, state in enumerate(names[part])}
        places[""] = -1
        if strange := sorted(state for state in set(said) if state_key(state) not in places):
            raise BadData(
                f"{part} is in the state '{strange[0]}' in the test only", "A net cannot tell a state it never saw."
            )
        columns.append([places[state_key(state)] for state in said])
    return np.array(columns, dtype=np.int64).T


def _say_rarest(names: dict[str, tuple[str, ...]], truth: NDArray[np.int64], groups: NDArray[np.int64]) -> str:
    shown = [
        (len(np.unique(groups[column == number])), part, state)
        for (part, states), column in zip(names.items(), truth.T, strict=True)
        for number, state in enumerate(states)
    ]
    count, part, state = min(shown)
    return f"The rarest: {part} is '{state}' in {count} of {len(np.unique(groups)):,} groups."


def _hint(config: Splitting, labels: Labels) -> str:
    if labels.groups:
        return "Each state must be shown by three groups at least. Without group= stretches of equal states are taken."
    if config.split == "blocks":
        return (
            "A group is a stretch of cycles in which no part changes its state. split=cycles shares out single cycles: "
            "then a net may know a cycle again by its neighbours, and the score is too good."
        )
    return "Each state must be shown by three cycles at least."


def _tell(names: dict[str, tuple[str, ...]], splits: dict[str, NDArray[np.int64]]) -> None:
    for split, truth in splits.items():
        parts = [
            f"{part} " + ", ".join(f"{state}: {int(np.sum(column == number)):,}" for number, state in enumerate(states))
            for (part, states), column in zip(names.items(), truth.T, strict=True)
        ]
        Console().say(f"{split}: {len(truth):,} cycles; " + "; ".join(parts))


def _checksum(cycles: Cycles, labels: Labels) -> str:
    """Of what was read: the same cycles written otherwise are the same data."""
    whole = hashlib.sha256(repr((cycles.names, labels)).encode())
    for channel in cycles.signals:
        for signal in channel:
            whole.update(np.ascontiguousarray(signal).tobytes())
    return "sha256 " + whole.hexdigest()


def states_loss(sizes: Sequence[int]) -> Any:
    """The sum of the parts' cross-entropies, (F, outputs (n, states of all parts), y (n, 2 parts + 1)) to (n,). A
    state that nobody knows costs nothing.
    """

    def loss(F: Any, outputs: Any, y: Any) -> Any:
        total, begin = 0.0, 0
        for number, size in enumerate(sizes):
            truth = F.squeeze(F.slice_axis(y, axis=1, begin=number, end=number + 1), axis=1)
            said = F.log_softmax(F.slice_axis(outputs, axis=1, begin=begin, end=begin + size), axis=1)
            total = total - F.pick(said, F.relu(truth), axis=1) * (truth >= 0)
            begin += size
        return total

    return loss


def states_scores(outputs: Array, y: Array) -> Scores:
    """The share of parts and cycles told right, and the parts' mean cross-entropy in nats."""
    parts = by_part(outputs, _sizes(y))
    rights = np.concatenate([right(scores, y[:, number]) for number, scores in enumerate(parts)])
    losses = [cross_entropy(scores, y[:, number]) for number, scores in enumerate(parts)]
    return {"accuracy": float(rights.mean()), "loss": float(np.mean(losses))}
