"""The states of parts in service: cycles in, a state and its probability for each part out."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TextIO

import numpy as np
from numpy.typing import NDArray

from training.diagnostics.cycles import Cycles, read_cycles
from training.diagnostics.preparation import StatePreparation
from training.errors import BadInput
from training.serve.recurrent import Net
from training.workdir.names import DATA_CARD

Array = NDArray[np.floating]

AT_ONCE: Final = 256
MARGIN: Final = 1.0
"""A feature is outside what training showed where it is beyond by more than so many spreads."""

WORTH_A_LINE: Final = 0.01


def read_state_preparation(run: Path) -> StatePreparation | None:
    """How the run *run* prepared its cycles; None where it is no run of a job that tells states."""
    try:
        keep = json.loads((run / DATA_CARD).read_text())["keep"]
        return StatePreparation.from_json(keep) if "states" in keep else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None  # whoever forecasts reads the same file and says what is wrong with it


def tell_states(prepared: StatePreparation, net: Net, place: Path, out: TextIO) -> int:
    """Write a line of CSV for each cycle of *place*; return how many. Raises BadInput, BadData."""
    if prepared.layout.row_is_cycle and not place.is_dir():
        files = ", ".join(prepared.layout.channel_files)
        raise BadInput(f"{place} is no folder", f"name the folder that holds {files}")
    if not prepared.layout.row_is_cycle and not place.is_file():
        raise BadInput(f"{place} is no file", f"name a table with the columns {prepared.layout.cycle} and the channels")
    cycles = read_cycles(prepared.layout, [place])
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header(prepared))
    X = prepared.windows(cycles)
    writer.writerows(_answers(prepared, net, cycles, X))
    out.flush()
    if note := drift_note(prepared, X):
        print(note, file=sys.stderr)
    return len(cycles)


def header(prepared: StatePreparation) -> list[str]:
    return [
        "cycle",
        *(name for part in prepared.states for name in (part, f"{part}_probability")),
        "missing",
        "outside",
    ]


def _answers(prepared: StatePreparation, net: Net, cycles: Cycles, X: Array) -> Iterator[list[object]]:
    missing = _count_missing(cycles)
    for start in range(0, len(X), AT_ONCE):
        piece = X[start : start + AT_ONCE]
        parts = prepared.probabilities(net(piece))
        outside = _outside(prepared, piece)
        for place, name in enumerate(cycles.names[start : start + AT_ONCE]):
            told = [
                cell
                for states, said in zip(prepared.states.values(), parts, strict=True)
                for cell in (states[int(said[place].argmax())], f"{said[place].max():.4f}")
            ]
            gone = missing[start + place]
            # What is not measured stands at its mean: of a cycle without any measurement nothing can be said.
            yield [name, *(told if gone < len(cycles.signals) else [""] * len(told)), gone, int(outside[place].sum())]


def _count_missing(cycles: Cycles) -> list[int]:
    """For each cycle: how many channels measured nothing in it."""
    gone = [[bool(np.isnan(signal).all()) for signal in channel] for channel in cycles.signals]
    return [sum(channels) for channels in zip(*gone, strict=True)]


def _outside(prepared: StatePreparation, X: Array) -> NDArray[np.bool_]:
    """(cycles, channels): whether a channel is anywhere beyond what training cycles showed."""
    beyond = (prepared.scale.low - MARGIN > X) | (prepared.scale.high + MARGIN < X)
    channels = len(prepared.layout.channels)
    return np.asarray(beyond.any(axis=1).reshape(len(X), -1, channels).any(axis=1))


def drift_note(prepared: StatePreparation, X: Array) -> str:
    """What to say where many of the cycles *X* (cycles, points, features) are beyond training; empty where few are."""
    outside = _outside(prepared, X)
    count = int(outside.any(axis=1).sum())
    if count <= WORTH_A_LINE * len(X):
        return ""
    names = [name for name, often in zip(prepared.layout.channels, outside.sum(axis=0), strict=True) if often]
    return (
        f"{count:,} of {len(X):,} cycles are outside what training saw ({', '.join(names)}): what the net says of "
        "them it "
        "has not learnt"
    )
