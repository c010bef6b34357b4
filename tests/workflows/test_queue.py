"""Runs behind each other on one machine: the laptop queues them and may go; AFTER=stop is for the last of them."""

from __future__ import annotations

import json

import pytest

from tests.workflows.user import Person


def queue(person: Person, steps: int) -> str:
    words = ("--script", "train.py", "--args", f"{steps} 0.1", "--queue", "--detach")
    return person.types("train", "remote", *words).strip()


def states(person: Person) -> dict[str, str]:
    rows = person.types("runs").splitlines()[1:]
    return {row.split()[0]: row.split()[1] for row in rows if row.startswith("20")}


@pytest.mark.exhaustive
def test_after_stop_is_for_the_last_of_a_queue_and_a_cancelled_run_leaves_it(person: Person) -> None:
    person.types("launch", "--type", "t3.micro", "--yes")
    quick, endless, never, last = (queue(person, steps) for steps in (1, 100_000, 1, 1))
    person.types("logs", "--run", quick, "--after", "stop")

    assert f"AFTER=stop is for the last run: {endless} and {never} and {last} still to end" in person.said
    assert states(person) == {quick: "done", endless: "running", never: "waiting", last: "waiting"}

    person.types("cancel", "--run", never)
    person.types("cancel")  # the one that works, not one that waits
    person.types("logs", "--run", last, "--after", "stop")

    assert states(person) == {quick: "done", endless: "cancelled", never: "cancelled", last: "done"}
    assert [one["state"] for one in person.status()] == ["stopped"]
    assert (person.folder / "runs" / last / "best.params").is_file()
    assert not (person.folder / "runs" / never / "best.params").exists()
    exits = {name: json.loads((person.folder / "runs" / name / "exit.json").read_text()) for name in (never, last)}
    assert [one["exit_code"] for one in exits.values()] == [143, 0]
