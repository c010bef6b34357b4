"""Which cycles to train on and which to judge by: whole groups, for neighbouring cycles are nearly equal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.errors import BadData

Numbers = NDArray[np.int64]

TRIES: Final = 300

WIDER: Final = (1.0, 1.5, 2.0)
"""Few groups may not show every state in a small share: then larger ones are taken, up to MOST_HELD_OUT in all."""

MOST_HELD_OUT: Final = 0.7


def groups_of(states: Numbers, named: Sequence[str], *, split: str) -> Numbers:
    """(cycles,): the number of the group each cycle belongs to. *states* (cycles, parts).

    The groups that are *named*; else, with split="blocks", stretches of cycles in which no part changes its state; with
    split="cycles" each cycle by itself.
    """
    if named:
        numbers: Numbers = np.unique(np.array(named), return_inverse=True)[1].ravel().astype(np.int64)
        return numbers
    if split == "cycles":
        return np.arange(len(states), dtype=np.int64)
    changes = np.any(states[1:] != states[:-1], axis=1)
    return np.concatenate([[0], np.cumsum(changes)]).astype(np.int64)


def held_out(
    states: Numbers, groups: Numbers, *, shares: Sequence[float], seed: int, hint: str
) -> list[NDArray[np.bool_]]:
    """Masks (cycles,) of parts of the whole in about the given *shares* (larger ones, where few groups show every
    state), and of the rest, which comes last.

    Draws whole groups until every part of the whole shows every state. Raises BadData where that is not found.
    """
    names, counts = np.unique(groups, return_counts=True)
    if _fewest_groups(states, groups) <= len(shares):
        raise _impossible(names, hint)
    random = np.random.RandomState(seed)
    for wider in (share for share in WIDER if share * sum(shares) <= MOST_HELD_OUT or share == 1.0):
        for _ in range(TRIES):
            order = random.permutation(len(names))
            reached = np.cumsum(counts[order]) / len(groups)
            side = np.searchsorted(np.cumsum(shares) * wider, reached - 1e-9)
            place = np.empty(len(names), dtype=np.int64)
            place[order] = side
            masks = [place[np.searchsorted(names, groups)] == number for number in range(len(shares) + 1)]
            if all(_shows_all(states, mask) for mask in masks):
                return masks
    raise _impossible(names, hint)


def _fewest_groups(states: Numbers, groups: Numbers) -> int:
    """Of the state that is shown by the fewest groups: how many show it."""
    return min(len(np.unique(groups[part == state])) for part in states.T for state in np.unique(part[part >= 0]))


def _impossible(names: Numbers, hint: str) -> BadData:
    return BadData(
        f"{len(names):,} groups of cycles cannot be shared out so that training, validation and test all show "
        "every state",
        hint,
    )


def _shows_all(states: Numbers, mask: NDArray[np.bool_]) -> bool:
    return all(set(part[mask & (part >= 0)]) == set(part[part >= 0]) for part in states.T)
