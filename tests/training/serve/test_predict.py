"""`predict` on a finished run: right, as rows arrive, and calm about rows it cannot read."""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("training.compat", reason="MXNet is not installed")

from training.config import parse
from training.errors import BadInput
from training.jobs import load, turbofan
from training.prognostics.cmapss import COLUMNS
from training.serve.backends import open_net
from training.serve.forecaster import Forecaster
from training.serve.predict import main, read_preparation, serve
from training.serve.rows import cells_of, read_arriving
from training.serve.tail import Piece
from training.train import train_and_evaluate

PROJECT = Path(__file__).parents[3]
DEADLINE_S = 60.0
ENGINES, LIFE, RECORD = 10, 60, 40


def made_up_rows(engine: int, flights: int) -> list[str]:
    """The text of one engine's record in the format of C-MAPSS; every sensor wears, each at its own pace."""
    random = np.random.RandomState(engine)
    wear = (np.arange(1, flights + 1) / LIFE) ** 2
    cells = random.normal(0, 0.1, (flights, len(COLUMNS) - 2)) + wear[:, None]
    cells[:, :3] = 0.0
    return [f"{engine} {n} " + " ".join(f"{x:.4f}" for x in row) + "  " for n, row in enumerate(cells, start=1)]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with made-up engines in cmapss/ and a run on them in run/."""
    home = tmp_path_factory.mktemp("engines")
    (home / "cmapss").mkdir()
    whole = [line for engine in range(1, ENGINES + 1) for line in made_up_rows(engine, LIFE)]
    cut_short = [line for engine in range(1, ENGINES + 1) for line in made_up_rows(engine + 50, RECORD)]
    (home / "cmapss" / "train_FD001.txt").write_text("\n".join(whole) + "\n")
    (home / "cmapss" / "test_FD001.txt").write_text("\n".join(cut_short) + "\n")
    (home / "cmapss" / "RUL_FD001.txt").write_text(f"{LIFE - RECORD}\n" * ENGINES)
    words = [f"data={home}", "num_epochs=3", "window=12", "hidden=8", "cap=40", "horizon=25", "device=cpu", "stride=1"]
    train_and_evaluate(load("turbofan"), parse(turbofan.Config, words), home / "run")
    return home


def predicting(home: Path, *words: str, **options) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "training", "predict", "--run", str(home / "run"), *words],
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


@pytest.mark.parametrize("engine", ["onnx", "mxnet"])
def test_forecasts_give_back_the_score_the_run_was_judged_by(home, engine):
    summary = json.loads((home / "run" / "summary.json").read_text())
    pieces = [Piece((home / "cmapss" / "test_FD001.txt").read_text().splitlines(), 1)]
    prepared, out = read_preparation(home / "run"), io.StringIO()
    cells = cells_of(pieces, prepared.columns, file="test", say=pytest.fail)
    arriving = read_arriving(cells, prepared.columns, file="test", say=pytest.fail)

    serve(Forecaster(prepared, open_net(home / "run", engine)), arriving, out)

    rows = [line.split(",") for line in out.getvalue().splitlines()[1:]]
    last = {unit: float(life) for unit, _, _, life, *_ in rows}
    assert len(rows) == ENGINES * RECORD
    assert [row[1] for row in rows[:3]] == ["1", "2", "3"]
    rmse = np.sqrt(np.mean([(life - (LIFE - RECORD)) ** 2 for life in last.values()]))
    assert rmse == pytest.approx(summary["score"], abs=0.06)  # lives are printed with one decimal


def test_rows_of_a_growing_log_are_forecast_as_they_arrive(home, tmp_path):
    log, rows = tmp_path / "log.txt", made_up_rows(1, 3)
    log.write_text(rows[0] + "\n")
    process = predicting(home, "--follow", str(log))
    seen = [process.stdout.readline() for _ in range(2)]

    with log.open("a") as growing:
        growing.write(rows[1] + "\n" + rows[2])  # the third row is not finished yet
    seen.append(process.stdout.readline())
    process.send_signal(signal.SIGINT)

    rest, _ = process.communicate(timeout=DEADLINE_S)
    assert [line.split(",")[:2] for line in seen] == [["unit", "time"], ["1", "1"], ["1", "2"]]
    assert (process.returncode, rest) == (130, "")


@pytest.mark.parametrize("words", [[], ["-"], ["/dev/stdin"]])
def test_a_pipe_is_not_read_ahead_of_what_has_come(home, words):
    process = predicting(home, *words, stdin=subprocess.PIPE)
    answers = [process.stdout.readline()]

    for row in made_up_rows(2, 2):
        process.stdin.write(row + "\n")
        process.stdin.flush()
        answers.append(process.stdout.readline())

    process.communicate(timeout=DEADLINE_S)
    assert [answer.split(",")[:2] for answer in answers] == [["unit", "time"], ["2", "1"], ["2", "2"]]
    assert process.returncode == 0


def test_a_log_in_several_files_is_forecast_as_if_it_were_one_and_no_row_twice(home, tmp_path, capsys):
    rows = made_up_rows(4, 12)
    for name, some in (("log_1.txt", rows[:4]), ("log_2.txt", rows[2:9]), ("log_10.txt", rows[9:]), ("whole", rows)):
        (tmp_path / name).write_text("\n".join(some) + "\n")

    assert main(["--run", str(home / "run"), str(tmp_path / "whole")]) == 0
    whole = capsys.readouterr().out
    assert main(["--run", str(home / "run"), str(tmp_path)]) == 0  # a folder: what ends like a log

    out, said = capsys.readouterr()
    assert out == whole
    assert "2 rows were answered in the files before: left out" in said


def test_rows_that_cannot_be_read_are_named_and_left_out(home, tmp_path):
    good = made_up_rows(3, 3)
    (tmp_path / "log.txt").write_text("\n".join([good[0], "3 2 broken", good[1].replace("3 2 0.0", "3 2 x"), good[2]]))

    out, said = predicting(home, str(tmp_path / "log.txt")).communicate(timeout=DEADLINE_S)

    assert [line.split(",")[1] for line in out.splitlines()] == ["time", "1", "3"]
    assert "log.txt line 2: 3 cells, but the log has 26 columns: left out" in said
    assert "log.txt line 3: setting_1: 'x000' is not a number: left out" in said


def test_a_folder_that_is_no_such_run_is_refused(tmp_path):
    with pytest.raises(BadInput, match="No such file"):
        read_preparation(tmp_path)

    (tmp_path / "data.json").write_text('{"keep": {}}')
    with pytest.raises(BadInput, match="not a run that forecasts failure"):
        read_preparation(tmp_path)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["missing.csv"], "missing.csv is not there"),
        (["missing.parquet"], "missing.parquet is not there"),
        (["log.csv/part"], "log.csv/part cannot be read: Not a directory"),
        (["--follow"], "--follow goes with a file of lines; standard input is read until it ends"),
        (
            ["--follow", "log.parquet"],
            "--follow goes with a file of lines; log.parquet is Parquet, which does not grow",
        ),
        (["--follow", "pipe"], "pipe is no file that --follow could go on reading"),
    ],
)
def test_a_log_that_cannot_be_read_so_is_refused(tmp_path, monkeypatch, words, why):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "log.csv").touch()
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(BadInput) as refused:
        main(["--run", "run", *words])

    assert refused.value.cause == why


@pytest.mark.parametrize(
    ("engine", "name"), [("onnx", "model/model.onnx"), ("mxnet", "model-0000.params"), ("mxnet", "model-symbol.json")]
)
@pytest.mark.parametrize("part", [0.0, 0.6])
def test_a_net_that_was_cut_short_is_named(home, tmp_path, engine, name, part):
    run = tmp_path / "run"
    shutil.copytree(home / "run", run)
    whole = (run / name).read_bytes()
    (run / name).write_bytes(whole[: int(len(whole) * part)])

    with pytest.raises(BadInput, match=f"{name} is damaged or cut short"):
        open_net(run, engine)
