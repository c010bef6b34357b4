"""A run that sees steps of time: `predict` and the server tell each step once, when it is over, in the same numbers."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from training.prognostics.columns import Columns
from training.prognostics.preparation import Preparation
from training.prognostics.questions import Questions
from training.prognostics.scaling import fit_scaling
from training.prognostics.windows import UnitLog
from training.serve.body import BadBody, Body
from training.serve.fleet import Fleet
from training.serve.forecaster import Forecaster
from training.serve.store import Store

PROJECT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def run(gearboxes: Path) -> Path:
    """As the run of `gearboxes`, but in steps of six hours."""
    from training.config import parse
    from training.jobs import load, sensors
    from training.train import train_and_evaluate

    described = (gearboxes / "log" / "gearboxes.toml").read_text() + 'step = "6 h"\naggregates = ["mean", "max"]\n'
    (gearboxes / "log" / "steps.toml").write_text(described)
    words = [f"table={gearboxes}/log/steps.toml", "horizon=48", "cap=150", "num_epochs=1", "hidden=8", "window=10"]
    train_and_evaluate(load("sensors"), parse(sensors.Config, [*words, "device=cpu"]), gearboxes / "steps")
    return gearboxes / "steps"


def test_predict_and_the_server_tell_the_same_steps_from_the_model_folder_alone(run, later, tmp_path):
    from starlette.testclient import TestClient

    from tests.training.serve.conftest import as_csv
    from training.serve.app import make_app
    from training.serve.service import open_service

    shutil.copytree(run / "model", tmp_path / "alone")
    some = [row for row in later if row["machine"] in ("G41", "G42")][:300]
    line = [sys.executable, "-m", "training", "predict", "--run", run, "-"]
    printed = subprocess.run(line, input=as_csv(some), cwd=PROJECT, capture_output=True, text=True, check=True)
    predicted = [row.split(",") for row in printed.stdout.splitlines()[1:]]
    service = open_service(tmp_path / "alone", state=tmp_path / "state", most_units=6, most_rows=2000)
    with TestClient(make_app(service)) as client:
        headers = {"content-type": "text/csv"}
        first = client.post("/units", content=as_csv(some[:1]), headers=headers).json()
        waiting = client.get("/units").json()["units"][0]
        rest = [
            client.post("/units", content=as_csv(some[at : at + 17]), headers=headers).json()["forecasts"]
            for at in range(1, len(some), 17)
        ]
        unit = client.get("/units/G41").json()

    told = [one for forecasts in rest for one in forecasts]
    assert first == {"forecasts": []}
    assert (waiting["unit"], waiting["count"], waiting["probability"], waiting["rows"]) == ("G41", 1, None, 0)
    assert [[one["unit"], one["time"], f"{one['probability']:.4f}"] for one in told] == [row[:3] for row in predicted]
    assert {row[1][11:] for row in predicted} == {f"{hour:02}:00:00+00:00" for hour in (0, 6, 12, 18)}
    assert [channel["name"] for channel in unit["channels"] if channel["name"].endswith(" max")]
    assert "each step of 6 h; the last one of each unit is not over" in printed.stderr


CLOCKED = Columns(time="t", time_unit="minutes", channels=("x",), dates="time of day")


@pytest.fixture
def begin(tmp_path: Path) -> Callable[..., Fleet]:
    """A fleet whose log has times of day alone, if not *columns*; begun again, it goes on from what it kept."""
    values = np.arange(9, dtype=np.float32)[:, None] / 100
    scaling = fit_scaling([UnitLog("a", np.arange(9.0), values, np.zeros((9, 0), np.float32))])
    asked = Questions((30.0,))

    def one(columns: Columns = CLOCKED) -> Fleet:
        prepared = Preparation(columns, scaling, 1.0, window=3, cap=90.0, questions=asked, past_is_mean=True)
        fleet = Fleet(Forecaster(prepared, lambda X: X[:, -1, [0, 0]]), Store(tmp_path / "state"), 10)
        fleet.restore("the model")
        return fleet

    return one


@pytest.mark.parametrize("ending", ["killed", "in order"])
def test_a_value_beyond_all_measure_keeps_no_unit_from_being_forgotten_and_no_server_from_beginning_again(
    begin: Callable[..., Fleet], ending: str
) -> None:
    columns = Columns(unit="u", time="t", time_unit="minutes", channels=("x",))
    fleet = begin(columns)
    answer = fleet.add(Body(b"u,t,x\na,1,1\nb,1,3e38\nb,2,-3e38\nc,1,1\n", "text/csv"))

    assert fleet.forget("a")
    if ending == "in order":
        fleet.close()
    else:
        fleet.store.close()

    again = begin(columns)
    assert list(again.units) == list(again.forecaster.memory.place) == ["b", "c"]
    assert np.isfinite(answer.life).all()
    again.close()


def test_times_of_day_go_on_over_midnight_from_one_request_to_the_next_and_over_a_restart(begin):
    fleet = begin()
    fleet.add(Body(b"t,x\n23:58,1\n23:59,2\n", "text/csv", "pump"))
    fleet.add(Body(b"t,x\n00:01,3\n", "text/csv", "pump"))
    fleet.close()
    fleet = begin()
    answer = fleet.add(Body(b"t,x\n00:02,4\n23:59,5\n00:00,6\n", "text/csv", "pump"))

    assert answer.times == ["00:02", "23:59", "00:00"]
    assert fleet.units["pump"].times.tolist() == [1438.0, 1439.0, 1441.0, 1442.0, 2879.0, 2880.0]
    with pytest.raises(BadBody, match="problems") as refused:
        fleet.add(Body(b"t,x\n00:00,7\n", "text/csv", "pump"))
    assert "does not come after the last one taken" in refused.value.problems[0].what
    fleet.close()
