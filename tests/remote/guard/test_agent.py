"""The real guard as a process, with whatever can go wrong around it going wrong."""

from __future__ import annotations

import errno
import json
import os
import signal
import socket
import tempfile
import time
from datetime import datetime, timezone
from pathlib import Path

import pytest

from infra.guard.status import ending_on_console, endings, watch
from infra.remote.guard import state
from tests.remote.guard.fake_machine import HANG, Imds, Machine

FAST = 1200.0  # an hour passes in three seconds


def test_the_deadline_switches_the_machine_off_and_says_why(machine: Machine) -> None:
    machine.containers("rig-a", "rig-b")
    machine.deadline_in(hours=1)
    machine.boot()
    machine.start_guard(FAST)
    machine.until(lambda: machine.off)

    assert "docker stop --time 5 rig-a rig-b" in machine.log
    assert machine.log.index("docker stop --time 5 rig-a rig-b") < machine.log.index("systemctl poweroff")
    ending = endings(machine.ended)[0]
    assert (ending.reason, ending.steps) == ("deadline", {"containers": "done", "copy": "none", "disk": "done"})
    assert ending_on_console(machine.output.read_text()) == f"deadline: {ending.detail}"
    assert not any(line.startswith("halt") for line in machine.log)


def test_nobody_there_for_twenty_minutes_switches_it_off(machine: Machine) -> None:
    machine.deadline_in(hours=100)
    machine.boot()
    machine.start_guard(FAST)
    machine.until(lambda: machine.off)

    assert endings(machine.ended)[0].detail == "nobody has used this machine for 20 minutes"


@pytest.mark.parametrize(
    "use",
    [
        pytest.param(("docker", 'case "$1" in ps) echo rig-a ;; esac\n'), id="a-container"),
        pytest.param(
            ("nvidia-smi", 'case "$1" in *apps*) echo "4711, 900" ;; *) echo "0, 0" ;; esac\n'), id="gpu-memory"
        ),
        pytest.param(("nvidia-smi", 'case "$1" in *apps*) ;; *) echo "0, 97" ;; esac\n'), id="gpu-compute"),
        pytest.param(None, id="a-copy-over-ssh"),
    ],
)
def test_a_machine_in_use_is_left_alone_for_hours(machine: Machine, use: tuple[str, str] | None) -> None:
    if use:
        machine.program(*use)
    else:
        (machine.root / "proc/net").mkdir(parents=True)
        (machine.root / "proc/net/tcp").write_text("head\n 0: 0A00000A:0016 0700CB71:D2F0 01 0:0 0:0 0 0 0 19\n")
    machine.deadline_in(hours=100)
    machine.boot()
    machine.start_guard(FAST)
    machine.until(lambda: bool(machine.status.get("busy")))
    begun = machine.memory["up_s"]
    machine.until(lambda: machine.memory["up_s"] > begun + 3600)

    assert not machine.off


@pytest.mark.parametrize("how", [HANG, "yes garbage\n", "kill -9 $$\n", "exit 3\n", "printf '\\377\\376\\0'\n"])
def test_broken_probes_are_no_sign_of_use_and_stop_nothing(machine: Machine, how: str) -> None:
    """Every program on the machine hangs, floods, dies or mumbles; the idle rule still works, on time."""
    for name in ("docker", "nvidia-smi"):
        machine.program(name, how)
    machine.deadline_in(hours=100)
    machine.boot()
    machine.start_guard(FAST / 2)
    machine.until(lambda: endings(machine.ended) != ())

    assert endings(machine.ended)[0].reason == "idle"
    assert machine.memory["up_s"] < 3600 * 3


def test_programs_that_are_not_there_are_no_sign_of_use(machine: Machine) -> None:
    for name in ("docker", "nvidia-smi"):
        (machine.fakes / "bin" / name).unlink()
    machine.boot()
    machine.environ["PATH"] = str(machine.fakes / "bin")
    machine.start_guard(FAST)
    machine.until(lambda: machine.off)


def test_a_spot_notice_is_answered_within_seconds(machine: Machine, imds: Imds) -> None:
    machine.containers("rig-a")
    machine.deadline_in(hours=8)
    machine.boot()
    machine.start_guard()  # at true speed
    machine.until(lambda: bool(machine.status))
    begun = time.monotonic()
    imds.facts["spot/instance-action"] = '{"action": "terminate", "time": "2027-01-15T08:02:00Z"}'
    machine.until(lambda: machine.off)

    assert time.monotonic() - begun < 100  # AWS takes it back after two minutes
    assert "docker stop --time 40 rig-a" in machine.log
    assert endings(machine.ended)[0].reason == "spot"


def test_a_docker_that_fails_once_is_not_taken_for_one_without_jobs(machine: Machine) -> None:
    """The first look after the end was decided fails: the job is asked to save all the same."""
    machine.program(
        "docker",
        'case "$1" in ps) if [ -e "$RIG_ROOT/var/lib/gluon-rig/ended.json" ] && [ ! -e "$RIG_ROOT/asked" ]; then\n'
        'touch "$RIG_ROOT/asked"; exit 1; fi; echo rig-a ;; esac\n',
    )
    machine.deadline_in(hours=1)
    machine.boot()
    machine.start_guard(FAST)
    machine.until(lambda: machine.off)

    assert (machine.root / "asked").exists()
    assert "docker stop --time 5 rig-a" in machine.log
    assert endings(machine.ended)[0].steps["containers"] == "done"


def test_nothing_that_hangs_on_the_way_keeps_it_on(machine: Machine) -> None:
    """Docker, the copy, the disk and systemd all hang. The power button is still pressed, every way there is."""
    machine.program("docker", 'case "$1" in ps) echo rig-a ;; *)\n' + HANG + "esac\n")
    for name in ("sync", "systemctl", "shutdown"):
        machine.program(name, HANG if name != "systemctl" else f'case "$*" in *poweroff*)\n{HANG};;\nesac\n')
    machine.deadline_in(hours=1)
    machine.boot(bucket="s3://b")
    machine.program("aws", HANG)
    (machine.root / "proc").mkdir()
    (machine.root / "proc/sysrq-trigger").touch()
    machine.start_guard(FAST)
    machine.until(lambda: (machine.root / "proc/sysrq-trigger").read_text() != "", timeout_s=180)

    assert [line for line in machine.log if "poweroff" in line or "shutdown" in line] == [
        "systemctl poweroff",
        "shutdown -P now",
        "systemctl poweroff --force",
        "systemctl poweroff --force --force",
    ]
    assert endings(machine.ended)[0].steps == {
        "containers": "given up after 7 s",
        "copy": "given up after 5 s",
        "disk": "given up after 2 s",
    }


def test_results_are_copied_to_the_bucket_before_it_goes_off(machine: Machine) -> None:
    machine.program("aws")
    machine.deadline_in(hours=1)
    machine.boot(bucket="s3://my-bucket/it's $HOME/")
    machine.start_guard(FAST)
    machine.until(lambda: machine.off)

    copy = f"aws s3 sync --only-show-errors {machine.home}/rig/runs s3://my-bucket/it's $HOME/runs"
    assert machine.log.index(copy) < machine.log.index("systemctl poweroff")
    assert endings(machine.ended)[0].steps["copy"] == "done"


def test_metadata_that_falls_silent_or_talks_rubbish_changes_nothing(machine: Machine, imds: Imds) -> None:
    machine.containers("rig-a")
    machine.deadline_in(hours=1)
    machine.boot()
    machine.start_guard(FAST / 2)
    machine.until(lambda: bool(machine.status.get("tags_readable")))
    imds.garbage = True
    machine.until(lambda: machine.status.get("tags_readable") is False)
    imds.silent = True
    machine.until(lambda: machine.off)

    assert endings(machine.ended)[0].reason == "deadline"


@pytest.mark.parametrize("off_s", [-86400.0, 86400.0], ids=["system-clock-a-day-ahead", "system-clock-a-day-behind"])
def test_a_wrong_system_clock_moves_nothing(machine: Machine, imds: Imds, off_s: float) -> None:
    """Seen from the machine it is EC2's clock that differs; the deadline stands in EC2's time."""
    imds.date_off_s = off_s
    machine.containers("rig-a")
    machine.deadline_in(hours=1 + off_s / 3600)
    machine.boot()
    machine.start_guard(FAST)
    machine.until(lambda: machine.off)

    assert 3600 * 0.9 <= machine.memory["up_s"] < 3600 * 12


def test_without_any_metadata_the_hours_of_user_data_hold(machine: Machine, imds: Imds) -> None:
    machine.containers("rig-a")
    imds.garbage = True
    machine.boot(hours=1)
    machine.start_guard(FAST)
    machine.until(lambda: machine.off)

    assert machine.memory["up_s"] >= 3600
    assert machine.ended["reason"] == "deadline"


def test_a_killed_guard_goes_on_where_it_was(machine: Machine) -> None:
    """SIGKILL again and again, as systemd would restart it: it is still the same boot, and its time has gone on."""
    machine.containers("rig-a")
    machine.deadline_in(hours=100)
    machine.boot()
    boots, reached = set(), 0.0
    for _ in range(4):
        machine.start_guard(FAST)
        machine.until(lambda: machine.memory.get("up_s", 0) > reached)  # noqa: B023  (asked in this round only)
        machine.kill_guard()
        boots.add(machine.memory["boot"])
        reached = machine.memory["up_s"]

    assert len(boots) == 1
    assert machine.memory["before_s"] == 0


def test_a_reboot_does_not_start_the_hours_anew(machine: Machine, imds: Imds) -> None:
    imds.garbage = True  # so that only the persisted running time counts
    machine.containers("rig-a")
    machine.boot(hours=1)
    machine.start_guard(FAST / 4)
    machine.until(lambda: machine.memory.get("up_s", 0) > 3000)
    machine.kill_guard()
    before = machine.memory["up_s"]
    machine.boot(hours=1)
    machine.start_guard(FAST / 4)
    machine.until(lambda: machine.off)

    assert machine.memory["before_s"] == before
    assert machine.memory["before_s"] + machine.memory["up_s"] >= 3600
    assert machine.memory["up_s"] < 3600


def test_extending_moves_the_deadline_of_a_running_guard(machine: Machine, imds: Imds) -> None:
    machine.containers("rig-a")
    machine.deadline_in(hours=1)
    machine.boot()
    machine.start_guard(60)
    machine.until(lambda: bool(machine.status))
    assert machine.status["off_in_s"] <= 3600
    machine.deadline_in(hours=3)
    machine.until(lambda: machine.status["off_in_s"] > 3600)

    assert watch((machine.root / "run/gluon-rig/status.json").read_text()).busy == ("container rig-a",)


def test_a_full_disk_does_not_swallow_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard holds 64 KiB back from the start, and gives them up for the record."""
    spare, ended = tmp_path / "spare", tmp_path / "ended.json"
    state.keep_spare(str(spare))
    assert spare.stat().st_size == 65536

    def full(descriptor: int) -> None:
        if spare.exists():
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(state.os, "fsync", full)

    assert state.record_ending(str(ended), str(spare), {"reason": "deadline", "at": "now"})
    assert [ending.reason for ending in endings(json.loads(ended.read_text()))] == ["deadline"]


def test_what_the_backstop_did_is_on_record_after_the_next_start(machine: Machine) -> None:
    machine.deadline_in(hours=8)
    machine.boot()
    (machine.root / "var/lib/gluon-rig/backstop-fired").write_text("2026-11-20T18:08:00Z\n")
    machine.start_guard()
    machine.until(lambda: bool(machine.status))

    assert [(ending.reason, ending.at) for ending in endings(machine.ended)] == [("backstop", "2026-11-20T18:08:00Z")]
    assert not (machine.root / "var/lib/gluon-rig/backstop-fired").exists()


def test_earlier_endings_are_kept_and_a_step_added_later_replaces_its_own(tmp_path: Path) -> None:
    for minute in range(25):
        for steps in ({}, {"containers": "done"}):
            ending = {"reason": "idle", "at": f"2026-11-20T10:{minute:02}:00Z", "steps": steps}
            state.record_ending(str(tmp_path / "ended.json"), str(tmp_path / "spare"), ending)
    kept = endings(json.loads((tmp_path / "ended.json").read_text()))

    assert [ending.at[14:16] for ending in kept] == [f"{minute:02}" for minute in range(24, 4, -1)]
    assert {str(ending.steps) for ending in kept} == {"{'containers': 'done'}"}


def test_it_tells_systemd_that_it_lives_also_while_it_winds_down(machine: Machine) -> None:
    """systemd kills and restarts a guard that is silent for WatchdogSec: frozen by SIGSTOP, stuck in the kernel."""
    path = f"{tempfile.gettempdir()}/gluon-rig-{os.getpid()}"  # tmp_path may be longer than a socket's name may be
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(path)
        systemd.settimeout(10)
        machine.environ["NOTIFY_SOCKET"] = path
        machine.program("docker", 'case "$1" in ps) echo rig-a ;; *)\n' + HANG + "esac\n")
        machine.deadline_in(hours=1)
        machine.boot()
        machine.start_guard(FAST)
        assert systemd.recv(100) == b"READY=1"
        machine.until(lambda: any(line.startswith("docker stop") for line in machine.log))
        beats = 0
        while not machine.off:
            assert systemd.recv(100) == b"WATCHDOG=1"
            beats += 1
        os.unlink(path)

    assert beats > 20


def test_a_frozen_guard_is_replaced_and_the_new_one_has_lost_no_time(machine: Machine) -> None:
    machine.containers("rig-a")
    machine.deadline_in(hours=1)
    machine.boot()
    machine.start_guard(FAST)
    machine.until(lambda: machine.memory.get("up_s", 0) > 600)
    machine.guard.send_signal(signal.SIGSTOP)
    frozen = machine.memory["up_s"]
    time.sleep(0.5)  # ten minutes of its time
    machine.kill_guard()  # what WatchdogSignal=SIGKILL does
    machine.start_guard(FAST)
    machine.until(lambda: machine.memory["up_s"] > frozen)

    assert machine.memory["up_s"] >= frozen + 500


def test_the_status_tells_whether_the_guard_lives(machine: Machine) -> None:
    machine.deadline_in(hours=8)
    machine.boot()
    machine.start_guard()
    machine.until(lambda: bool(machine.status))
    seen = watch((machine.root / "run/gluon-rig/status.json").read_text())

    assert seen is not None
    assert seen.alive(datetime.now(timezone.utc))
    assert not seen.alive(datetime(2020, 1, 1, tzinfo=timezone.utc))
    assert 7.9 * 3600 < seen.off_in_s <= 8 * 3600
