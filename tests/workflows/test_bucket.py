"""A spot instance is taken away while nobody looks: its copies are in the bucket, and another one goes on from them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.workflows.user import Person, eventually

# Saves after every step, and goes on from what it finds; the tenth step is the last.
STEPS = """\
import os, pathlib, sys, time
out = pathlib.Path(os.environ["RIG_RUN_DIR"])
saved = out / "checkpoints" / "step"
begin = int(saved.read_text()) if saved.exists() else 0
print("begin at", begin, flush=True)
for step in range(begin + 1, 11):
    saved.parent.mkdir(exist_ok=True)
    saved.write_text(str(step))
    if step == 5 and begin == 0:
        time.sleep(600)
(out / "best.params").write_text("weights")
"""


@pytest.mark.exhaustive
def test_a_machine_that_vanishes_takes_nothing_with_it(person: Person) -> None:
    (person.folder / "steps.py").write_text(STEPS)
    person.types("launch")
    person.ask("s3").create_bucket(Bucket="copies")
    name = person.types("train", "remote", "--script", "steps.py", "--bucket", "s3://copies/rig", "--detach").strip()
    person.types("train", "remote", "--resume", name)
    assert "still going" in person.said

    def copied() -> bool:
        listed = person.ask("s3").list_objects_v2(Bucket="copies").get("Contents", [])
        return f"rig/runs/{name}/checkpoints/step" in {one["Key"] for one in listed}

    eventually(copied, "the copy of the checkpoint")
    (instance,) = person.living()
    person.ask("ec2").terminate_instances(InstanceIds=[instance["InstanceId"]])
    eventually(lambda: person.living() == [], "the end of the machine")
    assert not (person.folder / "runs" / name).exists(), "nothing of it was on the laptop"

    person.types("train", "remote", "--recover", "--bucket", "s3://copies/rig")

    home = Path(person.folder, "runs", name)
    log = (home / "train.log").read_text().splitlines()
    assert log[-1].startswith("begin at")
    assert int(log[-1].split()[-1]) >= 1, "it did not begin anew"
    assert (home / "best.params").read_text() == "weights"
    assert person.living()[0]["InstanceId"] != instance["InstanceId"]


@pytest.mark.exhaustive
def test_an_unfinished_run_goes_on_from_what_is_here_and_a_finished_one_is_left_alone(person: Person) -> None:
    (person.folder / "steps.py").write_text(STEPS)
    person.types("launch")
    name = person.types("train", "remote", "--script", "steps.py", "--detach").strip()
    eventually(lambda: "begin at 0" in _log(person), "the first steps")
    person.types("cancel")
    person.types("terminate")
    person.types("launch")

    person.types("train", "remote", "--resume", name)

    assert "begin at 5" in person.said
    assert (person.folder / "runs" / name / "best.params").exists()
    person.types("train", "remote", "--recover")
    assert "no unfinished run" in person.said
    person.types("train", "remote", "--resume", "20200101-000000-none-0000", code=2)


def _log(person: Person) -> str:
    person.types("pull")
    return "".join(path.read_text() for path in (person.folder / "runs").glob("*/train.log"))


# Saves only when it is told to end.
LATE = """\
import os, pathlib, signal, sys, time
saved = pathlib.Path(os.environ["RIG_RUN_DIR"], "saved")
def save(*_):
    saved.write_text("in the last two minutes")
    sys.exit(0)
signal.signal(signal.SIGTERM, save)
print("[ 10%] found", saved.read_text() if saved.exists() else "nothing", flush=True)
while not saved.exists():
    time.sleep(0.05)
"""


def test_a_spot_notice_saves_copies_and_is_told_and_another_machine_goes_on(person: Person) -> None:
    (person.folder / "late.py").write_text(LATE)
    person.types("launch", "--spot")
    person.ask("s3").create_bucket(Bucket="copies")
    follower = person.start("train", "remote", "--script", "late.py", "--bucket", "s3://copies")
    assert follower.stderr is not None
    told = iter(follower.stderr.readline, "")
    assert any("found nothing" in line for line in told)

    person.types("rehearsal", "fault", "spot-notice")
    rest = "".join(told)

    assert follower.wait(60) == 1
    assert "was ended by the guard: AWS takes this spot instance back" in rest
    eventually(lambda: person.living() == [], "the end of the machine")
    shutil.rmtree(person.folder / "runs")  # as if the laptop had been off all the time

    person.types("train", "remote", "--recover", "--spot", "--bucket", "s3://copies")

    assert "found in the last two minutes" in person.said
