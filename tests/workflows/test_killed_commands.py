"""SIGKILL at every request, command, program and write of a command, then the command once more.

Wherever it dies, the next one ends where the first would have ended: one machine or none, every result home, every
safeguard at the same time, and `status` tells what AWS tells.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest

from infra.aws.autostop import schedule
from infra.guard.safeguard import GUARD, SCHEDULE
from infra.rehearsal import client
from tests.sizes import ALL, tried
from tests.workflows.user import PATIENCE_S, Person, eventually

PROJECT = Path(__file__).resolve().parents[2]
SPEED = "20x"
"""Of the rehearsal's clock: a machine boots and stops in a moment, and no deadline comes in between."""


@dataclass(frozen=True)
class Killed:
    """A command that dies. *before* brings about where it begins; *after*: what must be once it was typed again."""

    words: tuple[str, ...]
    before: Callable[[Person], None]
    after: Callable[[Person], None]


def dies(person: Person, number: int, words: tuple[str, ...]) -> bool:
    """Type *words*, to be killed at change *number*; False when it came to its end before."""
    line = [sys.executable, "-m", "tests.workflows.dying", str(number), str(counted(person)), *words]
    environment = {**person.environment, "PYTHONPATH": os.pathsep.join([str(PROJECT), *sys.path])}
    done = subprocess.run(
        line, cwd=person.folder, env=environment, capture_output=True, text=True, timeout=PATIENCE_S,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode != 0


def counted(person: Person) -> Path:
    return person.folder.parent / "changes"


def is_true(person: Person) -> None:
    """What `status` says, AWS said just before or says just after: no machine hidden, none made up."""
    before = states(person)
    told = {one["id"]: one["state"] for one in person.status() if one["state"] != "terminated"}
    after = states(person)
    assert told in (before, after)


def states(person: Person) -> dict[str, str]:
    return {one["InstanceId"]: one["State"]["Name"] for one in person.living()}


def runs(person: Person) -> list[Path]:
    found = person.folder / "runs"
    return [path for path in found.iterdir() if not path.is_symlink()] if found.exists() else []


def is_home(person: Person) -> None:
    """Every run that was begun is here, whole, with the bytes that it wrote."""
    for run in runs(person):
        assert (run / "MANIFEST.sha256").exists(), run
        assert (run / "result").read_text() == "precious\n"


def on(person: Person) -> None:
    person.types("launch", "--hours", "100", "--idle", "0")


def off(person: Person) -> None:
    on(person)
    person.types("stop")


def gone(person: Person) -> None:
    if client.find(person.folder):
        person.types("terminate")


WORK = ("--cmd", "echo precious > ${RIG_RUN_DIR}/result")


def with_a_result(person: Person) -> None:
    """A machine that is on, with a result on its disk that is nowhere else."""
    on(person)
    person.types("train", "remote", *WORK, "--detach")
    (machine,) = person.living()
    there = person.folder / ".rig"
    eventually(lambda: all_have_ended(there.glob(f"**/{machine['InstanceId']}/home/rig/runs/*")), "the end of the run")


def all_have_ended(folders: Iterable[Path]) -> bool:
    return all((folder / "MANIFEST.sha256").exists() for folder in folders)


def one_is_on(person: Person) -> None:
    assert [one["State"]["Name"] for one in person.living()] == ["running"]
    assert [one["state"] for one in person.status()] == ["running"]


def one_is_off_and_all_is_home(person: Person) -> None:
    assert [one["State"]["Name"] for one in person.living()] == ["stopped"]
    is_home(person)


def none_is_left_and_all_is_home(person: Person) -> None:
    assert person.living() == []
    is_home(person)


def all_runs_come_home(person: Person) -> None:
    person.types("pull")
    is_home(person)


def with_a_schedule(person: Person) -> None:
    on(person)
    person.types("setup-guard")


def every_safeguard_has_the_deadline(person: Person) -> None:
    one_is_on(person)
    (rig,) = person.status()
    deadline = datetime.fromisoformat(rig["deadline"])
    told = {one["number"]: one["fires_at"] and datetime.fromisoformat(one["fires_at"]) for one in rig["safeguards"]}
    assert (told[GUARD], told[SCHEDULE]) == (deadline, schedule.fires_at(deadline))


def nothing_is_left(person: Person) -> None:
    assert person.living() == []
    assert person.ask("ec2").describe_key_pairs()["KeyPairs"] == []
    assert len(person.ask("ec2").describe_security_groups()["SecurityGroups"]) == 1, "the account's own default group"


COMMANDS = {
    "launch": Killed(("launch", "--hours", "100", "--idle", "0"), gone, one_is_on),
    "start": Killed(("start",), off, one_is_on),
    "train": Killed(("train", "remote", *WORK), on, all_runs_come_home),
    "pull": Killed(("pull",), with_a_result, is_home),
    "stop": Killed(("stop",), with_a_result, one_is_off_and_all_is_home),
    "terminate": Killed(("terminate",), with_a_result, none_is_left_and_all_is_home),
    "extend": Killed(("extend", "--by", "1m"), with_a_schedule, every_safeguard_has_the_deadline),
    "sweep": Killed(("sweep", "--delete", "--yes"), on, nothing_is_left),
}


@pytest.fixture
def hurried(person: Person) -> Person:
    person.environment["RIG_REHEARSAL_CLOCK"] = SPEED
    return person


@pytest.mark.parametrize(
    "name",
    [name if name == "train" else pytest.param(name, marks=pytest.mark.exhaustive) for name in COMMANDS],
)
def test_a_command_killed_anywhere_ends_as_it_would_have_when_it_is_typed_again(hurried: Person, name: str) -> None:
    person, command = hurried, COMMANDS[name]
    command.before(person)
    assert not dies(person, 0, command.words)
    changes = int(counted(person).read_text())
    for number in range(1, changes + 1) if ALL else random.sample(range(1, changes + 1), 1):
        command.before(person)
        dies(person, number, command.words)
        is_true(person)
        person.types(*command.words)
        command.after(person)
        tried()
        print(f"{name}: {number} of {changes}")  # `make trust` takes an hour here; pytest -s shows how far it is
