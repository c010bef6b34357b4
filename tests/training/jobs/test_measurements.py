"""The bearing rig of docs/sensors.md from its files to a forecast: each file is a row, wherever it is read."""

import contextlib
import io
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("training.compat", reason="MXNet is not installed")

from training.config import parse
from training.jobs import load, sensors
from training.pack.main import main as pack
from training.serve.predict import main as predict
from training.train import train_and_evaluate

PROJECT = Path(__file__).parents[3]
PAGE = (PROJECT / "docs" / "sensors.md").read_text()
KEPT = 12
"""Files of each run, its last ones."""


@pytest.fixture(scope="module")
def rig(tmp_path_factory):
    """The rig's files, its description, and a run on them in run/."""
    folder = tmp_path_factory.mktemp("rig")
    subprocess.run([sys.executable, PROJECT / "docs/examples/bearings.py", folder], check=True)
    for one in folder.iterdir():
        for file in sorted(one.iterdir())[:-KEPT]:
            file.unlink()
    shown = re.search(r'```\n(files = \["rig\*/\*"\].*?)```', PAGE, re.DOTALL)
    assert shown is not None
    (folder / "bearings.toml").write_text(shown[1])
    train_and_evaluate(load("sensors"), parse(sensors.Config, words(folder / "bearings.toml")), folder / "run")
    return folder


def words(table: Path) -> list[str]:
    return [f"table={table}", "horizon=60", "cap=120", "window=6", "stride=1", "num_epochs=1", "hidden=4", "device=cpu"]


def forecast(rig: Path, *more: str) -> list[list[str]]:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        assert predict(["--run", str(rig / "run"), *more]) == 0
    return [line.split(",") for line in out.getvalue().splitlines()[1:]]


def test_each_file_of_a_folder_is_forecast_as_one_row_in_the_order_of_their_times(rig):
    files = sorted(path.name for path in (rig / "later14").iterdir())

    found = forecast(rig, str(rig / "later14"))

    assert [row[:2] for row in found] == [["later14", name] for name in files]
    assert [row[4] for row in found] == [str(min(number, 6)) for number in range(1, KEPT + 1)]
    assert all(0 <= float(row[2]) <= 1 for row in found)


def test_with_a_state_only_the_files_that_are_new_are_forecast_and_as_if_all_had_come_at_once(rig, tmp_path, capsys):
    whole = forecast(rig, str(rig / "later15"))
    growing, state = tmp_path / "later15", ["--state", str(tmp_path / "state")]
    shutil.copytree(rig / "later15", growing)
    last = max(growing.iterdir())
    aside = last.rename(tmp_path / last.name)

    before = forecast(rig, *state, str(growing))
    aside.rename(last)
    after = forecast(rig, *state, str(growing))

    assert [*before, *after] == whole
    assert len(after) == 1
    assert f"{KEPT - 1} rows were answered before the restart: left out" in capsys.readouterr().err


def test_a_file_that_is_damaged_is_named_and_left_out(rig, tmp_path, capsys):
    shutil.copytree(rig / "later16", tmp_path / "later16")
    broken = sorted((tmp_path / "later16").iterdir())[3]
    broken.write_text(broken.read_text().replace("\t", "\toops", 1))

    found = forecast(rig, str(tmp_path / "later16"))

    assert len(found) == KEPT - 1
    assert "is not a number: left out" in capsys.readouterr().err


@pytest.mark.exhaustive
def test_packed_it_is_trained_on_the_same_examples(rig, tmp_path):
    assert pack([str(rig / "bearings.toml"), str(tmp_path / "packed")]) == 0

    described, packed = (
        sensors.data(parse(sensors.Config, words(t))) for t in (rig / "bearings.toml", tmp_path / "packed")
    )

    assert described.identity() == packed.identity()
