"""How a run ended: each ending has its own words, and none is ever taken for another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from infra.errors import JobFailed
from infra.host.facts import RunFacts
from infra.job.artifacts import has_left_nothing
from infra.job.outcome import judge

GUARD = {"reason": "deadline", "detail": "the deadline has come", "at": "2026-11-20T16:00:00Z", "history": []}


def run(**ending: Any) -> RunFacts:
    usual: dict[str, Any] = {
        "name": "r1", "state": "ended", "exit_code": 0, "oom": False, "signal": "", "sealed": True, "fetched": False,
        "started": "2026-11-20T15:00:00.123456789Z", "ended": "2026-11-20T16:00:40.5Z",
    }  # fmt: skip
    return RunFacts(**{**usual, **ending})


@pytest.mark.parametrize(
    ("ending", "guard", "message"),
    [
        ({"exit_code": 3}, None, r"^Run r1 failed with exit code 3\."),
        ({"exit_code": 137, "oom": True}, None, "ran out of memory"),
        ({"exit_code": 1, "oom": True}, None, "ran out of memory"),  # a worker was killed, and its parent gave up
        ({"exit_code": 137}, None, "killed from outside .* not for want of memory"),
        ({"exit_code": 137, "signal": "SIGTERM"}, None, "asked to end .* did not within its minute"),
        ({"exit_code": 0, "signal": "SIGTERM"}, None, "asked to end before it was done"),
        ({"exit_code": 0, "signal": "SIGTERM"}, GUARD, "ended by the guard: the deadline has come"),
        ({"exit_code": 137, "signal": "SIGTERM"}, GUARD, "ended by the guard"),
        ({"exit_code": None, "ended": None}, GUARD, "ended by the guard"),
        ({"exit_code": None, "state": "lost"}, None, "no verdict: the machine went down under it"),
        # The guard fired in another part of the machine's life: yesterday, or after this run was over.
        ({"exit_code": 137, "oom": True}, {**GUARD, "at": "2026-11-20T14:59:00Z"}, "ran out of memory"),
        ({"exit_code": 143, "signal": "SIGTERM"}, {**GUARD, "at": "2026-11-20T16:05:00Z"}, "asked to end"),
        ({"exit_code": 3}, GUARD, "failed with exit code 3"),
        ({"exit_code": None, "ended": None}, {**GUARD, "at": "2026-11-20T18:00:00Z", "history": [GUARD]}, "guard"),
    ],
)
def test_each_ending_has_its_own_words(ending: dict[str, Any], guard: Any, message: str) -> None:
    with pytest.raises(JobFailed, match=message):
        judge(run(**ending), guard)


@pytest.mark.parametrize("guard", [None, GUARD, {}, {"reason": 1}, {"reason": "x", "at": "rubbish"}])
def test_a_run_that_was_through_by_itself_did_well_whatever_the_guard_did_later(guard: Any) -> None:
    judge(run(), guard)
    judge(run(oom=True), guard)  # a child died of hunger, and the job coped


def test_what_was_saved_before_the_end_is_offered_for_going_on() -> None:
    with pytest.raises(JobFailed) as failed:
        judge(run(exit_code=0, signal="SIGTERM"), GUARD)

    assert "rig train remote --recover --resume r1" in failed.value.hint


@pytest.mark.parametrize(
    ("left", "nothing"), [("fold1/train.log", False), ("fold1/exit.json", False), ("train.log", True)]
)
def test_a_file_in_a_folder_is_a_result_whatever_its_name(tmp_path: Path, left: str, nothing: bool) -> None:
    for name in ("train.log", left):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("1")
    (tmp_path / "exit.json").write_text('{"by": "gluon-rig", "exit_code": 0}')

    assert has_left_nothing(tmp_path) == nothing
