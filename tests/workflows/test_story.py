"""The story end to end: real SSH, real processes, a pretend AWS; each command a process of its own."""

from __future__ import annotations

import hashlib
import os
import random
import re
import signal
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from infra.cli.options import WHERE_AM_I
from infra.settings import Settings
from tests.workflows.user import Person, eventually, kill


def newest(person: Person) -> Path:
    return (person.folder / "runs" / "latest").resolve()


def our_groups(person: Person) -> list[dict[str, Any]]:
    ours = [{"Name": "tag-key", "Values": ["gluon-rig:owner"]}]
    return list(person.ask("ec2").describe_security_groups(Filters=ours)["SecurityGroups"])


def test_launch_train_status_logs_pull_stop_start_terminate(person: Person) -> None:
    assert "next `rig train remote --job lenet" in re.sub(" +", " ", person.types("launch"))
    deadline = person.status()[0]["deadline"]
    person.types("launch", "--budget", "1", "--type", "g5.xlarge")
    assert "TYPE=g5.xlarge is for a new machine" in person.said
    assert "HOURS and BUDGET count at a start, not now: `rig extend --by 2h` moves the deadline" in person.said
    assert person.status()[0]["deadline"] == deadline

    out = person.types("train", "remote", "--script", "train.py", "--args", "20 0.01")
    assert "runs/" in out
    assert "[100%] step 20" in person.said
    folder = newest(person)
    listed = dict(reversed(line.split("  ")) for line in (folder / "MANIFEST.sha256").read_text().splitlines())
    assert {"best.params", "out/notes.txt", "train.log", "exit.json", "job.json"} == set(listed)
    assert all(hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest for name, digest in listed.items())

    (standing,) = person.status()
    (instance,) = person.living()
    assert (standing["id"], standing["state"]) == (instance["InstanceId"], instance["State"]["Name"])
    assert (standing["id"], standing["type"], standing["state"]) == (instance["InstanceId"], "g4dn.xlarge", "running")
    assert standing["usd_worst"] < 4.5

    assert "train.log" in person.types("logs")
    assert "[100%] step 20" in person.said, "what is home already is shown from there"
    person.types("pull")
    assert "home and verified already" in person.said
    (person.folder / "runs").rename(person.folder / "of another checkout")
    person.types("pull")
    assert f"1 of them not to {person.folder / 'runs'}: {folder.name}" in person.said
    person.types("pull", "--run", folder.name)
    assert (folder / "MANIFEST.sha256").exists()

    assert "Its disk would still cost $4.80 per month" in person.types("stop")
    person.types("stop")
    assert "already stopped" in person.said
    assert [one["state"] for one in person.status()] == ["stopped"]

    person.types("start")
    (again,) = person.status()
    assert (again["id"], again["state"]) == (standing["id"], "running")
    assert again["port"] != standing["port"], "a started instance has a new address"
    assert "train" in person.types("runs"), "the disk, and the runs on it, stayed"

    person.types("stop")
    person.types("terminate")  # all is home, so a stopped one may go as well
    assert person.living() == []
    assert person.aws("cloudwatch", "describe-alarms")["MetricAlarms"] == []
    person.types("terminate")
    assert "nothing of rig" in person.said
    person.types("logs")
    assert "[100%] step 20" in person.said, "a log outlives the machine"


@pytest.mark.exhaustive
def test_a_job_that_fails_says_so_comes_home_and_its_machine_is_given_back(person: Person) -> None:
    person.types("launch")

    person.types("train", "remote", "--cmd", "echo some words; exit 3", "--after", "stop", code=1)

    assert "failed with exit code 3" in person.said
    assert (newest(person) / "train.log").read_text() == "some words\n"
    assert [one["state"] for one in person.status()] == ["stopped"]


@pytest.mark.exhaustive
def test_a_machine_that_stopped_with_results_on_its_disk_is_not_deleted(person: Person) -> None:
    person.types("launch")
    person.types("train", "remote", "--cmd", "echo precious", "--detach")
    (instance,) = person.living()
    person.ask("ec2").stop_instances(InstanceIds=[instance["InstanceId"]])
    eventually(lambda: person.status()[0]["state"] == "stopped", "the stop")

    person.types("terminate", code=2)
    assert "its disk may hold results that are not home" in person.said
    assert len(person.living()) == 1

    person.types("terminate", "--lose-results")
    assert person.living() == []


@pytest.mark.exhaustive
def test_a_run_that_ends_well_and_leaves_only_its_log_has_done_well_and_is_told_how_files_come_home(
    person: Person,
) -> None:
    (person.folder / "silent.py").write_text("print('I keep nothing')\n")
    person.types("launch")

    there = person.types("train", "remote", "--script", "silent.py")
    command = person.types("train", "remote", "--cmd", "echo this is my result")
    here = person.types("train", "--script", "silent.py")

    assert "files    none: what a run writes beside its script, into ./out or below $RIG_RUN_DIR comes home" in there
    assert "files    none below $RIG_RUN_DIR" in here
    assert "files " not in command


@pytest.mark.exhaustive
@pytest.mark.parametrize("place", [(), ("remote",)], ids=["here", "remote"])
def test_a_program_is_judged_alike_wherever_it_ran(person: Person, place: tuple[str, ...]) -> None:
    """Exit code 2 is a job's word for bad input; of any other program nobody knows what it means."""
    (person.folder / "ends.py").write_text("import sys; sys.exit(int(sys.argv[1]))\n")
    if place:
        person.types("launch")

    for code, judged in (("0", 0), ("1", 1), ("2", 1), ("3", 1)):
        person.types("train", *place, "--script", "ends.py", "--args", code, code=judged)
        assert judged == 0 or f"failed with exit code {code}" in person.said


@pytest.mark.exhaustive
def test_a_laptop_that_moved_is_let_in_before_it_is_missed(person: Person) -> None:
    person.types("launch")
    (group,) = our_groups(person)
    rule = {"GroupId": group["GroupId"], "IpProtocol": "tcp", "FromPort": 22, "ToPort": 22}
    person.ask("ec2").authorize_security_group_ingress(**rule, CidrIp="198.51.100.7/32")
    person.ask("ec2").revoke_security_group_ingress(**rule, CidrIp="127.0.0.1/32")

    person.types("runs")

    assert "Your address has changed; it is 127.0.0.1/32 now" in person.said
    (group,) = our_groups(person)
    assert [source["CidrIp"] for rule in group["IpPermissions"] for source in rule["IpRanges"]] == ["127.0.0.1/32"]


def test_ctrl_c_detaches_and_the_run_goes_on(person: Person) -> None:
    person.types("launch")
    process = person.start("train", "remote", "--script", "train.py", "--args", "60 0.05")
    assert process.stderr is not None
    said = ""
    while "step 3" not in said:
        said += process.stderr.readline()
    process.send_signal(signal.SIGINT)
    while "rig logs" not in said:
        said += process.stderr.readline()
    process.send_signal(signal.SIGINT)  # while rig leaves

    _, rest = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in rest
    assert "goes on, and so does the machine; `rig logs` follows the run again" in said + rest
    person.types("logs")
    assert "[100%] step 60" in person.said
    assert (newest(person) / "best.params").exists()


@pytest.mark.exhaustive
def test_stop_while_a_run_goes_on_ends_it_gently_and_brings_home_what_it_has(person: Person) -> None:
    person.types("launch")
    name = person.types("train", "remote", "--script", "train.py", "--args", "600 0.1", "--detach").strip()
    eventually(lambda: "running" in person.types("runs"), "the run")

    person.types("stop")

    assert f"{name} is still going: asking it to save and end" in person.said
    assert (person.folder / "runs" / name / "MANIFEST.sha256").exists()
    assert [one["state"] for one in person.status()] == ["stopped"]


@pytest.mark.exhaustive
def test_a_partial_pull_brings_what_is_there_while_the_run_goes_on(person: Person) -> None:
    person.types("launch")
    name = person.types("train", "remote", "--script", "train.py", "--args", "80 0.05", "--detach").strip()
    log = person.folder / "runs" / name / "train.log"

    eventually(lambda: person.types("pull") and log.exists() and "step" in log.read_text(), "part of the log")
    assert not (log.parent / "MANIFEST.sha256").exists()

    person.types("logs")
    assert (log.parent / "MANIFEST.sha256").exists()


@pytest.mark.parametrize("seed", [pytest.param(n, marks=[pytest.mark.exhaustive] * (n != 3)) for n in range(6)])
def test_a_launch_killed_at_any_moment_is_finished_by_the_next_and_there_is_one_instance(
    person: Person, seed: int
) -> None:
    """The moments are counted in the launch's own lines, so that they spread over all its steps."""
    person.types("rehearsal", "up")
    process = person.start("launch")
    assert process.stderr is not None
    # The plan is printed whole before anything is made; the lines after it each stand above a call to AWS.
    lines = iter(process.stderr.readline, "")
    after_plan = (line for line in lines if re.match(r"Importing|Opening|i-|safeguard|Waiting", line))
    for _ in range(seed + 1):
        next(after_plan, "")

    kill(process)
    person.types("launch")

    (instance,) = person.living()
    assert instance["State"]["Name"] == "running"
    assert len(our_groups(person)) == 1
    person.types("terminate")
    assert person.living() == []


@pytest.mark.exhaustive
def test_a_train_killed_at_any_moment_loses_nothing(person: Person) -> None:
    person.types("launch")
    for moment in ("Copying", "Building", "Starting", "step 2"):
        process = person.start("train", "remote", "--script", "train.py", "--args", "20 0.02")
        assert process.stderr is not None
        for line in iter(process.stderr.readline, ""):
            if moment in line:
                break
        kill(process)

    person.types("launch")
    assert len(person.living()) == 1
    person.types("train", "remote", "--script", "train.py", "--args", f"{random.randint(2, 5)} 0")
    person.types("stop")
    homes = [folder for folder in (person.folder / "runs").iterdir() if not folder.is_symlink()]
    assert all((home / "MANIFEST.sha256").exists() for home in homes)
    assert len(homes) >= 2


@pytest.mark.exhaustive
def test_a_dead_rehearsal_process_is_named_and_the_next_launch_starts_anew(person: Person) -> None:
    person.types("launch")
    os.kill(person.cloud().pid, signal.SIGKILL)

    person.types("status")
    assert "rehearsal cloud had died" in person.said
    person.types("launch")
    assert len(person.living()) == 1


def test_a_stop_that_cannot_bring_results_home_stops_all_the_same_and_a_terminate_deletes_nothing(
    person: Person,
) -> None:
    """`runs` is a file: nothing can come home, and the reason is this computer's own."""
    person.types("launch")
    person.types("train", "remote", "--cmd", "echo precious", "--detach")
    (person.folder / "runs").write_text("in the way")

    person.types("stop", code=1)

    assert "is stopped, but not everything is home. Results cannot be written to" in person.said
    assert "fault in rig itself" not in person.said
    assert [one["state"] for one in person.status()] == ["stopped"]
    person.types("start")
    person.types("terminate", code=1)
    assert [one["state"] for one in person.status()] == ["stopped"]
    (person.folder / "runs").unlink()
    person.types("start")
    person.types("terminate")
    assert person.living() == []
    assert (newest(person) / "train.log").read_text() == "precious\n"


def test_a_broken_rig_toml_keeps_nobody_from_his_results_or_from_the_end_of_the_bill(person: Person) -> None:
    person.types("launch")
    person.types("train", "remote", "--cmd", "echo precious", "--detach")
    read = (*WHERE_AM_I, "engine", "after", "notify")
    broken = [f"{f.name} = 5 [" for f in fields(Settings) if f.name not in read]
    (person.folder / "rig.toml").write_text("\n".join([*broken, "no_such_setting = 1\n"]))

    for line in (["logs"], ["pull"], ["runs"], ["status"], ["cost"], ["extend", "30m"], ["sweep"]):
        person.types(*line)

    assert (newest(person) / "train.log").read_text() == "precious\n"
    (person.folder / "rig.toml").write_text('key = "~nobody-here/key"\n')
    person.types("terminate", code=1)
    assert "Not everything is home: A setting is wrong: rig.toml: key = '~nobody-here/key'" in person.said
    (person.folder / "rig.toml").write_text("")
    assert [one["state"] for one in person.status()] == ["stopped"]


@pytest.mark.exhaustive
def test_a_notebook_whose_laptop_died_is_a_result_and_comes_home_before_anything_is_deleted(person: Person) -> None:
    """As `kill -9` of `rig notebook` leaves it: the folder is there, its work is nowhere else."""
    person.types("launch")
    (instance,) = person.living()
    (home,) = (person.folder / ".rig").glob(f"**/{instance['InstanceId']}/home")
    (home / "rig" / "notebooks").mkdir()
    (home / "rig" / "notebooks" / "day.ipynb").write_text("a day of work")

    person.types("terminate")

    assert (person.folder / "notebooks" / "day.ipynb").read_text() == "a day of work"
    assert person.living() == []


@pytest.mark.exhaustive
def test_what_a_person_wrote_in_a_shell_there_is_named_and_not_deleted(person: Person) -> None:
    person.types("launch")
    (instance,) = person.living()
    (home,) = (person.folder / ".rig").glob(f"**/{instance['InstanceId']}/home")
    person.types("ssh-config")
    (home / "thesis.txt").write_text("months")

    person.types("terminate", code=1)

    assert "Files that belong to no run stay on its disk: thesis.txt" in person.said
    assert [one["state"] for one in person.status()] == ["stopped"]
    person.types("terminate", code=2)
    assert "its disk may hold results that are not home, of a shell or before" in person.said
    person.types("terminate", "--lose-results")
    assert person.living() == []


@pytest.mark.exhaustive
def test_a_run_started_beside_one_that_comes_home_is_not_taken_for_home(person: Person) -> None:
    """Run A comes home, run B was started detached meanwhile, the machine goes off: B is still there to be fetched."""
    person.types("launch")
    first = person.types("train", "remote", "--cmd", "echo a", "--detach").strip()
    second = person.types("train", "remote", "--script", "train.py", "--args", "600 0.1", "--detach").strip()
    person.types("logs", "--run", first)
    (instance,) = person.living()
    person.aws("ec2", "stop-instances", "--instance-ids", instance["InstanceId"])
    eventually(lambda: person.status()[0]["state"] == "stopped", "the stop")

    person.types("terminate", code=2)

    assert f"of run {second} or before" in person.said
