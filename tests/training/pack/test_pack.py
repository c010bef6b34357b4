"""A log packed: the same units as read at once, in constant memory, whatever kills it on the way."""

import hashlib
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from training.console import Console
from training.errors import BadData, BadInput
from training.pack import buckets, layout, plan
from training.pack.main import main
from training.pack.pack import one_by_one, pack
from training.pack.reading import is_packed, open_pack
from training.prognostics.log_schema import read_description
from training.prognostics.read_log import read_log
from training.prognostics.scaling import fit_scaling, scaling_from
from training.prognostics.windows import UnitLog

TOML = """
files = ["log*.csv"]
test = ["test*.csv"]
unit = "u"
time = "t"
channels = ["x", "mode", "t"]
conditions = ["gear"]
fails_at = "f"
"""


def write_fleet(folder: Path, *, months: int = 3, units: int = 7, seed: int = 0) -> Path:
    """Units whose rows are mixed and spread over files, some with gaps, some failed, two of them under test."""
    random = np.random.RandomState(seed)
    folder.mkdir(parents=True, exist_ok=True)
    lasting = {f"M{unit}": random.choice(["", str(months * 8 + unit)]) for unit in range(units)}
    for kind, names in (("log", list(lasting)), ("test", ["T0", "T1"])):
        for month in range(months):
            rows = [
                f"{name},{month * 10 + t},{random.choice(['', f'{random.rand():.3f}'])},"
                f"{random.choice(['eco', 'sport', 'off'][: month + 2])},{random.randint(3)},{lasting.get(name, '999')}"
                for t in range(10)
                for name in names
            ]
            (folder / f"{kind}{month}.csv").write_text("\n".join(["u,t,x,mode,gear,f", *rows]) + "\n")
    (folder / "fleet.toml").write_text(TOML)
    return folder / "fleet.toml"


def packed(table: Path, folder: Path) -> Path:
    pack(read_description(table), folder, table.read_text(), one_by_one, Console(io.StringIO()))
    return folder


@pytest.fixture
def in_small_pieces(monkeypatch):
    """Several tasks and buckets also of a small log."""
    monkeypatch.setattr(plan, "ROWS_IN_BUCKET", 40)
    monkeypatch.setattr(plan, "TASK_BYTES", 1500)
    monkeypatch.setattr(buckets, "ROWS_AT_ONCE", 25)


def shown(log: UnitLog) -> tuple:
    return (
        log.unit,
        log.machine,
        log.times.tolist(),
        log.values.tobytes(),
        log.conditions.tobytes(),
        str(log.fails_at),
    )


def tree(folder: Path) -> dict[str, str]:
    files = [file for file in sorted(folder.rglob("*")) if file.is_file()]
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


@settings(deadline=None, max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(1, 4), st.integers(2, 9), st.integers(0, 99))
def test_a_packed_log_holds_the_units_that_reading_it_gives_in_the_same_order(
    tmp_path, in_small_pieces, months, units, seed
):
    shutil.rmtree(tmp_path)
    table = write_fleet(tmp_path / "fleet", months=months, units=units, seed=seed)
    whole = read_log(read_description(table))

    kept = open_pack(packed(table, tmp_path / "packed"))
    found = {
        (log.unit, life.split): log for life in kept.lives for log in kept.logs(life.shard) if log.unit == life.unit
    }

    for split, logs in (("train", whole.train), ("test", whole.test)):
        mine = [found[life.unit, split] for life in kept.lives if life.split == split]
        assert list(map(shown, mine)) == list(map(shown, logs))
    assert kept.columns == whole.columns


def test_the_scaling_of_some_units_needs_none_of_their_rows_and_is_the_same_to_the_bit(tmp_path, in_small_pieces):
    table = write_fleet(tmp_path / "fleet", units=9)
    logs = read_log(read_description(table)).train
    kept = open_pack(packed(table, tmp_path / "packed"))
    chosen = [1, 2, 5, 8]

    from_index = scaling_from(kept.statistics([kept.lives[number] for number in chosen]))

    assert from_index.as_json() == fit_scaling([logs[number] for number in chosen]).as_json()


class Killed(BaseException):
    pass


def test_killed_at_any_write_it_goes_on_and_ends_with_the_same_bytes(tmp_path, in_small_pieces, monkeypatch):
    table = write_fleet(tmp_path / "fleet", months=2, units=4)
    unbroken = tree(packed(table, tmp_path / "unbroken"))
    real, moments = Path.replace, 0

    while True:
        folder, written = tmp_path / f"killed{moments}", 0

        def dies(self, target, at=moments):
            nonlocal written
            written += 1
            if written > at:
                raise Killed
            return real(self, target)

        monkeypatch.setattr(Path, "replace", dies)
        try:
            packed(table, folder)
        except Killed:
            monkeypatch.setattr(Path, "replace", real)
            assert not folder.exists() or not (folder / layout.INDEX).exists()
            assert tree(packed(table, folder)) == unbroken
            moments += 1
            continue
        break
    assert moments > 8


def test_killed_while_it_clears_up_it_is_whole_and_cleared_the_next_time(tmp_path):
    table = write_fleet(tmp_path / "fleet")
    folder = packed(table, tmp_path / "packed")
    before = tree(folder)
    (folder / layout.UNFINISHED).mkdir()
    (folder / layout.UNFINISHED / "rest").touch()

    packed(table, folder)

    assert tree(folder) == before


def test_what_was_begun_from_other_files_is_not_gone_on_with(tmp_path, monkeypatch):
    table = write_fleet(tmp_path / "fleet")
    monkeypatch.setattr("training.pack.pack._make_shards", lambda *_: (_ for _ in ()).throw(Killed))
    with pytest.raises(Killed):
        packed(table, tmp_path / "packed")

    with (tmp_path / "fleet" / "log0.csv").open("a") as file:
        file.write("M0,99,1,eco,1,\n")

    with pytest.raises(BadData, match="was begun from other files"):
        packed(table, tmp_path / "packed")
    with pytest.raises(BadData, match="is not packed to its end"):
        is_packed(tmp_path / "packed")


@pytest.mark.parametrize("changed", ["log0.csv", "fleet.toml"])
def test_a_whole_pack_is_not_taken_for_that_of_a_log_that_has_changed_since(tmp_path, changed):
    table = write_fleet(tmp_path / "fleet")
    packed(table, tmp_path / "packed")

    with (table.parent / (changed if changed.endswith(".csv") else table.name)).open("a") as file:
        file.write("M0,99,1,eco,1,\n" if changed.endswith(".csv") else "# another\n")

    with pytest.raises(BadData, match="was packed from other files"):
        packed(table, tmp_path / "packed")


def test_a_pack_of_another_version_is_refused(tmp_path):
    folder = packed(write_fleet(tmp_path / "fleet"), tmp_path / "packed")
    index = json.loads((folder / layout.INDEX).read_text())
    layout.put_json(folder / layout.INDEX, {**index, "format": 2})

    with pytest.raises(BadData, match="packed by another version"):
        open_pack(folder)


def causes_of_refusal(table, into):
    """Why a log is refused: when it is read at once, and when it is packed."""
    causes = []
    for attempt in (lambda: read_log(read_description(table)), lambda: packed(table, into)):
        with pytest.raises(BadData) as caught:
            attempt()
        causes.append(caught.value.cause)
    return causes


def test_wrong_cells_of_all_files_are_named_as_when_the_log_is_read_at_once(tmp_path, in_small_pieces):
    table = write_fleet(tmp_path / "fleet")
    for number in (0, 2):
        file = tmp_path / "fleet" / f"log{number}.csv"
        file.write_text(file.read_text().replace("M1,", "M1,x", 2))
    causes = causes_of_refusal(table, tmp_path / "packed")

    assert causes[0] == causes[1]
    assert "log0.csv line 3: t: 'x0' is neither a number nor a date" in causes[0]


def test_time_that_does_not_rise_is_named_by_the_lines_of_its_file(tmp_path, in_small_pieces):
    table = write_fleet(tmp_path / "fleet")
    file = tmp_path / "fleet" / "log1.csv"
    file.write_text(file.read_text().replace("M2,13,", "M2,12,"))
    causes = causes_of_refusal(table, tmp_path / "packed")

    assert causes[0] == causes[1]
    assert "time 12 of unit 'M2' does not come after 12 (line " in causes[0]


def test_a_shard_that_was_changed_is_named(tmp_path):
    folder = packed(write_fleet(tmp_path / "fleet"), tmp_path / "packed")
    shard = next((folder / layout.SHARDS).iterdir())
    shard.write_bytes(shard.read_bytes()[:-40] + bytes(40))

    with pytest.raises(BadData, match=f"{shard.name} is damaged"):
        open_pack(folder).check()


def test_the_command_line_packs_and_a_second_time_has_nothing_to_do(tmp_path, capsys):
    table = write_fleet(tmp_path / "fleet")

    assert main([str(table), str(tmp_path / "packed")]) == 0
    first = capsys.readouterr().out.splitlines()
    assert main([str(table), str(tmp_path / "packed")]) == 0

    assert first[-1] == f"[100%] packed into {tmp_path / 'packed'}: 262 rows"
    assert capsys.readouterr().out == f"{tmp_path / 'packed'} is whole: nothing is left to do\n"


@pytest.mark.exhaustive
def test_two_processes_side_by_side_make_the_same_bytes(tmp_path):
    pytest.importorskip("distributed", reason="optional: Dask")
    table = write_fleet(tmp_path / "fleet")
    alone = tree(packed(table, tmp_path / "alone"))

    assert main(["--workers", "2", str(table), str(tmp_path / "together")]) == 0

    assert tree(tmp_path / "together") == alone


def test_training_takes_a_packed_folder_as_it_takes_the_description(tmp_path, in_small_pieces):
    pytest.importorskip("training.compat", reason="MXNet is not installed")
    from training.config import parse
    from training.jobs import sensors

    table = write_fleet(tmp_path / "fleet", months=4, units=12)
    folder = packed(table, tmp_path / "packed")
    described, streamed = (
        sensors.data(parse(sensors.Config, [f"table={given}", "horizon=5", "window=7"])) for given in (table, folder)
    )

    assert streamed.identity() == described.identity()
    assert json.dumps(streamed.keep["scaling"]) == json.dumps(described.keep["scaling"])
    for name in ("train", "valid", "test"):
        mine, theirs = getattr(streamed, name), getattr(described, name)
        assert np.array_equal(np.asarray(mine.X), np.asarray(theirs.X))
        assert np.array_equal(mine.y, theirs.y)


@pytest.mark.parametrize(
    ("files", "out", "refused"),
    [
        ('"logs"', "logs/packed", True),
        ('"logs/**/*.parquet", "logs/log0.csv"', "logs/packed", True),
        ('"logs/*/*.parquet", "logs/log0.csv"', "logs/packed", True),
        ('"logs/*.csv"', "logs/packed", False),
        ('"logs"', "packed", False),
    ],
)
def test_a_pack_within_the_logs_own_folder_is_refused_the_first_time(tmp_path, capsys, files, out, refused):
    (tmp_path / "logs" / "old").mkdir(parents=True)
    rows = "machine,hour,heat\n" + "".join(f"M{unit},{hour},{hour}\n" for unit in range(3) for hour in range(9))
    (tmp_path / "logs" / "log0.csv").write_text(rows)
    arrow = pytest.importorskip("pyarrow.csv")
    later = tmp_path / "later.csv"
    later.write_text(rows.replace("M", "N"))
    parquet.write_table(arrow.read_csv(later), tmp_path / "logs" / "old" / "x.parquet")
    (tmp_path / "fleet.toml").write_text(
        f'files = [{files}]\nunit = "machine"\ntime = "hour"\nchannels = ["heat"]\nruns_to_failure = true\n'
    )
    words = [str(tmp_path / "fleet.toml"), str(tmp_path / out)]

    if refused:
        with pytest.raises(BadData, match="is in the log's own files"):
            main(words)
        assert not (tmp_path / out).exists()
    else:
        assert main(words) == main(words) == 0


def test_a_pack_is_not_written_into_a_bucket(tmp_path):
    with pytest.raises(BadInput, match="a log is packed into a folder here"):
        main([str(tmp_path / "fleet.toml"), "s3://bucket/packed"])
