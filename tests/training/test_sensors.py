"""docs/sensors.md is run as it stands; and what must never happen to a log."""

import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("training.compat", reason="MXNet is not installed")

from training.config import parse
from training.data.description import Columns
from training.data.scaling import fit_scaling
from training.data.windows import UnitLog, split_units
from training.errors import BadData
from training.forecast import ForecastConfig, forecast_data
from training.jobs import sensors

PROJECT = Path(__file__).parents[2]
PAGE = (PROJECT / "docs" / "sensors.md").read_text()


@pytest.fixture(scope="module")
def followed(tmp_path_factory):
    """A folder in which somebody has typed every command of the page."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "docs").symlink_to(PROJECT / "docs")
    environ = os.environ | {"PYTHONPATH": str(PROJECT), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    for kind, text in re.findall(r"```(console|toml)\n(.*?)```", PAGE, flags=re.DOTALL):
        if kind == "toml":
            (folder / re.search(r"Save this as `(.*?)`", PAGE).group(1)).write_text(text)
        for command in re.findall(r"^\$ (.*)", text, flags=re.MULTILINE) if kind == "console" else []:
            done = subprocess.run(["bash", "-c", command], cwd=folder, env=environ, capture_output=True, text=True)
            assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return folder


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_page_ends_with_a_forecast_for_every_row(followed):
    log, forecast = rows_of(followed / "gearboxes" / "later.csv"), rows_of(followed / "forecast.csv")

    assert [(row["machine"], row["time"]) for row in log] == [(row["unit"], row["time"]) for row in forecast]


def test_the_made_up_gearboxes_are_called_before_they_fail_and_not_when_new(followed):
    forecast = rows_of(followed / "forecast.csv")

    for machine in ("G41", "G42", "G43", "G44"):
        said = [float(row["probability"]) for row in forecast if row["unit"] == machine]
        assert max(said[:24]) < 0.2
        assert min(said[-6:]) > 0.8


def test_onnx_says_the_same_and_does_not_need_mxnet(followed):
    blocked = (
        "import sys; sys.modules['mxnet'] = None; from training.__main__ import main; sys.exit(main(sys.argv[1:]))"
    )
    words = ["predict", "--run", "runs/gearboxes", "--engine", "onnx", "gearboxes/later.csv"]

    done = subprocess.run(
        [sys.executable, "-c", blocked, *words],
        cwd=followed,
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stderr
    ours = np.array([float(line.split(",")[2]) for line in done.stdout.splitlines()[1:]])
    theirs = np.array([float(row["probability"]) for row in rows_of(followed / "forecast.csv")])
    assert np.abs(ours - theirs).max() <= 2e-4


def test_the_report_shows_reliability_and_lives(followed):
    page = (followed / "runs" / "gearboxes" / "report.html").read_text()
    summary = json.loads((followed / "runs" / "gearboxes" / "summary.json").read_text())

    assert "is it to be trusted?" in page
    assert page.count("remaining life over time since the first row") == 4
    assert summary["onnx_difference"] <= 1e-4
    assert summary["scores"]["brier"] < 0.06


def a_log(unit: str, *, level: float, fails_at: float = 60.0) -> UnitLog:
    values = np.full((60, 2), level, dtype=np.float32) + np.random.RandomState(1).rand(60, 2).astype(np.float32)
    return UnitLog(unit, np.arange(1.0, 61.0), values, np.zeros((60, 0), dtype=np.float32), fails_at)


def test_units_held_out_and_units_for_the_test_teach_the_scaling_nothing():
    config = ForecastConfig(held_out=0.25, seed=3)
    logs = [a_log(str(number), level=0.0) for number in range(8)]
    fitted, held = split_units(logs, held_out=0.25, seed=3)
    for log in held:
        log.values[:] += 1000.0

    made = forecast_data(
        config, logs, [a_log("t", level=1e6)], columns=Columns(time="t", channels=("a", "b")), source="", checksum=""
    )

    assert made.keep["scaling"] == fit_scaling(fitted).as_json()
    assert np.abs(made.train.X).max() < 3
    assert made.valid.X.min() > 100


def test_a_unit_on_both_sides_is_refused(tmp_path):
    (tmp_path / "log.csv").write_text("t,x\n1,1\n2,2\n")
    (tmp_path / "log.toml").write_text(
        'files = ["log.csv"]\ntest = ["log.csv"]\ntime = "t"\nchannels = ["x"]\nruns_to_failure = true\n'
    )

    with pytest.raises(BadData, match="in the training files and in the test files"):
        sensors.data(parse(sensors.Config, [f"table={tmp_path / 'log.toml'}"]))


def test_a_log_without_failures_is_refused(tmp_path):
    (tmp_path / "log.csv").write_text("u,t,x,f\na,1,1,\nb,1,1,\nc,1,1,9\n")
    (tmp_path / "log.toml").write_text(
        'files = ["log.csv"]\nunit = "u"\ntime = "t"\nchannels = ["x"]\nfails_at = "f"\n'
    )

    with pytest.raises(BadData, match="1 of 3 units failed"):
        sensors.data(parse(sensors.Config, [f"table={tmp_path / 'log.toml'}"]))
