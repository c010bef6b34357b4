"""What arrives in service is used, or said and left out; no row of it ends the service."""

from __future__ import annotations

import csv
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.errors import BadData
from training.prognostics.columns import Columns
from training.serve.rows import ROWS_AT_ONCE, cells_of, read_arriving
from training.serve.tail import Piece

COLUMNS = Columns(unit="unit", time="hour", channels=("heat",), time_unit="hours")
HEADER = "unit,hour,heat"


def arriving(*pieces: list[str]) -> tuple[list[tuple[str, str]], list[str]]:
    """(unit, time) of each row that is taken, and what is said of the others."""
    said: list[str] = []
    cells = cells_of(numbered(pieces), COLUMNS, file="log.csv", say=said.append)
    arrived = list(read_arriving(cells, COLUMNS, file="log.csv", say=said.append))
    return [row for some in arrived for row in zip(some.rows.units, some.times, strict=True)], said


def numbered(pieces: tuple[list[str], ...]) -> list[Piece]:
    starts = [1 + sum(map(len, pieces[:count])) for count in range(len(pieces))]
    return [Piece(lines, start) for lines, start in zip(pieces, starts, strict=True)]


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ('a,2,"5', "a quote is opened and not closed"),
        ('"a,2,5', "a quote is opened and not closed"),
        ("a,2,5\rb,3,6", "a carriage return within the line"),
        ("a,2,\0", "a zero byte: is this UTF-16?"),
        ("a,2", "2 cells, but the log has 3 columns"),
        ("a,2,hot", "heat: 'hot' is not a number"),
        (",2,5", "unit: names no unit"),
        ("a,,5", "hour: the time is missing"),
        ("a,nan,5", "hour: the time is missing"),
    ],
)
@pytest.mark.parametrize("at_once", [True, False])
def test_a_bad_line_is_named_and_the_lines_around_it_are_taken(bad: str, why: str, at_once: bool) -> None:
    lines = [HEADER, "a,1,5", bad, "a,3,5"]

    taken, said = arriving(lines) if at_once else arriving(*([line] for line in lines))

    assert taken == [("a", "1"), ("a", "3")]
    assert said == [f"log.csv line 3: {why}: left out"]


def test_a_cell_longer_than_csv_allows_is_named_and_left_out() -> None:
    taken, said = arriving([HEADER, "a,1," + "5" * (csv.field_size_limit() + 1), "a,2,5"])

    assert taken == [("a", "2")]
    assert said == ["log.csv line 2: field larger than field limit (16777216): left out"]


def test_an_open_quote_in_the_last_line_of_a_piece_is_seen_too() -> None:
    taken, said = arriving([HEADER, "a,1,5", 'a,2,"5'], ["a,3,5"])

    assert taken == [("a", "1"), ("a", "3")]
    assert said == ["log.csv line 3: a quote is opened and not closed: left out"]


def test_quoted_cells_are_read_as_training_reads_them() -> None:
    assert arriving([HEADER, '"a, left",1,"5"', '"a, left" ,2,5']) == ([("a, left", "1"), ("a, left", "2")], [])


def test_one_bad_line_among_thousands_costs_only_itself() -> None:
    lines = [f"a,{hour},5" for hour in range(2 * ROWS_AT_ONCE)]
    lines[ROWS_AT_ONCE + 10] += '"x,"'
    lines[99] = 'a,99,"5'

    taken, said = arriving([HEADER, *lines])

    assert len(taken) == len(lines) - 2
    assert [line.split(":")[0] for line in said] == ["log.csv line 101", f"log.csv line {ROWS_AT_ONCE + 12}"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("\ufffd\ufffd" + "\0".join("unit,hour,heat\r") + "\0", r"a zero byte: is this UTF-16\?"),
        ("\ufffd\ufffd" + "\0".join("unit,hour,heat") + "\0", r"a zero byte: is this UTF-16\?"),
        ("unit,hour,heat\ra,1,5", "a carriage return within the line"),
        ('"unit,hour,heat', "a quote is opened and not closed"),
    ],
)
def test_a_header_that_cannot_be_split_is_refused(text: str, why: str) -> None:
    with pytest.raises(BadData, match=f"log.csv line 1: {why}"):
        arriving([text])


def test_rows_whose_time_does_not_rise_are_left_out_and_named_once_per_unit() -> None:
    lines = [HEADER, "a,2,5", "b,1,5", "a,1,5", "a,2,5", "b,2,5", "a,3,5"]

    taken, said = arriving(lines, lines[1:])

    assert taken == [("a", "2"), ("b", "1"), ("b", "2"), ("a", "3")]
    more = "left out (more are counted at the end)"
    assert said == [
        f"log.csv line 4: hour: 1 of unit 'a' does not come after 2 (line 2): {more}",
        f"log.csv line 9: hour: 1 of unit 'b' does not come after 2 (line 6): {more}",
        "log.csv: 8 rows (2 units) left out: their time does not rise. Of a file with its newest rows "
        "first, sort the rows by time",
    ]


ROW = st.tuples(st.sampled_from("abc"), st.sampled_from(["1", "2", "2.0", "3", "", "nan", "-1", "x"]))


@settings(deadline=None)
@given(st.lists(ROW, max_size=12), st.lists(st.integers(1, 4), min_size=12, max_size=12))
def test_how_rows_arrive_changes_neither_which_are_taken_nor_what_is_said(rows, cuts):
    lines, ends = [f"{unit},{time},5" for unit, time in rows], np.cumsum(cuts).tolist()
    pieces = [lines[start:end] for start, end in zip([0, *ends], ends, strict=False) if lines[start:end]]

    assert arriving([HEADER], *pieces) == arriving([HEADER], *([line] for line in lines))


def test_dates_are_compared_as_moments() -> None:
    rows = ["a,2024-01-01T12:00:00Z,5", "a,2024-01-01T12:30:00+01:00,5", "a,2024-01-01T14:00:00+01:00,5"]

    taken, said = arriving([HEADER, *rows])

    assert [time for _, time in taken] == ["2024-01-01T12:00:00Z", "2024-01-01T14:00:00+01:00"]
    assert [line.split(":")[0] for line in said] == ["log.csv line 3"]


ORDERED = replace(COLUMNS, order=("note", "unit", "hour", "heat"))


@pytest.mark.parametrize("cell", ["5", "", "NA"])
def test_a_log_that_begins_with_a_row_is_taken_in_the_order_of_the_training_log_and_that_is_said(cell: str) -> None:
    columns, said = replace(ORDERED, channels=("heat", "hour")), []
    cells = cells_of([Piece([f"x,a,1,{cell}", "x,a,2,6"], 1)], columns, file="log.csv", say=said.append)

    (arrived,) = read_arriving(cells, columns, file="log.csv", say=said.append)

    assert arrived.times == ["1", "2"]
    assert said == ["log.csv line 1 names no columns: taken in the order of the training log, note, unit, hour, heat"]


@pytest.mark.parametrize("first", ["Note,Unit,Hour,Heat", "x,a,1,hot", "a,1,5", "x,a,1,NA"])
def test_a_first_line_that_is_not_plainly_a_row_is_still_a_header(first: str) -> None:
    with pytest.raises(BadData, match="column 'unit' is not there"):
        list(
            read_arriving(
                cells_of([Piece([first, "x,a,2,6"], 1)], ORDERED, file="log.csv", say=print),
                ORDERED,
                file="log.csv",
                say=print,
            )
        )
