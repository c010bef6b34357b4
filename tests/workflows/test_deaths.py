"""The bill cannot run away: every part dies in turn, and the machine is off by its deadline, its files whole.

All rigs live in one rehearsal cloud whose clock runs twenty times as fast. Each is launched by the console script with
a job on it, then its death is arranged, and then nobody looks after it any more.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from infra import budget
from infra.rehearsal import client, processes
from tests.workflows.user import Person, aws, eventually

# Each guard looks for signs of use twice in its minute, by four programs: seventeen guards at 60x kept six cores busy.
SPEED = 20
WINDING_DOWN = timedelta(seconds=budget.WINDING_DOWN_S)

WORK = """\
import os, pathlib, signal, sys, time
run = pathlib.Path(os.environ["RIG_RUN_DIR"])
def save(*_):
    (run / "checkpoint.part").write_text("saved")
    (run / "checkpoint.part").rename(run / "checkpoint")
    sys.exit(0)
signal.signal(signal.SIGTERM, signal.SIG_IGN if "deaf" in sys.argv else save)
(run / "begun").write_text("begun")
print("begun", flush=True)
if "crash" in sys.argv:
    sys.exit(3)
while True:
    time.sleep(0.2)
"""


@dataclass
class Victim:
    """One rig. *off_at*: when AWS first showed it off, by the rehearsal's clock."""

    name: str
    instance: dict[str, Any]
    deadline: datetime
    slop: timedelta
    cloud: client.Cloud
    folder: Path
    off_at: datetime | None = None

    @property
    def id(self) -> str:
        return str(self.instance["InstanceId"])

    @property
    def place(self) -> Path:
        return self.folder / ".rig" / "rehearsal" / "instances" / self.id

    def pids(self, *words: str) -> list[int]:
        """The instance's processes whose command line holds one of *words*; all of them without words."""
        mine = processes.carrying(f"RIG_INSTANCE_ID={self.id}")
        return [pid for pid in mine if not words or any(word in command(pid) for word in words)]

    def send(self, number: signal.Signals, *words: str) -> None:
        pids = eventually(lambda: self.pids(*words), f"a process of {self.name} like {words}")
        processes.send(pids, number)

    def aws(self, service: str) -> Any:
        return aws(self.cloud, service)

    def ended(self) -> dict[str, Any]:
        file = self.place / "root/var/lib/gluon-rig/ended.json"
        return dict(json.loads(file.read_text())) if file.exists() else {}


@dataclass(frozen=True)
class Pace:
    """How fast this computer is now.

    *hours*: enough to have a rig's death arranged before its deadline comes. *slop*: how late anything may be.
    """

    hours: float = 24.0
    slop: timedelta = timedelta(0)


def pace_of(person: Person, cloud: client.Cloud) -> Pace:
    """Measured on one more rig, which nothing happens to; the others come three at a time."""
    began = cloud.clock.now()
    probe = begin(person, cloud, "probe", Death(nothing), Pace())
    took = cloud.clock.now() - began
    aws(cloud, "ec2").terminate_instances(InstanceIds=[probe.id])
    return Pace(hours=6 * took / timedelta(hours=1), slop=2 * took)


def command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def nothing(victim: Victim) -> None:
    """The laptop is gone: nobody follows, nobody stops."""


def guard_killed(victim: Victim) -> None:
    victim.send(signal.SIGKILL, "start_guard.py")


def guard_frozen(victim: Victim) -> None:
    victim.send(signal.SIGSTOP, "start_guard.py")


def guard_gone(victim: Victim) -> None:
    victim.send(signal.SIGKILL, "gluon-rig-guard.service")
    victim.send(signal.SIGKILL, "start_guard.py")


def programs_gone(victim: Victim) -> None:
    """Root on the instance has removed both our programs."""
    victim.send(signal.SIGKILL, "gluon-rig-backstop", "gluon-rig-guard.service")
    processes.send(victim.pids("start_guard.py", "backstop"), signal.SIGKILL)


def alarms_gone(victim: Victim) -> None:
    cloudwatch = victim.aws("cloudwatch")
    names = [a["AlarmName"] for a in cloudwatch.describe_alarms()["MetricAlarms"] if victim.id in a["AlarmName"]]
    assert names
    cloudwatch.delete_alarms(AlarmNames=names)


def schedule_gone(victim: Victim) -> None:
    victim.aws("scheduler").delete_schedule(Name=f"gluon-rig-{victim.id}")


def only_the_schedule(victim: Victim) -> None:
    alarms_gone(victim)
    programs_gone(victim)


def only_the_guard(victim: Victim) -> None:
    alarms_gone(victim)
    schedule_gone(victim)


def only_the_alarms(victim: Victim) -> None:
    schedule_gone(victim)
    programs_gone(victim)


def all_frozen(victim: Victim) -> None:
    """A hung kernel: nothing on the machine moves any more."""
    victim.send(signal.SIGSTOP)


def all_frozen_without_alarms(victim: Victim) -> None:
    alarms_gone(victim)
    all_frozen(victim)


def job_killed(victim: Victim) -> None:
    """As the kernel does when memory is out."""
    victim.send(signal.SIGKILL, "work.py")


def docker_dead(victim: Victim) -> None:
    _replace_docker(victim, "#!/bin/sh\necho Cannot connect to the Docker daemon >&2\nexit 1\n")


def docker_hangs(victim: Victim) -> None:
    _replace_docker(victim, "#!/bin/sh\nexec sleep 100000\n")


def _replace_docker(victim: Victim, text: str) -> None:
    shim = victim.place / "bin" / "docker"
    aside = shim.with_name("docker.new")
    aside.write_text(text)
    aside.chmod(0o755)
    aside.replace(shim)


def rebooted(victim: Victim) -> None:
    victim.aws("ec2").reboot_instances(InstanceIds=[victim.id])


@dataclass(frozen=True)
class Death:
    """*safeguards*: which may have fired. *job*: words for the job. *saved*: the job could save its checkpoint."""

    arrange: Callable[[Victim], None]
    safeguards: tuple[str, ...] = ("guard",)
    job: tuple[str, ...] = ()
    saved: bool = True
    idle: int = 0
    late: timedelta = WINDING_DOWN
    options: tuple[str, ...] = field(default=())


HOUR_OF_SILENCE = timedelta(minutes=65)
DEATHS = {
    "laptop-gone": Death(nothing),
    "job-hung": Death(nothing, job=("deaf",), saved=False),
    "job-crashed": Death(nothing, job=("crash",), saved=False),
    "job-killed": Death(job_killed, saved=False),
    "docker-dead": Death(docker_dead, saved=False),
    "docker-hangs": Death(docker_hangs, saved=False),
    "guard-killed": Death(guard_killed),
    "guard-frozen": Death(guard_frozen),
    "guard-gone": Death(guard_gone, safeguards=("backstop", "schedule"), saved=False),
    "rebooted": Death(rebooted, saved=False),
    "all-frozen": Death(all_frozen, safeguards=("alarms", "schedule"), saved=False),
    "frozen-without-alarms": Death(all_frozen_without_alarms, safeguards=("schedule",), saved=False),
    "no-alarms": Death(alarms_gone),
    "no-schedule": Death(schedule_gone),
    "only-the-guard": Death(only_the_guard),
    "only-the-schedule": Death(only_the_schedule, safeguards=("schedule",), saved=False),
}
ONLY_THE_ALARMS = {
    "only-the-alarms": Death(only_the_alarms, safeguards=("alarms",), saved=False, late=HOUR_OF_SILENCE),
}


# `make test` has one death of each part, and one end by each safeguard; two dozen guards keep two cores busy.
SAMPLED = (
    "laptop-gone", "job-hung", "docker-hangs", "guard-frozen", "guard-gone", "rebooted", "frozen-without-alarms",
)  # fmt: skip
EACH = [pytest.param(name, marks=[] if name in SAMPLED else pytest.mark.exhaustive) for name in DEATHS]


@pytest.fixture(scope="module")
def sampled_victims(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Victim]]:
    with left_alone(tmp_path_factory.mktemp("deaths"), {name: DEATHS[name] for name in SAMPLED}, SPEED) as found:
        print_table(found)
        yield found


@pytest.fixture(scope="module")
def other_victims(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Victim]]:
    others = {name: death for name, death in DEATHS.items() if name not in SAMPLED}
    with left_alone(tmp_path_factory.mktemp("deaths"), others, SPEED) as found:
        print_table(found)
        yield found


@pytest.fixture
def victim(request: pytest.FixtureRequest, name: str) -> Victim:
    victims: dict[str, Victim] = request.getfixturevalue("sampled_victims" if name in SAMPLED else "other_victims")
    return victims[name]


def somebody(folder: Path, speed: int) -> Person:
    (folder / "work.py").write_text(WORK)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RIG_", "AWS_"))}
    settings = {"RIG_CLOUD": "rehearsal", "RIG_ENGINE": "process", "RIG_REHEARSAL_CLOCK": f"{speed}x"}
    return Person(folder, {**kept, **settings, "HOME": str(folder)})


@contextmanager
def left_alone(folder: Path, deaths: Mapping[str, Death], speed: int) -> Iterator[dict[str, Victim]]:
    """Every rig launched, its job begun, its death arranged; then they are left alone until all are off."""
    person = somebody(folder, speed)
    person.types("setup-guard")
    cloud = person.cloud()
    watch = Watch(cloud)
    try:
        watch.start()
        pace = pace_of(person, cloud)
        with ThreadPoolExecutor(max_workers=3) as several:
            found = dict(several.map(lambda item: (item[0], begin(person, cloud, *item, pace)), deaths.items()))
        last = max(found[name].deadline + death.late + pace.slop for name, death in deaths.items())
        watch.until_all_are_off(found, last)
        yield found
    finally:
        watch.done.set()
        watch.join()
        for victim in processes.carrying(f"HOME={folder}"):
            processes.send([victim], signal.SIGCONT)  # a frozen process cannot end
        client.down(folder)


def begin(person: Person, cloud: client.Cloud, name: str, death: Death, pace: Pace) -> Victim:
    mine = Person(person.folder, {**person.environment, "RIG_NAME": name, "RIG_IDLE": str(death.idle)})
    mine.types("launch", "--hours", f"{pace.hours:.3f}")
    mine.types("train", "remote", "--script", "work.py", "--args", " ".join(death.job), "--detach")
    (instance,) = [one for one in person.living() if {"Key": "gluon-rig:name", "Value": name} in one["Tags"]]
    victim = Victim(name, instance, deadline_of(instance), pace.slop, cloud, person.folder)
    eventually(lambda: list(victim.place.glob("home/rig/runs/*/begun")), f"the job of {name}")
    death.arrange(victim)
    return victim


def deadline_of(instance: dict[str, Any]) -> datetime:
    tags = {tag["Key"]: tag["Value"] for tag in instance["Tags"]}
    return datetime.fromisoformat(tags["gluon-rig:deadline"].replace("Z", "+00:00"))


class Watch(threading.Thread):
    """Asks AWS all the time, from before the first launch on, and notes when each instance was first off."""

    def __init__(self, cloud: client.Cloud) -> None:
        super().__init__(daemon=True)
        self.cloud = cloud
        self.off_at: dict[str, datetime] = {}
        self.last: dict[str, dict[str, Any]] = {}
        self.done = threading.Event()

    def run(self) -> None:
        ec2 = aws(self.cloud, "ec2")
        while not self.done.wait(1.0):  # a third of a minute there; each answer costs moto 20 ms
            for reservation in ec2.describe_instances()["Reservations"]:
                for one in reservation["Instances"]:
                    self.last[one["InstanceId"]] = one
                    if one["State"]["Name"] in ("stopping", "stopped"):
                        self.off_at.setdefault(one["InstanceId"], self.cloud.clock.now())

    def until_all_are_off(self, victims: dict[str, Victim], last: datetime) -> None:
        while self.cloud.clock.now() < last + timedelta(minutes=5):
            for victim in victims.values():
                victim.instance = self.last[victim.id]
                victim.off_at = self.off_at.get(victim.id)
            if all(victim.instance["State"]["Name"] == "stopped" for victim in victims.values()):
                return
            time.sleep(0.2)


def fired(victim: Victim) -> str:
    """Which safeguard: the machine's own record, or AWS's."""
    if victim.ended():
        return "guard"
    if "gluon-rig backstop:" in (victim.place / "console.log").read_text(errors="replace"):
        return "backstop"
    alarms = victim.aws("cloudwatch").describe_alarms()["MetricAlarms"]
    if any(victim.id in alarm["AlarmName"] and alarm["StateValue"] == "ALARM" for alarm in alarms):
        return "alarms"
    return "schedule"


def print_table(victims: dict[str, Victim]) -> None:
    """The closing note's table: `pytest -s tests/workflows/test_deaths.py` shows it."""
    print(f"\n{'death':<24}{'safeguard that fired':<18}{'minutes past the deadline':>26}{'dollars':>10}")
    for name, victim in victims.items():
        if victim.off_at is None:
            print(f"{name:<24}none: still running")
            continue
        late = (victim.off_at - victim.deadline).total_seconds() / 60
        usd = budget.usd_spent(0.53810, started_at=victim.instance["LaunchTime"], now=victim.off_at)
        print(f"{name:<24}{fired(victim):<18}{late:>26.1f}{usd:>10.3f}")


@pytest.mark.parametrize("name", EACH)
def test_the_machine_is_off_by_its_deadline(victim: Victim, name: str) -> None:
    death = DEATHS[name]

    assert victim.instance["State"]["Name"] == "stopped"
    assert victim.off_at is not None
    assert victim.off_at <= victim.deadline + death.late + victim.slop
    assert fired(victim) in death.safeguards


@pytest.mark.parametrize("name", [each for each in EACH if "guard" in DEATHS[str(each.values[0])].safeguards])
def test_the_guard_says_why_and_never_fires_early(victim: Victim, name: str) -> None:
    assert victim.ended()["reason"] == "deadline"
    assert victim.off_at is not None
    assert victim.off_at >= victim.deadline - timedelta(minutes=1)


@pytest.mark.parametrize("name", EACH)
def test_what_the_run_wrote_is_on_the_disk_and_a_gentle_end_saved_a_checkpoint(victim: Victim, name: str) -> None:
    (run,) = victim.place.glob("home/rig/runs/*")

    assert (run / "begun").read_text() == "begun"
    if DEATHS[name].saved:
        assert (run / "checkpoint").read_text() == "saved"
        assert (run / "MANIFEST.sha256").exists()
    assert not (run / "checkpoint").exists() or (run / "checkpoint").read_text() == "saved"
