"""A time in several columns, or in the names of folders: one log however its times are divided."""

import io
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from training.console import Console
from training.errors import BadData
from training.pack.pack import one_by_one, pack
from training.pack.reading import open_pack
from training.prognostics.columns import Columns
from training.prognostics.log_schema import read_description
from training.prognostics.read_log import Log, read_log
from training.serve.logs import list_logs
from training.serve.rows import read_arriving
from training.serve.whole_file import cells_by_line, read_columns, whole_dialect

KEYS = 'time_unit = "hours"\nchannels = ["x"]\nruns_to_failure = true\n'
ROWS = [
    (unit, datetime(2024, 2, 27, 22, 30) + timedelta(hours=hour), hour / 8 + len(unit))
    for unit, life in (("P1", 40), ("P10", 65))
    for hour in range(life)
]

Written = dict[str, list[str]]
"""File -> its lines."""


def write(folder: Path, name: str, line: str, header: str) -> None:
    files: Written = {}
    for unit, when, value in ROWS:
        told = {"u": unit, "t": when, "x": value, "day": str(when.day), "hour": str(when.hour)}
        files.setdefault(name.format(**told), [header]).append(line.format(**told))
    for file, lines in files.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text("\n".join(lines) + "\n")


KINDS = {
    "folders of days, a clock inside": (
        "u={u}/year={t:%Y}/month={t:%m}/day={t:%d}/a.csv",
        "{t:%H:%M},{x}",
        "clock,x",
        'path = "u={u}/year={year}/month={month}/day={day}/*"\ntime = ["year", "month", "day", "clock"]\n',
    ),
    "five columns without zeros": (
        "log.csv",
        "{u},{t:%Y},{t.month},{day},{hour},{t.minute},{x}",
        "u,year,month,day,hour,minute,x",
        'time = ["year", "month", "day", "hour", "minute"]\n',
    ),
    "a day of digits in the name, a clock without its colon": (
        "{u}_{t:%Y%m%d}.csv",
        "{t:%H%M},{x}",
        "clock,x",
        'path = "{u}_{day}"\ntime = ["day", "clock"]\n',
    ),
}


def read(folder: Path, keys: str, files: str = "**/*.csv") -> Log:
    (folder / "log.toml").write_text(f'files = ["{files}"]\nunit = "u"\n{KEYS}{keys}')
    return read_log(read_description(folder / "log.toml"))


def shown(log: Log) -> list[tuple]:
    return sorted((one.unit, one.times.tolist(), one.values.tobytes()) for one in log.train)


@pytest.fixture
def plain(tmp_path) -> Log:
    (tmp_path / "plain").mkdir()
    write(tmp_path / "plain", "log.csv", "{u},{t:%Y-%m-%d %H:%M},{x}", "u,t,x")
    return read(tmp_path / "plain", 'time = "t"\n')


@pytest.mark.parametrize("kind", KINDS)
def test_a_time_in_parts_is_the_time_that_stands_in_one_column(tmp_path, plain, kind):
    name, line, header, keys = KINDS[kind]
    table = tmp_path / "log"
    table.mkdir()
    write(table, name, line, header)

    log = read(table, keys)
    pack(
        read_description(table / "log.toml"),
        tmp_path / "packed",
        (table / "log.toml").read_text(),
        one_by_one,
        Console(io.StringIO()),
    )
    columns = Columns.from_json(log.columns.as_json())

    assert shown(log) == shown(plain)
    assert shown(open_pack(tmp_path / "packed").whole()) == shown(plain)
    assert shown_by_service(table, columns, by_line=False) == shown_by_service(table, columns, by_line=True)
    assert shown_by_service(table, columns, by_line=True) == [one[:2] for one in shown(plain)]


def shown_by_service(folder: Path, columns: Columns, *, by_line: bool) -> list[tuple]:
    found: dict[str, list[float]] = {}
    for name in list_logs([str(folder)], columns, follow_it=False):
        file = Path(name)
        dialect = whole_dialect(file, columns)
        rows = (
            read_arriving(cells_by_line(file, dialect, columns), columns, file=name, say=pytest.fail)
            if by_line
            else read_columns(file, dialect, columns, pytest.fail)
        )
        for arrived in rows:
            for unit, time in zip(arrived.rows.units, arrived.rows.times.tolist(), strict=True):
                found.setdefault(unit, []).append(time)
    return sorted(found.items())


def test_an_hour_alone_is_that_hour(tmp_path):
    for hour in (7, 8, 13):
        folder = tmp_path / "date=2024-05-17" / f"hour={hour}"
        folder.mkdir(parents=True)
        (folder / "P1.csv").write_text(f"x\n{hour}\n")

    (unit,) = read(tmp_path, 'path = "date={date}/hour={hour}/{u}"\ntime = ["date", "hour"]\n').train

    assert np.diff(unit.times).tolist() == [1, 5]
    assert unit.values[:, 0].tolist() == [7, 8, 13]


@pytest.mark.parametrize(
    ("name", "line", "header", "added"),
    [
        ("u={u}/year={t:%Y}/month={t:%m}/day={t:%d}/a.csv", "{t:%H:%M},{x}", "t,x", '["year", "month", "day", "t"]'),
        ("date={t:%Y-%m-%d}/{u}.csv", "{u},{t:%H:%M},{x}", "u,t,x", '["date", "t"]'),
        ("{t:%Y-%m-%d}.csv", "{u},{t:%H:%M},{x}", "u,t,x", '["day", "t"]'),
    ],
)
def test_clocks_in_files_of_a_day_each_are_not_strung_together_unasked(tmp_path, name, line, header, added):
    """A day without a file would vanish from the log."""
    write(tmp_path, name, line, header)
    path = "" if header.startswith("u") else 'path = "u={u}/*/*/*/*"\n'
    with pytest.raises(BadData, match=r"t: times of day alone, and the day stands in the files' paths") as refused:
        read(tmp_path, f'time = "t"\n{path}')

    lines = refused.value.hint.splitlines()[0].removeprefix("Add to the TOML: ").split("; ")
    assert f"time = {added}" in lines
    assert len(read(tmp_path, "\n".join(lines) + "\n").train) == 2
    assert len(read(tmp_path, f'time = "t"\n{path}dates = "time of day"\n').train) == 2


def test_files_of_one_machine_each_may_be_called_by_the_day_on_which_it_ran(tmp_path):
    for day in (17, 18):
        (tmp_path / f"2024-05-{day}.csv").write_text("t,x\n00:00:00,1\n00:30:00,2\n")
    (tmp_path / "log.toml").write_text('files = ["*.csv"]\ntime = "t"\n' + KEYS)

    assert [len(one.times) for one in read_log(read_description(tmp_path / "log.toml")).train] == [2, 2]


def test_folders_that_are_a_day_are_named_where_no_file_has_the_time(tmp_path):
    write(tmp_path, "year={t:%Y}/month={t:%m}/day={t:%d}/hour={t:%H}/{u}.csv", "{u},{x}", "u,x")

    with pytest.raises(BadData, match=r"have no column 't'") as refused:
        read(tmp_path, 'time = "t"\n')

    lines = refused.value.hint.splitlines()[0].split("? Then add to the TOML: ")[1].split("; ")
    log = read(tmp_path, "\n".join(lines) + "\n")
    assert [len(one.times) for one in log.train] == [40, 65]
    assert np.diff(log.train[0].times).tolist() == [1.0] * 39


def test_a_time_lacking_one_of_its_parts_is_missing(tmp_path):
    (tmp_path / "log.csv").write_text("u,d,c,x\nP1,2024-05-17,10:00,1\nP1,2024-05-18,,2\n")

    with pytest.raises(BadData, match=r"log\.csv line 3: the time is missing"):
        read(tmp_path, 'time = ["d", "c"]\n')


@pytest.mark.parametrize("words", [("0900", "1000", "1130"), ("083000", "090000", "100000")])
def test_a_clock_without_colons_is_asked_about(tmp_path, words):
    (tmp_path / "log.csv").write_text("u,t,x\n" + "".join(f"P1,{word},1\n" for word in words))

    with pytest.raises(BadData, match=f"t: '{words[0]}' is a time of day, or the number {int(words[0])}"):
        read(tmp_path, 'time = "t"\n')

    assert read(tmp_path, 'time = "t"\ndates = "numbers"\n').train[0].times.tolist() == list(map(float, words))
    clock = read(tmp_path, 'time = "t"\ndates = "time of day"\n').train[0].times
    assert clock[0] == int(words[0][:2]) + int(words[0][2:4]) / 60


@pytest.mark.parametrize("words", [("0001", "0002", "0150"), ("0001", "0002"), ("0059", "0060", "0160")])
def test_numbers_with_zeros_in_front_are_numbers(tmp_path, words):
    (tmp_path / "log.csv").write_text("u,t,x\n" + "".join(f"P1,{word},1\n" for word in words))
    if words[-1] == "0150":  # it may be ten to two
        with pytest.raises(BadData, match="is a time of day, or the number"):
            read(tmp_path, 'time = "t"\n')
        return

    assert read(tmp_path, 'time = "t"\n').train[0].times.tolist() == list(map(float, words))
