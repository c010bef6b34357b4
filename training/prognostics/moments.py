"""A time of the log's own unit in words, for a moment at which no row stands: the end of a step."""

from __future__ import annotations

from datetime import datetime, timezone

from training.prognostics.cells import NUMBER, ZONED, kind_of_time, zone_named
from training.prognostics.columns import SECONDS, Columns
from training.prognostics.log_keys import DIGITS, TIME_OF_DAY

DAY_S = 86400.0


def moment_like(time: float, columns: Columns, word: str) -> str:
    """*time* as the log writes its times, of which *word* is one: a number, a time of day, or a date; in UTC where the
    log's dates name a zone.
    """
    if columns.dates == TIME_OF_DAY:
        second = round(time * SECONDS[columns.time_unit] % DAY_S, 3) % DAY_S
        return _clock(datetime.fromtimestamp(second, timezone.utc)).partition("T")[2]
    kind = kind_of_time(word) if columns.dates != DIGITS else ""
    if kind == NUMBER:
        if not columns.epoch:
            return f"{time:.15g}"
        return f"{(time * SECONDS[columns.time_unit] - columns.epoch_begins) * columns.epoch:.0f}"
    seconds = round(time * SECONDS[columns.time_unit], 3)
    if columns.zone:
        return datetime.fromtimestamp(seconds, zone_named(columns.zone)).isoformat()
    moment = datetime.fromtimestamp(seconds, timezone.utc)
    return moment.isoformat() if kind == ZONED else _clock(moment)


def _clock(moment: datetime) -> str:
    return moment.replace(tzinfo=None).isoformat()
