"""The script that cannot be run here, run against a `rig` that only pretends."""

import json
import sys

import pytest

from infra.cli.arguments import parse
from infra.cli.commands import COMMANDS
from scripts.acceptance import CLEAN, NAME, ON_ALL_GPUS, STORY, list_steps, main

PRETENDER = """#!{python}
import json, pathlib, sys
here = pathlib.Path(__file__).parent
words = sys.argv[1:]
with (here / "typed").open("a") as typed:
    typed.write(json.dumps(words) + "\\n")
script = json.loads((here / "script.json").read_text())
if "--json" in words:
    answers = script[words[0]]
    print(json.dumps(answers.pop(0) if len(answers) > 1 else answers[0]))
    (here / "script.json").write_text(json.dumps(script))
print("said by", words[0], file=sys.stderr)
sys.exit(script["exit"].get(words[0], 0))
"""


class Pretended:
    """A `rig` that notes what is typed, and answers as told."""

    def __init__(self, folder):
        self.folder = folder
        self.path = folder / "rig"
        self.path.write_text(PRETENDER.format(python=sys.executable))
        self.path.chmod(0o755)
        self.answers = {"status": [[{"name": NAME, "state": "stopped"}]], "sweep": [{"things": []}], "exit": {}}

    def run(self, *words, answer="yes"):
        """The exit code and the report."""
        (self.folder / "script.json").write_text(json.dumps(self.answers))
        out = self.folder / "out"
        code = main(words, rig=str(self.path), ask=lambda _: answer, sleep=lambda _: None, folder=out)
        return code, "".join(report.read_text() for report in out.glob("*.txt"))

    def typed(self):
        lines = (self.folder / "typed").read_text().splitlines()
        return [" ".join(word for word in json.loads(line) if word not in ("--name", NAME)) for line in lines]


@pytest.fixture
def rig(tmp_path):
    return Pretended(tmp_path)


TERMINATE = " ".join(CLEAN)


def test_without_the_flag_only_the_plan_is_shown(rig):
    assert rig.run() == (2, "")
    assert rig.typed() == ["plan --hours 1"]


@pytest.mark.parametrize("answer", ["", "y", "no"])
def test_without_a_yes_nothing_is_spent(rig, answer):
    assert rig.run("--yes-spend", answer=answer) == (2, "")
    assert rig.typed() == ["plan --hours 1"]


def test_the_story_is_told_between_two_cleanings(rig):
    code, report = rig.run("--yes-spend")

    assert code == 0
    assert rig.typed() == [
        "plan --hours 1",
        TERMINATE,
        "sweep --json",
        *(" ".join(command) for _, command in STORY),
        "status --json",
        TERMINATE,
        "sweep --json",
    ]
    assert report.endswith("VERDICT: all went well\n")
    assert all(title in report for title, _ in STORY)
    assert "said by doctor" in report


def test_a_failure_ends_the_story_and_cleans_up(rig):
    rig.answers["exit"] = {"train": 1}

    code, report = rig.run("--yes-spend")

    assert code == 1
    assert rig.typed()[-3:] == ["train remote --cmd nvidia-smi || lscpu --after keep", TERMINATE, "sweep --json"]
    assert report.endswith("VERDICT: FAILED: what the machine has\n")


def test_a_machine_that_nothing_switches_off_fails_and_is_terminated(rig):
    rig.answers["status"] = [[{"name": NAME, "state": "running"}]]

    code, report = rig.run("--yes-spend")

    assert code == 1
    assert rig.typed()[-2:] == [TERMINATE, "sweep --json"]
    assert report.endswith("VERDICT: FAILED: a guard switches it off\n")


def test_what_is_left_behind_is_named(rig):
    alarm = {"kind": "alarm", "id": "gluon-rig-i-1-idle", "region": "us-east-1", "name": ""}
    older = {"kind": "volume", "id": "vol-1", "region": "eu-west-1", "name": "rig"}
    rig.answers["sweep"] = [{"things": [older]}, {"things": [older, alarm]}]

    code, report = rig.run("--yes-spend")

    assert code == 1
    assert "STILL THERE, and may cost money: alarm gluon-rig-i-1-idle in us-east-1" in report
    assert "vol-1" not in report


@pytest.mark.parametrize(
    ("environ", "several"),
    [
        ({}, False),
        ({"RIG_NODES": "2"}, True),
        ({"RIG_TYPE": "g4dn.12xlarge"}, True),
        ({"RIG_TYPE": "g5.2xlarge"}, False),
    ],
)
def test_several_gpus_have_a_step_of_their_own(environ, several):
    steps = list_steps(environ)

    assert (ON_ALL_GPUS in steps) is several
    assert [step for step in steps if step != ON_ALL_GPUS] == list(STORY)


@pytest.mark.parametrize(
    "words", [*(line for _, line in [*STORY, ON_ALL_GPUS]), CLEAN, ("plan", "--hours", "1"), ("sweep", "--json")]
)
def test_rig_understands_every_line_of_the_story(words):
    understood = parse([*words, "--name", NAME], COMMANDS)

    assert (understood.command.name, understood.foreign) == (words[0], ())
