"""The whole story once on a real AWS account: what no rehearsal can show. It costs money, so it asks.

    make acceptance                                    the plan and its price; nothing is launched
    make acceptance NODES=2                            the same of a group; TYPE=g4dn.12xlarge: of four GPUs in one
    .venv/bin/python scripts/acceptance.py --yes-spend   the same, then asks, runs the story, and writes a report

It types `rig` commands as a user would, for a rig of its own named "acceptance", and terminates it before and after,
whatever happens in between. RIG_TYPE, RIG_NODES, RIG_REGION and RIG_PROFILE choose machines, region and profile, as
always; RIG_CLOUD=rehearsal tries this script itself without an account.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TextIO

RIG = str(Path(sys.executable).with_name("rig"))
NAME = "acceptance"
CLEAN = ("terminate", "--lose-results")
# A deadline of six minutes, and the ten of safeguard 3 with a margin.
SHORT_HOURS, SWITCHED_OFF_WITHIN_S = "0.1", 20 * 60

ASK_FOR_TOKEN = """python3 - <<'END'
import sys, urllib.request as web
head = {"X-aws-ec2-metadata-token-ttl-seconds": "60"}
try:
    web.urlopen(web.Request("http://169.254.169.254/latest/api/token", method="PUT", headers=head), timeout=5)
except OSError as error:
    print("refused, as it should be:", error)
else:
    sys.exit("the metadata service answered: this job could take the instance's role")
END"""
# What several GPUs add, in one machine or in several: NCCL, which no rehearsal can show.
ON_ALL_GPUS = (
    "one process on each GPU, summed by NCCL",
    ("train", "remote", "--job", "lenet", "--workers", "gpus", "--args", "num_epochs=1", "--after", "keep"),
)

STORY: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("credentials, quota, price, image", ("doctor",)),
    ("AWS would permit it", ("launch", "--dry-run", "--hours", "1")),
    ("a fresh machine becomes ready", ("launch", "--yes", "--hours", "1")),
    ("launching again finds it", ("launch", "--yes", "--hours", "1")),
    ("which safeguards are armed", ("status",)),
    ("what the machine has", ("train", "remote", "--cmd", "nvidia-smi || lscpu", "--after", "keep")),
    ("one epoch, results home", ("train", "remote", "--job", "lenet", "--args", "num_epochs=1", "--after", "keep")),
    ("no job can ask for the instance's role", ("train", "remote", "--cmd", ASK_FOR_TOKEN, "--after", "keep")),
    ("every guard moves", ("extend", "--yes", "--by", "10m")),
    ("stop", ("stop",)),
    ("start again, new address, same host key, six minutes", ("start", "--yes", "--hours", SHORT_HOURS)),
)


class Report:
    """Says every line twice: to the user and to the file."""

    def __init__(self, file: TextIO) -> None:
        self.file = file

    def say(self, line: str) -> None:
        for place in (sys.stdout, self.file):
            print(line, file=place, flush=True)


def main(
    words: Sequence[str],
    *,
    rig: str = RIG,
    ask: Callable[[str], str] = input,
    sleep: Callable[[float], None] = time.sleep,
    folder: Path = Path(".rig"),
) -> int:
    """0: all went well. 1: a step failed, or something was left behind. 2: nothing was spent."""
    print("This is what would be launched, and the most it can cost:\n", flush=True)
    plan = subprocess.run([rig, "plan", "--hours", "1", "--name", NAME])
    if plan.returncode != 0 or "--yes-spend" not in words:
        print("\nNothing was launched. `.venv/bin/python scripts/acceptance.py --yes-spend` asks, and then does it.")
        return 2
    if ask("\nType yes to spend it: ").strip().lower() != "yes":
        return 2
    folder.mkdir(exist_ok=True)
    path = folder / time.strftime("acceptance-%Y%m%d-%H%M%S.txt")
    with path.open("w", encoding="utf-8") as file:
        failed = cleanly(Report(file), rig, sleep)
    print(f"\nThe report: {path}")
    return 1 if failed else 0


def cleanly(report: Report, rig: str, sleep: Callable[[float], None]) -> list[str]:
    """The story between two cleanings. Answers what failed. Ctrl-C cleans too."""
    failed = run(report, rig, "nothing of an earlier try is left", CLEAN)
    before = {thing["id"] for thing in ask_rig(rig, "sweep")}
    try:
        if not failed:
            failed = story(report, rig, sleep)
    finally:
        failed += run(report, rig, "clean up", CLEAN)
        failed += list_left_behind(report, rig, before)
        report.say("\nVERDICT: " + (f"FAILED: {', '.join(failed)}" if failed else "all went well"))
    return failed


def story(report: Report, rig: str, sleep: Callable[[float], None]) -> list[str]:
    """Each step rests on the one before, so the first failure ends it."""
    for title, command in list_steps(os.environ):
        failed = run(report, rig, title, command)
        if failed:
            return failed
    return check_switched_off(report, rig, sleep)


def list_steps(environ: Mapping[str, str]) -> list[tuple[str, tuple[str, ...]]]:
    """The story; with several GPUs, as RIG_NODES or the size in RIG_TYPE says, the one about all of them, too."""
    nodes, kind = environ.get("RIG_NODES", "1"), environ.get("RIG_TYPE", "")
    found = list(STORY)
    if nodes != "1" or re.search(r"\.((12|24|48)xlarge|metal)", kind):
        found.insert([title for title, _ in STORY].index("every guard moves"), ON_ALL_GPUS)
    return found


def check_switched_off(report: Report, rig: str, sleep: Callable[[float], None]) -> list[str]:
    """Nobody stops the machine now: its safeguards have to."""
    title = "a guard switches it off"
    report.say(f"\n== {title}")
    for waited_s in range(0, SWITCHED_OFF_WITHIN_S, 30):
        states = [one["state"] for one in ask_rig(rig, "status") if one["name"] == NAME]
        report.say(f"after {waited_s} s: {', '.join(states) or 'gone'}")
        if set(states) <= {"stopped"}:
            return []
        sleep(30)
    return [title]


def list_left_behind(report: Report, rig: str, before: set[str]) -> list[str]:
    """Ask the sweep, which looks in every region, whether there is anything that was not there before."""
    title = "nothing is left in any region"
    report.say(f"\n== {title}")
    left = [thing for thing in ask_rig(rig, "sweep") if thing["id"] not in before]
    for thing in left:
        report.say(f"STILL THERE, and may cost money: {thing['kind']} {thing['id']} in {thing['region']}")
    return [title] if left else []


def ask_rig(rig: str, command: str) -> list[dict[str, str]]:
    """What `rig COMMAND --json` answers."""
    done = subprocess.run([rig, command, "--json"], stdout=subprocess.PIPE, text=True, check=True)
    answer = json.loads(done.stdout)
    things: list[dict[str, str]] = answer["things"] if isinstance(answer, dict) else answer
    return things


def run(report: Report, rig: str, title: str, command: tuple[str, ...]) -> list[str]:
    """Run one command, passing its output on line by line. Answers its title if it failed."""
    report.say(f"\n== {title}\n$ rig {' '.join(command)} --name {NAME}")
    began = time.monotonic()
    with subprocess.Popen(
        [rig, *command, "--name", NAME], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as child:
        assert child.stdout is not None
        for line in child.stdout:
            report.say(line.rstrip("\n"))
    report.say(f"-- exit code {child.returncode}, {time.monotonic() - began:.0f} s")
    return [title] if child.returncode else []


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
