"""A packed log larger than the memory, as examples to train on: each shard prepared as it would be in memory."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final

import numpy as np

from training.console import Console
from training.data.splits import Data, Split
from training.data.streams import Piece, Stream, open_streams
from training.data.windows import Windows
from training.errors import BadData
from training.pack.plan import TEST, TRAIN
from training.pack.reading import Life, Pack
from training.prognostics.balance import Balance, add_balances, count_balance
from training.prognostics.forecast import (
    ForecastConfig,
    check_balances,
    count_training_windows,
    cut,
    preparation_of,
    say_questions,
    training_windows,
)
from training.prognostics.questions import Counts, Questions, count_answers
from training.prognostics.scaling import Scaling, scaling_from
from training.prognostics.windows import UnitLog, split_units

JUDGING_ROWS: Final = 400_000
"""More rows of units that are not trained on tell no more about a net, and would have to be in memory."""


@dataclass(frozen=True)
class _Shards:
    """The training units of a pack, by shard: what a piece of the stream is made of."""

    pack: Pack
    config: ForecastConfig
    scaling: Scaling
    places: dict[str, list[int]]
    """Shard -> which of its lives are trained on."""

    def logs(self, shard: str, *, times_only: bool = False) -> list[UnitLog]:
        every = self.pack.logs(shard, times_only=times_only)
        return [every[place] for place in self.places[shard]]

    def load(self, number: int) -> Piece:
        shard = list(self.places)[number]
        split = training_windows(self.logs(shard), self.scaling, self.config, self.pack.columns)
        assert isinstance(split.X, Windows)
        return split.X, split.y


def stream_pack(config: ForecastConfig, pack: Pack, *, source: str) -> Data:
    """As forecast_data, with the training units streamed. Raises BadData where no training is possible."""
    by_name = {life.unit: life for life in pack.lives if life.split == TRAIN}
    fitted, held = split_units([_head(life) for life in by_name.values()], held_out=config.held_out, seed=config.seed)
    trained = [by_name[log.unit] for log in fitted]
    scaling = scaling_from(pack.statistics(trained), conditions=pack.columns.conditions)
    if not scaling.kept:
        raise BadData(
            f"{source}: no channel tells anything", "List columns under channels that change while a unit wears."
        )
    shards = _Shards(pack, config, scaling, _by_shard(trained))
    questions = Questions(config.horizons, pack.parts)
    counts, training, answered = _count(shards, questions)
    judged = {
        "validation": _judging(pack, [by_name[log.unit] for log in held], config.seed),
        "test": _judging(pack, [life for life in pack.lives if life.split == TEST], config.seed),
    }
    valid = cut(judged["validation"], scaling, config)
    logs = {name: some or judged["validation"] for name, some in judged.items()}
    counted = {name: count_balance(some, horizon=config.horizons[0], cap=config.cap) for name, some in logs.items()}
    answers = {"training": answered, **{name: count_answers(some, questions) for name, some in logs.items()}}
    balances = check_balances(config, {"training": training, **counted}, source)
    known = say_questions(answers, questions, pack.columns, source)
    settings = json.dumps(asdict(config), sort_keys=True, default=str)
    stream = Stream(counts, shards.load, f"{pack.checksum} {len(settings)} {sum(counts)}")
    return Data(
        # What streams has the length and the shape of an array, and gives batches; that is all that is asked of it.
        train=Split(*open_streams(stream)),  # type: ignore[arg-type]
        valid=valid,
        test=cut(judged["test"], scaling, config) if judged["test"] else valid,
        source=source,
        checksum=pack.checksum,
        keep={
            **preparation_of(config, pack.columns, scaling, pack.parts).as_json(),
            "balance": {name: one.as_json() for name, one in balances.items()},
            **known,
        },
    )


def _head(life: Life) -> UnitLog:
    """What the split looks at: who it is, and whether it failed."""
    nothing = np.empty((0, 0), dtype=np.float32)
    return UnitLog(life.unit, np.empty(0), nothing, nothing, life.fails_at, life.machine)


def _by_shard(lives: Sequence[Life]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for life in sorted(lives, key=lambda life: (life.shard, life.place)):
        found.setdefault(life.shard, []).append(life.place)
    return found


def _count(shards: _Shards, questions: Questions) -> tuple[tuple[int, ...], Balance, Counts]:
    """How many windows each shard gives, and what its rows can teach; only the times are read."""
    counts, balances, histories = [], [], []
    answered = count_answers([], questions)
    for number, shard in enumerate(shards.places, start=1):
        logs, config = shards.logs(shard, times_only=True), shards.config
        counts.append(count_training_windows(logs, config))
        balances.append(count_balance(logs, horizon=config.horizons[0], cap=config.cap))
        answered += count_answers(logs, questions)
        histories += [len(log.times) for log in logs]
        Console().progress(0.0, f"counting the windows of shard {number:,} of {len(shards.places):,}")
    return tuple(counts), add_balances(balances, histories), answered


def _judging(pack: Pack, lives: Sequence[Life], seed: int) -> list[UnitLog]:
    """The units that judge, all of them or as many as JUDGING_ROWS allow, drawn by *seed*; that is said."""
    drawn: list[Life] = []
    for number in np.random.RandomState(seed % 2**32).permutation(len(lives)).tolist():
        if drawn and sum(life.rows for life in drawn) + lives[number].rows > JUDGING_ROWS:
            break
        drawn.append(lives[number])
    if len(drawn) < len(lives):
        Console().say(f"judged by {len(drawn):,} of {len(lives):,} {lives[0].split} units held apart, drawn at random")
    shards = {life.shard for life in drawn}
    logs = {(shard, place): log for shard in sorted(shards) for place, log in enumerate(pack.logs(shard))}
    chosen = {(life.shard, life.place) for life in drawn}
    return [logs[life.shard, life.place] for life in lives if (life.shard, life.place) in chosen]
