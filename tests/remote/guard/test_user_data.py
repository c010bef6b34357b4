"""What the instance is handed at launch: small enough, the same twice, clean shell, and armed first of all."""

from __future__ import annotations

import ast
import gzip
import json
import shutil
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from infra.guard.user_data import MOST_BYTES, UNITS, user_data
from infra.remote import guard
from infra.remote.guard.shutdown import NOTHING_TO_COPY
from tests.remote.guard.fake_machine import Machine

LAUNCH: dict[str, Any] = {
    "hours": 8.0,
    "idle_minutes": 20,
    "launched_at": datetime(2026, 11, 20, 10, tzinfo=timezone.utc),
}
FULL = {**LAUNCH, "login_user": "ec2-user", "keep_results": True, "bucket": "s3://a-bucket/with 'quotes' $HOME"}
COPIES = Path(guard.__file__).parents[1] / "s3_backup.py"
PROGRAM = sorted((Path(guard.__file__).parent).glob("*.py"))


def script(**settings: Any) -> str:
    marker, _, rest = gzip.decompress(user_data(**settings)).decode().partition("\n")
    assert marker == "#cloud-boothook"
    return rest


def test_it_leaves_room_below_what_ec2_takes() -> None:
    assert len(user_data(**FULL)) < MOST_BYTES - 1024


def test_the_same_launch_gives_the_same_bytes() -> None:
    """A ClientToken may only come back with the same request."""
    assert user_data(**FULL) == user_data(**FULL)


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="shellcheck is not installed")
@pytest.mark.parametrize("settings", [LAUNCH, FULL], ids=["plain", "full"])
def test_its_shell_is_clean(settings: dict[str, Any], tmp_path: Path, machine: Machine) -> None:
    file = tmp_path / "boothook.sh"
    file.write_text(script(**settings))
    machine.boot(**settings)
    backstop = machine.root / "opt/gluon-rig/backstop.sh"
    subprocess.run(["shellcheck", "--shell=sh", file, backstop], check=True)


def test_it_arms_before_it_does_anything_that_may_hang(machine: Machine) -> None:
    machine.boot()

    assert machine.log == [
        "systemctl daemon-reload",
        "systemctl enable gluon-rig-backstop.timer",
        "systemctl --no-block start gluon-rig-backstop.timer",
        "systemctl enable gluon-rig-guard.service",
        "systemctl --no-block start gluon-rig-guard.service",
    ]


def test_the_second_boot_writes_the_same_disk(machine: Machine) -> None:
    machine.boot(**FULL)
    first = disk(machine)
    machine.boot(**FULL)

    assert disk(machine) == first
    assert json.loads(first["etc/gluon-rig/guard.json"]) == {
        "deadline_tag": "gluon-rig:deadline",
        "hours": 8.0,
        "idle_minutes": 20,
        "idle_tag": "gluon-rig:idle-minutes",
        "keep_results": True,
        "launched_at": 1795168800.0,
        "run_label": "gluon-rig.run",
    }


def test_the_instance_gets_the_program_as_it_stands_here(machine: Machine) -> None:
    machine.boot()
    there = machine.root / "opt/gluon-rig/guard"

    assert {path.name: path.read_text() for path in there.iterdir()} == {
        path.name: path.read_text() for path in PROGRAM
    }


def before_off(machine: Machine) -> int:
    """Run what the guard runs before it switches off, as its unit's environment has it."""
    hook = machine.root / "etc/gluon-rig/before-off"
    return subprocess.run([hook], env={**machine.environ, "RIG_HOME": str(machine.home)}, timeout=300).returncode


def test_the_bucket_can_be_taken_away_again(machine: Machine) -> None:
    machine.program("aws")
    machine.boot(**FULL)
    machine.boot(**LAUNCH)

    assert before_off(machine) == NOTHING_TO_COPY
    assert [line for line in machine.log if line.startswith("aws")] == []


@pytest.mark.parametrize("launched_for", ["", "s3://of-the-launch"])
def test_the_last_copy_goes_where_train_said_also_after_stop_and_start(machine: Machine, launched_for: str) -> None:
    """User-data runs again at each boot, and must not take away what `train BUCKET=` has set."""
    machine.program("aws")
    machine.program("sudo", 'shift\nexec "$@"\n')
    (machine.fakes / "bin/python3").symlink_to(sys.executable)  # pyenv's own would put its programs first on PATH
    kit = machine.home / "rig/kit"
    kit.mkdir(parents=True)
    (machine.home / "rig/runs/a-run").mkdir(parents=True)
    shutil.copy(COPIES, kit)
    machine.boot(**LAUNCH, bucket=launched_for)
    install = [sys.executable, str(kit / "s3_backup.py"), "--install", "s3://of-train", "60"]
    subprocess.run(install, env=machine.environ, check=True, timeout=300)

    for _ in range(2):
        machine.boot(**LAUNCH, bucket=launched_for)
        assert before_off(machine) == 0

    left_out = "--exclude .code/* --exclude .code.json --exclude .gluon-rig-* --exclude */.gluon-rig-*"
    copy = f"aws s3 sync --only-show-errors {left_out} {machine.home}/rig/runs/a-run"
    copied = [line for line in machine.log if line.startswith("aws s3 sync")]
    assert copied == [f"{copy} s3://of-train/runs/a-run"] * 2


def test_a_bucket_that_train_could_not_write_to_replaces_none(machine: Machine) -> None:
    machine.program("aws", "exit 1\n")
    kit = machine.home / "rig/kit"
    kit.mkdir(parents=True)
    shutil.copy(COPIES, kit)
    install = [sys.executable, str(kit / "s3_backup.py"), "--install", "s3://shut", "60"]

    assert subprocess.run(install, env=machine.environ, timeout=300, capture_output=True).returncode == 1
    assert not (kit / "copies.json").exists()


def test_units_restart_the_guard_for_ever_and_notice_a_frozen_one(machine: Machine) -> None:
    machine.boot()
    unit = disk(machine)["etc/systemd/system/gluon-rig-guard.service"].splitlines()

    for line in ("Restart=always", "StartLimitIntervalSec=0", "WatchdogSec=60", "WatchdogSignal=SIGKILL",
                 "OOMScoreAdjust=-1000", "DefaultDependencies=no", "WantedBy=sysinit.target"):  # fmt: skip
        assert line in unit
    assert not any("@" in line for line in unit)


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
def test_systemd_finds_no_fault_in_the_units(tmp_path: Path) -> None:
    for unit in UNITS:
        text = (Path(guard.__file__).parent / "files" / unit).read_text()
        for name, value in (("@ROOT@", ""), ("@HOME@", "/home/ubuntu"), ("@PYTHON@", "/bin/sh")):
            text = text.replace(name, value)
        (tmp_path / unit).write_text(text)
    said = subprocess.run(
        ["systemd-analyze", "verify", *(tmp_path / unit for unit in UNITS)], capture_output=True, text=True, timeout=60
    )

    assert said.returncode == 0
    assert [line for line in said.stderr.splitlines() if "gluon-rig" in line] == []


@pytest.mark.parametrize("path", PROGRAM, ids=lambda path: path.name)
def test_the_program_needs_python_3_8_and_nothing_else(path: Path) -> None:
    """Ubuntu 22.04 has Python 3.10, Amazon Linux 2023 has 3.9."""
    tree = ast.parse(path.read_text(), feature_version=(3, 8))
    modules = {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names] if isinstance(node, ast.Import)
            else [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level
            else []
        )
    }  # fmt: skip

    assert modules <= sys.stdlib_module_names


class TestBackstop:
    """The guard's own guard: plain sh, once a minute."""

    def run(self, machine: Machine, *, uptime_s: float, off_at: str | None) -> None:
        (machine.root / "proc").mkdir(exist_ok=True)
        (machine.root / "proc/uptime").write_text(f"{uptime_s} 12.5\n")
        if off_at is not None:
            (machine.root / "run/gluon-rig/off-at").write_text(off_at)
        machine.program("sleep")
        subprocess.run(
            ["sh", machine.root / "opt/gluon-rig/backstop.sh"], env=machine.environ, check=True, timeout=300,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip

    @pytest.mark.parametrize(
        ("uptime_s", "off_at", "fires"),
        [
            pytest.param(4079.9, "3600\n", False, id="the-guard-still-has-time"),
            pytest.param(4081.0, "3600\n", True, id="the-guard-has-failed"),
            pytest.param(8 * 3600 + 479.0, None, False, id="no-guard-ever-but-hours-left"),
            pytest.param(8 * 3600 + 481.0, None, True, id="no-guard-ever"),
            pytest.param(8 * 3600 + 481.0, "\0garbage", True, id="garbage"),
            pytest.param(9 * 3600.0, "40000\n", False, id="extended"),
        ],
    )
    def test_it_fires_eight_minutes_after_the_guard_should_have(
        self, machine: Machine, uptime_s: float, off_at: str | None, fires: bool
    ) -> None:
        machine.boot(hours=8.0)
        self.run(machine, uptime_s=0.0, off_at=off_at)
        assert not machine.off, "its first look, at boot, ends nothing"

        self.run(machine, uptime_s=uptime_s, off_at=off_at)

        assert machine.off is fires

    def test_a_clock_that_began_long_before_the_boot_ends_nothing_at_once(self, machine: Machine) -> None:
        """As in a rehearsal, whose instances see the uptime of the computer they are played on."""
        machine.boot(hours=8.0)

        self.run(machine, uptime_s=1_000_000.0, off_at=None)

        assert not machine.off

    def test_it_presses_the_kernels_button_when_systemd_does_not_answer(self, machine: Machine) -> None:
        machine.boot()
        (machine.root / "proc").mkdir()
        (machine.root / "proc/sysrq-trigger").touch()
        self.run(machine, uptime_s=99999, off_at="1")

        assert (machine.root / "proc/sysrq-trigger").read_text() == "o\n"


def disk(machine: Machine) -> dict[str, str]:
    return {
        str(path.relative_to(machine.root)): path.read_text()
        for path in sorted(machine.root.rglob("*"))
        if path.is_file()
    }
