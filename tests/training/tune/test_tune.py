"""Many runs of one job: what may vary is checked before anything starts; no trial is lost or done twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("training.compat", reason="MXNet is not installed")

from tests.sizes import size, tried
from training.config import JobConfig, parse
from training.errors import BadInput, TrainingError
from training.jobs import load
from training.tune.space import Range, as_words, read_space

PROJECT = Path(__file__).resolve().parents[3]
SPACE = "lr = { low = 0.001, high = 1.0, log = true }\nbatch_size = [32, 64]\nnum_epochs = 1\n"


def space(tmp_path: Path, text: str = SPACE) -> str:
    path = tmp_path / "space.toml"
    path.write_text(text)
    return str(path)


def test_a_space_is_ranges_choices_and_what_stays(tmp_path: Path) -> None:
    text = SPACE + "momentum = { low = 0, high = 0.9, step = 0.3 }\nlog_interval = { low = 1, high = 9 }\n"
    found = read_space(space(tmp_path, text), load("linear").config, ("seed=3", "num_epochs=2"))

    assert found.open == {
        "lr": Range(0.001, 1.0, log=True),
        "batch_size": (32, 64),
        "momentum": Range(0, 0.9, step=0.3),
        "log_interval": Range(1, 9, whole=True),
    }
    assert found.fixed == ("seed=3", "num_epochs=2")


def test_a_length_of_time_that_may_be_several_has_a_range_too(tmp_path: Path) -> None:
    found = read_space(space(tmp_path, "horizon = { low = 24, high = 48 }\n"), load("sensors").config, ())

    assert found.open == {"horizon": Range(24, 48)}


def test_everything_that_is_wrong_with_a_space_is_said_at_once(tmp_path: Path) -> None:
    text = """
lrr = { low = 1, high = 2 }
lr = { low = 2, high = 1 }
wd = { low = -1, high = 1, log = true }
batch_size = { low = 0.5, high = 4 }
num_epochs = { low = 0, high = 4 }
optimizer = { low = 1, high = 2 }
seed = []
clip = { low = 0, hi = 2 }
schedule = ["cosine", "zigzag"]
"""
    with pytest.raises(BadInput) as refused:
        read_space(space(tmp_path, text), JobConfig)

    for key in ("lrr: there is no such key; did you mean lr?", "lr: low must be below high", "wd: with log",
                "batch_size: is a whole number", "num_epochs=0: must be at least 1", "optimizer: has no range",
                "seed: a list of choices", "clip: hi: there is no such word", "schedule=zigzag: one of"):  # fmt: skip
        assert f"  - {key}" in refused.value.cause


@pytest.mark.parametrize("text", ["lr = 0.1\n", "lr = {\n", "\x00", "num_epochs = { low = 1, high = inf }\n"])
def test_a_space_in_which_nothing_varies_and_one_that_is_no_toml_are_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadInput, match="space"):
        read_space(space(tmp_path, text), JobConfig)


@pytest.fixture
def _optuna() -> None:
    for name in ("optuna", "distributed", "plotly"):
        pytest.importorskip(name, reason="make extra-tune installs Optuna, Dask and Plotly")


@pytest.mark.usefixtures("_optuna")
def test_the_points_are_the_same_each_time_and_lie_in_every_part_of_the_space(tmp_path: Path) -> None:
    from training.tune.study import spread_points

    found = read_space(space(tmp_path), load("linear").config)
    points = spread_points(found, 16, seed=0)

    assert points == spread_points(found, 16, seed=0)
    assert points[:5] == spread_points(found, 5, seed=0)
    assert [sum(point["batch_size"] == size for point in points) for size in (32, 64)] == [8, 8]
    for low, high in ((0.001, 0.01), (0.01, 0.1), (0.1, 1.0)):
        assert 4 <= sum(low <= point["lr"] <= high for point in points) <= 7


ODD = [0, 1, -1, 2, 64, 0.1, 1e-320, 1e-30, 1.5, 1e308, -1e308, 2**31, 2**53, 2**63, 10**400]
NUMBERS = st.sampled_from(ODD) | st.floats()
PLAIN = NUMBERS | st.booleans() | st.sampled_from(["adam", "", "64", "nan", "a\tb", "\u00e4"])
ROWS = st.one_of(
    PLAIN,
    st.dictionaries(st.sampled_from(["low", "high", "step", "log"]), PLAIN, min_size=2),
    st.fixed_dictionaries({"low": NUMBERS, "high": NUMBERS}, optional={"step": NUMBERS, "log": st.booleans()}),
    st.lists(PLAIN | st.lists(PLAIN, max_size=2), max_size=4),
)
KEYS = st.sampled_from(["lr", "batch_size", "num_epochs", "optimizer", "seed", "data", "clip", "horizon", "none"])


def as_toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {as_toml(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(as_toml, value)) + "]"
    return json.dumps(value).replace("NaN", "nan").replace("Infinity", "inf")


@pytest.mark.usefixtures("_optuna")
@settings(max_examples=size(150, 5_000), deadline=None)
@given(rows=st.dictionaries(KEYS, ROWS, min_size=1, max_size=3),
       more=st.sampled_from(["", "data = [2026-01-01]\n", "gpus = " + "[" * 9999]))  # fmt: skip
def test_any_space_is_refused_in_words_or_every_point_in_it_is_taken_by_the_job(
    rows: dict[str, Any], more: str
) -> None:
    from training.tune.study import distributions, spread_points

    tried()
    config = load("sensors").config
    text = "".join(f"{key} = {as_toml(row)}\n" for key, row in rows.items()) + more
    try:
        found = read_space(text, config, ("table=any.toml",))
    except BadInput:
        return
    known = distributions(found)
    for point in spread_points(found, 4, seed=0):
        assert set(point) == set(known)
        parse(config, [*found.fixed, *as_words(point)])


@pytest.mark.usefixtures("_optuna")
@pytest.mark.parametrize("harm", ["no database", "cut in two", "a hole in it"])
def test_a_study_whose_file_is_damaged_is_named_with_what_helps(tmp_path: Path, harm: str) -> None:
    from training.tune.study import FILE, Study, trouble_explained

    found = read_space(space(tmp_path), load("linear").config)

    def go_on() -> None:
        study = Study(tmp_path, found, higher_is_better=True, seed=0, learns=False)
        study.plan(4)
        study.tell(study.ask().number, 0.5, "")
        study.optuna._storage.remove_session()

    go_on()
    whole = (tmp_path / FILE).read_bytes()
    spoilt = {
        "no database": b"text" * 1000,
        "cut in two": whole[: len(whole) // 2],
        "a hole in it": whole[:4096] + bytes(len(whole) - 4096),
    }
    (tmp_path / FILE).write_bytes(spoilt[harm])

    with pytest.raises(TrainingError, match=FILE) as refused, trouble_explained(tmp_path):
        go_on()

    assert f"The study's file {tmp_path / FILE} cannot be used: " in refused.value.cause
    assert "take another --workdir" in refused.value.hint


@pytest.mark.usefixtures("_optuna")
def test_a_trial_that_no_worker_could_begin_fails_with_its_own_reason() -> None:
    from distributed.scheduler import KilledWorker

    from training.places import why_nothing_came

    def future(status: str, error: Exception | None) -> Any:
        return SimpleNamespace(status=status, exception=lambda: error)

    full = OSError("node 2: [Errno 28] No space left on device")
    no_worker: Any = None  # a WorkerState takes a scheduler to make, and which worker it was, nobody asks
    killed = KilledWorker("trial", no_worker, 3)

    assert why_nothing_came(future("error", full)) == str(full)
    assert "enough memory" in why_nothing_came(future("error", killed))
    assert "enough memory" in why_nothing_came(future("lost", None))


@pytest.mark.usefixtures("_optuna")
def test_a_study_of_any_number_of_trials_begins_at_once_and_tries_its_points_in_order(tmp_path: Path) -> None:
    """Also one that is gone on with, and killed between writing a point down and beginning it."""
    from training.tune.study import Study, spread_points

    found = read_space(space(tmp_path), load("linear").config)
    points = spread_points(found, 1000, seed=0)
    tried_so_far: list[Any] = []
    for part in range(3):
        study = Study(tmp_path, found, higher_is_better=True, seed=0, learns=False)
        study.plan(1000)
        assert (
            len(study.optuna.get_trials(deepcopy=False)) == study.begun() + bool(part) == len(tried_so_far) + bool(part)
        )
        for _ in range(2):
            tried_so_far.append(study.ask().params)
        study.optuna.enqueue_trial(points[len(tried_so_far)])  # and then the computer dies

    assert tried_so_far == points[: len(tried_so_far)]


def start(workdir: Path, trials: int, workers: int, *words: str) -> subprocess.Popen[str]:
    line = [sys.executable, "-m", "training", "tune", "linear", "--workdir", str(workdir)]
    line += ["--space", str(space(workdir.parent)), "--trials", str(trials), "--workers", str(workers), "limit=640"]
    environ = os.environ | {"OMP_NUM_THREADS": "1"}
    both: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen([*line, "device=cpu", *words], cwd=PROJECT, env=environ, start_new_session=True, **both)


def finish(process: subprocess.Popen[str]) -> str:
    said, _ = process.communicate(timeout=900)
    assert process.returncode == 0, said
    return said


def trials_of(workdir: Path) -> dict[int, tuple[Any, ...]]:
    rows = json.loads((workdir / "trials.json").read_text())
    return {row["trial"]: (row["state"], row["score"], row["settings"]) for row in rows}


def times_begun(workdir: Path) -> list[int]:
    return [(log.read_text()).count("\ndevice cpu") for log in sorted(workdir.glob("trials/*/train.log"))]


def worker_with_a_trial(study: subprocess.Popen[str]) -> psutil.Process:
    ends_at = time.monotonic() + 120
    while time.monotonic() < ends_at:
        for one in psutil.Process(study.pid).children(recursive=True):
            try:
                if one.cmdline()[1:4] == ["-m", "training", "linear"]:
                    found = one.parent()
                    assert found is not None
                    return found
            except psutil.Error:
                continue
        time.sleep(0.05)
    raise TimeoutError("no trial has begun")


@pytest.mark.usefixtures("_optuna")
@pytest.mark.exhaustive
def test_the_best_trial_is_the_result_and_a_worker_that_dies_loses_none(tmp_path: Path) -> None:
    study = start(tmp_path / "study", 3, 2)
    worker_with_a_trial(study).send_signal(signal.SIGKILL)
    said = finish(study)
    trials = trials_of(tmp_path / "study")
    best = min(trials, key=lambda number: trials[number][1])

    assert [state for state, *_ in trials.values()] == ["done"] * 3
    assert times_begun(tmp_path / "study") == [1, 1, 1]
    assert f"best: trial {best:04}" in said
    ours, theirs = tmp_path / "study", tmp_path / f"study/trials/{best:04}"
    assert (ours / "best.params").read_bytes() == (theirs / "best.params").read_bytes()
    page = (ours / "tune.html").read_text()
    assert page.count("report.html") == 3
    assert "src=" not in page.partition("<script")[0]


@pytest.mark.usefixtures("_optuna")
@pytest.mark.exhaustive
def test_trials_on_four_workers_one_of_them_killed_find_what_one_worker_finds(tmp_path: Path) -> None:
    trials = size(8, 16)
    study = start(tmp_path / "four", trials, 4, "--no-pruning")
    worker_with_a_trial(study).send_signal(signal.SIGKILL)
    finish(study)
    finish(start(tmp_path / "one", trials, 1, "--no-pruning"))

    assert len(trials_of(tmp_path / "four")) == trials
    assert times_begun(tmp_path / "four") == [1] * trials
    assert trials_of(tmp_path / "four") == trials_of(tmp_path / "one")
    assert (tmp_path / "four/best.params").read_bytes() == (tmp_path / "one/best.params").read_bytes()


@pytest.mark.usefixtures("_optuna")
@pytest.mark.exhaustive
def test_a_study_that_is_killed_or_stopped_goes_on_with_what_has_not_ended(tmp_path: Path) -> None:
    for number in (signal.SIGKILL, signal.SIGTERM):
        study = start(tmp_path / "study", 4, 2, "--no-pruning", "num_epochs=40")
        worker_with_a_trial(study)
        time.sleep(3)
        os.killpg(study.pid, number)
        study.communicate(timeout=120)
    finish(start(tmp_path / "study", 4, 2, "--no-pruning", "num_epochs=40"))

    assert [state for state, *_ in trials_of(tmp_path / "study").values()] == ["done"] * 4


def test_the_space_on_the_page_is_one_for_its_job(tmp_path: Path) -> None:
    page = (PROJECT / "docs/scaling.md").read_text()
    shown = page.partition("<!-- space -->\n```toml\n")[2].partition("```")[0]

    assert set(read_space(space(tmp_path, shown), load("turbofan").config).open) == {"lr", "hidden", "dropout"}
