"""A group as a user meets it: one command each, real SSH and real processes, a pretend AWS.

Several workers need Horovod, which `make extra-horovod` builds; where it is not, runs on several machines are skipped.
"""

from __future__ import annotations

import json
import os
from importlib.util import find_spec
from pathlib import Path

import pytest

from infra.rehearsal import client, processes
from tests.training.pack.test_pack import tree, write_fleet
from tests.workflows.user import Person, eventually

needs_horovod = pytest.mark.skipif(find_spec("horovod") is None, reason="Horovod is not built: `make extra-horovod`")
GROUP = ("--nodes", "3", "--type", "t3.micro")
SCRIPT = """\
import os, pathlib, sys, time
node, run = os.environ["RIG_NODE"], pathlib.Path(os.environ["RIG_RUN_DIR"])
print("begun on", node, flush=True)
(run / "part.bin").write_bytes(bytes(8) * (1 + int(node)))
if "fail" in sys.argv and node == "1":
    time.sleep(0.3)
    sys.exit(3)
if "wait" in sys.argv or "fail" in sys.argv:
    time.sleep(300)
"""


def newest(person: Person) -> Path:
    return (person.folder / "runs" / "latest").resolve()


@needs_horovod
def test_a_group_trains_as_one_run_with_one_log_and_one_verdict(person: Person) -> None:
    (person.folder / "mine.py").write_text(SCRIPT)
    client.ensure_running(person.folder, print, engine="process")
    client.fault(person.folder, ["capacity", "--free", "2"])
    person.types("launch", *GROUP, code=1)
    assert person.living() == []
    assert "no 3 free machines in one zone" in person.said
    client.fault(person.folder, ["clear"])

    assert "node 3" in person.types("launch", *GROUP)
    assert [(one["node"], one["nodes"], one["state"]) for one in person.status()] == [
        (node, 3, "running") for node in (1, 2, 3)
    ]

    person.types("train", "remote", "--script", "mine.py", "--args", "fine")
    assert {"begun on 0", "[2] begun on 1", "[3] begun on 2"} <= set(person.said.splitlines())
    home = newest(person)
    sizes = [(home / part / "part.bin").stat().st_size for part in ("", "other-nodes/2", "other-nodes/3")]
    assert sizes == [8, 16, 24]
    assert json.loads((home / "exit.json").read_text())["instance_type"] == "3 x t3.micro"

    person.types("train", "remote", "--script", "mine.py", "--args", "fail", code=1)
    assert "node 2 of 3" in person.said
    assert "failed with exit code 3" in person.said
    assert f"its last lines are in runs/{newest(person).name}/other-nodes/2/train.log" in person.said

    person.types("pull")
    assert "home and verified already" in person.said
    assert "Their disks would still cost $14.40 per month" in person.types("stop")
    assert person.types("terminate").count("removed: i-") == 3
    assert person.living() == []


@needs_horovod
@pytest.mark.exhaustive
@pytest.mark.parametrize("which", [1, 2])
def test_a_lost_node_ends_the_run_everywhere_and_recover_makes_a_whole_group_that_goes_on(
    person: Person, which: int
) -> None:
    (person.folder / "mine.py").write_text(SCRIPT)
    person.types("launch", *GROUP)
    name = person.types("train", "remote", "--script", "mine.py", "--args", "wait", "--detach").strip()
    lost = next(one["InstanceId"] for one in person.living() if one["AmiLaunchIndex"] == which - 1)
    began = eventually(lambda: parts_of(person, name) == 3, "the script on all nodes")
    assert began

    person.ask("ec2").terminate_instances(InstanceIds=[lost])
    person.types("logs", code=1)

    assert f"lost node {which} of 3: its machine is gone or off" in person.said
    assert "gone!" in person.types("status")
    person.types("launch", *GROUP, code=2)
    assert f"has 2: node {which} is gone" in person.said
    again = person.types("train", "remote", "--recover", "--resume", name, "--detach").strip()
    assert again == name
    assert [one["node"] for one in person.status()] == [1, 2, 3]
    person.types("cancel", "--run", name)
    assert processes.carrying(f"RIG_RUN={name}") == []


def parts_of(person: Person, name: str) -> int:
    return len(list((person.folder / ".rig/rehearsal/instances").glob(f"*/home/rig/runs/{name}/part.bin")))


def test_what_a_group_cannot_do_is_said_before_anything_is_asked(person: Person) -> None:
    person.types("launch", "--nodes", "65", code=2)
    assert "must be at least 1, and 64 at most" in person.said
    person.types("plan", "--nodes", "2", "--placement", "near", code=2)
    assert "one of: auto, cluster, none" in person.said
    person.types("ssh", "--node", "0", code=2)
    assert "a number from 1 to 64" in person.said
    assert os.listdir(person.folder) == ["train.py"]


@pytest.mark.exhaustive
def test_a_group_packs_a_log_and_the_folder_comes_home_with_the_bytes_of_one_machine(person: Person) -> None:
    write_fleet(person.folder / "logs", months=4, units=40)
    person.types("launch", "--nodes", "2", "--type", "t3.micro")

    person.types("pack", "logs/fleet.toml", "packed", "--nodes", "2")
    person.types("pack", "logs/fleet.toml", "alone")

    assert tree(person.folder / "packed") == tree(person.folder / "alone")
    person.types("pack", "logs/fleet.toml", "packed", "--nodes", "2", code=2)
    assert "packed is there already" in person.said


@pytest.mark.skipif(find_spec("optuna") is None, reason="Optuna is not installed: `make extra-tune`")
@pytest.mark.exhaustive
def test_a_study_on_a_group_is_one_run_and_the_best_trial_is_its_result(person: Person) -> None:
    (person.folder / "space.toml").write_text("lr = { low = 0.01, high = 1.0, log = true }\nnum_epochs = 1\n")
    person.types("launch", "--nodes", "2", "--type", "t3.micro")

    person.types("tune", "remote", "--job", "linear", "--space", "space.toml", "--trials", "3", "--workers", "1",
                 "--args", "limit=640 device=cpu", "--nodes", "2", "--budget", "1")  # fmt: skip

    assert "for BUDGET allows no more" in person.said or "for its deadline allows no more" in person.said
    home = newest(person)
    rows = json.loads((home / "trials.json").read_text())
    best = min(rows, key=lambda row: row["score"])["trial"]
    assert [row["state"] for row in rows] == ["done"] * 3
    assert (home / "best.params").read_bytes() == (home / f"trials/{best:04}/best.params").read_bytes()
    there = list(home.glob("other-nodes/2/trials/*/train.log"))
    assert there, "the second machine had trials, too"
