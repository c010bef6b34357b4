"""Any text in a column of times is a moment or is refused, and whether it names its zone is known alike everywhere."""

import math
from collections import namedtuple
from datetime import datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from training.prognostics.arrow_cells import as_stamps, microseconds
from training.prognostics.cells import NUMBER, ZONED, Cells, kind_of_time
from training.prognostics.columns import Columns
from training.prognostics.dates import date_in
from training.prognostics.log_keys import DATES

Half = namedtuple("Half", "lower korean chinese japanese")
DAYS = ["2024-03-01", "01.03.2024", "9999-12-31", "0001-01-01", "2024-W09-5", "2024-061", "20240301", "1 Mar 2024",
        "01/Mar/2024", "Fri 2024-03-01", "2024/03/01", "03/13/2024", "2024-03", "2024-02-30", "2024", ""]  # fmt: skip
MARKS = ["T", " ", ":", "-", "_", ""]
CLOCKS = [
    "10:00:00",
    "10:00",
    "24:00:00",
    "23:59:60",
    "10:00:00.5",
    "1000",
    "10",
    "10:00 PM",
    "12:00:00:500",
    "25:00",
    "",
]
ZONES = [
    "",
    "Z",
    "+01:00",
    " +0100",
    "-05",
    " UTC",
    " GMT+01:00",
    " CET",
    " +0100 CET",
    "Z[UTC]",
    "+14:00",
    "[UTC]",
    "+99:99",
]
WRITTEN = st.builds(lambda *parts: "".join(parts), *map(st.sampled_from, (DAYS, MARKS, CLOCKS, ZONES)))


@pytest.mark.parametrize(
    "written",
    [
        "{t.year}. {t:%m}. {t:%d}. {t:%H:%M:%S}",
        "{t.day}.{t.month}.{t.year} {t.hour}.{t:%M}",
        "{t:%d-%m-%Y %H.%M.%S}",
        "{t:%d/%m/%Y %I:%M:%S} {half.lower}. m.",
        "{t:%d/%m/%Y %I:%M:%S}\u00a0{half.lower}.\u00a0m.",
        "{t:%d/%m/%Y %I:%M:%S} {half.lower}.m.",
        "{t:%Y-%m-%d} {half.korean} {hour}:{t:%M:%S}",
        "{t.year}/{t.month}/{t.day} {half.chinese} {hour}:{t:%M:%S}",
        "{t:%Y/%m/%d} {half.japanese}{hour}:{t:%M:%S}",
    ],
)
@given(st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1)))
def test_computers_of_many_countries_write_the_same_moment(written, moment):
    t = moment.replace(second=0, microsecond=0)
    half = Half("a", "오전", "上午", "午前") if t.hour < 12 else Half("p", "오후", "下午", "午後")
    word = written.format(t=t, half=half, hour=t.hour % 12 or 12)

    assert date_in(word, "day first") == t


@settings(deadline=None, max_examples=200)
@given(st.builds("".join, st.tuples(*map(st.sampled_from, (DAYS, MARKS, CLOCKS, ZONES)))))
@example("2024-03-01 10")
@example("2024-03-01T10Z")
@example("2024-03-01 10+01:00")
@example("2024-03-01T10-05")
@example("2024-03-01 10-05")
def test_a_time_that_is_read_with_its_whole_column_is_read_alone_to_the_same_moment(word):
    pa = pytest.importorskip("pyarrow")
    stamps = as_stamps(pa.array([word]))
    if stamps is None:
        return

    alone = Cells(Columns(time="t", channels=(), time_unit="seconds")).moment(word)

    assert alone == microseconds(stamps)[0] / 1e6


@settings(deadline=None, max_examples=400)
@given(st.one_of(WRITTEN, st.text("0123456789-/:. TZ+PDHMSW", max_size=20)), st.sampled_from(["", *DATES]))
@example("9999-12-31T24:00:00", "")
@example("0001-01-01T00:00:00+14:00", "")
@example("P999999DT1H", "time of day")
@example("2024-03 ", "time of day")
def test_any_text_is_a_moment_or_is_refused(word, dates):
    cells = Cells(Columns(time="t", channels=(), time_unit="hours", dates=dates))
    try:
        moment = cells.moment(word)
    except ValueError:
        return

    assert math.isfinite(moment) or cells.is_absent(word) or kind_of_time(word) == NUMBER
    found = date_in(word.strip(), dates)
    if found is not None and kind_of_time(word) != NUMBER:
        assert (found.tzinfo is not None) == (kind_of_time(word) == ZONED)
