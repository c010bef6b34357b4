"""The rehearsal's pure parts, each by itself."""

from __future__ import annotations

import asyncio
import gzip
import json
from datetime import datetime, timezone
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from infra.rehearsal import client, clock, daemon
from infra.rehearsal.fault_injection import Faults, Shortage, UnknownFault
from infra.rehearsal.instance.userdata import Part, parts
from infra.rehearsal.shims import engine, options, units

HOOK = b"#cloud-boothook\n#!/bin/sh\necho early\n"
SCRIPT = b"#!/bin/sh\necho late\n"


def multipart() -> bytes:
    mail = MIMEMultipart()
    for text, kind in ((HOOK, "cloud-boothook"), (SCRIPT, "x-shellscript"), (b"packages: [git]\n", "cloud-config")):
        mail.attach(MIMEText(text.decode(), kind))
    return mail.as_bytes()


@pytest.mark.parametrize(
    ("user_data", "expected"),
    [
        (b"", ()),
        (HOOK, (Part("boothook", b"#!/bin/sh\necho early\n"),)),
        (gzip.compress(SCRIPT, mtime=0), (Part("script", SCRIPT),)),
        (b"what is this", (Part("unknown", b"what is this"),)),
        (
            multipart(),
            (
                Part("boothook", b"#!/bin/sh\necho early\n"),
                Part("script", SCRIPT),
                Part("unknown", b"packages: [git]\n"),
            ),
        ),
    ],
)
def test_user_data_is_read_as_cloud_init_reads_it(user_data: bytes, expected: tuple[Part, ...]) -> None:
    assert parts(user_data) == expected


def test_a_fast_clock_runs_fast_from_its_start() -> None:
    fast = clock.from_environment({"RIG_REHEARSAL_CLOCK": "600x", "RIG_REHEARSAL_CLOCK_START": "1000"})

    assert fast == clock.Clock(600.0, 1000.0)
    assert fast.really(600) == 1.0
    assert clock.from_environment(fast.environment()) == fast
    real = clock.from_environment({})
    assert abs((real.now() - datetime.now(timezone.utc)).total_seconds()) < 1
    for nonsense in ("0x", "-3x", "fast", "infx"):
        with pytest.raises(ValueError):  # noqa: PT011  each word fails in a way of its own
            clock.from_environment({"RIG_REHEARSAL_CLOCK": nonsense})


def test_faults_add_up_and_are_cleared_together() -> None:
    faults = Faults()

    for words in ("capacity --zone us-east-1a", "capacity --type g5.xlarge", "quota 0", "throttle 0.5", "slow 80ms"):
        faults.change(words.split())

    assert faults.now.shortages == (Shortage(zone="us-east-1a"), Shortage(type="g5.xlarge"))
    assert (faults.now.quota, faults.now.throttle, faults.now.slow_s) == (0.0, 0.5, 0.08)
    assert faults.short_of("us-east-1b", "g5.xlarge")
    assert not faults.short_of("us-east-1b", "g6.xlarge")
    assert 0.4 < sum(faults.throttles() for _ in range(1000)) / 1000 < 0.6
    with pytest.raises(UnknownFault, match="capacity"):
        faults.change(["capacity", "--color", "red"])
    faults.change(["clear"])
    assert faults.now == Faults().now


@pytest.mark.parametrize(("code", "expected"), [(0, "docker"), (1, "process")])
def test_the_engine_is_asked_once_and_a_wish_is_not_questioned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, expected: str
) -> None:
    asked = tmp_path / "asked"
    (tmp_path / "docker").write_text(f"#!/bin/sh\necho $1 >> {asked}\nexit {code}\n")
    (tmp_path / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    choice = tmp_path / "engine"

    assert engine.known(choice, {}) == ""
    assert [engine.chosen(choice, {}) for _ in range(2)] == [expected, expected]
    assert asked.read_text() == "info\n"
    choice.write_text("docker")
    assert engine.chosen(choice, {"RIG_REHEARSAL_ENGINE": "process"}) == "docker"


def test_docker_s_way_of_writing_options_is_understood() -> None:
    line = options.read(
        ["-it", "--name=a", "-e", "K=V=W", "-e", "EMPTY", "image", "cmd", "--name", "b"],
        valued={"--name": "--name", "-e": "--env"},
        switches={"-i": "--interactive", "-t": "--tty"},
        intermixed=False,
    )

    assert line.options == {"--interactive": ["true"], "--tty": ["true"], "--name": ["a"], "--env": ["K=V=W", "EMPTY"]}
    assert line.words == ["image", "cmd", "--name", "b"]
    assert line.pairs("--env") == {"K": "V=W", "EMPTY": ""}
    with pytest.raises(options.UnknownOption, match="unknown flag: --nmae"):
        options.read(["--nmae", "x"], valued={}, switches={})


def test_unit_files_are_read_with_systemd_s_durations() -> None:
    text = "[Service]\nExecStart=-/bin/sh -c 'a b'\nRestartSec=1min 30s\nEnvironment=A=1 'B=2 3'\n# ExecStart=/no\n"

    unit = units.parse("x.service", text)

    assert (unit.exec_start, unit.restart_s, unit.environment) == (
        ("/bin/sh", "-c", "a b"),
        90.0,
        {"A": "1", "B": "2 3"},
    )
    assert units.parse("x.timer", "[Timer]\nOnBootSec=50ms\n").starts == "x.service"


@pytest.mark.parametrize(("idle_s", "in_use", "ends"), [(3601, False, True), (3601, True, False), (5, False, False)])
def test_an_idle_hour_ends_the_cloud_unless_an_instance_is_in_use(idle_s: float, in_use: bool, ends: bool) -> None:
    world: Any = SimpleNamespace(idle_s=lambda: idle_s, room=SimpleNamespace(in_use=lambda: in_use))

    async def ended() -> bool:
        try:
            await asyncio.wait_for(daemon._until(asyncio.Event(), world), timeout=0.3)
        except asyncio.TimeoutError:
            return False
        return True

    assert asyncio.run(ended()) is ends


def test_a_file_of_a_cloud_that_belongs_to_somebody_else_now_is_not_believed(tmp_path: Path, rehearsal: Any) -> None:
    folder = tmp_path / ".rig" / "rehearsal"
    folder.mkdir(parents=True)
    stale = {"endpoint_url": rehearsal.cloud.endpoint_url, "pid": rehearsal.cloud.pid, "started": 0}
    (folder / "cloud.json").write_text(json.dumps(stale))

    with pytest.raises(client.RehearsalDown):
        client.find(tmp_path)
    client.down(tmp_path)

    assert client.find(rehearsal.project) == rehearsal.cloud
