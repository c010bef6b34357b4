"""The lines the kit phrases for the host, compared whole."""

import dataclasses
import os
import shlex
from pathlib import Path

import pytest

from infra.errors import UserError
from infra.host import command_lines
from infra.host.target import Target, control_folder


@pytest.fixture
def target() -> Target:
    return Target(
        identity="i-0abc",
        address="203.0.113.7",
        port=2222,
        user="ubuntu",
        key=Path("/home/ada/my keys/100% id"),
        known_hosts=Path("/home/ada/known_hosts"),
    )


def options(target: Target) -> str:
    return shlex.join(
        [
            "-F",
            "none",
            *("-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "-o", "ControlMaster=auto"),
            *("-o", f'ControlPath="{target.control_path}"', "-o", "ControlPersist=30"),
            *(
                "-o",
                "GlobalKnownHostsFile=/dev/null",
                "-o",
                "HostKeyAlgorithms=ssh-ed25519",
                "-o",
                "HostKeyAlias=i-0abc",
            ),
            *("-o", "IdentitiesOnly=yes", "-o", 'IdentityFile="/home/ada/my keys/100%% id"', "-o", "LogLevel=ERROR"),
            *("-o", "Port=2222", "-o", "ServerAliveCountMax=3", "-o", "ServerAliveInterval=15"),
            *("-o", "StrictHostKeyChecking=yes", "-o", "UpdateHostKeys=no", "-o", "User=ubuntu"),
            *("-o", 'UserKnownHostsFile="/home/ada/known_hosts"'),
        ]
    )


def test_an_ssh_line_is_strict_and_quotes_each_word_once(target: Target) -> None:
    line = command_lines.ssh(target, ["mkdir", "-p", "a b"], ["ls", "$HOME", "it's"])

    assert shlex.join(line) == (
        f"ssh {options(target)} 203.0.113.7 " + shlex.quote("mkdir -p 'a b' && ls '$HOME' 'it'\"'\"'s'")
    )


def test_the_code_goes_by_rsync_and_by_name_from_standard_input(target: Target) -> None:
    line = command_lines.rsync_push(target, Path("/home/ada/car"), "rig/code", ["ls", "rig/my code"])

    assert line == [
        "rsync", "--archive", "--no-owner", "--no-group", "--force", "--compress", "--files-from=-", "--from0",
        "--ignore-missing-args", "--rsync-path", "ls 'rig/my code' && rsync", "--rsh", f"ssh {options(target)}",
        "/home/ada/car/", "203.0.113.7:rig/code/",
    ]  # fmt: skip


def test_results_come_home_by_name_into_a_folder_of_their_own_and_never_compressed(target: Target) -> None:
    line = command_lines.rsync_pull(target, "/home/ubuntu/rig/runs/r1", Path("arriving"), Path("/car/runs/r1"))

    assert line == [
        "rsync", "--times", "--chmod=ugo=rwX", "--files-from=-", "--from0", "--no-implied-dirs", "--protect-args",
        "--ignore-times", "--copy-dest=/car/runs/r1", "--partial-dir=.rsync-partial", "--timeout=120",
        "--rsh", f"ssh {options(target)}", "203.0.113.7:/home/ubuntu/rig/runs/r1/", "arriving/",
    ]  # fmt: skip


def test_a_data_folder_can_go_on_where_it_stopped(target: Target) -> None:
    line = command_lines.rsync_data(target, Path("/data"), "rig/data")

    assert line[:6] == ["rsync", "--archive", "--no-owner", "--no-group", "--partial", "--info=progress2"]
    assert "--delete" not in line
    assert line[-2:] == ["/data/", "203.0.113.7:rig/data/"]


def test_the_shared_connection_is_of_this_user_alone_and_its_socket_name_is_short(target: Target) -> None:
    assert control_folder().stat().st_mode & 0o777 == 0o700
    assert control_folder().stat().st_uid == os.getuid()
    # OpenSSH appends 17 characters while it makes the socket; macOS takes 104 bytes in all.
    assert len(str(target.control_path)) + 17 <= 104


@pytest.mark.parametrize(("name", "what"), [('a "b"', "a quotation mark"), ("a\nb", "a line end")])
@pytest.mark.parametrize("which", ["key", "known_hosts"])
def test_a_path_that_openssh_cannot_take_is_refused_by_its_name(
    target: Target, name: str, what: str, which: str
) -> None:
    """It said "invalid quotes", and `launch` waited for that to become better while the machine cost money."""
    with pytest.raises(UserError, match=f"takes no path with {what} in it"):
        dataclasses.replace(target, **{which: Path("/home/ada") / name / "file"})
