"""Cycles in whatever way they are written are the same cycles; what cannot be told apart is one state, or refused."""

import gzip
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from training.diagnostics.cycles import read_cycles, read_labelled
from training.diagnostics.description import Layout, read_description
from training.diagnostics.states import _numbered, _states
from training.errors import BadData
from training.serve.states import _count_missing

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

ROWS = [
    (n, round(n / 7 + step / 3, 3), step + 1000.5, "ok" if n % 2 else "leaks") for n in range(6) for step in range(5)
]
NAMES = ("c", "x", "y", "pump")
KEYS = 'cycle = "c"\nchannels = ["x", "y"]\nparts = ["pump"]\n'


def lines(separator: str = ",", decimal: str = ".") -> str:
    cells = (
        (str(cell).replace(".", decimal) if isinstance(cell, float) else str(cell) for cell in row) for row in ROWS
    )
    return "\n".join([separator.join(NAMES), *map(separator.join, cells)]) + "\n"


def workbook() -> bytes:
    openpyxl = pytest.importorskip("openpyxl")
    book, out = openpyxl.Workbook(), io.BytesIO()
    for row in (NAMES, *ROWS):
        book.active.append(row)
    book.save(out)
    return out.getvalue()


def as_parquet() -> bytes:
    out = io.BytesIO()
    columns = dict(zip(NAMES, map(pa.array, zip(*ROWS, strict=True)), strict=True))
    parquet.write_table(pa.table({**columns, "pump": columns["pump"].dictionary_encode()}), out)
    return out.getvalue()


WRITTEN = {
    "semicolons and commas": ("log.csv", lambda: lines(";", ",").encode()),
    "UTF-16 and tabs": ("log.txt", lambda: lines("\t").encode("utf-16")),
    "packed": ("log.csv.gz", lambda: gzip.compress(lines().encode())),
    "the header again": ("log.csv", lambda: (lines() + "\ufeff" + ",".join(NAMES) + "\n").encode()),
    "lines of units": ("log.csv", lambda: lines().replace("pump\n", "pump\n,bar,C,\n", 1).encode()),
    "comments above": ("log.csv", lambda: ("# rig 7\n# 2024\n" + lines()).encode()),
    "carriage returns": ("log.csv", lambda: lines().replace("\n", "\r").encode()),
    "Parquet": ("log.parquet", as_parquet),
    "a workbook": ("log.xlsx", workbook),
}


def described(folder: Path, name: str, content: bytes, keys: str = KEYS) -> Path:
    (folder / name).write_bytes(content)
    (folder / "t.toml").write_text(f'files = ["{name}"]\n{keys}')
    return folder / "t.toml"


def read(table: Path):
    description = read_description(table)
    return read_labelled(description, description.places)


@pytest.mark.parametrize("written", WRITTEN)
def test_a_table_of_cycles_is_the_same_in_whatever_way_it_is_written(tmp_path, written):
    name, content = WRITTEN[written]

    cycles, labels = read(described(tmp_path, name, content()))

    plain, told = read(described(tmp_path, "plain.csv", lines().encode()))
    assert (cycles.names, labels) == (plain.names, told)
    for channel, other in zip(cycles.signals, plain.signals, strict=True):
        assert [signal.tobytes() for signal in channel] == [signal.tobytes() for signal in other]


SPELLED = [("1", "1.0", "1.00", "01", "1e0"), ("2", "2.0"), ("0.5", ".5", "0.50"), ("worn",), ("ok",)]
SAID = st.lists(st.sampled_from([(words[0], word) for words in SPELLED for word in words]), min_size=1, max_size=12)


@given(SAID)
def test_a_number_is_one_state_however_its_cells_write_it(said):
    plain, written = [one for one, _ in said], [other for _, other in said]
    if len(set(plain)) < 2:
        with pytest.raises(BadData, match="in one state only"):
            _states("pump", written)
        return

    names = {"pump": _states("pump", written)}

    labels = type("Said", (), {"parts": ("pump",), "states": (written,)})
    as_plain = type("Said", (), {"parts": ("pump",), "states": (plain,)})
    assert len(names["pump"]) == len(set(plain))
    assert _numbered(labels, names).tolist() == _numbered(as_plain, names).tolist()


CELLS = st.one_of(st.none(), st.integers(-99, 99))


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data(), st.integers(1, 6), st.sampled_from([",", ";", "\t"]), st.booleans())
def test_a_sample_that_was_not_measured_is_missing_in_its_own_cycle_and_in_no_other(
    tmp_path, data, cycles, mark, blank
):
    """A file of one sample a cycle has an empty line then, and two such files are cut alike."""
    widths = data.draw(st.lists(st.integers(1, 3), min_size=1, max_size=3), label="samples a cycle")
    whole = [
        data.draw(st.lists(st.lists(CELLS, min_size=w, max_size=w), min_size=cycles, max_size=cycles)) for w in widths
    ]
    assume(all(len(rows[0]) > 1 or rows[0][0] is not None for rows in whole))  # no file begins with an empty line
    for place, rows in enumerate(whole):
        text = "".join(mark.join("" if cell is None else str(cell) for cell in row) + "\n" for row in rows)
        (tmp_path / f"{place}.csv").write_text(text + "\n" * (blank and len(rows[0]) > 1))
    names = tuple(f"{place}.csv" for place in range(len(whole)))

    found = read_cycles(Layout(channels=names, channel_files=names, separator=mark), [tmp_path])

    wanted = [[[np.nan if cell is None else cell for cell in row] for row in rows] for rows in whole]
    if len(set(map(len, wanted))) == 1 and len(found) < cycles:  # of files of one sample the last lines were all empty
        assert all(np.isnan(row).all() for rows in wanted for row in rows[len(found) :])
    for channel, rows in zip(found.signals, wanted, strict=True):
        assert np.array_equal(np.array(channel), np.float32(rows)[: len(found)], equal_nan=True)


@given(st.lists(st.sampled_from(["1.5", "-999", "-999.0", "-9.99e2", "off", "OFF", ""]), min_size=1, max_size=6))
@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_listed_as_missing_is_not_measured_in_rows_and_in_tables(tmp_path, cells):
    wanted = np.float32([1.5 if cell == "1.5" else np.nan for cell in cells])
    (tmp_path / "x.csv").write_text(",".join(["0", *cells]) + "\n")
    (tmp_path / "log.csv").write_text("c,x\n" + "".join(f"1,{cell}\n" for cell in ["0", *cells]))

    row = Layout(channels=("x",), channel_files=("x.csv",), missing=("-999", "off"))
    table = Layout(channels=("x",), cycle="c", missing=("-999", "off"))

    for layout, place in ((row, tmp_path), (table, tmp_path / "log.csv")):
        assert np.array_equal(read_cycles(layout, [place]).signals[0][0][1:], wanted, equal_nan=True)


def wide(folder: Path, x: str, states: str, more: str = "") -> Path:
    (folder / "x.csv").write_text(x)
    (folder / "s.csv").write_text(states)
    (folder / "t.toml").write_text(f'states = "s.csv"\nparts = ["a"]\n{more}[channels]\nx = "x.csv"\n')
    return folder / "t.toml"


@pytest.mark.parametrize(
    ("x", "states", "why"),
    [
        ("1,2\n3\n", "a\n1\n2\n", r"x.csv line 2: 1 cells, but the first row has 2"),
        ("1,2\n3,4\n", "a,b\n1,0\n2\n", r"s.csv line 3: 1 cells, but the first row has 2"),
        ("1,2\n3,1_000\n", "a\n1\n2\n", r"x.csv line 2 column 2: '1_000' is not a number"),
        ("1,2\n\n3,x\n", "a\n1\n2\n", r"x.csv line 3 column 2: 'x' is not a number"),
        ("1,2\n3,4\n", "a,a\n1,0\n2,0\n", "column 'a' is there twice"),
        ("1,2\n3,4\n", "a\n1\n\n2\n", "has 3 rows, but there are 2 cycles"),
        ("PAR1", "a\n1\n", "x.csv is Parquet"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_files_of_rows_is_named(tmp_path, x, states, why):
    with pytest.raises(BadData, match=why):
        read(wide(tmp_path, x, states))


def test_a_cycle_of_no_group_is_refused_and_not_put_with_others_of_none(tmp_path):
    with pytest.raises(BadData, match="m: 2 of 3 cycles name no group, cycle '1' first"):
        read(wide(tmp_path, "1,2\n3,4\n5,6\n", "a,m\n1,\n2,R2\n1,\n", 'group = "m"\n'))


def test_channels_that_measured_nothing_in_a_cycle_are_counted(tmp_path):
    cycles, _ = read(described(tmp_path, "log.csv", b"c,x,y,pump\n1,1,,a\n1,2,,a\n2,,,b\n3,1,1,b\n"))

    assert _count_missing(cycles) == [1, 2, 0]
