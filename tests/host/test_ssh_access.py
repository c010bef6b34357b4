"""The user's own ways in: a tunnel, a Host entry that the real ssh reads, and the one line in ~/.ssh/config."""

from __future__ import annotations

import dataclasses
import errno
import glob
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.errors import HostUnreachable, UserError
from infra.host import ssh_config
from infra.host.command_lines import shell
from infra.host.target import Target
from infra.host.tunnel import open_tunnel
from tests.host.cutting_proxy import Proxy


@pytest.fixture
def greeter() -> Iterator[int]:
    """A server on the host's loopback that greets."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    caller, _ = listener.accept()
                except OSError:
                    return
                with caller:
                    caller.sendall(b"hello from there")

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def test_a_tunnel_leads_there_and_leaves_nothing_behind(target: Target, greeter: int) -> None:
    with open_tunnel(target, there=greeter) as tunnel:
        assert tunnel.port != greeter, "that port is taken on this computer, so it comes out at another"
        with socket.create_connection(("127.0.0.1", tunnel.port)) as caller:
            assert caller.recv(100) == b"hello from there"

    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", tunnel.port))


def test_a_tunnel_whose_line_breaks_says_so_and_does_not_hang(target: Target, greeter: int) -> None:
    with (
        Proxy(target.port) as proxy,
        open_tunnel(dataclasses.replace(target, port=proxy.port), there=greeter) as tunnel,
    ):
        proxy.cut()

        with pytest.raises(HostUnreachable, match=r"The connection to .* broke"):
            tunnel.hold()


def test_the_host_entry_is_enough_for_the_real_ssh(target: Target, tmp_path: Path) -> None:
    folder, config = tmp_path / "my rigs", tmp_path / "config"
    ssh_config.write(folder / "rig", ssh_config.entry("gluon-rig", target))
    ssh_config.install_include(config, folder)

    done = subprocess.run(["ssh", "-F", config, "gluon-rig", "echo hello"], capture_output=True, text=True)

    assert (done.returncode, done.stdout) == (0, "hello\n"), done.stderr
    assert (folder / "rig").stat().st_mode & 0o777 == 0o600


def test_a_second_shell_is_not_told_that_the_first_has_the_editor_s_port(target: Target, tmp_path: Path) -> None:
    config = tmp_path / "config"
    ssh_config.write(config, ssh_config.entry("gluon-rig", target))
    shells = [shell(target), ["ssh", "-F", str(config), "gluon-rig"]]

    with subprocess.Popen([*shells[0], "echo up; cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as first:
        assert first.stdout
        assert first.stdout.readline() == b"up\n"
        said = [subprocess.run([*line, "true"], capture_output=True, stdin=subprocess.DEVNULL) for line in shells]
        first.communicate()

    assert [(one.stdout, one.stderr) for one in said] == [(b"", b"")] * 2


def test_the_include_line_goes_to_the_top_once_and_all_else_stays(tmp_path: Path) -> None:
    kept, config, folder = tmp_path / "dotfiles config", tmp_path / "config", tmp_path / "rigs"
    kept.write_text("Host work\n    User ada\n")
    kept.chmod(0o640)
    config.symlink_to(kept)

    assert ssh_config.install_include(config, folder)
    assert not ssh_config.install_include(config, folder)

    assert kept.read_text() == f'Include "{folder}/*"\nHost work\n    User ada\n'
    assert config.is_symlink()
    assert kept.stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config", "dotfiles config"]


def test_a_person_without_any_ssh_config_gets_a_private_one(tmp_path: Path) -> None:
    config = tmp_path / ".ssh" / "config"

    ssh_config.install_include(config, tmp_path / "rigs")

    assert config.stat().st_mode & 0o777 == 0o600
    assert config.parent.stat().st_mode & 0o777 == 0o700


def test_the_shell_leads_rmate_back_and_does_not_end_with_the_shared_connection(target: Target) -> None:
    line = shell(target)

    assert line[-8:] == [
        "-S",
        "none",
        "-t",
        "-R",
        "52698:localhost:52698",
        "-o",
        "ExitOnForwardFailure=no",
        "127.0.0.1",
    ]


def test_an_ssh_config_keeps_every_byte_and_a_link_stays_a_link(tmp_path: Path) -> None:
    dotfiles, config = tmp_path / "dotfiles", tmp_path / "config"
    dotfiles.write_bytes(b"# J\xfcrgen\r\nHost old\r\n    User a\x85b\n")
    config.symlink_to("dotfiles")

    assert ssh_config.install_include(config, tmp_path / "rigs")
    assert not ssh_config.install_include(config, tmp_path / "rigs")

    assert config.is_symlink()
    first, rest = dotfiles.read_bytes().split(b"\n", 1)
    assert first == ssh_config.include_line(tmp_path / "rigs").encode()
    assert rest == b"# J\xfcrgen\r\nHost old\r\n    User a\x85b\n"


def test_an_ssh_config_that_cannot_be_changed_is_named_with_the_line_to_add(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()

    with pytest.raises(UserError, match=r"config cannot be changed: .*\n.*Include"):
        ssh_config.install_include(tmp_path / "config", tmp_path / "rigs")


def test_half_an_entry_is_never_included_and_a_full_disk_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the Include's * finds, every `ssh` of the user's reads."""
    entry, included = tmp_path / "rigs" / "default", []
    ssh_config.write(entry, "Host before\n")

    def refuse(_: int) -> None:
        included.extend(glob.glob(f"{entry.parent}/*"))
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("infra.host.ssh_config.os.fsync", refuse)
    with pytest.raises(OSError, match="No space left") as caught:
        ssh_config.write(entry, "Host after\n")

    assert (included, caught.value.filename) == ([str(entry)], str(entry))
    assert os.listdir(entry.parent) == ["default"]
    assert entry.read_text() == "Host before\n"
