"""A net beside something simple, and what it leans on: told as it is."""

from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("training.compat", reason="MXNet is not installed")

from training.data.splits import Split
from training.prognostics.answers import AGE, CAP, FAILS, FAILS_KNOWN, LIFE, REMAINING, REMAINING_KNOWN, UNIT
from training.prognostics.baselines import last_row, share_better, simple_forecasts
from training.prognostics.examination import Examination, Rivals
from training.prognostics.forecast import ForecastConfig, cut
from training.prognostics.importance import permutation_importance
from training.prognostics.metrics import brier, probability, rmse
from training.prognostics.scaling import Scaling
from training.prognostics.windows import UnitLog
from training.report.worth import verdict

# Not imported here: every process of `make test` reads this file, and one runs it.
pytestmark = pytest.mark.skipif(find_spec("sklearn") is None, reason="scikit-learn is not installed")


def a_split(units: int, seed: int) -> Split:
    """Units that all live 100 rows: the age tells everything, the last row's only channel the wear plus noise."""
    random = np.random.RandomState(seed)
    age = np.tile(np.arange(100.0), units)
    y = np.zeros((len(age), 8), dtype=np.float32)
    y[:, REMAINING], y[:, AGE], y[:, CAP] = 100 - age, age, 60
    y[:, [REMAINING_KNOWN, FAILS_KNOWN]], y[:, FAILS] = 1, 100 - age <= 20
    y[:, UNIT] = np.repeat(np.arange(units), 100)
    X = random.standard_normal((len(age), 3, 2)).astype(np.float32)
    X[:, -1, 0] += (age / 40) ** 2
    return Split(X, y)


def test_each_simple_forecast_finds_what_it_can_see_and_no_more():
    train, test = a_split(8, 0), a_split(4, 1)

    said = simple_forecasts(train, test, seed=0)

    life = {
        name: rmse(np.clip(one[:, LIFE], 0, 60), np.minimum(test.y[:, REMAINING], 60)) for name, one in said.items()
    }
    briers = {name: brier(probability(one[:, 1]), test.y[:, FAILS]) for name, one in said.items()}
    assert life["the age alone"] < 4 < life["straight lines on the last row"] < life["always the same"]
    assert briers["always the same"] == pytest.approx(0.2 * 0.8, abs=0.02)
    assert briers["the age alone"] < 0.05 < briers["boosted trees on the last row"] < 0.16


@given(st.integers(1, 40), st.floats(1, 30), st.integers(0, 99))
@settings(deadline=None, max_examples=30)
def test_a_simple_forecast_sees_the_last_row_as_it_was_measured(rows, over, seed):
    values = np.random.RandomState(seed).standard_normal((rows, 2)).astype(np.float32)
    log = UnitLog("a", np.arange(float(rows)), values, np.zeros((rows, 0), np.float32), fails_at=float(rows))
    config = ForecastConfig(smooth=over, window=5)
    whole = Scaling(kept=(0, 1), centres=np.zeros((1, 0)), mean=np.zeros((1, 2)), spread=np.ones((1, 2)))

    assert np.allclose(last_row(cut([log], whole, config), over=over), values, atol=1e-4)


def test_a_split_that_knows_one_answer_only_gets_its_base_rate():
    train = a_split(3, 0)
    train.y[:, FAILS] = 0
    train.y[:, REMAINING_KNOWN] = 0

    for outputs in simple_forecasts(train, train, seed=0).values():
        assert probability(outputs[:, 1]).max() < 1e-5


def test_whole_units_are_redrawn_so_that_many_rows_of_one_unit_are_one_piece_of_evidence():
    ours, theirs = np.zeros(1000), np.ones(1000)
    one_of_three_wins = np.repeat([1.0, -1.0, -1.0], [998, 1, 1])

    assert share_better(ours, theirs, np.arange(1000.0) // 100, seed=0) == 1.0
    assert share_better(theirs, theirs, np.arange(1000.0), seed=0) == 0.0
    assert 0.5 < share_better(ours, one_of_three_wins, np.repeat([0.0, 1.0, 2.0], [998, 1, 1]), seed=0) < 0.9


def test_the_channel_a_net_leans_on_comes_first_and_one_it_does_not_see_is_nothing():
    split = a_split(3, 0)

    def net(X):
        return np.stack([60 - 10 * X[:, -1, 0], np.zeros(len(X))], axis=1)

    def error(outputs, y):
        return rmse(outputs[:, LIFE], y[:, REMAINING])

    found = permutation_importance(net, split, ["wear", "noise"], error, seed=0)

    assert [one.channel for one in found] == ["wear", "noise"]
    assert found[0].rise > 5
    assert found[1].rise == 0.0


def test_importance_ends_in_time_with_one_round_at_least():
    split = a_split(3, 0)
    calls = []

    def net(X):
        calls.append(len(X))
        return np.zeros((len(X), 2))

    permutation_importance(net, split, ["wear", "noise"], lambda outputs, y: 0.0, seed=0, most_s=0.0)

    assert len(calls) == 3


@pytest.mark.parametrize(
    ("share", "words"), [(0.99, "the net is worth it"), (0.6, "cannot tell"), (0.01, "the net is not worth it")]
)
def test_the_verdict_is_in_words_and_names_the_best_simple_forecast(share, words):
    simple = {
        "poor": Rivals(rmse=20.0, brier=0.2, net_better_life=1.0, net_better_probability=1.0),
        "good": Rivals(rmse=10.0, brier=0.1, net_better_life=share, net_better_probability=1.0),
    }
    found = Examination(None, None, None, 0, Rivals(9.0, 0.05), simple, {}, [], tested=True)

    life, probability_of_failure = verdict(found).split("The probability of failure")
    assert words in life
    assert "good" in life
    assert "poor" not in life
    assert "is worth it" in probability_of_failure
