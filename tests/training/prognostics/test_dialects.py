"""One fleet's log, written as many programs write it: always the same arrays, and what was taken for what is said."""

import bz2
import csv
import gzip
import io
import zipfile
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from training.console import Console
from training.errors import BadData
from training.pack.pack import one_by_one, pack
from training.pack.reading import open_pack
from training.prognostics import unit_logs
from training.prognostics.log_schema import read_description
from training.prognostics.read_log import Log, read_log
from training.prognostics.suspects import suspect_days
from training.prognostics.time_style import in_digits
from training.prognostics.whole_table import read_table
from training.prognostics.windows import UnitLog
from training.serve.rows import cells_of, read_arriving
from training.serve.tail import Piece
from training.serve.whole_file import cells_by_line, in_its_style, read_columns, whole_dialect

START = datetime(2024, 3, 12, 20, tzinfo=timezone.utc)
UNITS = ("M0", "M1", "M2")
FAILED = {"M0": 30, "M2": 17}
"""Hours after the start."""


def readings(unit: str) -> list[tuple[int, float, float, bool, str]]:
    """(hour, temperature, load, door open, mode) of one machine."""
    random = np.random.RandomState(UNITS.index(unit))
    rows = FAILED.get(unit, 40)
    return [
        (
            hour,
            float(np.round(20 + random.rand(), 3)),
            float(np.round(1000 + 900 * random.rand(), 1)),
            bool(hour % 3),
            "eco" if hour % 4 else "sport",
        )
        for hour in range(rows + 1)
    ]


def moment(hour: float, form: str) -> str:
    when = START + timedelta(hours=hour)
    if form == "iso":
        return when.isoformat()
    if form in ("epoch", "epoch ms"):
        return str(int(when.timestamp()) * (1000 if form == "epoch ms" else 1))
    return when.strftime(form)


ISO, GERMAN, AMERICAN, BRITISH = "iso", "%d.%m.%Y %H:%M", "%m/%d/%Y %H:%M", "%d/%m/%Y %H:%M:%S"
FORMS = (ISO, GERMAN, AMERICAN, BRITISH, "%Y-%m-%d %H:%M", "%Y/%m/%d %H:%M", "%d-%b-%Y %H:%M", "%m/%d/%Y %I:%M %p",
         "%d.%m.%y %H:%M", "%m/%d/%y %H:%M", "%Y%m%d%H%M%S", "%Y%m%dT%H%M%SZ", "epoch", "epoch ms")  # fmt: skip


@dataclass(frozen=True)
class Written:
    """How the log is written."""

    separator: str = ","
    decimal: str = "."
    thousands: str = ""
    times: str = ISO
    truths: tuple[str, str] = ("0", "1")
    unit_behind: str = ""
    above: tuple[str, ...] = ()
    units_line: bool = False
    trailing: bool = False
    encoding: str = "utf-8"
    newline: str = "\n"
    pack: str = ""
    monthly: bool = False
    missing: str = ""
    more: tuple[str, ...] = field(default=())
    """Lines for the TOML."""


def number(value: float, written: Written) -> str:
    text = f"{value:,.3f}" if written.thousands else f"{value:.3f}"
    text = text.replace(",", "\0").replace(".", written.decimal).replace("\0", written.thousands)
    return text + (f" {written.unit_behind}" if written.unit_behind else "")


HEADER = ("machine", "when", "temp °C", "load", "door", "mode", "failed_at")


def rows_of(written: Written) -> list[list[str]]:
    rows = []
    for unit in UNITS:
        failed = moment(FAILED[unit], written.times) if unit in FAILED else written.missing
        for hour, temperature, load, door, mode in readings(unit):
            cells = [number(temperature, replace(written, unit_behind="")), number(load, written)]
            rows.append([unit, moment(hour, written.times), *cells, written.truths[door], mode, failed])
    return rows


def text_of(written: Written, rows: list[list[str]]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=written.separator, lineterminator=written.newline)
    out.write("".join(line + written.newline for line in written.above))
    tail = [""] if written.trailing else []
    writer.writerow(HEADER)
    if written.units_line:
        writer.writerow(["", "[UTC]", "°C", "kg", "-", "", ""])
    writer.writerows([*row, *tail] for row in rows)
    return out.getvalue().encode(written.encoding)


PACKERS = {
    "": lambda content: content,
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".zst": lambda content: pa.compress(content, codec="zstd", asbytes=True),
}


def put(file: Path, content: bytes, pack: str) -> None:
    if pack != ".zip":
        file.with_name(file.name + pack).write_bytes(PACKERS[pack](content))
        return
    with zipfile.ZipFile(file.with_name(file.name + pack), "w") as archive:
        archive.writestr(file.name, content)


def read(folder: Path, written: Written, rows: list[list[str]] | None = None) -> Log:
    rows = rows_of(written) if rows is None else rows
    pieces = [rows[: len(rows) // 3], rows[len(rows) // 3 :]] if written.monthly else [rows]
    for file in folder.glob("*"):
        file.unlink()
    for number_, piece in enumerate(pieces):
        put(folder / f"log{number_}.csv", text_of(written, piece), written.pack)
    return described(folder, *written.more)


def described(folder: Path, *more: str, fails: str = 'fails_at = "failed_at"', time: str = '"when"') -> Log:
    (folder / "t.toml").write_text(
        f'files = ["log*"]\nunit = "machine"\ntime = {time}\ntime_unit = "hours"\n'
        f'channels = ["temp °C", "load", "door", "mode"]\n{fails}\n' + "\n".join(more) + "\n",
        encoding="utf-8",
    )
    return read_log(read_description(folder / "t.toml"))


def compared(logs: list[UnitLog]) -> list[tuple]:
    """What must not depend on the dialect: hours and failure counted from the first row of all."""
    first = min(log.times[0] for log in logs)
    return [
        (log.unit, np.round(log.times - first, 6).tolist(), log.values.tolist(), round(log.fails_at - first, 6))
        for log in sorted(logs, key=lambda log: log.unit)
    ]


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> str:
    return str(compared(read(tmp_path_factory.mktemp("plain"), Written()).train))


@st.composite
def ways_to_write(draw: st.DrawFn) -> Written:
    separator = draw(st.sampled_from([",", ";", "\t", "|"]))
    decimal = draw(st.sampled_from([".", ","]))
    return Written(
        separator=separator,
        decimal=decimal,
        thousands=draw(st.sampled_from(["", "'", " ", "\u00a0", "," if decimal == "." else "."])),
        times=draw(st.sampled_from(FORMS)),
        truths=draw(st.sampled_from([("0", "1"), ("false", "true"), ("No", "Yes"), ("OFF", "ON")])),
        unit_behind=draw(st.sampled_from(["", "kg", "m/s²", "%"])),
        above=draw(
            st.sampled_from(
                [(), ("# logger 7", "# made in 2024; by us"), ("Report", "", "a;b,c"), (f"sep={separator}",)]
            )
        ),
        units_line=draw(st.booleans()),
        trailing=draw(st.booleans()),
        encoding=draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"])),
        newline=draw(st.sampled_from(["\n", "\r\n"])),
        pack=draw(st.sampled_from(["", ".gz", ".bz2", ".zst", ".zip"])),
        monthly=draw(st.booleans()),
        missing=draw(st.sampled_from(["", "NA", "#N/A", "null", "n/A"])),
    )


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ways_to_write())
def test_one_log_in_any_dialect_gives_the_same_arrays(tmp_path, plain, written):
    same = str(compared(read(tmp_path, written).train)) == plain

    assert same


def alone(folder: Path, text: str, *more: str, time: str = '"t"', fails: str = "runs_to_failure = true") -> Log:
    (folder / "log.csv").write_text(text, encoding="utf-8")
    (folder / "t.toml").write_text(
        f'files = ["log.csv"]\nunit = "u"\ntime = {time}\ntime_unit = "hours"\nchannels = ["x"]\n{fails}\n'
        + "\n".join(more)
    )
    return read_log(read_description(folder / "t.toml"))


def refused(folder: Path, text: str, *more: str, **keys: str) -> BadData:
    with pytest.raises(BadData) as caught:
        alone(folder, text, *more, **keys)
    return caught.value


def test_dates_that_can_be_read_in_two_ways_are_refused_until_it_is_said(tmp_path):
    text = "u,t,x\na,03/01/2024,1\na,04/01/2024,2\n"

    assert "'03/01/2024' is the 3. day of month 1, or the 1. day of month 3" in refused(tmp_path, text).cause
    (january,) = alone(tmp_path, text, 'dates = "day first"').train
    (spring,) = alone(tmp_path, text, 'dates = "month first"').train
    assert np.diff(january.times).tolist() == [24.0]
    assert np.diff(spring.times).tolist() == [31 * 24.0]


@pytest.mark.parametrize(
    ("text", "keys", "cause"),
    [
        ("u,t,x\na,24/03/01,1\n", {}, "t: '24/03/01' begins with its day or with its year"),
        ("u,t,x,f\na,1,1,False\n", {"fails": 'fails_at = "f"'}, "f: says whether a unit failed, not when: 'False'"),
        ('u,t,x\na,1,1\na,2,"2\na,3,3\n', {}, "log.csv line 3: a quotation mark is opened and not closed"),
    ],
)
def test_what_is_likely_meant_is_asked(tmp_path, text, keys, cause):
    assert refused(tmp_path, text, **keys).cause.endswith(cause)


def test_decimal_commas_that_begin_far_below_are_found(tmp_path):
    text = "u;t;x\n" + "".join(f"a;{t};{t}\n" for t in range(3000)) + "".join(f"a;{t};1,5\n" for t in range(3000, 6000))

    (log,) = alone(tmp_path, text).train

    assert set(log.values[3000:].ravel().tolist()) == {1.5}


def test_a_number_that_can_be_read_in_two_ways_is_refused_until_it_is_said(tmp_path):
    text = 'u,t,x\na,1,"1,073"\na,2,"2,500"\n'

    assert '"1,073" is 1.073 or 1073' in refused(tmp_path, text).cause
    assert alone(tmp_path, text, 'decimal = ","').train[0].values.ravel().tolist() == [np.float32(1.073), 2.5]
    assert alone(tmp_path, text, 'thousands = ","').train[0].values.ravel().tolist() == [1073, 2500]


def test_a_file_of_thousands_alone_is_not_taken_for_decimals_beside_one_that_tells(tmp_path):
    (tmp_path / "other.csv").write_text("u;t;x\nb;1;998,5\nb;2;1.001,2\n")
    other = alone(tmp_path, "u;t;x\na;1;1.013\na;2;1014\n", 'test = ["other.csv"]', 'decimal = ","', 'thousands = "."')

    assert other.train[0].values.ravel().tolist() == [1013, 1014]
    doubtful = refused(tmp_path, "u;t;x\na;1;1.013\na;2;1014\n", 'test = ["other.csv"]')
    assert '"1.013" is 1.013, or 1013 as it would be in other.csv' in doubtful.cause
    assert alone(tmp_path, "u;t;x\na;1;1.5\n", 'test = ["other.csv"]').train[0].values.ravel().tolist() == [1.5]


def test_date_and_time_in_two_columns(tmp_path):
    text = "u,day,clock,x\na,2024-03-01,23:30:00,1\na,2024-03-02,00:30:00,2\n"

    (log,) = alone(tmp_path, text, time='["day", "clock"]').train

    assert np.diff(log.times).tolist() == [1.0]


def test_times_of_day_go_on_after_midnight_in_each_unit(tmp_path):
    text = "u,t,x\na,23:30,1\nb,01:00,1\na,00:30,2\na,00:15,3\nb,01:30,2\n"

    read = alone(tmp_path, text)

    assert [np.diff(log.times).tolist() for log in read.train] == [[1.0, 23.75], [0.5]]
    assert read.said == ["t: taken for times of day, or time gone by; a clock that goes back begins the next day"]


def test_local_times_with_a_zone_go_through_the_hour_that_runs_twice(tmp_path):
    hours = ["2024-10-27 01:30", "2024-10-27 02:00", "2024-10-27 02:30", "2024-10-27 02:00", "2024-10-27 02:30",
             "2024-10-27 03:00"]  # fmt: skip
    text = "u,t,x\n" + "".join(f"a,{hour},1\nb,{hour},1\n" for hour in hours)

    for log in alone(tmp_path, text, 'zone = "Europe/Berlin"').train:
        assert np.diff(log.times).tolist() == [0.5] * 5
    assert "does not come after" in refused(tmp_path, text).cause


@pytest.mark.parametrize(("unit", "per_second"), [("hours", 1), ("hours", 1000), ("days", 1), ("seconds", 1000)])
def test_numbers_since_1970_are_taken_for_what_they_must_be(tmp_path, unit, per_second):
    start, step = 1_710_000_000 * per_second, 3600 * per_second
    text = "u,t,x\n" + "".join(f"a,{start + row * step},1\n" for row in range(4))

    read = alone(tmp_path, text.replace("hours", unit))
    (tmp_path / "t.toml").write_text((tmp_path / "t.toml").read_text().replace('"hours"', f'"{unit}"'))
    read = read_log(read_description(tmp_path / "t.toml"))

    assert np.diff(read.train[0].times) == pytest.approx({"hours": 1, "days": 1 / 24, "seconds": 3600}[unit])
    assert "since 1970" in read.said[0]


def test_words_of_a_label_mean_a_failure_where_it_is_said(tmp_path):
    text = "u,t,x,state\na,1,1,OK\na,2,1,W3\na,3,1,E17\nb,1,1,OK\nb,2,1,OK\n"

    asked = refused(tmp_path, text, fails='label = "state"')
    assert asked.cause == "state: the label says 'OK', 'W3', 'E17': which of them mean a failure?"
    a, b = alone(tmp_path, text, 'failed = ["E17", "E18"]', fails='label = "state"').train
    assert (a.fails_at, np.isnan(b.fails_at)) == (3.0, True)


def test_one_unit_of_measurement_is_left_out_and_two_are_refused(tmp_path):
    assert alone(tmp_path, "u,t,x\na,1,12.1 V\na,2,11V\n").train[0].values.ravel().tolist() == [np.float32(12.1), 11.0]
    assert refused(tmp_path, "u,t,x\na,1,12.1 V\na,2,11 mV\n").cause == "x: its numbers are in V and in mV"


def test_units_that_differ_by_zeros_or_blanks_alone_are_said(tmp_path):
    said = alone(tmp_path, "u,t,x\n001,1,1\n1,1,1\nM1,1,1\nm1 ,1,1\n").said

    assert said == ["units '001' and '1' and 1 more such: taken for different ones"]


def test_rows_out_of_order_and_rows_twice_are_put_right_where_it_is_said(tmp_path):
    text = "u,t,x\na,3,30\nb,1,5\na,1,10\na,2,20\na,2,21\nb,2,6\n"

    assert "sort = true" in refused(tmp_path, text).hint
    read = alone(tmp_path, text, "sort = true")
    assert [(log.times.tolist(), log.values.ravel().tolist()) for log in read.train] == [
        ([1, 2, 3], [10, 21, 30]),
        ([1, 2], [5, 6]),
    ]
    assert read.said == [
        "sort = true: rows put in the order of time (2 did not come after the one before)",
        "sort = true: 1 rows left out whose unit has a later row of the same time",
    ]


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(1, 60), unique=True, max_size=5), st.permutations(range(6)))
def test_a_unit_may_be_spread_over_files_in_any_order(tmp_path, plain, edges, names):
    rows, cuts = rows_of(Written()), sorted(edges)
    for file in tmp_path.glob("*"):
        file.unlink()
    for number_, (begin, end) in enumerate(zip([0, *cuts], [*cuts, len(rows)], strict=True)):
        (tmp_path / f"log{names[number_]}.csv").write_bytes(text_of(Written(), rows[begin:end]))

    same = str(compared(described(tmp_path).train)) == plain

    assert same


def test_a_row_in_two_files_is_refused_and_both_are_named(tmp_path):
    for name in ("log0.csv", "log1.csv"):
        (tmp_path / name).write_bytes(text_of(Written(), rows_of(Written())[:2]))

    with pytest.raises(BadData) as caught:
        described(tmp_path)

    first, second = "2024-03-12T20:00:00+00:00", "2024-03-12T20:00:00+00:00"
    assert f"log1.csv line 2: time {first} of unit 'M0' does not come after {second} (" in caught.value.cause
    assert "log0.csv line 2)" in caught.value.cause


REPAIRED = "u,t,x,f\n" + "".join(f"a,{t},{t},{f}\n" for t, f in zip(range(1, 9), [0, 0, 1, 1, 0, 0, 1, 0], strict=True))


def lives(read: Log) -> list[tuple[str, list[float], float]]:
    return [(log.unit, log.times.tolist(), log.fails_at) for log in read.train]


def test_a_unit_that_was_repaired_has_several_lives_by_its_label(tmp_path):
    read = alone(tmp_path, REPAIRED, "repaired = true", fails='label = "f"')

    assert [life[:2] for life in lives(read)] == [
        ("a", [1, 2, 3]), ("a (life 2)", [5, 6, 7]), ("a (life 3)", [8]),
    ]  # fmt: skip
    assert str([log.fails_at for log in read.train]) == "[3.0, 7.0, nan]"
    assert {log.machine for log in read.train} == {"a"}


def test_failures_stand_in_a_table_of_their_own(tmp_path):
    (tmp_path / "repairs.csv").write_text("when;machine;part\n3;a;seal\n7;a;bearing\n4;a;paint\n2;c;seal\n")
    table = '[failures]\nfiles = ["repairs.csv"]\nunit = "machine"\ntime = "when"\npart = "part"\n'
    table += 'parts = ["seal", "bearing"]'
    text = "u,t,x\n" + "".join(f"a,{t},1\n" for t in range(1, 9)) + "b,1,1\nb,2,1\n"

    read = alone(tmp_path, text, table, fails="")

    assert [(name, times) for name, times, _ in lives(read)] == [
        ("a", [1, 2, 3]), ("a (life 2)", [4, 5, 6, 7]), ("a (life 3)", [8]), ("b", [1, 2]),
    ]  # fmt: skip
    assert [log.fails_at for log in read.train[:2]] == [3.0, 7.0]
    assert "failures: 2 of 1 units of the log; 1 units that are not in it left out" in read.said


@pytest.mark.parametrize(
    ("times", "failed"),
    [(("1", "2"), "2024-03-01"), (("2024-03-01", "2024-03-02"), "30"), (("23:00", "00:30"), "30.2.")],
)
def test_failures_whose_times_are_not_those_of_the_log_are_refused(tmp_path, times, failed):
    (tmp_path / "repairs.csv").write_text(f"when,machine\n{failed},a\n")
    table = '[failures]\nfiles = ["repairs.csv"]\nunit = "machine"\ntime = "when"'
    text = "u,t,x\n" + "".join(f"a,{time},1\n" for time in times)

    assert "repairs.csv: when holds" in refused(tmp_path, text, table, fails="").cause


def packed_in(form: str, content: bytes) -> bytes:
    if form == "gz":
        return gzip.compress(content)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("log.csv", content)
    return archive.getvalue()


@pytest.mark.parametrize("rows", [20, 60_000])
@pytest.mark.parametrize(
    ("form", "damage", "cause"),
    [
        ("gz", lambda whole: whole[:-15], "cannot be read to its end"),
        ("zip", lambda whole: whole[:60] + bytes(8) + whole[68:], "cannot be read to its end"),
        (
            "zip",
            lambda whole: whole.replace(b"PK\x01\x02\x14\x03\x14\0\0", b"PK\x01\x02\x14\x03\x14\0\1"),
            "a password",
        ),
    ],
)
def test_a_packed_log_that_is_damaged_or_locked_is_named(tmp_path, rows, form, damage, cause):
    content = "u,t,x\n" + "".join(f"a,{t},{t * t % 977}\n" for t in range(rows))
    (tmp_path / f"log.csv.{form}").write_bytes(damage(packed_in(form, content.encode())))
    (tmp_path / "t.toml").write_text(
        f'files = ["log.csv.{form}"]\nunit = "u"\ntime = "t"\nchannels = ["x"]\nruns_to_failure = true'
    )

    with pytest.raises(BadData, match=rf"log\.csv\.{form} .*{cause}"):
        read_log(read_description(tmp_path / "t.toml"))


def test_a_folder_a_home_and_a_pattern_anywhere_name_files(tmp_path, monkeypatch):
    logs = tmp_path / "logs"
    (logs / "june").mkdir(parents=True)
    for file in (logs / "a.csv", logs / "june" / "b.csv.gz", logs / "notes.md", logs / ".hidden.csv"):
        file.touch()
    monkeypatch.setenv("HOME", str(tmp_path))

    for pattern in ("logs", "~/logs", f"{logs}/**/*.csv*", "logs/**/*.csv*"):
        (tmp_path / "t.toml").write_text(f'files = ["{pattern}"]\ntime = "t"\nchannels = ["x"]\nruns_to_failure = true')
        assert [file.name for file in read_description(tmp_path / "t.toml").files] == ["a.csv", "b.csv.gz"]


def test_a_workbook_is_read_by_openpyxl_and_without_it_that_is_said(tmp_path, monkeypatch):
    openpyxl = pytest.importorskip("openpyxl", reason="not installed")
    book = openpyxl.Workbook()
    for row in (["Fleet"], ["u", "t", "x"], ["a", datetime(2024, 3, 1, 4), 1.5], ["a", datetime(2024, 3, 1, 6), None]):
        book.active.append(row)
    book.save(tmp_path / "log.xlsx")
    (tmp_path / "t.toml").write_text(
        'files = ["log.xlsx"]\nunit = "u"\ntime = "t"\ntime_unit = "hours"\nchannels = ["x"]\nruns_to_failure = true\n'
    )

    (log,) = read_log(read_description(tmp_path / "t.toml")).train
    assert np.diff(log.times).tolist() == [2.0]
    assert str(log.values.ravel().tolist()) == "[1.5, nan]"

    monkeypatch.setitem(__import__("sys").modules, "openpyxl", None)
    with pytest.raises(BadData, match=r"log\.xlsx is a workbook, and openpyxl is not installed"):
        read_log(read_description(tmp_path / "t.toml"))


def test_a_comma_at_the_end_of_some_rows_and_another_encoding_far_below_are_no_trouble(tmp_path):
    (tmp_path / "log.csv").write_bytes(b"u,t,x\na,1,1\na,2,2,\nb,1,3\n" + "Mühle,1,4\n".encode("cp1252"))
    (tmp_path / "t.toml").write_text(
        'files = ["log.csv"]\nunit = "u"\ntime = "t"\nchannels = ["x"]\nruns_to_failure = true'
    )

    logs = read_log(read_description(tmp_path / "t.toml")).train

    assert [(log.unit, log.values.ravel().tolist()) for log in logs] == [("a", [1, 2]), ("b", [3]), ("Mühle", [4])]


def test_text_channels_are_one_of_their_words_each_and_too_many_words_are_refused(tmp_path):
    read = alone(tmp_path, "u,t,x\na,1,eco\na,2,\na,3,sport\n", 'categories = ["x"]')

    assert read.columns.features == ("x=eco", "x=sport")
    assert str(read.train[0].values.tolist()) == "[[1.0, 0.0], [nan, nan], [0.0, 1.0]]"
    many = "u,t,x\n" + "".join(f"a,{t},w{t}\n" for t in range(60))
    assert "60 different texts" in refused(tmp_path, many, 'categories = ["x"]').cause


def as_in_service(folder: Path, log: Log) -> dict[str, list[list[float]]]:
    """What `predict` reads of the same file, line by line."""
    said: list[str] = []
    content = (folder / "log0.csv").read_text(encoding="utf-8").splitlines()
    cells = cells_of([Piece(content, 1)], log.columns, file="log0.csv", say=said.append)
    found: dict[str, list[list[float]]] = {}
    for arrived in read_arriving(cells, log.columns, file="log0.csv", say=said.append):
        for unit, values in zip(arrived.rows.units, arrived.rows.values.tolist(), strict=True):
            found.setdefault(unit, []).append(values)
    assert said == []
    return found


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ways_to_write())
def test_what_training_reads_is_what_service_reads_line_by_line(tmp_path, written):
    grows = replace(written, above=(), units_line=False, encoding="utf-8", pack="", monthly=False, newline="\n")
    log = read(tmp_path, grows)

    same = as_in_service(tmp_path, log) == {one.unit: one.values.tolist() for one in log.train}

    assert same


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ways_to_write(), st.booleans())
def test_predict_reads_a_file_in_another_dialect_than_the_training_files(tmp_path, written, one_by_one):
    log = read(tmp_path, replace(Written(), separator=";"))
    file = tmp_path / "later"
    later = replace(written, times=ISO, truths=("0", "1"), unit_behind="")
    put(file, text_of(later, rows_of(later)), "" if written.pack == ".zip" else written.pack)
    file = next(tmp_path.glob("later*"))
    dialect = whole_dialect(file, log.columns)
    assert dialect is not None

    found: dict[str, list[list[float]]] = {}
    columns = in_its_style(file, dialect, log.columns)
    by_line = read_arriving(cells_by_line(file, dialect, columns), columns, file=str(file), say=pytest.fail)
    for arrived in by_line if one_by_one else read_columns(file, dialect, columns, lambda: by_line):
        for unit, values in zip(arrived.rows.units, arrived.rows.values.tolist(), strict=True):
            found.setdefault(unit, []).append(values)

    same = found == {one.unit: one.values.tolist() for one in log.train}
    assert same


@pytest.mark.parametrize(
    ("times", "failed"),
    [
        (("2024-03-01T00:00:00", "2024-03-01T04:00:00"), "2024-03-01T02:00:00+01:00"),
        (("2024-03-01T00:00:00Z", "2024-03-01T04:00:00Z"), "2024-03-01 02:00"),
        (("2024-03-01T00:00:00", "2024-03-01T04:00:00"), "1709254800"),  # seconds since 1970 are in UTC
        (("1709251200", "1709265600"), "2024-03-01 02:00"),
    ],
)
def test_failures_with_a_zone_beside_a_log_without_and_the_reverse_are_refused_until_the_clocks_are_named(
    tmp_path, times, failed
):
    (tmp_path / "repairs.csv").write_text(f"when,machine\n{failed},a\n")
    table = '[failures]\nfiles = ["repairs.csv"]\nunit = "machine"\ntime = "when"'
    text = "u,t,x\n" + "".join(f"a,{time},1\n" for time in times)

    error = refused(tmp_path, text, table, fails="")
    read = alone(tmp_path, text, 'zone = "Europe/Berlin"', table, fails="")

    assert "repairs.csv: when holds a" in error.cause
    assert 'zone = "Europe/Berlin"' in error.hint
    assert read.train[0].fails_at - read.train[0].times[0] == (2.0 if times[0] == "2024-03-01T00:00:00" else 1.0)


@pytest.mark.parametrize(
    ("times", "header", "failed", "time"),
    [
        (("2024030110", "2024030111", "2024030112"), "u,when", "a,2024-03-01 11:00", '"when"'),
        (("03/15/2024 10:00", "03/15/2024 11:00", "03/15/2024 12:00"), "u,when", "a,15.03.2024 11:00", '"when"'),
        (("2024-03-01 10:00", "2024-03-01 11:00", "2024-03-01 12:00"), "u,d,c", "a,2024-03-01,11:00", '["d", "c"]'),
        (("638448840000000000", "638448876000000000", "638448912000000000"), "u,d", "a,2024-03-01T11:00Z", '"d"'),
    ],
)
def test_failures_may_be_dated_in_a_way_of_their_own_also_where_the_log_is_packed(
    tmp_path, times, header, failed, time
):
    (tmp_path / "m.csv").write_text(f"{header}\n{failed}\n")
    table = f'[failures]\nfiles = ["m.csv"]\ntime = {time}\n'

    log = alone(tmp_path, "u,t,x\n" + "".join(f"a,{word},1\n" for word in times), table, fails="")
    described = tmp_path / "t.toml"
    pack(read_description(described), tmp_path / "packed", described.read_text(), one_by_one, Console(io.StringIO()))

    assert [len(one.times) for one in log.train] == [2, 1]
    assert [len(one.times) for one in open_pack(tmp_path / "packed").whole().train] == [2, 1]


@pytest.mark.parametrize(
    ("table", "why"),
    [
        ("time = 3", "failures: time: must be text, or columns like"),
        ('time = ["a", "a"]', "failures: time: must be text, or columns like"),
        ('time = "t"\nunit = 3', "failures: unit: must be text"),
        ('time = "t"\npart = ["x"]', "failures: part: must be text"),
        ('time = "t"\npart = "p"\nparts = "seal"', "failures: parts: must be a list"),
        ('time = "t"\nfiles = "m.csv"', "failures: files: must be a list"),
    ],
)
def test_a_table_of_failures_says_what_is_wrong_with_it(tmp_path, table, why):
    (tmp_path / "m.csv").write_text("u,t\na,1\n")
    files = "" if "files" in table else 'files = ["m.csv"]\n'

    assert why in refused(tmp_path, "u,t,x\na,1,1\n", f"[failures]\n{files}{table}\n", fails="").cause


def test_failures_as_dates_in_digits_go_with_a_log_of_dates_without_a_zone(tmp_path):
    (tmp_path / "repairs.csv").write_text("when,machine\n20240302,a\n")
    table = '[failures]\nfiles = ["repairs.csv"]\nunit = "machine"\ntime = "when"'

    read = alone(tmp_path, "u,t,x\na,2024-03-01,1\na,2024-03-02,1\n", table, fails="")

    assert read.train[0].fails_at - read.train[0].times[0] == 24.0


def test_the_channels_of_one_file_stay_where_they_were_read(tmp_path, monkeypatch):
    """Of a log of three million rows each copy is a quarter of a gigabyte."""
    from pyarrow import parquet

    hours, names = range(4), ["u", "t", "x", "y"]
    parquet.write_table(pa.table([["a", "a", "b", "b"], hours, hours, hours], names=names), tmp_path / "a.parquet")
    (tmp_path / "t.toml").write_text(
        'files = ["a.parquet"]\nunit = "u"\ntime = "t"\nchannels = ["x", "y"]\nruns_to_failure = true\n'
    )

    tables = []
    monkeypatch.setattr(unit_logs, "read_table", lambda *asked: tables.append(read_table(*asked)) or tables[-1])

    first, second = read_log(read_description(tmp_path / "t.toml")).train

    assert (first.values.tolist(), second.values.tolist()) == ([[0, 0], [1, 1]], [[2, 2], [3, 3]])
    assert all(np.shares_memory(log.values, tables[0].block) for log in (first, second))


def test_naive_timestamps_of_parquet_are_read_from_the_clocks_of_the_zone(tmp_path):
    from pyarrow import parquet

    hours = [datetime(2024, 3, 1, hour) for hour in range(3)]
    table = pa.table({"u": ["a"] * 3, "t": pa.array(hours, pa.timestamp("ms")), "x": [1.0, 2, 3]})
    parquet.write_table(table, tmp_path / "a.parquet")
    (tmp_path / "t.toml").write_text(
        'files = ["a.parquet"]\nunit = "u"\ntime = "t"\ntime_unit = "hours"\nzone = "Europe/Berlin"\n'
        'channels = ["x"]\nruns_to_failure = true\n'
    )

    read = read_log(read_description(tmp_path / "t.toml"))

    begin = datetime(2024, 2, 29, 23, tzinfo=timezone.utc).timestamp() / 3600
    assert read.train[0].times.tolist() == [begin, begin + 1, begin + 2]


def test_times_of_training_as_numbers_beside_those_of_the_test_as_dates_are_refused(tmp_path):
    (tmp_path / "a.csv").write_text("u,t,x\n" + "".join(f"a,{t},1\n" for t in range(1, 5)))
    (tmp_path / "b.csv").write_text("u,t,x\n" + "".join(f"b,2024-03-01T0{t}:00:00,1\n" for t in range(1, 5)))
    (tmp_path / "t.toml").write_text(
        'files = ["a.csv"]\ntest = ["b.csv"]\nunit = "u"\ntime = "t"\ntime_unit = "hours"\nchannels = ["x"]\n'
        "runs_to_failure = true\n"
    )

    with pytest.raises(BadData) as error:
        read_log(read_description(tmp_path / "t.toml"))

    assert "b.csv line 2: t: '2024-03-01T01:00:00' is a time without a zone, unlike '1' (" in error.value.cause


@pytest.mark.parametrize(
    "times",
    [
        ("22:30:00", "23:30:00.5", "49:00:00"),
        ("0 days 22:30:00", "0 days 23:30:00.500000", "2 days 01:00:00"),
        ("22:30:00", "23:30:00,5", "2 days, 1:00:00"),
        ("22:30:00", "23:30:00.5000000", "2.01:00:00"),
        ("PT22H30M", "PT23H30M0.5S", "P2DT1H"),
    ],
)
def test_time_gone_by_may_pass_a_day(tmp_path, times):
    text = "u;t;x\n" + "".join(f"a;{time};1\n" for time in times)

    (unit,) = alone(tmp_path, text).train

    assert unit.times.tolist() == [22.5, 23.5 + 0.5 / 3600, 49.0]


def test_minutes_and_seconds_of_an_unknown_hour_are_refused(tmp_path):
    """Excel saves what it shows: 59:59.9, then 00:00.1."""
    assert "of an hour that is not written" in refused(tmp_path, "u,t,x\na,59:59.9,1\na,00:00.1,1\n").cause


def test_a_unit_behind_a_byte_order_mark_is_that_unit(tmp_path):
    text = "u,t,x\na,1,1\na,2,1\n\ufeffb,1,1\nb,2,1\n"

    assert [(log.unit, len(log.times)) for log in alone(tmp_path, text).train] == [("a", 2), ("b", 2)]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Fri Mar 01 10:00:00 GMT 2024", "Fri Mar 01 12:30:00 GMT+01:00 2024"),  # Java's, as car loggers write them
        ("Fri Mar  1 10:00:00 2024", "Fri Mar  1 11:30:00 2024"),
        ("Fri, 01 Mar 2024 10:00:00 GMT", "Fri, 01 Mar 2024 11:30:00 GMT"),
        ("2024-03-01 10:00:00 UTC", "2024-03-01 11:30:00 UTC"),
        ("01-Mar-24 10:00", "01-Mar-24 11:30"),
        ("Mar 1, 2024 10:00 AM", "March 1, 2024 11:30 AM"),
        ("01/Mar/2024:10:00:00 +0000", "01/Mar/2024:12:30:00 +0100"),
        ("Fri 2024-03-01 10:00", "Friday, 2024-03-01 11:30"),
        ("2024-03-01 10:00:00 +0000 UTC", "2024-03-01 12:30:00 +0100 CET"),
        ("2024-03-01T10:00:00Z[UTC]", "2024-03-01T12:30:00+01:00[Europe/Berlin]"),
        ("2024/03/01-10:00:00", "2024/03/01-11:30:00:000"),
        ("2024\u5e743\u67081\u65e5 10:00", "2024\u5e743\u67081\u65e5 11:30"),
        ("Mar 1, 2024, 10:00\u202fAM", "Mar 1, 2024, 11:30\u202fAM"),
        ("2024-W09-5 10:00", "2024W095T11:30"),
        ("2024-061T10:00:00", "2024:061:11:30:00"),
        ("638448840000000000", "638448894000000000"),
        ("133537608000000000", "133537662000000000"),
        ("3792132000", "3792137400"),
    ],
)
def test_dates_as_other_programs_write_them(tmp_path, first, second):
    (unit,) = alone(tmp_path, f'u,t,x\na,"{first}",1\na,"{second}",2\n').train

    ten = datetime(2024, 3, 1, 10, tzinfo=timezone.utc).timestamp() / 3600
    assert unit.times.tolist() == [ten, ten + 1.5]


@pytest.mark.parametrize(
    ("words", "hours"),
    [
        (("2024-02-29 23:00:00", "2024-02-29 24:00:00", "2024-03-01 01:00:00"), [0, 1, 2]),
        (("2016-12-31T23:59:59Z", "2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"), [0, 0.999 / 3600, 1 / 3600]),
        (("2024-02", "2024-03", "2024-04"), [0, 29 * 24, 60 * 24]),
        (("2024-W01", "2024-W02", "2024-W05"), [0, 168, 672]),
    ],
)
def test_ends_of_days_leap_seconds_months_and_weeks(tmp_path, words, hours):
    (unit,) = alone(tmp_path, "u,t,x\n" + "".join(f"a,{word},1\n" for word in words)).train

    assert np.allclose(unit.times - unit.times[0], hours, atol=1e-9)


@pytest.mark.parametrize(
    "word", ["2024-366 00:00:00 X", "2023-366", "2024-W54-1", "24:00:01", "2024-03-01 24:30:00", "P", "PT"]
)
def test_days_and_times_that_there_are_not_are_refused(tmp_path, word):
    assert f"'{word}'" in refused(tmp_path, f"u,t,x\na,2024-03-01 10:00:00,1\na,{word},1\n").cause


def test_a_time_of_a_named_zone_beside_one_without_is_refused(tmp_path):
    error = refused(tmp_path, "u,t,x\na,2024-03-01 10:00:00 UTC,1\na,2024-03-01 11:00:00,1\n")

    assert "line 3: t: '2024-03-01 11:00:00' is a time without a zone, unlike" in error.cause


@pytest.mark.parametrize(
    ("cells", "values", "said"),
    [
        (("0x0A", "0xff", "0x10"), [10.0, 255.0, 16.0], "hexadecimal numbers"),
        (("\u22124.5", "3", "-1"), [-4.5, 3.0, -1.0], ""),
        (("1.5", "#DIV/0!", "--"), [1.5, np.nan, np.nan], ""),
        (("6.02D+01", "1.5D-02", "7.D+00"), [60.2, 0.015, 7.0], ""),
        (("1.5", "-nan(ind)", "-1.#IND"), [1.5, np.nan, np.nan], ""),
    ],
)
def test_numbers_as_other_programs_write_them(tmp_path, cells, values, said):
    read = alone(tmp_path, "u,t,x\n" + "".join(f"a,{t},{cell}\n" for t, cell in enumerate(cells)))

    assert np.array_equal(read.train[0].values[:, 0], np.float32(values), equal_nan=True)
    assert read.said == ([f"x: taken for {said}"] if said else [])


@pytest.mark.parametrize("cells", [("1,23,060.5", "1,23,061.5"), ("1.2.3", "1.2.4"), ("1 2,3", "1 2,4")])
def test_numbers_of_an_unknown_kind_are_no_words(tmp_path, cells):
    error = refused(tmp_path, "u,t,x\n" + "".join(f'a,{t},"{cell}"\n' for t, cell in enumerate(cells)))

    assert f"x: '{cells[0]}' is not a number" in error.cause


def test_a_day_and_its_hour_in_digits_are_no_seconds_since_1970(tmp_path):
    (log,) = alone(tmp_path, "u,t,x\na,2024030110,1\na,2024030111,2\na,2024030210,2\n").train

    assert np.diff(log.times).tolist() == [1, 23]
    assert in_digits(["2024030110"], "seconds")
    assert not in_digits(["1709287200"], "seconds")


def test_units_and_comments_may_stand_below_the_names(tmp_path):
    read = alone(tmp_path, "u,t,x\n-,h,V\nmachine,time of day,supply\na,1,12\na,2,13\n")

    assert read.train[0].values[:, 0].tolist() == [12.0, 13.0]
    assert read.said == ["log.csv: taken for 2 lines of units below the names left out"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("u,t,x\na,1,1\na,2,1\n\0\0\0\0\n", "power was cut"),
        ("u,t,x\n" + "a,1,1\n" * 300 + "\0\0\0\0\n", "line 302 holds bytes of 0: a logger leaves such"),
        ("u,t,x\na,2024-03-01 10:00 CET,1\n", "ends in letters that mean several zones"),
        ("t,pid,value\n1,x,1\n", r'\[tags\]\n  -> name = "pid"\n  -> value = "value"'),
        ("t,a,b\n1,2,3\n", "pandas' melt"),
        ("a,1,1\na,2,1\n", "begins without the names of its columns"),
        ("<html><table>\n", "looks like HTML or XML"),
        ('"u,t,x"\n"a,1,1"\n', "in quotation marks as a whole"),
        ("u~t~x\na~1~1\n", 'separator = "~"'),
        ('"u", "t", "x"\n"a", "1", "1"\n', "Blanks stand before the quotation marks"),
        ("u,t,x\na,1,1\na,2\n", "the file's last line"),
        ("u,t,x\na,65000,1\na,65535,1\na,3,1\n", "begin anew at 65,536"),
        ("u,t,x\na,1,oops\na,2,3\n", r'missing = \["Bad"\]'),
    ],
)
def test_a_refusal_says_what_it_looks_like_and_what_helps(tmp_path, text, why):
    with pytest.raises(BadData, match=why):
        alone(tmp_path, text)


def test_machines_of_one_name_in_two_files_are_told_what_helps(tmp_path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.csv").write_text("u,t,x\n1,1,1\n1,2,1\n")
    (tmp_path / "t.toml").write_text(
        'files = ["a.csv", "b.csv"]\nunit = "u"\ntime = "t"\nchannels = ["x"]\nruns_to_failure = true\n'
    )

    with pytest.raises(BadData, match="different machines that have the same names"):
        read_log(read_description(tmp_path / "t.toml"))


def test_days_of_the_year_under_hours_are_asked_about(tmp_path):
    read = alone(tmp_path, "u,t,x\na,2024061,1\na,2024062,2\n")

    assert suspect_days(read.train, read.columns) == [
        "t: 2024061 to 2024062 hours. If these are years and their days, write them as 2024-061"
    ]


def test_excels_days_under_hours_are_asked_about(tmp_path):
    text = "u,t,x\n" + "".join(f"a,{45_352 + hour / 24:.6f},1\n" for hour in range(3))

    read = alone(tmp_path, text)

    (asked,) = suspect_days(read.train, read.columns)
    assert 'say time_unit = "days"' in asked
    assert suspect_days(read.train, replace(read.columns, time_unit="days")) == []
