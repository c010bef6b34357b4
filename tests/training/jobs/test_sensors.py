"""docs/sensors.md is run as it stands; and what must never happen to a log."""

import csv
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("training.compat", reason="MXNet is not installed")

from tests.memory import most_bytes
from tests.training.typed_page import follow
from training.config import parse
from training.data.splits import Data
from training.errors import BadData, BadInput
from training.jobs import load, sensors, turbofan
from training.prognostics.balance import count_balance
from training.prognostics.columns import Columns
from training.prognostics.dialect import count_roughly
from training.prognostics.forecast import ForecastConfig, forecast_data
from training.prognostics.log_schema import read_description
from training.prognostics.memory import Rows, bytes_needed, fits_memory
from training.prognostics.scaling import fit_scaling
from training.prognostics.windows import UnitLog, split_units, targets
from training.report.forecasts import balance_section, life_section, reliability_section
from training.report.log_reading import reading_section
from training.train import train_and_evaluate
from training.trainer.recipe import Predictions, Result

PROJECT = Path(__file__).parents[3]
PAGE = (PROJECT / "docs" / "sensors.md").read_text()


@pytest.fixture(scope="module")
def followed(tmp_path_factory):
    """A folder in which somebody has typed every command of the page."""
    return follow(PAGE, tmp_path_factory.mktemp("page"))


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.exhaustive
def test_the_page_ends_with_a_forecast_for_every_row(followed):
    log, forecast = rows_of(followed / "gearboxes" / "later.csv"), rows_of(followed / "forecast.csv")

    assert [(row["machine"], row["time"]) for row in log] == [(row["unit"], row["time"]) for row in forecast]


@pytest.mark.exhaustive
def test_the_made_up_gearboxes_are_called_before_they_fail_and_not_when_new(followed):
    forecast = rows_of(followed / "forecast.csv")

    for machine in ("G41", "G42", "G43", "G44"):
        said = [float(row["probability"]) for row in forecast if row["unit"] == machine]
        assert max(said[:24]) < 0.2
        assert min(said[-6:]) > 0.8


@pytest.mark.exhaustive
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


@pytest.mark.exhaustive
def test_the_report_shows_reliability_and_lives(followed):
    page = (followed / "runs" / "gearboxes" / "report.html").read_text()
    summary = json.loads((followed / "runs" / "gearboxes" / "summary.json").read_text())

    assert "is it to be trusted?" in page
    assert page.count("remaining life, hours over hours since the first row") == 4
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
    assert np.asarray(made.valid.X)[:, -1].min() > 100


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


def test_a_description_saved_by_a_windows_editor_is_read(tmp_path):
    text = 'files = ["log.csv"]\r\ntime = "t"\r\nchannels = ["x"]\r\nruns_to_failure = true\r\n'
    (tmp_path / "log.csv").touch()
    (tmp_path / "log.toml").write_bytes(text.encode("utf-8-sig"))

    assert read_description(tmp_path / "log.toml").columns == Columns(time="t", channels=("x",))


def data_of(folder: Path, rows: list[str], *, channels: str = '["x", "y"]', more: str = "", words=()) -> Data:
    (folder / "log.csv").write_text("\n".join(["u,t,x,y,rpm", *rows]) + "\n")
    (folder / "log.toml").write_text(
        f'files = ["log.csv"]\nunit = "u"\ntime = "t"\nchannels = {channels}\nruns_to_failure = true\n{more}'
    )
    return sensors.data(parse(sensors.Config, [f"table={folder / 'log.toml'}", "horizon=10", *words]))


def some_rows(x: str = "{t}", y: str = "{t}", rpm: str = "{t}") -> list[str]:
    return [f"u{unit},{t},{x},{y},{rpm}".format(t=t) for unit in range(4) for t in range(1, 31)]


def test_channels_that_all_tell_nothing_are_named_with_the_reason(tmp_path):
    with pytest.raises(BadData) as caught:
        data_of(tmp_path, some_rows(x="3", y=""))

    assert caught.value.cause.splitlines()[1:] == ["  - x: always 3", "  - y: never measured"]
    assert "no channel tells anything about the 3 training units" in caught.value.cause


def test_a_condition_that_takes_any_value_is_named(tmp_path):
    with pytest.raises(BadData, match=r"the conditions \(rpm\) have 30 different values in 90 rows"):
        data_of(tmp_path, some_rows(), more='conditions = ["rpm"]\n')


@pytest.mark.parametrize("job", [sensors, turbofan])
@pytest.mark.parametrize("stretch", ["1e300", "1e8", "10", "0.5"])
def test_no_unit_is_stretched_beyond_all_likeness(job, stretch):
    with pytest.raises(BadInput, match=f"stretch={stretch}: must "):
        parse(job.Config, [f"stretch={stretch}"])


GIB = 1 << 30


def test_the_memory_is_reckoned_with_the_stretched_units_and_without_windows():
    # 148 bytes as read and as scaled, and 148 for each of 1 + 1/2 + 2 = 3.5 and 1 + 1/3 + 3 = 4.3 paces
    slow, slower = (ForecastConfig(stride=1, stretch=stretch, late_starts=0) for stretch in (2.0, 3.0))
    rows = Rows(6_000_000, 0, 10, shared=False)
    for window in (1, 50):
        fits_memory(replace(slow, window=window), rows, most_bytes=4 * GIB)

    with pytest.raises(BadData, match=r"6,000,000 rows of 10 channels take 4.4 GiB of memory, and 4.0 GiB is 50%"):
        fits_memory(slower, rows, most_bytes=4 * GIB)


@pytest.mark.parametrize("channels", [2, 40])
@pytest.mark.parametrize(("smooth", "gaps"), [(1.0, False), (1.0, True), (8.0, False)])
def test_what_is_reckoned_is_about_what_is_taken(channels, smooth, gaps):
    """Too much refuses what would fit; too little lets the machine run out of memory."""
    random, each = np.random.RandomState(0), 2_000
    config = ForecastConfig(held_out=0.2, smooth=smooth)
    columns = Columns(unit="u", time="t", channels=tuple(f"c{n}" for n in range(channels)))

    def prepare() -> None:
        logs = [
            UnitLog(str(unit), np.arange(each, dtype=np.float64),
                    random.standard_normal((each, channels)).astype(np.float32), np.empty((each, 0), np.float32), each)
            for unit in range(20)
        ]  # fmt: skip
        if gaps:
            logs[0].values[5, 1] = np.nan
        forecast_data(config, logs, [], columns=columns, source="", checksum="")

    _, taken = most_bytes(prepare)

    reckoned = bytes_needed(config, Rows(16 * each, 4 * each, channels, shared=smooth == 1 and not gaps))

    assert 0.8 < reckoned / taken < 2


@given(st.integers(1, 10_000), st.integers(0, 10_000), st.integers(1, 50), st.sampled_from([1.0, 2.0]), st.booleans())
def test_what_is_advised_against_too_many_rows_is_enough(fitted, judged, channels, stretch, shared):
    config, most = ForecastConfig(stretch=stretch), 500_000
    rows = Rows(fitted, judged, channels, shared)

    try:
        fits_memory(config, rows, most_bytes=most)
    except BadData as error:
        if "stretch=1" in error.hint:
            fits_memory(replace(config, stretch=1.0), rows, most_bytes=most)


def test_a_log_far_too_long_is_refused_before_a_row_of_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(sensors, "usable_bytes", lambda: 1_000)
    monkeypatch.setattr(sensors, "read_log", lambda *_: pytest.fail("it was read"))

    with pytest.raises(BadData, match=r"of memory, and 0\.0 GiB is 50%"):
        data_of(tmp_path, some_rows())


def test_a_log_is_counted_roughly_by_its_size(tmp_path):
    (tmp_path / "log.csv").write_text("u,t\n" + "".join(f"a,{number:06}\n" for number in range(100_000)))

    assert count_roughly(tmp_path / "log.csv") == pytest.approx(100_000, rel=0.01)


def test_validation_units_that_stand_in_for_the_test_are_cut_once(tmp_path):
    data = data_of(tmp_path, some_rows())

    assert data.test is data.valid


def a_fleet(failed: int, young: int, old: int) -> list[UnitLog]:
    """Units that failed, units too young to tell anything within a horizon of 30, and units that lived on."""
    return [
        *(a_log(f"failed {number}", level=0.0) for number in range(failed)),
        *(replace(a_log(f"young {n}", level=0.0, fails_at=np.nan), times=np.arange(60) / 60) for n in range(young)),
        *(a_log(f"old {number}", level=0.0, fails_at=np.nan) for number in range(old)),
    ]


@given(st.integers(0, 5), st.integers(0, 5), st.integers(0, 5), st.floats(1, 40))
def test_every_unit_and_every_row_is_counted_or_said_to_be_left_out(failed, young, old, horizon):
    logs = a_fleet(failed, young, old)
    asked = [targets(log, cap=50.0, horizon=horizon) for log in logs]

    balance = count_balance(logs, horizon=horizon, cap=50.0)

    assert (balance.units, balance.failed_units, balance.unanswered_units) == (failed + young + old, failed, young)
    assert balance.failing_rows + balance.lasting_rows == sum(int(one.fails_known.sum()) for one in asked)


def forecast_of(train: list[UnitLog], test: list[UnitLog] = (), **settings) -> Data:
    columns = Columns(time="t", channels=("a", "b"))
    return forecast_data(ForecastConfig(**settings), train, test, columns=columns, source="the log", checksum="")


AT_THEIR_END = [replace(log, times=np.linspace(50, 60, 60)) for log in a_fleet(3, 0, 0)]


@pytest.mark.parametrize(
    ("train", "test", "horizon", "why"),
    [
        (a_fleet(6, 0, 0), [], 90.0, "no row of the training units is known not to fail within horizon=90"),
        (a_fleet(6, 0, 6), AT_THEIR_END, 30.0, "no row of the test units is known not to fail"),
        (a_fleet(4, 40, 0), [], 30.0, "most of the training units have no known answer"),
        (a_fleet(6, 0, 4), a_fleet(2, 5, 0), 30.0, "most of the test units have no known answer"),
        ([replace(log, fails_at=500.0) for log in a_fleet(6, 0, 0)], [], 30.0, "known to fail within horizon=30"),
    ],
)
def test_a_log_that_knows_one_answer_only_is_refused(train, test, horizon, why):
    with pytest.raises(BadData, match=why):
        forecast_of(train, test, horizon=horizon)


def test_a_table_of_one_row_for_each_machine_is_no_log_and_what_fits_instead_is_said():
    rows = [replace(log, times=log.times[:1], values=log.values[:1]) for log in a_fleet(6, 0, 4)]

    with pytest.raises(BadData, match="10 of 10 units have one row only: that is no log over time") as refused:
        forecast_of(rows)

    assert "HistGradientBoostingClassifier" in refused.value.hint


@given(st.lists(st.integers(1, 60), min_size=1, max_size=9))
def test_the_shortest_the_median_and_the_longest_history_are_told(lengths):
    whole = a_log("a", level=0.0)
    logs = [replace(whole, times=whole.times[:n], values=whole.values[:n]) for n in lengths]

    told = count_balance(logs, horizon=30.0, cap=50.0)

    assert (told.shortest_history, told.longest_history) == (min(lengths), max(lengths))
    assert sum(n <= told.median_history for n in lengths) * 2 >= len(lengths)
    assert sum(n >= told.median_history for n in lengths) * 2 >= len(lengths)


def test_the_balance_of_each_split_is_said_and_stands_in_the_report(capsys):
    made = forecast_of(a_fleet(10, 4, 10), a_fleet(2, 1, 2))

    said = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in said] == ["training", "validation", "test"]
    assert said[2].endswith("1 units have no known answer and are left out")
    assert made.keep["balance"]["test"] == {
        "units": 5, "failed_units": 2, "unanswered_units": 1, "failing_rows": 62, "lasting_rows": 116,
        "shortest_history": 60, "median_history": 60, "longest_history": 60,
    }  # fmt: skip
    nothing = Predictions(np.zeros((0, 2)), np.zeros((0, 8)))
    result = Result(config=ForecastConfig(), data=made, valid=nothing, test=nothing, rows=(), scores={}, best_epoch=1)
    cells = "".join(f"<td class=n>{count}</td>" for count in made.keep["balance"]["test"].values())
    assert f"<th scope=row>test</th>{cells}" in balance_section(result).html


@pytest.mark.parametrize("with_test", [True, False])
def test_without_test_files_the_report_says_that_validation_units_stand_in(tmp_path, with_test):
    (tmp_path / "later.csv").write_text("\n".join(["u,t,x,y,rpm", *(f"v,{t},{t},{t},1" for t in range(1, 41))]) + "\n")

    data = data_of(tmp_path, some_rows(), more='test = ["later.csv"]\n' if with_test else "")
    valid, test = (Predictions(np.zeros((len(split), 2)), split.y) for split in (data.valid, data.test))
    result = Result(config=ForecastConfig(), data=data, valid=valid, test=test, rows=(), scores={}, best_epoch=1)
    page = reliability_section(result).html + life_section(result).html

    assert ("the validation units stand in" in data.source) is not with_test
    assert ("There are no test files" in page) is not with_test
    assert f"unit 1 of the {'test' if with_test else 'validation'} units" in page


def test_the_report_says_what_was_taken_for_what(tmp_path):
    rows = [row.replace(",", ";").replace(".", ",") + ";" for row in some_rows(x="{t}.5", y="{t} V")]
    (tmp_path / "log.csv").write_text("\n".join(["u;t;x;y;rpm;", *rows]) + "\n")
    (tmp_path / "log.toml").write_text(
        'files = ["log.csv"]\nunit = "u"\ntime = "t"\nchannels = ["x", "y"]\nruns_to_failure = true\n'
    )
    data = sensors.data(parse(sensors.Config, [f"table={tmp_path / 'log.toml'}", "horizon=10"]))
    nothing = Predictions(np.zeros((0, 2)), np.zeros((0, 8)))
    result = Result(config=ForecastConfig(), data=data, valid=nothing, test=nothing, rows=(), scores={}, best_epoch=1)

    said = "cells apart by semicolons, a last cell without a name left out, &#x27;,&#x27; before the decimals"
    assert f"<li>log.csv: taken for {said}</li><li>y: taken for numbers in V</li>" in reading_section(result).html


def test_the_order_of_the_columns_travels_with_the_run_where_all_files_agree(tmp_path):
    assert data_of(tmp_path, some_rows()).keep["columns"]["order"] == ("u", "t", "x", "y", "rpm")

    (tmp_path / "more.csv").write_text("u,x,y,t,rpm\nz,1,2,1,1\nz,2,3,2,1\n")
    files = 'files = ["log.csv", "more.csv"]\n'
    (tmp_path / "log.toml").write_text(files + (tmp_path / "log.toml").read_text().split("\n", 1)[1])
    made = sensors.data(parse(sensors.Config, [f"table={tmp_path / 'log.toml'}", "horizon=10"]))
    assert made.keep["columns"]["order"] == ()


@pytest.mark.exhaustive  # a minute: a log of one row a second is long
def test_a_fault_that_grows_over_an_hour_is_found_in_steps_of_a_minute_and_not_in_fifty_seconds(tmp_path):
    subprocess.run([sys.executable, PROJECT / "docs/examples/pumps.py", tmp_path], check=True)
    described = (
        'files = ["pumps.csv"]\ntest = ["later.csv"]\nunit = "pump"\ntime = "second"\ntime_unit = "seconds"\n'
        'channels = ["bearing", "flow"]\nfails_at = "failed_at"\n'
    )
    said = ["horizon=1800", "cap=3600", "num_epochs=4", "hidden=16", "smooth=10", "held_out=0.2", "device=cpu"]

    def scores(name: str, more: str, stride: int) -> dict[str, float]:
        (tmp_path / f"{name}.toml").write_text(described + more)
        config = parse(sensors.Config, [f"table={tmp_path}/{name}.toml", f"stride={stride}", *said])
        train_and_evaluate(load("sensors"), config, tmp_path / name)
        return json.loads((tmp_path / name / "summary.json").read_text())["scores"]

    rows, steps = scores("rows", "", 60), scores("steps", 'step = "1 min"\n', 1)

    assert steps["brier"] < 0.8 * steps["simple_brier"]
    assert rows["brier"] > 0.9 * rows["simple_brier"]
    assert steps["rmse"] < 0.8 * rows["rmse"]
