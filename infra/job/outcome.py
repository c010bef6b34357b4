"""How a run ended, in the one sentence that fits. What is known comes from three witnesses: the recorder's own word,
Docker's state of the container, and the guard's note of why it switched the machine off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

from infra.errors import JobFailed, JobRefused
from infra.guard.status import endings
from infra.host.facts import RunFacts
from infra.job.workers import without_launcher

# From the guard's note to the last container gone: its own bounds (infra/remote/guard/shutdown.py) and some.
_GUARD_TAKES = timedelta(minutes=10)
_CLOCK_GRAIN = timedelta(seconds=2)
KILLED, TERMINATED = 137, 143
BAD_INPUT = 2  # of `python -m training`; what it means of another program, only that program knows


def judge(one: RunFacts, guard: Mapping[str, Any] | None = None, *, command: Sequence[str] = ()) -> None:
    """Return if the run did well. Raises JobFailed with the words for how it ended. *guard*: its ended.json.

    *command*: what ran, as recorded. A run is judged alike wherever it ran.
    """
    log = f"its last lines are in runs/{one.name}/train.log"
    resume = f"what it had saved is home; `rig train remote --resume {one.name}` goes on from there"
    reason = guard_reason(one, guard)
    if reason:
        raise JobFailed(
            f"Run {one.name} was ended by the guard: {reason.rstrip('.')}.",
            f"what it had saved is home; `rig train remote --recover --resume {one.name}` launches again and goes on",
        )
    if one.exit_code is None:
        raise JobFailed(f"Run {one.name} left no verdict: the machine went down under it.", resume)
    if one.exit_code == 0 and not one.signal:
        return
    if one.oom and one.exit_code != 0:
        raise JobFailed(
            f"Run {one.name} ran out of memory: the kernel killed a process of it (exit code {one.exit_code}).",
            f"{log}\na smaller batch_size needs less; a larger TYPE has more",
        )
    if one.signal:
        raise JobFailed(f"Run {one.name} {_say_what_was_asked(one)}", resume)
    if one.exit_code == KILLED:
        raise JobFailed(
            f"Run {one.name} was killed from outside (SIGKILL, exit code 137), not for want of memory.",
            f"somebody ran `docker kill`, or the Docker daemon was restarted\n{resume}",
        )
    if one.exit_code == BAD_INPUT and without_launcher(command)[1:3] == ["-m", "training"]:
        raise JobRefused(f"Run {one.name} did not start, for the reason above.", log)
    raise JobFailed(f"Run {one.name} failed with exit code {one.exit_code}.", log)


def _say_what_was_asked(one: RunFacts) -> str:
    asked = f"was asked to end before it was done ({one.signal}: `rig cancel`, a reboot, or `docker stop`)"
    if one.exit_code == KILLED:
        return f"{asked}, did not within its minute, and was killed."
    return f"{asked} and ended with exit code {one.exit_code}."


def guard_reason(one: RunFacts, guard: Mapping[str, Any] | None) -> str:
    """Why the guard ended *one*, in its words; empty if it did not. A run that was through by itself was not ended."""
    if not one.signal and one.exit_code not in (None, KILLED, TERMINATED):
        return ""
    began, ended = moment(one.started), moment(one.ended)
    for firing in endings(guard):
        at = moment(firing.at)
        if at is None or (began and at < began - _CLOCK_GRAIN):
            continue
        if one.exit_code is None or ended is None or at - _CLOCK_GRAIN <= ended <= at + _GUARD_TAKES:
            return firing.detail or firing.reason
    return ""


def moment(text: str | None) -> datetime | None:
    """An ISO time in UTC, Docker's nanoseconds cut off; None for none and for Docker's "0001-01-01T00:00:00Z"."""
    try:
        found = datetime.strptime((text or "")[:19], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=timezone.utc)
    except ValueError:
        return None
    return found if found.year > 1 else None
