"""A row for each value, as historians write: the same log as with a column for each channel."""

import csv
import io
import random
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from training.console import Console
from training.errors import BadData
from training.pack.pack import one_by_one, pack
from training.pack.reading import open_pack
from training.prognostics import arrow_batches, side_by_side
from training.prognostics.columns import Columns
from training.prognostics.log_schema import read_description
from training.prognostics.read_log import Log, read_log
from training.serve.whole_file import read_made, read_tags

TAGS = '[tags]\nname = "tag"\nvalue = "value"\npattern = "{u}.{tag}"\nquality = "q"\ngood = ["Good", 192]\n'
PLAIN = 'unit = "u"\ntime = "t"\ntime_unit = "hours"\nchannels = ["x", "y"]\nconditions = ["gear"]\n' + (
    "runs_to_failure = true\n"
)


def described(folder: Path, *files: str, more: str = TAGS, keys: str = PLAIN) -> Path:
    (folder / "log.toml").write_text(f"files = {list(files)}\n{keys}{more}")
    return folder / "log.toml"


def read(folder: Path, *files: str, **more: str) -> Log:
    return read_log(read_description(described(folder, *files, **more)))


Value = tuple[str, int, str, str]
"""Unit, time, tag, value."""


def some_values(seed: int) -> list[Value]:
    random_ = np.random.RandomState(seed)
    return [
        (unit, time, tag, f"{random_.rand():.3f}" if tag != "gear" else str(random_.randint(3)))
        for unit in ("A", "B")
        for time in range(1, 6 + random_.randint(4))
        for tag in ("x", "y", "gear")
        if tag == "gear" or random_.rand() < 0.7
    ]


def write_long(file: Path, values: list[Value]) -> None:
    lines = [f"{time},{unit}.{tag},{value},Good" for unit, time, tag, value in values]
    noise = [f"{time},{unit}.state,running,Good" for unit, time, *_ in values[::3]] + [
        "7,plant,3,Good",
        "9,A.x,1.5,Bad",
    ]
    rows = lines + noise
    random.Random(0).shuffle(rows)
    file.write_text("\n".join(["t,tag,value,q", *rows]) + "\n")


def write_wide(file: Path, values: list[Value]) -> None:
    cells = {(unit, time, tag): value for unit, time, tag, value in values}
    rows = sorted({(unit, time) for unit, time, *_ in values} | {("A", 9)})
    lines = [
        ",".join([unit, str(time), *(cells.get((unit, time, tag), "") for tag in ("x", "y", "gear"))])
        for unit, time in rows
    ]
    file.write_text("\n".join(["u,t,x,y,gear", *lines]) + "\n")


def shown(log: Log) -> list[tuple]:
    return [(one.unit, one.times.tolist(), one.values.tobytes(), one.conditions.tobytes()) for one in log.train]


@settings(deadline=None, max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 10**6), st.sampled_from([64, 1 << 20]))
def test_values_in_any_order_make_the_log_that_has_a_column_for_each_tag(tmp_path, monkeypatch, seed, block):
    monkeypatch.setattr(arrow_batches, "BLOCK_BYTES", block)
    monkeypatch.setattr(side_by_side, "VALUES_AT_ONCE", block // 16)
    values = [one for one in some_values(seed) if one[:3] != ("A", 9, "x")]
    write_long(tmp_path / "long.csv", values)
    write_wide(tmp_path / "wide.csv", values)

    found, expected = read(tmp_path, "long.csv"), read(tmp_path, "wide.csv", more="")

    assert sorted(shown(found)) == sorted(shown(expected))
    assert found.columns.features == ("x", "y")


def test_pack_parquet_and_service_make_the_same_rows_to_the_bit(tmp_path):
    values = some_values(3)
    write_long(tmp_path / "long.csv", values)
    log, table = read(tmp_path, "long.csv"), tmp_path / "log.toml"
    cells = [line.split(",") for line in (tmp_path / "long.csv").read_text().splitlines()[1:]]
    columns = {name: [row[place] for row in cells] for place, name in enumerate(("t", "tag", "value", "q"))}

    pack(read_description(table), tmp_path / "packed", table.read_text(), one_by_one, Console(io.StringIO()))
    arrived = list(read_made(tmp_path / "long.csv", Columns.from_json(log.columns.as_json())))
    parquet.write_table(pa.table(columns), tmp_path / "long.parquet")

    assert shown(open_pack(tmp_path / "packed").whole()) == shown(log)
    assert shown(read(tmp_path, "long.parquet")) == shown(log)
    (rows,) = (one.rows for one in arrived)
    assert rows.values.tobytes() == b"".join(one.values.tobytes() for one in log.train)
    assert [float(word) for word in arrived[0].times] == np.concatenate([one.times for one in log.train]).tolist()


def test_tags_at_times_of_their_own_are_brought_together_by_a_step(tmp_path):
    rows = [f"{t + (0.25 if tag == 'y' else 0)},A.{tag},{t},Good" for t in range(9) for tag in ("x", "y")]
    (tmp_path / "long.csv").write_text("\n".join(["t,tag,value,q", *rows]) + "\n")
    keys = PLAIN.replace('conditions = ["gear"]\n', "step = 2\naggregates = ['mean']\n")

    (unit,) = read(tmp_path, "long.csv", keys=keys).train

    assert unit.values.tolist() == [[0.5, 0.5], [2.5, 2.5], [4.5, 4.5], [6.5, 6.5]]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("1,A.x,1,Good\n1,A.y,1,Good\n2,A.gear,1,Good\n1,A.x,3,Good\n", "line 5: a second value of the tag at one"),
        ("1,A.x,1,Good\n1,A.y,oops,Good\n1,A.gear,1,Good\n", "line 3: value: 'oops' is not a number"),
        ("1,B.z,1,Good\n1,A.x,1,Good\n,A.y,2,Good\n1,A.gear,1,Good\n", "line 4: the time is missing"),
        ("1,A.z,1,Good\n2,A.z,1,Good\n", "no row is of a tag 'x', 'y', 'gear'"),
        ("1,A.x,1,Good\n2,A.x,1,Good\n", "no row of the training files is of the tag 'y' or 'gear'"),
        ("1,A.x,1,0xC0\n1,A.y,1,0x18\n", "no value's q is 'Good' or '192': the files have '0x18', '0xC0'"),
        ("1,A.B.x,1,Good\n", '"{u}.{tag}" can be read in two ways: A, B.x; or A.B, x'),
    ],
)  # fmt: skip
def test_what_cannot_be_put_side_by_side_is_named_by_its_line(tmp_path, text, why):
    (tmp_path / "long.csv").write_text("t,tag,value,q\n" + text)

    with pytest.raises(BadData) as refused:
        read(tmp_path, "long.csv")

    assert why in refused.value.cause


@pytest.mark.parametrize("others", ["Run", "true", "0x12", "3 mm", '"1,5"'])
def test_what_other_tags_hold_says_nothing_of_how_the_values_are_written(tmp_path, others):
    """Most rows of a plant's historian are of other tags, and so may all be that are looked at first."""
    noise = "".join(f"{time},A.state{odd},{others}{odd * ' °C'},Good\n" for time in range(200) for odd in (0, 1))
    wanted = "".join(f"{time},A.{tag},{time / 2},Good\n" for time in range(5) for tag in ("x", "y", "gear"))
    bad = "".join(f"{time},A.x,No Data,Bad\n" for time in range(200, 400))
    text = f"t,tag,value,q\n{noise}{bad}{wanted}{noise * 20}"
    (tmp_path / "long.csv").write_text(text, encoding="utf-8")
    cells = csv.reader(io.StringIO(text))
    columns = {name: list(words) for name, *words in zip(*cells, strict=True)}
    parquet.write_table(pa.table(columns), tmp_path / "long.parquet")

    for file in ("long.csv", "long.parquet"):
        (unit,) = read(tmp_path, file).train
        assert unit.values[:5].tolist() == [[time / 2] * 2 for time in range(5)]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("1,A.x,Run,Good\n2,A.x,Stop,Good\n", "the values of 'x', 'y', 'gear' are text"),
        ("23:30:00,A.x,1,Good\n00:30:00,A.x,2,Good\n", "times of day, without the day"),
    ],
)
def test_words_and_times_without_a_day_are_not_put_side_by_side(tmp_path, text, why):
    """Words would be numbered, and what was measured after midnight would come before what was before it."""
    (tmp_path / "long.csv").write_text("t,tag,value,q\n" + text)

    with pytest.raises(BadData, match=why):
        read(tmp_path, "long.csv")


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ('[tags]\nname = "tag"\n', "tags: value is missing"),
        ('[tags]\nname = "tag"\nvalue = "v"\nquality = "q"\n', "say both, or none"),
        (
            '[tags]\nname = "tag"\nvalue = "v"\npatern = "{tag}"\n',
            "tags: there is no key patern; did you mean pattern?",
        ),
        ('[tags]\nname = "tag"\nvalue = "v"\npattern = "{pump}.{tag}"\n', "has the places {tag} and"),
        ('step = "file"\n' + TAGS, 'step: "file" does not go with tags'),
    ],
)
def test_a_description_of_tags_says_what_it_lacks(tmp_path, more, why):
    (tmp_path / "long.csv").touch()

    with pytest.raises(BadData) as refused:
        read(tmp_path, "long.csv", more=more)

    assert why in refused.value.cause


@pytest.mark.parametrize(
    ("name", "line"),
    [("{tag}", '[tags]\nname = "tag"\nvalue = "value"'), ("P1.{tag}", 'value = "value"\npattern = "{u}.{tag}"')],
)
def test_where_channels_are_words_of_a_column_the_lines_to_add_are_said(tmp_path, name, line):
    rows = [f"2024-03-0{t},{name.format(tag=tag)},{t},192" for t in range(1, 5) for tag in ("x", "y", "gear")]
    (tmp_path / "long.csv").write_text("\n".join(["t,tag,value,q", *rows]) + "\n")

    with pytest.raises(
        BadData, match="'x' and 'y' and 'gear' are no columns, but words in the column 'tag'"
    ) as refused:
        read(tmp_path, "long.csv", more="")

    assert line in refused.value.hint


def test_each_tag_may_have_a_file_of_its_own_named_by_it(tmp_path):
    values = [(unit, time, tag, f"{time}.{ord(tag)}") for unit in "AB" for time in range(1, 7) for tag in "xy"]
    del values[3]
    for unit, tag in (("A", "x"), ("A", "y"), ("B", "x"), ("B", "y")):
        rows = [f"{time},{value}" for one, time, name, value in values if (one, name) == (unit, tag)]
        (tmp_path / f"{unit}_{tag}.csv").write_text("\n".join(["t,value", *rows]) + "\n")
    keys = PLAIN.replace('conditions = ["gear"]\n', 'path = "{u}_{tag}"\n')
    tags = '[tags]\nname = "tag"\nvalue = "value"\n'

    log = read(tmp_path, "?_?.csv", keys=keys, more=tags)
    table = tmp_path / "log.toml"
    pack(read_description(table), tmp_path / "packed", table.read_text(), one_by_one, Console(io.StringIO()))
    (arrived,) = read_tags(sorted(tmp_path.glob("?_?.csv")), log.columns, pytest.fail)

    expected = np.float32([[float(f"{time}.{ord(tag)}") for tag in "xy"] for _ in "AB" for time in range(1, 7)])
    expected[1, 1] = np.nan
    assert np.array_equal(np.concatenate([one.values for one in log.train]), expected, equal_nan=True)
    assert shown(open_pack(tmp_path / "packed").whole()) == shown(log)
    assert np.array_equal(arrived.rows.values, expected, equal_nan=True)
    assert arrived.times == [str(time) for _ in "AB" for time in range(1, 7)]


def test_two_files_that_say_different_values_of_one_time_are_refused(tmp_path):
    for name, value in (("a.csv", 1), ("b.csv", 2)):
        (tmp_path / name).write_text(
            f"t,tag,value,q\n1,A.x,{value},Good\n1,A.y,1,Good\n1,A.gear,1,Good\n2,A.x,1,Good\n"
        )

    with pytest.raises(BadData, match="'x' has two values at one time of one unit"):
        read(tmp_path, "a.csv", "b.csv")


def test_files_whose_times_alternate_are_forecast_in_the_order_of_training(tmp_path):
    for name, tag, times in (("a.csv", "x", (1, 3, 5)), ("b.csv", "y", (2, 4, 6)), ("c.csv", "gear", (7,))):
        rows = "".join(f"{time},A.{tag},{time},Good\n" for time in times)
        (tmp_path / name).write_text(f"t,tag,value,q\n{rows}")

    log = read(tmp_path, "?.csv")
    (arrived,) = read_tags(sorted(tmp_path.glob("?.csv")), log.columns, pytest.fail)

    assert arrived.times == [str(time) for time in range(1, 8)]
    assert np.array_equal(arrived.rows.values, log.train[0].values, equal_nan=True)


def test_a_row_without_a_time_is_named_where_it_is_forecast(tmp_path):
    (tmp_path / "a.csv").write_text("t,tag,value,q\n1,A.x,1,Good\n1,A.y,1,Good\n1,A.gear,1,Good\n2,A.x,1,Good\n")
    columns = read(tmp_path, "a.csv").columns
    (tmp_path / "b.csv").write_text("t,tag,value,q\n7,A.x,1,Good\n,A.x,1,Good\n")
    said: list[BadData] = []

    assert list(read_tags([tmp_path / "b.csv"], columns, said.append)) == []
    assert [error.cause for error in said] == [f"{tmp_path / 'b.csv'} line 3: the time is missing"]
