"""Training from a stream: every example once an epoch, in an order of its own, and resumed to the bit."""

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("training.compat", reason="MXNet is not installed")

from training.config import parse
from training.console import Console
from training.data.streams import Stream
from training.data.windows import Windows
from training.jobs import load, sensors
from training.pack import plan
from training.pack.pack import one_by_one, pack
from training.prognostics.log_schema import read_description
from training.train import train_and_evaluate
from training.trainer.signals import StopRequest


def a_stream(counts: list[int]) -> Stream:
    """Examples that are their own number, in windows of two rows."""
    starts = np.cumsum([0, *counts])

    def piece(number: int):
        numbers = np.arange(starts[number], starts[number + 1], dtype=np.float32)
        X = Windows(np.repeat(numbers, 2)[:, None], np.arange(len(numbers)) * 2, np.arange(len(numbers)) * 2 + 1, 2)
        return X, numbers[:, None]

    return Stream(tuple(counts), piece, "sum")


def numbers_of(batches) -> list[list[int]]:
    found = []
    for X, y in batches:
        assert X.tolist() == [[row.tolist()] * 2 for row in y]
        found.append(y.ravel().astype(int).tolist())
    return found


@settings(deadline=None)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=7), st.integers(1, 8), st.integers(0, 99), st.data())
def test_every_example_comes_once_and_a_resumed_epoch_goes_on_where_it_was(counts, batch, seed, data):
    stream = a_stream(counts)

    whole = numbers_of(stream.epoch(seed=seed, epoch=3, batch=batch, begin=0))

    assert len(whole) == len(stream) // batch
    assert all(len(one) == batch for one in whole)
    seen = [number for one in whole for number in one]
    assert len(set(seen)) == len(seen)
    begin = data.draw(st.integers(0, len(whole)))
    assert numbers_of(stream.epoch(seed=seed, epoch=3, batch=batch, begin=begin)) == whole[begin:]


def test_each_epoch_and_each_seed_has_an_order_of_its_own():
    stream = a_stream([30, 30, 30])

    orders = [numbers_of(stream.epoch(seed=s, epoch=e, batch=10, begin=0)) for s, e in ((0, 0), (0, 1), (1, 0), (0, 0))]

    assert orders[0] == orders[3]
    assert orders[0] != orders[1] != orders[2] != orders[0]


@settings(deadline=None)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=6), st.data())
def test_some_examples_are_found_wherever_they_are(counts, data):
    stream = a_stream(counts)
    places = sorted(data.draw(st.sets(st.integers(0, len(stream) - 1), min_size=1))) if len(stream) else []

    assert not places or stream.take(np.array(places))[1].ravel().tolist() == places


def a_fleet(folder: Path) -> Path:
    """Eight machines that wear out, packed into several shards."""
    random = np.random.RandomState(0)
    rows = [
        f"M{unit},{t},{t / 40 + random.rand():.3f},{random.rand():.3f}"
        for unit in range(8)
        for t in range(60 + 5 * unit)
    ]
    (folder / "log.csv").write_text("\n".join(["u,t,wear,noise", *rows]) + "\n")
    (folder / "t.toml").write_text(
        'files = ["log.csv"]\nunit = "u"\ntime = "t"\nchannels = ["wear", "noise"]\nruns_to_failure = true\n'
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan, "ROWS_IN_BUCKET", 120)
        described = read_description(folder / "t.toml")
        pack(described, folder / "packed", (folder / "t.toml").read_text(), one_by_one, Console(io.StringIO()))
    return folder / "packed"


WORDS = ["horizon=10", "window=8", "hidden=4", "num_epochs=2", "batch_size=16", "cap=40", "device=cpu"]


def test_streamed_training_sees_what_training_in_memory_sees(tmp_path):
    folder = a_fleet(tmp_path)
    in_memory, streamed = (
        sensors.data(parse(sensors.Config, [f"table={folder}", f"stream={stream}", *WORDS])) for stream in ("no", "yes")
    )

    def shown(split) -> list[bytes]:
        X, y = np.asarray(split.X[:]), np.delete(split.y[:], 5, axis=1)  # units are counted anew in every shard
        return sorted(x.tobytes() + asked.tobytes() for x, asked in zip(X, y, strict=True))

    assert streamed.keep["scaling"] == in_memory.keep["scaling"]
    assert streamed.keep["balance"] == in_memory.keep["balance"]
    assert shown(streamed.train) == shown(in_memory.train)
    assert np.array_equal(np.asarray(streamed.valid.X), np.asarray(in_memory.valid.X))


class _StopAfter(StopRequest):
    """A signal that comes at a step."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self._left = steps

    def is_set(self) -> bool:
        self._left -= 1
        return self._left < 0


def test_a_streamed_run_that_was_stopped_ends_with_the_numbers_of_an_unbroken_one(tmp_path):
    folder = a_fleet(tmp_path)
    recipe, config = load("sensors"), parse(sensors.Config, [f"table={folder}", "stream=yes", *WORDS])
    quiet = Console(io.StringIO())
    whole = train_and_evaluate(recipe, config, tmp_path / "whole", console=quiet)

    for steps in (3, 40):
        broken = tmp_path / f"broken{steps}"
        train_and_evaluate(recipe, config, broken, console=quiet, stop=_StopAfter(steps))
        again = train_and_evaluate(recipe, config, broken, console=quiet)

        assert again.scores == whole.scores
        assert (broken / "best.params").read_bytes() == (tmp_path / "whole" / "best.params").read_bytes()
