"""The forecasting jobs: what they ask of the net, how they judge it, and that nothing leaks between engines."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("training.compat", reason="MXNet is not installed")

from training.compat import mx
from training.config import parse
from training.jobs import load, turbofan
from training.prognostics.answers import AGE, CAP, FAILS, FAILS_KNOWN, LAST, REMAINING, REMAINING_KNOWN, UNIT
from training.prognostics.cmapss import WHERE_TO_GET_IT
from training.prognostics.forecast import ForecastConfig, cut
from training.prognostics.forecast_net import forecast_loss, last_row_scores
from training.prognostics.scaling import fit_scaling
from training.prognostics.windows import UnitLog
from training.train import train_and_evaluate

DATA = Path(__file__).parents[4] / "shared" / "data"


def an_engine(number: int, *, rows: int, fails_at: float | None = None) -> UnitLog:
    """All its values are its own number, so that a window shows whose rows it holds."""
    values = np.full((rows, 2), number, dtype=np.float32)
    times = np.arange(1.0, rows + 1)
    return UnitLog(str(number), times, values, np.zeros((rows, 0), dtype=np.float32), fails_at or float(rows))


def test_rows_beyond_the_cap_are_thinned_and_the_others_are_not():
    engine = an_engine(1, rows=10)
    config = ForecastConfig(window=2, cap=4.0)

    split = cut([engine], fit_scaling([engine]), config, stride=1, thin=3)

    assert split.y[:, REMAINING].tolist() == [9, 6, 4, 3, 2, 1, 0]


@pytest.mark.parametrize("stride", [1, 2, 7])
def test_a_window_holds_rows_of_one_engine_and_every_last_row_has_one(stride):
    engines = [an_engine(number, rows=20 + 3 * number) for number in range(5)]
    scaling = fit_scaling(engines)

    split = cut(engines, scaling, ForecastConfig(window=15), stride=stride)

    X = np.asarray(split.X, dtype=np.float64)
    own = np.broadcast_to(split.y[:, UNIT][:, None, None], X.shape)
    unknown = np.arange(15)[None, :, None] < 14 - split.y[:, AGE][:, None, None]
    assert np.allclose(np.where(unknown, own, X * scaling.spread[0] + scaling.mean[0]), own, atol=1e-5)
    assert (X[np.broadcast_to(unknown, X.shape)] == 0).all()
    assert split.y[split.y[:, LAST] > 0, UNIT].tolist() == [0, 1, 2, 3, 4]
    assert (split.y[split.y[:, LAST] > 0, REMAINING] == 0).all()


def test_the_loss_is_the_one_written_down_and_what_nobody_knows_costs_nothing():
    y = np.zeros((3, 8), dtype=np.float32)
    y[:, CAP] = 100.0
    y[0, [REMAINING, REMAINING_KNOWN, FAILS, FAILS_KNOWN]] = 20.0, 1, 1, 1
    y[1, [REMAINING, REMAINING_KNOWN]] = 300.0, 1
    output = np.array([[30.0, 2.0], [90.0, 50.0], [1e4, -1e4]], dtype=np.float32)

    loss = mx.gluon.nn.HybridLambda(forecast_loss)(mx.nd.array(output), mx.nd.array(y)).asnumpy()

    assert loss == pytest.approx([10 * 0.1**2 + np.log1p(np.exp(-2.0)), 10 * 0.1**2, 0.0], rel=1e-5)


def test_an_engine_is_judged_by_the_last_row_of_its_record():
    y = np.zeros((4, 8), dtype=np.float32)
    y[:, [CAP, REMAINING_KNOWN, FAILS_KNOWN]] = 125.0, 1, 1
    y[:, REMAINING], y[:, LAST], y[:, FAILS] = [41, 40, 131, 130], [0, 1, 0, 1], [0, 0, 0, 0]
    outputs = np.array([[0.0, 9.0], [50.0, -50.0], [0.0, 9.0], [140.0, -50.0]], dtype=np.float32)

    scores = last_row_scores(outputs, y)

    # The forecast is capped at 125 either way; the truth of 130 is so only for the first.
    known = {"rmse": np.sqrt(50.0), "rmse_uncapped_truth": np.sqrt(62.5), "nasa_score": np.e - 1, "brier": 0.0}
    assert scores == pytest.approx(known)


@pytest.mark.exhaustive
@pytest.mark.skipif(not (DATA / "cmapss").is_dir(), reason=WHERE_TO_GET_IT)
def test_two_epochs_on_fd001_forecast_better_than_the_first_published_nets(tmp_path):
    config = parse(turbofan.Config, [f"data={DATA}", "num_epochs=2", "stride=3", "device=cpu", "held_out=0.1"])

    summary = train_and_evaluate(load("turbofan"), config, tmp_path)

    assert (summary.metric, summary.higher_is_better) == ("rmse", False)
    assert summary.score < 17.0
    assert summary.scores["brier"] < 0.08
    assert summary.onnx_difference <= 1e-4
