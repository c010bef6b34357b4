"""A moment is said in UTC, which AWS speaks, in the reader's own time, and as a distance."""

from __future__ import annotations

import time
from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as some

from infra.cli.local_time import beside_utc

NOW = datetime(2026, 11, 26, 10, 14, tzinfo=timezone.utc)


def say(text: str) -> str:
    return beside_utc(text, now=lambda: NOW)


@pytest.mark.parametrize(
    ("zone", "said"),
    [
        ("UTC", "off by 2026-11-26 18:14 UTC (in 8 h 00 min), then"),
        ("Europe/Berlin", "off by 2026-11-26 18:14 UTC (19:14 here, in 8 h 00 min), then"),
        ("Asia/Tokyo", "off by 2026-11-26 18:14 UTC (Fri 03:14 here, in 8 h 00 min), then"),
    ],
)
def test_a_moment_is_said_here_too(monkeypatch: pytest.MonkeyPatch, zone: str, said: str) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        assert say("off by 2026-11-26 18:14 UTC, then") == said
    finally:
        monkeypatch.undo()
        time.tzset()


def test_each_moment_is_explained_once_and_what_is_over_is_so_long_ago(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.cli.local_time._local", lambda at, here: "here")

    said = say("2026-11-26 10:02 UTC, 2026-11-26 10:02 UTC, 2026-11-26 10:15 UTC")

    assert said.count("12 min ago)") == 1
    assert said.count("in 1 min)") == 1


@given(text=some.text(max_size=20), moment=some.from_regex(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", fullmatch=True))
def test_no_text_is_lost_and_no_moment_is_too_odd(text: str, moment: str) -> None:
    assert say(f"{text} {moment}").startswith(f"{text} {moment}")
