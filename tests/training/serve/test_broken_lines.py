"""Comments of several lines: the same rows at every door, whole, in pieces, and where a quotation mark is a slip."""

import csv
import io
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from training.errors import BadData
from training.prognostics import arrow_batches
from training.prognostics.columns import Columns
from training.prognostics.log_schema import read_description
from training.prognostics.read_log import read_log
from training.serve.rows import cells_of, read_arriving
from training.serve.tail import Piece, _Lines
from training.serve.whole_file import read_columns, whole_dialect

COLUMNS = Columns(time="t", channels=("x", "y"), unit="u")
TOML = 'files = ["log.csv"]\nunit = "u"\ntime = "t"\nchannels = ["x", "y"]\nruns_to_failure = true\n'
NOTES = st.one_of(st.just(""), st.text('ab ,"\n', max_size=12).filter(lambda text: text.count(",") < 4))
"""Lines of as many cells as a row has would look like rows."""


def written(notes: list[str]) -> str:
    out = io.StringIO()
    write = csv.writer(out, lineterminator="\n").writerow
    write(["u", "t", "note", "x", "y"])
    for place, note in enumerate(notes):
        write(["A" if place % 2 else "B", place, note, place / 7, -place])
    return out.getvalue()


def arrived(pieces: list[Piece]) -> tuple[list[tuple], list[str]]:
    said = list[str]()
    cells = cells_of(pieces, COLUMNS, file="log", say=said.append)
    rows = [one.rows for one in read_arriving(cells, COLUMNS, file="log", say=said.append)]
    return [row for one in rows for row in zip(one.units, one.times.tolist(), one.values.tolist(), strict=True)], said


def cut(text: str, at: list[int]) -> list[Piece]:
    lines, content = _Lines(), text.encode()
    places = [0, *sorted(place % (len(content) + 1) for place in at), len(content)]
    pieces = [piece for begin, end in pairwise(places) for piece in lines.add(content[begin:end])]
    return [*pieces, *lines.end()]


@settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(NOTES, min_size=2, max_size=9), st.lists(st.integers(0, 400), max_size=4))
def test_a_pipe_has_the_rows_of_the_file_whatever_its_comments_hold_and_wherever_it_is_cut(tmp_path, notes, at):
    text = written(notes)
    (tmp_path / "log.csv").write_text(text)
    (tmp_path / "log.toml").write_text(TOML)

    log = read_log(read_description(tmp_path / "log.toml"))
    rows, said = arrived(cut(text, at))

    whole = {one.unit: one for one in log.train}
    assert said == []
    for unit, one in whole.items():
        assert [row[1:] for row in rows if row[0] == unit] == list(
            zip(one.times.tolist(), one.values.tolist(), strict=True)
        )


def test_what_is_read_by_columns_and_what_is_read_line_by_line_behind_a_bad_row_is_each_row_once(tmp_path, monkeypatch):
    """The columns count a comment of two lines as one row, and so must the lines."""
    monkeypatch.setattr(arrow_batches, "BLOCK_BYTES", 256)
    rows = [["A", time, "two\nlines" if time % 3 else "", time / 7, 1] for time in range(200)]
    rows[150][3] = "broken"
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([["u", "t", "note", "x", "y"], *rows])
    (tmp_path / "log.csv").write_text(out.getvalue())
    said = list[str]()

    dialect = whole_dialect(tmp_path / "log.csv", COLUMNS)
    found = read_columns(
        tmp_path / "log.csv", dialect, COLUMNS,
        lambda: read_arriving(cells_of(cut(out.getvalue(), []), COLUMNS, file="log", say=said.append), COLUMNS,
                              file="log", say=said.append),
    )  # fmt: skip

    assert [time for one in found for time in one.rows.times.tolist()] == [time for time in range(200) if time != 150]
    assert len(said) == 1


DITTO = 'u,t,note,x,y\nA,1,oil,1,2\nA,2,",3,4\nA,3,plain,5,6\nA,4,",7,8\nA,5,end,9,9\n'


def test_a_mark_alone_in_a_cell_swallows_no_rows(tmp_path: Path):
    """For "as above": with the next one it makes one cell of the rows between them, and of two rows one."""
    (tmp_path / "log.csv").write_text(DITTO)
    (tmp_path / "log.toml").write_text(TOML)

    with pytest.raises(BadData, match=r"log.csv line 3: a quotation mark is opened, and closed 2 lines further on"):
        read_log(read_description(tmp_path / "log.toml"))

    rows, said = arrived(cut(DITTO, []))
    assert [row[1] for row in rows] == [1, 3, 5]
    assert [line[:10] for line in said] == ["log line 3", "log line 5"]


def test_a_row_behind_an_open_mark_waits_for_no_other():
    """A mark that nobody closes, while a log is followed: what comes next is answered as it comes."""
    lines = written([""] * 5).splitlines()
    lines[2] = lines[2].replace(",,", ',"oil,')

    def followed():
        for number, line in enumerate(lines, start=1):
            yield Piece([line], number)
            seen.append(number)

    seen, told = list[int](), list[tuple[float, int]]()
    cells = cells_of(followed(), COLUMNS, file="log", say=lambda line: None)
    for one in read_arriving(cells, COLUMNS, file="log", say=lambda line: None):
        told += [(time, len(seen)) for time in one.rows.times.tolist()]

    assert told == [(0.0, 1), (2.0, 3), (3.0, 4), (4.0, 5)]


def test_bytes_of_zero_among_the_rows_are_refused_and_no_letters_of_a_name(tmp_path: Path):
    text = written([""] * 400).replace("B,200,", "\0" * 40 + "B,200,")
    (tmp_path / "log.csv").write_text(text)
    (tmp_path / "log.toml").write_text(TOML)

    with pytest.raises(BadData, match=r"log.csv line 202 holds bytes of 0"):
        read_log(read_description(tmp_path / "log.toml"))


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.permutations(["u", "t", "note", "x", "y", "more"]), min_size=1, max_size=4),
    st.lists(st.integers(0, 900)),
)
def test_rows_stand_under_the_names_above_them(orders, at):
    """A logger that begins anew, its columns in another order: put behind one another, in a pipe as in a file."""
    text, wanted = "", []
    for part, order in enumerate(orders):
        rows = [{"u": "A", "t": part * 5 + n, "note": "", "x": n / 7, "y": -n, "more": 3} for n in range(5)]
        text += "\n".join([",".join(order), *(",".join(str(row[name]) for name in order) for row in rows)]) + "\n"
        wanted += [("A", float(row["t"]), [float(np.float32(row["x"])), row["y"]]) for row in rows]

    rows, _ = arrived(cut(text, at))

    assert rows == wanted
