"""A login lasts some hours, a run may take days: what needs no AWS goes on, and what is left undone is said."""

from __future__ import annotations

from tests.workflows.user import Person

SLOW = """\
import os, pathlib, time
print("[ 10%] begun", flush=True)
gate = pathlib.Path(os.environ["RIG_RUN_DIR"]).parents[1] / "go-on"
while not gate.exists():
    time.sleep(0.05)
pathlib.Path(os.environ["RIG_RUN_DIR"], "best.params").write_text("weights")
print("[100%] done", flush=True)
"""


def test_a_login_that_expires_while_a_run_is_followed_keeps_no_result_away(person: Person) -> None:
    (person.folder / "slow.py").write_text(SLOW)
    person.types("launch", "--type", "t3.micro")
    follower = person.start("train", "remote", "--script", "slow.py", "--after", "stop")
    assert follower.stderr is not None
    told = iter(follower.stderr.readline, "")
    assert any("begun" in line for line in told)

    person.types("rehearsal", "fault", "expired")
    for runs in (person.folder / ".rig").rglob("rig/runs"):
        (runs.parent / "go-on").touch()
    rest = "".join(told)

    assert follower.wait(120) == 1, rest
    (weights,) = person.folder.glob("runs/2*/best.params")
    assert weights.read_text() == "weights"
    assert "SSH needs no AWS" in rest
    assert "AFTER=stop WAS NOT CARRIED OUT: the machine runs and costs money" in rest
    assert "`aws sso login`" in rest
    assert "`rig stop` then ends it" in rest

    person.types("rehearsal", "fault", "clear")
    person.types("stop")
    assert [one["State"]["Name"] for one in person.living()] == ["stopped"]
