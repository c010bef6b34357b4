"""A user's own log: read as described, and every mistake in it named by file and line."""

import sys
from pathlib import Path

import numpy as np
import pyarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from training.errors import BadData
from training.prognostics.columns import Columns
from training.prognostics.layout import Layout
from training.prognostics.log_schema import read_description
from training.prognostics.read_log import read_log

DESCRIPTION = """
files = ["*.csv"]
unit = "machine"
time = "hour"
channels = ["heat", "noise"]
fails_at = "failed_at"
"""
HEADER = "machine,hour,heat,noise,failed_at"


def units(folder: Path, description: str = DESCRIPTION, **files: str):
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(text)
    (folder / "log.toml").write_text(description)
    described = read_description(folder / "log.toml")
    return read_log(described).train


def refusal(folder: Path, *rows: str, description: str = DESCRIPTION) -> str:
    with pytest.raises(BadData) as caught:
        units(folder, description, log="\n".join([HEADER, *rows]) + "\n")
    return caught.value.cause.replace(str(folder) + "/", "")


def test_machines_whose_rows_are_mixed_become_one_log_each(tmp_path):
    text = f"{HEADER}\nb,1,10,0.5,3\na,1,20,,\nb,2,11,NA,3\na,2,21,0.7,\nb,4,99,9,3\n"

    b, a = units(tmp_path, log=text)

    assert (b.unit, b.times.tolist(), b.fails_at) == ("b", [1, 2], 3.0)  # the row after its failure is left out
    assert np.array_equal(b.values, np.float32([[10, 0.5], [11, np.nan]]), equal_nan=True)
    assert (a.unit, np.isnan(a.fails_at)) == ("a", True)
    assert np.isnan(a.remaining).all()


def test_a_label_of_zeros_and_ones_fails_at_its_first_one(tmp_path):
    label = DESCRIPTION.replace('fails_at = "failed_at"', 'label = "failed_at"')

    (log,) = units(tmp_path, label, log=f"{HEADER}\na,1,1,1,0\na,2,1,1,1\na,3,1,1,1\n")

    assert (log.fails_at, log.times.tolist()) == (2.0, [1, 2])


def test_without_a_unit_column_each_file_is_one_unit(tmp_path):
    alone = DESCRIPTION.replace('unit = "machine"\n', "").replace('fails_at = "failed_at"', "runs_to_failure = true")

    logs = units(tmp_path, alone, press=f"{HEADER}\n,1,1,1,\n,5,1,1,\n", saw=f"{HEADER}\n,1,1,1,\n")

    assert [(log.unit, log.fails_at) for log in logs] == [("press", 5.0), ("saw", 1.0)]


def test_dates_become_steps_of_the_time_unit(tmp_path):
    dated = DESCRIPTION + 'time_unit = "hours"\n'

    (log,) = units(tmp_path, dated, log=f"{HEADER}\na,2024-03-01T10:00:00Z,1,1,2024-03-02T10:00:00+00:00\n")

    assert log.remaining.tolist() == [24.0]


def test_a_spreadsheets_byte_order_mark_and_semicolons_are_no_trouble(tmp_path):
    (tmp_path / "log.csv").write_bytes(("\ufeff" + HEADER.replace(",", ";") + "\r\na;1;2;3;9\r\n").encode())

    (log,) = units(tmp_path, DESCRIPTION + 'separator = ";"\n')

    assert log.values.tolist() == [[2.0, 3.0]]


def test_parquet_holds_the_same_log_as_csv(tmp_path):
    columns = {"machine": ["a", "a"], "hour": [1, 2], "heat": [1.5, None], "noise": [1, 2], "failed_at": [3.0, 3.0]}
    parquet.write_table(pyarrow.table(columns), tmp_path / "log.parquet")

    (from_parquet,) = units(tmp_path, DESCRIPTION.replace("*.csv", "*.parquet"))
    (from_csv,) = units(tmp_path, log=f"{HEADER}\na,1,1.5,1,3\na,2,,2,3\n")

    assert np.array_equal(from_parquet.values, from_csv.values, equal_nan=True)
    assert (from_parquet.times.tolist(), from_parquet.fails_at) == (from_csv.times.tolist(), from_csv.fails_at)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (["a,1,1,1,", "a,2,hot,1,"], "log.csv line 3: heat: 'hot' is not a number"),
        (["a,1,inf,1,"], "log.csv line 2: heat: 'inf' is not finite"),
        (["a,1,1,1,", "a,2,1,"], "log.csv line 3: 4 cells, but the log has 5 columns"),
        (["a,yesterday,1,1,"], "log.csv line 2: hour: 'yesterday' is neither a number nor a date like"),
        (["a,2024-03-01,1,1,"], "log.csv line 2: hour: '2024-03-01' is a date: say time_unit = one of seconds,"),
        (["a,1,1,1,", "b,1,1,1,", "a,1,1,1,"], "log.csv line 4: time 1 of unit 'a' does not come after 1 (line 2)"),
        (["a,,1,1,"], "log.csv line 2: the time is missing"),
        (["a,1,1,1,", ",2,1,1,", " ,3,1,1,"], "log.csv line 3: machine: names no unit\nlog.csv line 4: machine:"),
        (["a,1,1,1,", f'a,2,"{"1" * 16_777_217}",1,'], "log.csv line 3: field larger than field limit (16777216)"),
        (["a,1,1,1,", f'a,2,"{"x" * 200_000}",1,'], f"log.csv line 3: heat: '{'x' * 80}...' is not a number"),
        (["a,1,1,1,7", "a,2,1,1,8"], "log.csv line 3: a second time of failure (8 after 7) for one unit"),
        (["a,5,1,1,2"], "log.csv: unit 'a' failed before its first row"),
        ([], "log.csv has no rows"),
    ],
)
def test_a_wrong_row_is_named_by_file_line_and_column(tmp_path, rows, said):
    assert refusal(tmp_path, *rows).startswith(said)


def test_many_wrong_cells_are_one_message_with_the_first_five(tmp_path):
    said = refusal(tmp_path, *(f"a,{hour},x,1," for hour in range(8))).splitlines()

    assert said[4:] == ["log.csv line 6: heat: 'x' is not a number", "... and 3 more"]


def test_a_column_that_is_not_there_is_named_with_the_nearest_that_is(tmp_path):
    said = refusal(tmp_path, "a,1,1,1,", description=DESCRIPTION.replace('"heat"', '"haet"'))

    assert said == "log.csv line 1: column 'haet' is not there; did you mean heat?"


def test_everything_wrong_with_a_description_is_said_at_once(tmp_path):
    (tmp_path / "log.toml").write_text('files = ["no-*.csv"]\nchanels = ["a"]\ntime = 3\nlabel = "x"\nfails_at = "y"\n')

    with pytest.raises(BadData) as caught:
        read_description(tmp_path / "log.toml")

    problems = [line.strip(" -") for line in caught.value.cause.splitlines()[1:]]
    assert problems == [
        "chanels: there is no such key; did you mean channels?",
        "channels: is missing",
        'time: must be text, or columns like ["date", "time"] or ["year", "month", "day", "hour"]',
        "say exactly one of fails_at, label, runs_to_failure, failures, not fails_at and label",
        f"no-*.csv: there is no such file in {tmp_path}",
    ]


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        (
            'channels = ["heat", "failed_at"]',
            "channels: 'failed_at' is the fails_at column, which the net must not see",
        ),
        ('channels = ["heat", "machine"]', "channels: 'machine' is the unit column, which the net must not see"),
        ('channels = ["heat", "heat"]', "channels: 'heat' is listed twice"),
        ('channels = [""]', "channels: a name is empty"),
        ('channels = ["heat"]\nconditions = ["failed_at"]', "conditions: 'failed_at' is the fails_at column, which"),
    ],
)
def test_columns_the_net_must_not_see_and_columns_named_twice_are_refused(tmp_path, said, problem):
    (tmp_path / "log.csv").write_text(f"{HEADER}\na,1,1,1,\n")
    (tmp_path / "log.toml").write_text(DESCRIPTION.replace('channels = ["heat", "noise"]', said))

    with pytest.raises(BadData, match=problem):
        read_description(tmp_path / "log.toml")


def test_the_time_may_be_a_channel_for_age_is_a_sign_of_wear(tmp_path):
    aged = DESCRIPTION.replace('["heat", "noise"]', '["heat", "hour"]')

    (log,) = units(tmp_path, aged, log=f"{HEADER}\na,1,7,1,\na,2,7,1,\n")

    assert log.values.tolist() == [[7, 1], [7, 2]]


def test_patterns_that_find_no_file_are_all_named(tmp_path):
    (tmp_path / "log.toml").write_text(DESCRIPTION.replace('"*.csv"', '".", "", "**a.csv"'))

    with pytest.raises(BadData) as caught:
        read_description(tmp_path / "log.toml")

    problems = [line.strip(" -") for line in caught.value.cause.splitlines()[1:]]
    assert problems == [f"{one}: there is no such file in {tmp_path}" for one in (".", "(empty)", "**a.csv")]


def test_every_bad_file_is_named_in_one_run(tmp_path):
    with pytest.raises(BadData) as caught:
        units(tmp_path, one=f"{HEADER}\na,1,hot,1,\n", two=f"{HEADER}\nb,1,1,1,\n", three="machine\nc\n")

    assert [line.split(str(tmp_path) + "/")[1][:5] for line in caught.value.cause.splitlines()] == ["one.c", "three"]


DATED = DESCRIPTION + 'time_unit = "hours"\n'


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("2024-03-01T10:00:00", "2024-03-01T12:00:00+02:00"),
        ("2024-03-01 10:00:00+00:00", "2024-03-01 12:00"),
        ("20240301T100000Z", "2024-03-01T12:00:00"),
        ("2024-03-01T10:00:00Z", "474745"),
    ],
)
@pytest.mark.parametrize("where", ["time", "failure"])
def test_times_that_are_not_written_in_one_way_are_refused(tmp_path, first, second, where):
    rows = [f"a,{first},1,1,", f"a,{second},1,1,"] if where == "time" else [f"a,{first},1,1,{second}"]
    if sys.version_info < (3, 11) and first.startswith("2024030"):
        pytest.skip("Python 3.10 reads no dates without marks")

    said = refusal(tmp_path, *rows, description=DATED)

    assert f"'{second}' is a" in said
    assert f"unlike '{first}' (log.csv line 2)" in said


def test_an_hour_that_runs_twice_is_told_in_the_words_of_the_file_and_no_row_is_to_be_deleted(tmp_path):
    rows = [f"a,2024-10-27 0{hour}:00,1,1," for hour in (1, 2, 2, 3)]

    with pytest.raises(BadData) as caught:
        units(tmp_path, DATED, log="\n".join([HEADER, *rows]) + "\n")

    assert "time 2024-10-27 02:00 of unit 'a' does not come after 2024-10-27 02:00 (line 3)" in caught.value.cause
    assert "those rows are real" in caught.value.hint


def test_two_failures_are_told_in_the_words_of_the_file(tmp_path):
    rows = ["a,2024-03-01,1,1,2024-03-05", "a,2024-03-02,1,1,2024-03-06"]

    assert "a second time of failure (2024-03-06 after 2024-03-05)" in refusal(tmp_path, *rows, description=DATED)


@given(st.sampled_from([-999, -1.5, "off", "Not Read"]), st.data())
def test_cells_declared_missing_are_not_measured_however_they_are_written(declared, data):
    number = isinstance(declared, (int, float))
    cell = data.draw(st.sampled_from([f"{declared:.2f}", f"{declared:e}"] if number else [declared, declared.upper()]))
    columns = Columns(unit="u", time="t", channels=("x",), missing=(str(declared),))
    layout = Layout(columns, ["u", "t", "x"], file="log.csv")

    rows, _ = layout.read([["a", "1", cell], ["a", "2", "7"]], [2, 3])

    assert np.isnan(rows.values[:, 0]).tolist() == [True, False]


def test_missing_is_a_list_of_cells_and_reaches_the_columns(tmp_path):
    (log,) = units(tmp_path, DESCRIPTION + 'missing = [-999, "off"]\n', log=f"{HEADER}\na,1,-999.0,off,\n")

    assert np.isnan(log.values).all()
    with pytest.raises(BadData, match="missing: must be a list of numbers and texts"):
        units(tmp_path, DESCRIPTION + "missing = -999\n")


def test_a_number_no_sensor_can_give_is_named(tmp_path):
    assert refusal(tmp_path, "a,1,1.797e308,1,").startswith("log.csv line 2: heat: 1.797e+308 is larger than")
