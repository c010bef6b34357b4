"""Tags by local clocks: the hour that they show twice in autumn is the log that UTC would have written."""

import random
from datetime import datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from training.errors import BadData
from training.prognostics import arrow_batches, side_by_side
from training.prognostics.log_schema import read_description
from training.prognostics.read_log import Log, read_log
from training.serve.whole_file import read_tags

BERLIN = ZoneInfo("Europe/Berlin")
KEYS = (
    'files = ["log.csv"]\nunit = "u"\ntime = "t"\ntime_unit = "hours"\nchannels = ["x", "y"]\nruns_to_failure = true\n'
)
TAGS = '[tags]\nname = "tag"\nvalue = "v"\n'
ORDERS = {
    "by time": lambda row: row[0],
    "by tag": lambda row: (row[2], row[0]),
    "by machine and tag": lambda row: (row[1], row[2], row[0]),
}


def values(seed: int, minutes: int) -> list[tuple]:
    """(moment, unit, tag, value): two machines through the night in which clocks were put back."""
    chance = random.Random(seed)
    start = datetime(2024, 10, 26, 19, tzinfo=timezone.utc)
    moments = [start + timedelta(minutes=minutes * step) for step in range(12 * 60 // minutes)]
    return [(when, unit, tag, round(chance.random(), 3)) for when in moments for unit in "AB" for tag in "xy"]


def read(folder: Path, rows: list[tuple], *, local: bool, more: str = "") -> Log:
    def written(when: datetime) -> str:
        return when.astimezone(BERLIN).replace(tzinfo=None).isoformat() if local else when.isoformat()

    lines = [f"{written(when)},{unit},{tag},{value}" for when, unit, tag, value in rows]
    (folder / "log.csv").write_text("\n".join(["t,u,tag,v", *lines]) + "\n")
    (folder / "log.toml").write_text(KEYS + ('zone = "Europe/Berlin"\n' if local else "") + more + TAGS)
    return read_log(read_description(folder / "log.toml"))


def shown(log: Log) -> list[tuple]:
    return sorted((one.unit, one.times.tolist(), one.values.tobytes()) for one in log.train)


@settings(deadline=None, max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.integers(0, 10**6), st.sampled_from([15, 30, 60]), st.sampled_from(list(ORDERS)), st.sampled_from([700, 4000])
)
def test_local_clocks_say_what_utc_says(tmp_path, monkeypatch, seed, minutes, order, block):
    monkeypatch.setattr(arrow_batches, "BLOCK_BYTES", block)
    monkeypatch.setattr(side_by_side, "VALUES_AT_ONCE", block // 8)
    rows = sorted(values(seed, minutes), key=ORDERS[order])

    found = read(tmp_path, rows, local=True)
    (arrived,) = read_tags([tmp_path / "log.csv"], found.columns, pytest.fail)

    expected = shown(read(tmp_path, rows, local=False))
    assert shown(found) == expected
    assert sorted(arrived.rows.times.tolist()) == sorted(time for _, times, _ in expected for time in times)


def test_a_value_of_the_second_hour_alone_is_told_by_the_rows_around_it(tmp_path):
    rows = [row for row in values(1, 15) if row[2] == "x" or row[0].hour == 1]

    assert shown(read(tmp_path, rows, local=True)) == shown(read(tmp_path, rows, local=False))


def test_rows_in_no_order_are_refused_where_an_hour_runs_twice_and_only_there(tmp_path):
    rows = values(2, 30)
    random.Random(0).shuffle(rows)
    by_day = [row for row in rows if row[0].hour >= 3 and row[0].hour < 19]

    assert shown(read(tmp_path, by_day, local=True)) == shown(read(tmp_path, by_day, local=False))
    with pytest.raises(BadData, match=r"log\.csv line \d+: the clocks of Europe/Berlin showed this time twice"):
        read(tmp_path, rows, local=True)
