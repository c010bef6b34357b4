"""Files put one behind the other, so that the header stands again; and rows of JSON."""

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from training.console import Console
from training.errors import BadData
from training.pack.pack import one_by_one, pack
from training.pack.reading import open_pack
from training.prognostics import arrow_batches
from training.prognostics.columns import Columns
from training.prognostics.log_schema import read_description
from training.prognostics.read_log import Log, read_log
from training.serve.rows import cells_of, join_rows, read_arriving
from training.serve.tail import Piece
from training.serve.whole_file import cells_by_line, read_columns, whole_dialect

TOML = 'files = ["log*"]\nunit = "u"\ntime = "t"\nchannels = ["x", "y"]\nruns_to_failure = true\n'


def described(folder: Path, *more: str) -> Path:
    (folder / "log.toml").write_text("\n".join([TOML, *more]))
    return folder / "log.toml"


def read(folder: Path, text: str, name: str = "log.csv") -> Log:
    (folder / name).write_text(text)
    table = described(folder)
    table.write_text(table.read_text().replace("log*", name))
    return read_log(read_description(table))


def shown(log: Log) -> list[tuple]:
    return [(one.unit, one.times.tolist(), one.values.tolist()) for one in log.train]


@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.booleans(), min_size=3, max_size=60), st.sampled_from(["", "\ufeff"]), st.booleans())
def test_a_header_that_stands_again_is_no_row_wherever_it_stands(tmp_path, monkeypatch, again, mark, quoted):
    monkeypatch.setattr(arrow_batches, "BLOCK_BYTES", 64)
    rows = [["a b", str(t), f"{t / 7:.3f}", "5"] for t in range(len(again))]
    out = io.StringIO()
    write = csv.writer(out, quoting=csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL, lineterminator="\n").writerow
    write(["u", "t", "x", "y"])
    for row, here in zip(rows, again, strict=True):
        if here:
            out.write(mark)
            write(["u", "t", "x", "y"])
        write(row)
    plain = "\n".join(["u,t,x,y", *(",".join(row) for row in rows)]) + "\n"

    found, expected = read(tmp_path, out.getvalue()), read(tmp_path, plain)

    assert shown(found) == shown(expected)
    count = sum(again)
    assert found.said == ([f"log.csv: the header again, left out: {count} lines"] if count else [])


AGAIN = "u,t,x,y\na,1,1,5\na,2,1,5\nu,t,x,y\nb,1,1,5\nb,2,oops,5\n"


def test_lines_are_counted_with_the_headers_between_them(tmp_path):
    with pytest.raises(BadData) as refused:
        read(tmp_path, AGAIN)

    assert refused.value.cause == f"{tmp_path}/log.csv line 6: x: 'oops' is not a number"


def test_pack_says_how_often_the_header_stood_again(tmp_path):
    log = read(tmp_path, AGAIN.replace("oops", "2"))
    table = tmp_path / "log.toml"

    pack(read_description(table), tmp_path / "packed", table.read_text(), one_by_one, Console(io.StringIO()))
    kept = open_pack(tmp_path / "packed").whole()

    assert shown(kept) == shown(log)
    assert "log.csv: the header again, left out: 1 lines" in kept.said


@pytest.mark.parametrize(
    "other",
    ["u,t,y,x", "t,u,x,y", "u,t,x,z", "u,t,x,y,z", "u,t,x", "unit,t,x,y"],
)
@pytest.mark.parametrize("also", ["", ",note"])
def test_another_header_further_down_is_refused_with_both(tmp_path, other, also):
    rest = ",7" if also else ""
    text = f"u,t,x,y{also}\na,1,1,5{rest}\na,2,1,5{rest}\n{other}{also}\nb,1,1,5{rest}\nb,2,2,5{rest}\n"

    with pytest.raises(BadData) as refused:
        read(tmp_path, text)

    first, *names = refused.value.cause.splitlines()
    assert first == f"{tmp_path}/log.csv line 4 names other columns than line 1:"
    assert names == ["  " + (other + also).replace(",", ", "), "  " + f"u,t,x,y{also}".replace(",", ", ")]


def test_a_column_that_nobody_reads_makes_another_header_too(tmp_path):
    text = "u,t,x,y,note\na,1,1,5,n\na,2,1,5,n\nu,t,x,y,remark\nb,1,1,5,n\nb,2,2,5,n\n"

    with pytest.raises(BadData, match="line 4 names other columns than line 1"):
        read(tmp_path, text)


def test_in_service_a_header_that_stands_again_is_said_and_left_out(tmp_path):
    columns = read(tmp_path, AGAIN.replace("oops", "2")).columns
    file = tmp_path / "log.csv"
    said: list[str] = []
    dialect = whole_dialect(file, columns)

    by_column = list(read_columns(file, dialect, columns, pytest.fail))
    cells = cells_of([Piece(file.read_text().splitlines(), 1)], columns, file="log", say=said.append)
    followed = list(read_arriving(cells, columns, file="log", say=said.append))
    by_hand = list(read_arriving(cells_by_line(file, dialect, columns), columns, file="log", say=pytest.fail))

    for arrived in map(join_rows, (by_column, followed, by_hand)):
        assert (arrived.rows.units, arrived.times) == (["a", "a", "b", "b"], ["1", "2", "1", "2"])
    assert said == ["log line 4: the header again: left out"]


# -- JSON ----------------------------------------------------------------------------------------------------------

ROWS = [
    {"u": "a", "t": 1, "tags": {"line": 7}, "x": 1.25, "y": None},
    {"u": "a", "t": 2, "x": "2.5", "y": 3e-1},
    {"u": "b", "t": 1, "x": -1, "extra": [1, 2], "y": True},
    {"u": "b", "t": 2, "y": 1},
]


@pytest.mark.parametrize(
    "text",
    [
        "\n".join(map(json.dumps, ROWS)) + "\n",
        "\ufeff" + "\n\n".join(map(json.dumps, ROWS)),
        json.dumps(ROWS),
        json.dumps(ROWS, indent=2),
    ],
    ids=["a line each", "with blank lines", "a list", "an indented list"],
)
def test_rows_of_json_are_read_as_the_same_cells_of_text(tmp_path, text):
    found = read(tmp_path, text.replace("true", "1"), "log.jsonl")
    table = read(tmp_path, "u,t,x,y\na,1,1.25,\na,2,2.5,3e-1\nb,1,-1,1\nb,2,,1\n")

    assert np.array_equal(found.train[0].values, table.train[0].values, equal_nan=True)
    assert np.array_equal(found.train[1].values, table.train[1].values, equal_nan=True)
    assert found.said == ["log.jsonl: taken for JSON"]


def test_what_is_nested_is_named_with_points(tmp_path):
    lines = [{"tags": {"host": "a"}, "ts": t, "fields": {"x": t / 2, "y": 1}} for t in (1, 2)]
    (tmp_path / "log.jsonl").write_text("\n".join(map(json.dumps, lines)))
    (tmp_path / "log.toml").write_text(
        'files = ["log.jsonl"]\nunit = "tags.host"\ntime = "ts"\nchannels = ["fields.x"]\nruns_to_failure = true\n'
    )

    (unit,) = read_log(read_description(tmp_path / "log.toml")).train

    assert (unit.unit, unit.values[:, 0].tolist()) == ("a", [0.5, 1.0])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"u":"a","t":1,"x":1,"y":1}\n{"u":"a","t":2,"x":oops}\n', "line 2: is no JSON"),
        ('{"u":"a","t":1,"x":1,"y":1}\n[1,2]\n', "line 1: is no object"),
        ('{"u":"a","t":1,"x":1,"y":1}\n{"u":"a","t":2,"x":[1],"y":1}\n', r"line 2: x: '\[\"?1\"?\]' is not a number"),
        ('{"u":"a","t":1,"x":1}\n', "column 'y' is not there"),
        ('{"u":"a","t":1,"x":' + '{"x":' * 9**5 + "1" + "}" * 9**5 + "}\n", "line 1: is no JSON"),
    ],
)
def test_json_that_is_no_log_is_refused_by_line(tmp_path, text, why):
    with pytest.raises(BadData, match=why):
        read(tmp_path, text, "log.jsonl")


def test_json_is_forecast_row_by_row_too(tmp_path):
    columns: Columns = read(tmp_path, "\n".join(json.dumps(row | {"y": 1}) for row in ROWS), "log.jsonl").columns
    file = tmp_path / "log.jsonl"
    dialect = whole_dialect(file, columns)

    (by_column,) = read_columns(file, dialect, columns, pytest.fail)
    (by_line,) = read_arriving(cells_by_line(file, dialect, columns), columns, file="log", say=pytest.fail)

    assert np.array_equal(by_column.rows.values, by_line.rows.values, equal_nan=True)
    assert by_column.times == by_line.times == ["1", "2", "1", "2"]
