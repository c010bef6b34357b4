"""The safeguards of several machines in as many lines as those of one."""

from datetime import datetime, timezone

from infra.guard.safeguard import ALARMS, GUARD, SCHEDULE, Safeguard, together

AT = datetime(2026, 11, 20, 22, tzinfo=timezone.utc)
GUARDED = [Safeguard(GUARD, armed=True, fires_at=AT), Safeguard(ALARMS, armed=True, note="an hour of silence")]


def test_what_is_alike_is_said_once_and_what_is_not_armed_is_said_first():
    odd = [GUARDED[0], Safeguard(ALARMS, armed=False, note="absent")]

    assert together([GUARDED, GUARDED, GUARDED]) == [
        "safeguard 1, the guard: off by 2026-11-20 22:00 UTC (each of 3)",
        "safeguard 2, CloudWatch alarms: an hour of silence (each of 3)",
    ]
    assert together([GUARDED, odd])[1] == "safeguard 2, CloudWatch alarms: not armed: absent (1 of 2 armed)"
    assert together([GUARDED]) == [str(one) for one in GUARDED]
    assert together([]) == []


def test_one_that_fires_at_another_time_is_shown():
    late = [Safeguard(SCHEDULE, armed=True, fires_at=at) for at in (AT, AT.replace(hour=23))]

    assert together([[one] for one in late]) == [
        "safeguard 3, the schedule: off by 2026-11-20 23:00 UTC (2 of 2 armed, at different times)"
    ]
