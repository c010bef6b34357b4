"""Deaths that need a cloud of their own: its faults would strike all rigs, or the launch itself dies."""

from __future__ import annotations

import subprocess
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from infra.names import DEADLINE_TAG
from infra.rehearsal import client
from tests.workflows.test_deaths import ONLY_THE_ALARMS, Victim, fired, left_alone, somebody
from tests.workflows.user import Person, eventually, kill

SPEED = 30


def bring_the_deadline_near(person: Person, instance_id: str) -> datetime:
    """To five minutes from now. The guard obeys the tag; a short launch would end before a slow computer is ready."""
    at = person.cloud().clock.now() + timedelta(minutes=5)
    tag = {"Key": DEADLINE_TAG, "Value": at.strftime("%Y-%m-%dT%H:%M:%SZ")}
    person.ask("ec2").create_tags(Resources=[instance_id], Tags=[tag])
    return at.replace(microsecond=0)


@pytest.mark.exhaustive
def test_a_full_disk_and_a_cut_network_keep_no_machine_alive_and_the_run_whole(tmp_path: Path) -> None:
    """What the job wrote before is whole; what could not be written any more is absent, never half there."""
    person = somebody(tmp_path, SPEED)
    try:
        person.types("launch", "--hours", "12")
        person.types("train", "remote", "--script", "work.py", "--detach")
        (instance,) = person.living()
        place = tmp_path / ".rig/rehearsal/instances" / instance["InstanceId"]
        eventually(lambda: list(place.glob("home/rig/runs/*/begun")), "the job")
        person.types("rehearsal", "fault", "disk-full")
        person.types("rehearsal", "fault", "drop-ssh")
        deadline = bring_the_deadline_near(person, instance["InstanceId"])

        eventually(lambda: [one["State"]["Name"] for one in person.living()] == ["stopped"], "the end of the machine")

        (run,) = place.glob("home/rig/runs/*")
        assert (run / "begun").read_text() == "begun"
        assert not (run / "checkpoint").exists() or (run / "checkpoint").read_text() == "saved"
        # Its console is a file on the same full disk here, so the time is the witness.
        assert deadline <= person.cloud().clock.now() < deadline + timedelta(hours=8)
    finally:
        client.down(tmp_path)


def test_a_laptop_killed_in_the_middle_of_a_launch_leaves_a_machine_that_ends_itself(tmp_path: Path) -> None:
    person = somebody(tmp_path, SPEED)
    process = person.start("launch", "--hours", "0.2", stderr=subprocess.PIPE)
    assert process.stderr is not None
    for line in iter(process.stderr.readline, ""):
        if "is being made" in line:
            break

    kill(process)

    try:
        (instance,) = person.living()
        eventually(lambda: [one["State"]["Name"] for one in person.living()] == ["stopped"], "the end of the machine")
        cloud = person.cloud()
        victim = Victim("killed", instance, cloud.clock.now(), timedelta(0), cloud, tmp_path)
        assert victim.ended()["reason"] == "deadline"
    finally:
        client.down(tmp_path)


def test_with_only_the_alarms_left_it_is_off_an_hour_after_it_fell_silent(tmp_path: Path) -> None:
    with left_alone(tmp_path, ONLY_THE_ALARMS, 4 * SPEED) as victims:
        ((name, victim),) = victims.items()

        assert victim.off_at is not None
        assert victim.off_at <= victim.deadline + ONLY_THE_ALARMS[name].late + victim.slop
        assert fired(victim) == "alarms"
