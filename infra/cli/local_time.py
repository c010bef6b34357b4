"""Says each moment of a text in the reader's own time, too, and how far away it is: AWS and the tags speak UTC."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Final

from infra import budget

_MOMENT: Final = re.compile(r"\b(\d{4}-\d\d-\d\d \d\d:\d\d) UTC\b(?! \()")


def beside_utc(text: str, *, now: Callable[[], datetime] | None = None) -> str:
    """ "2026-11-26 18:14 UTC" -> "2026-11-26 18:14 UTC (19:14 here, in 8 h 00 min)", once for each moment."""
    told: set[str] = set()

    def explain(found: re.Match[str]) -> str:
        if found[1] in told:
            return found[0]
        told.add(found[1])
        return f"{found[0]} ({_explain(found[1], (now or _utc_now)())})"

    return _MOMENT.sub(explain, text)


def _utc_now() -> datetime:
    return datetime.now(timezone.utc)


def _explain(said: str, now: datetime) -> str:
    try:
        at = datetime.strptime(said, "%Y-%m-%d %H:%M").replace(tzinfo=timezone.utc)
        here = at.astimezone()
    except (ValueError, OverflowError, OSError):  # the year 9999, the 31st of February: a tag may say anything
        return "no moment that there is"
    parts = [] if here.utcoffset() == at.utcoffset() else [_local(at, here)]
    return ", ".join([*parts, _distance((at - now).total_seconds())])


def _local(at: datetime, here: datetime) -> str:
    day = "" if here.date() == at.date() else f"{here:%a} "
    return f"{day}{here:%H:%M} here"


def _distance(seconds: float) -> str:
    away = budget.duration(abs(seconds))
    return f"in {away}" if seconds >= 0 else f"{away} ago"
