"""Files whose names say whose they are and when they were written, and files that are one measurement each."""

import io
import re
import subprocess
import sys
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from training.console import Console
from training.errors import BadData, BadInput
from training.pack.pack import one_by_one, pack
from training.pack.reading import open_pack
from training.prognostics.columns import Columns
from training.prognostics.dates import date_in
from training.prognostics.file_names import find_words, path_problems
from training.prognostics.log_schema import read_description
from training.prognostics.measurements import Samples
from training.prognostics.read_log import Log, read_log
from training.prognostics.windows import UnitLog
from training.serve.body import CSV, BadBody, Body, read_body
from training.serve.logs import list_logs
from training.serve.rows import cells_of, read_arriving
from training.serve.tail import Piece
from training.serve.whole_file import read_columns, read_made, whole_dialect

PROJECT = Path(__file__).parents[3]
SHOWN = re.search(r'```\n(files = \["rig\*/\*"\].*?)```', (PROJECT / "docs" / "sensors.md").read_text(), re.DOTALL)


@pytest.mark.parametrize(
    ("file", "pattern", "expected"),
    [
        ("/data/1st_test/2003.10.22.12.06.24", "{rig}/{time}", {"rig": "1st_test", "time": "2003.10.22.12.06.24"}),
        ("/d/Bearing1_1/acc_00001.csv", "{b}/acc_{n}", {"b": "Bearing1_1", "n": "00001"}),
        ("/d/Bearing1_1/acc_00001.csv.gz", "{b}/acc_{n}", {"b": "Bearing1_1", "n": "00001"}),
        ("/d/35Hz12kN/Bearing1_1/7.csv", "{load}/{b}/{n}.csv", {"load": "35Hz12kN", "b": "Bearing1_1", "n": "7"}),
        ("/d/engine=5/year=2024/part-0.parquet", "engine={engine}/*/*", {"engine": "5"}),
        ("/d/FD001_unit3.csv", "FD001_unit{unit}", {"unit": "3"}),
        ("/d/log (7).csv", "log ({n})", {"n": "7"}),
        ("/d/other.csv", "FD001_unit{unit}", None),
        ("x.csv", "{unit}/{day}/{hour}/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}", None),
    ],
)
def test_the_places_of_a_pattern_are_what_stands_there(file, pattern, expected):
    assert find_words(Path(file), pattern) == expected


@settings(deadline=None, max_examples=60)
@given(st.lists(st.text("ab1_-.", min_size=1, max_size=6), min_size=2, max_size=3), st.sampled_from("_-."))
def test_a_name_that_can_be_read_in_two_ways_is_never_read_in_one_of_them(words, mark):
    pattern, name = mark.join(f"{{p{n}}}" for n in range(len(words))), mark.join(words)
    cuts = [at for at, letter in enumerate(name) if letter == mark]
    ways = [
        one for one in combinations(cuts, len(words) - 1)
        if all(end - begin > 1 for begin, end in pairwise([-1, *one, len(name)]))
    ]  # fmt: skip

    if len(ways) > 1:
        with pytest.raises(BadData, match="can be read in two ways"):
            find_words(Path("/d") / f"{name}.csv", pattern)
    else:
        found = find_words(Path("/d") / f"{name}.csv", pattern)
        assert found is not None
        assert list(found.values()) == words


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("unit.csv", "has no place"),
        ("{a}{b}", "between two places there must be a letter"),
        ("{a}/{a}", "one place is named twice"),
        ("{a", "each place is a name between braces"),
        ("{}/x", "each place is a name between braces"),
        ("/data/{a}", "is the end of each file's path"),
        ("../{a}", "is the end of each file's path"),
    ],
)
def test_a_pattern_that_cannot_be_is_said(pattern, why):
    assert any(why in problem for problem in path_problems(pattern))


@pytest.mark.parametrize(
    "written",
    ["2003.10.22.12.06.24", "2003-10-22_12-06-24", "2003_10_22_12_06_24", "2003-10-22T12-06-24", "2003-10-22 12h06m24",
     "2003.10.22.120624", "2003-10-22T120624"],
)  # fmt: skip
def test_a_time_is_read_as_file_names_have_it(written):
    assert date_in(written, "").isoformat() == "2003-10-22T12:06:24"


# -- measurements --------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10**6), st.lists(st.integers(0, 40), min_size=1, max_size=4), st.sampled_from([0.0, 1e4]))
def test_samples_tell_what_numpy_says_of_all_of_them_however_they_come_in_pieces(seed, sizes, level):
    random = np.random.RandomState(seed)
    values = level + random.standard_normal((2, sum(sizes) + 5))
    values[random.rand(*values.shape) < 0.2] = np.nan
    values[1, :-1] = np.nan  # of one channel a single value, or none
    ends = np.cumsum([*sizes, 5])

    pieces = [Samples.of(values[:, end - size : end]) for end, size in zip(ends, [*sizes, 5], strict=True) if size]
    whole = pieces[0]
    for piece in pieces[1:]:
        whole = whole.and_then(piece)
    told = whole.tell()

    for place, channel in enumerate(values):
        known = channel[~np.isnan(channel)]
        assert np.isnan(told["mean"][place]) == (not len(known))
        if len(known):
            off = known - known.mean()
            expected = [known.mean(), known.std(), known.min(), known.max(), np.sqrt(np.mean(known**2))]
            names = ("mean", "spread", "min", "max", "rms")
            assert np.allclose([told[name][place] for name in names], expected, rtol=1e-9, atol=1e-9)
        if len(known) > 1:
            assert np.isclose(told["kurtosis"][place], np.mean(off**4) / np.mean(off**2) ** 2, rtol=1e-6)
        else:
            assert np.isnan(told["kurtosis"][place])


@pytest.fixture(scope="module")
def rig(tmp_path_factory):
    """The folder of the page's example, a few files of each run, and its description."""
    folder = tmp_path_factory.mktemp("rig")
    subprocess.run([sys.executable, PROJECT / "docs/examples/bearings.py", folder], check=True)
    for run in folder.iterdir():
        for file in sorted(run.iterdir())[:-8]:
            file.unlink()
    assert SHOWN is not None
    (folder / "bearings.toml").write_text(SHOWN[1])
    return folder


@pytest.fixture(scope="module")
def rig_log(rig):
    return read_log(read_description(rig / "bearings.toml"))


def shown(logs: list[UnitLog]) -> list[tuple]:
    return [(log.unit, log.times.tolist(), log.values.tobytes(), log.fails_at) for log in logs]


def test_a_folder_of_measurements_is_a_row_for_each_file(rig, rig_log):
    log = rig_log

    assert [one.unit for one in log.train] == [f"rig{number:02}" for number in range(1, 13)]
    assert [one.unit for one in log.test] == [f"later{number:02}" for number in range(13, 17)]
    assert {len(one.times) for one in log.train} == {8}
    assert np.allclose(np.diff(log.train[0].times), 10.0)
    assert log.train[0].fails_at == log.train[0].times[-1]
    file = sorted((rig / "rig01").iterdir())[2]
    x = np.loadtxt(file)[:, 0]
    mean, spread, low, high, rms = log.train[0].values[2, :5]
    assert np.allclose([mean, spread, low, high, rms], [x.mean(), x.std(), x.min(), x.max(), np.sqrt((x**2).mean())])
    assert log.columns.features[:6] == tuple(
        f"horizontal {what}" for what in ("mean", "spread", "min", "max", "rms", "kurtosis")
    )
    assert "units with rows in several files, put together: 12" in log.said
    assert any(line.startswith('step = "file": 128 files are one measurement each') for line in log.said)


def test_pack_and_service_make_the_same_rows_of_the_files_to_the_bit(rig, rig_log, tmp_path):
    table, whole = rig / "bearings.toml", rig_log

    pack(read_description(table), tmp_path / "packed", table.read_text(), one_by_one, Console(io.StringIO()))
    kept = open_pack(tmp_path / "packed").whole()
    columns = Columns.from_json(whole.columns.as_json())  # as a run keeps it
    files = list_logs([str(rig / "rig03")], columns, follow_it=False)
    arrived = [one for file in files for one in read_made(Path(file), columns)]

    assert shown(kept.train) == shown(whole.train)
    assert kept.columns == whole.columns
    assert np.concatenate([one.rows.values for one in arrived]).tobytes() == whole.train[2].values.tobytes()
    assert [one.rows.times[0] for one in arrived] == whole.train[2].times.tolist()
    assert {one.rows.units[0] for one in arrived} == {"rig03"}
    assert arrived[0].times == [Path(files[0]).name]


def test_a_run_of_measurements_takes_no_rows_of_a_pipe(rig_log):
    with pytest.raises(BadInput, match="makes its rows of whole files"):
        list_logs(["-"], rig_log.columns, follow_it=False)


def test_a_request_of_samples_is_told_what_a_request_holds(rig_log):
    body = Body(b"rig,written,horizontal,vertical\nrig01,2024.03.01.10.00.00,0.1,0.2\n", CSV)

    with pytest.raises(BadBody) as refused:
        read_body(body, rig_log.columns)

    assert refused.value.hint.startswith("This run makes its rows of files, whose rows are samples of a measurement.")
    assert "A request holds made rows: rig, written, horizontal mean, horizontal spread," in refused.value.hint


# -- names ---------------------------------------------------------------------------------------------------------


def described(folder: Path, **keys: object) -> Log:
    toml = {"time": "t", "channels": ["temp"], "unit": "unit", "runs_to_failure": True} | keys
    lines = [f"{key} = {str(value).lower() if value is True else repr(value)}" for key, value in toml.items()]
    (folder / "log.toml").write_text("\n".join(lines))
    return read_log(read_description(folder / "log.toml"))


ROWS = "t,temp\n1,20\n2,21\n3,23\n"


def test_the_unit_stands_in_a_folder_and_its_rows_in_several_files(tmp_path):
    for unit in ("unit_9", "unit_10"):
        (tmp_path / unit).mkdir()
        (tmp_path / unit / "a.csv").write_text(ROWS)
        (tmp_path / unit / "b.csv").write_text("t,temp\n4,25\n")

    log = described(tmp_path, files=["unit_*/*"], path="unit_{unit}/*")

    assert [(one.unit, one.values[:, 0].tolist()) for one in log.train] == [
        ("10", [20, 21, 23, 25]),
        ("9", [20, 21, 23, 25]),
    ]


def test_folders_as_hive_writes_them_hold_the_unit_and_a_condition(tmp_path):
    for engine in (5, 6):
        folder = tmp_path / f"engine={engine}" / "gear=2"
        folder.mkdir(parents=True)
        parquet.write_table(pa.table({"t": [1, 2, 3], "temp": [20.0, 21.0, 22.5]}), folder / "part-0.parquet")

    log = described(
        tmp_path, files=["engine=*"], unit="engine", path="engine={engine}/gear={gear}/*", conditions=["gear"]
    )

    assert [(one.unit, one.conditions.tolist()) for one in log.train] == [("5", [[2]] * 3), ("6", [[2]] * 3)]


def test_the_day_of_a_file_is_the_time_of_all_its_machines(tmp_path):
    for day in ("2024-02-29", "2024-03-01"):
        (tmp_path / f"{day}.csv").write_text("unit,temp\nA,1\nB,2\n")

    log = described(tmp_path, files=["2024*"], path="{day}", time="day", time_unit="days")

    assert [(one.unit, np.diff(one.times).tolist()) for one in log.train] == [("A", [1.0]), ("B", [1.0])]


def test_a_file_without_names_for_its_columns_may_be_named_by_the_description_and_read_alike_in_service(tmp_path):
    for unit in (3, 4):
        (tmp_path / f"FD_unit{unit}.csv").write_text("1,20,x\n2,21,x\n3,23,x\n")

    log = described(tmp_path, files=["*.csv"], path="FD_unit{unit}", header=["t", "temp", ""])
    file = tmp_path / "FD_unit4.csv"
    dialect = whole_dialect(file, log.columns)
    by_column = list(read_columns(file, dialect, log.columns, pytest.fail))
    pieces = [Piece(file.read_text().splitlines(), 1)]
    by_line = list(
        read_arriving(cells_of(pieces, log.columns, file=str(file), say=pytest.fail), log.columns, file=str(file),
                      say=pytest.fail)
    )  # fmt: skip

    for (arrived,) in (by_column, by_line):
        assert arrived.rows.units == ["4"] * 3
        assert arrived.rows.values.tolist() == log.train[1].values.tolist()
        assert arrived.times == ["1", "2", "3"]


def test_in_service_a_file_of_another_name_is_refused_with_the_pattern(tmp_path):
    for name in ("FD_unit3.csv", "FD_unit4.csv", "other.csv"):
        (tmp_path / name).write_text(ROWS)
    columns = described(tmp_path, files=["FD*.csv"], path="FD_unit{unit}").columns
    file = tmp_path / "other.csv"
    pieces = [Piece(ROWS.splitlines(), 1)]

    with pytest.raises(BadData, match=re.escape('its path is not like path = "FD_unit{unit}"')):
        list(read_arriving(cells_of(pieces, columns, file=str(file), say=pytest.fail), columns, file=str(file),
                           say=pytest.fail))  # fmt: skip


def test_rows_of_a_pipe_say_themselves_what_would_stand_in_a_path(tmp_path, monkeypatch):
    (tmp_path / "FD_unit3.csv").write_text("1,20\n2,21\n")
    (tmp_path / "FD_unit4.csv").write_text("1,20\n2,22\n")
    columns = described(tmp_path, files=["*.csv"], path="FD_unit{unit}", header=["t", "temp"]).columns.in_no_file
    monkeypatch.chdir(tmp_path)

    pieces = [Piece(["unit,t,temp", "7,1,20"], 1)]
    (arrived,) = read_arriving(cells_of(pieces, columns, file="FD_unit9", say=pytest.fail), columns, file="FD_unit9",
                               say=pytest.fail)  # fmt: skip

    assert arrived.rows.units == ["7"]


REFUSED = {
    "two ways": (
        {"a_b_c.csv": ROWS},
        {"path": "{unit}_{x}", "conditions": ["x"]},
        "can be read in two ways: a, b_c; or a_b, c",
    ),
    "another name": ({"a.csv": ROWS}, {"path": "unit{unit}"}, 'its path is not like path = "unit{unit}"'),
    "a column, too": (
        {"3.csv": "unit," + ROWS.replace("\n", "\nA,", 3)},
        {"path": "{unit}"},
        "stands in its path, and",
    ),
    "not taken": ({"3.csv": ROWS}, {"path": "{unit}", "unit": "t2"}, "path: nothing takes {unit}"),
    "no unit": ({"3.csv": ROWS}, {"path": "{t}", "unit": ""}, "each file has a time of its own"),
    "one time": ({"A/3.csv": "temp\n1\n2\n"}, {"path": "{unit}/{t}"}, "time 3 of unit 'A' does not come after 3"),
    "narrow": (
        {"3.csv": "1,2,3\n1,2,4\n"},
        {"path": "{unit}", "header": ["t", "temp"]},
        "its rows have 3 cells, and header",
    ),
    "named": (
        {"3.csv": ROWS},
        {"path": "{unit}", "header": ["time", "heat"]},
        "line 1 names the columns itself: t, temp",
    ),
    "text": (
        {"A/3.csv": "temp\neco\nsport\n"},
        {"path": "{unit}/{t}", "step": "file"},
        "temp: holds text, and of a measurement",
    ),
    "a word for a time": (
        {"A/soon.csv": "temp\n1\n2\n"},
        {"path": "{unit}/{t}", "step": "file"},
        "'soon' is neither a",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_a_path_does_not_say_for_sure_is_refused(tmp_path, kind):
    files, keys, why = REFUSED[kind]
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)

    with pytest.raises(BadData) as refused:
        described(tmp_path, files=["**/*.csv"], **keys)

    assert why in refused.value.cause
    if kind == "one time":
        assert 'step = "file"' in refused.value.hint


BARE = "0.1\t0.2\n0.3\t0.4\n"
SUGGESTED = {
    "bearing rigs": (
        ["test1/2003.10.22.12.06.24", "test1/2003.10.22.12.16.24"],
        BARE,
        'path = "{unit}/{t}"; header = ["c1", "c2"] (names for 2)',
    ),
    "accelerometers": (
        ["B1/acc_00001.csv", "B2/acc_00001.csv"],
        BARE,
        'path = "{unit}/acc_{t}"; header = ["c1", "c2"]',
    ),
    "hive": (["unit=5/part-0.csv", "unit=6/part-1.csv"], ROWS, 'path = "unit={unit}/*"'),
    "hive below another": (["unit=5/y=1/p.csv", "unit=6/y=2/p.csv"], ROWS, 'path = "unit={unit}/*/*"'),
    "numbered units": (["FD001_unit3.csv", "FD001_unit4.csv"], ROWS, 'path = "FD001_unit{unit}"'),
    "folders of days": (["u3/2024-03-01.csv", "u4/2024-03-01.csv"], ROWS, 'path = "{unit}/*"'),
    "a word behind the time": (
        ["u3/2024-03-01_raw.csv", "u4/2024-03-01_raw.csv"],
        "temp\n1\n",
        'path = "{unit}/{t}_raw"',
    ),
    "folders of times": (
        ["u3/20240301_1200/vib.csv", "u4/20240301_1210/vib.csv"],
        "temp\n1\n",
        'path = "{unit}/{t}/*"',
    ),
    "unit and day": (["u3_2024-03-01.csv", "u4_2024-03-02.csv"], "temp\n1\n", 'path = "{unit}_{t}"'),
}


@pytest.mark.parametrize("kind", SUGGESTED)
def test_where_names_show_what_no_file_has_the_line_to_add_is_said_and_works(tmp_path, kind):
    names, text, line = SUGGESTED[kind]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    files = [names[0].replace(names[0], "*/" * names[0].count("/") + "*")] if "/" in names[0] else ["*_*"]

    with pytest.raises(BadData) as refused:
        described(tmp_path, files=files)

    assert f"add to the TOML: {line}" in refused.value.hint
    assert ("samples of one measurement" in refused.value.hint) == ("{t}" in line)
    with pytest.raises(BadData) as refused:
        described(tmp_path, files=files, step="file")
    assert "samples of one measurement" not in refused.value.hint
    keys = dict(part.split(" = ", 1) for part in line.removesuffix(" (names for 2)").split("; "))
    as_said: dict[str, object] = {"time_unit": "days", "path": keys["path"].strip('"')} | (
        {"header": ["c1", "c2"], "channels": ["c1"], "step": "file", "time_unit": "minutes"} if "header" in keys else {}
    )
    units = {"B1", "B2"} if kind == "accelerometers" else {"test1"} if kind == "bearing rigs" else None
    found = {one.unit for one in described(tmp_path, files=files, **as_said).train}
    assert found == units or (units is None and len(found) == 2)


@pytest.mark.parametrize("name", ["north.csv", "01.03 12.10.csv", "run-7-of-12-3.csv"])
def test_names_that_show_nothing_for_sure_get_no_advice(tmp_path, name):
    (tmp_path / name).write_text("temp\n1\n2\n")

    with pytest.raises(BadData) as refused:
        described(tmp_path, files=[name])

    assert "path" not in refused.value.hint


def test_a_folder_whose_files_end_like_no_log_says_how_to_take_them_all(tmp_path):
    (tmp_path / "test1").mkdir()
    (tmp_path / "test1" / "2003.10.22.12.06.24").write_text(BARE)

    with pytest.raises(BadData, match=re.escape('"test1/*" takes every file')):
        described(tmp_path, files=["test1"])


def test_files_are_forecast_in_the_order_of_their_times_and_numbers(tmp_path):
    columns = Columns(time="n", channels=("x",), unit="u", path="{u}/{n}").told
    for name in ("a/10.csv", "a/9.csv", "b/1.csv", "b/0²1.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()

    found = list_logs([str(tmp_path)], columns, follow_it=False)

    assert [Path(file).name for file in found] == ["0²1.csv", "1.csv", "9.csv", "10.csv"]


def test_a_folder_without_a_log_is_said(tmp_path):
    (tmp_path / "a").mkdir()

    for columns, wanted in (
        (Columns(time="t", channels=()), "log (.csv"),
        (Columns(time="t", channels=(), path="u{t}"), "u{t}"),
    ):
        with pytest.raises(BadInput, match=re.escape(wanted)):
            list_logs([str(tmp_path)], columns, follow_it=False)


def test_a_time_in_a_path_that_is_none_is_said_once_for_its_file(tmp_path):
    for name in ("u1_noon.csv", "u1_3.csv"):
        (tmp_path / name).write_text("temp\n" + "1\n" * 9)

    with pytest.raises(BadData) as refused:
        described(tmp_path, files=["u1_*"], path="{unit}_{t}", step="file")

    (line,) = refused.value.cause.splitlines()
    assert "u1_noon.csv line 2: t: 'noon' is neither a number nor a date" in line
    assert refused.value.hint == "It stands in the file's path: give the file another name, or path another pattern."
