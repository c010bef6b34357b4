"""SSH to a real server: strict from the first connection, and each failure told apart."""

import dataclasses
import os
import socket
import struct
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace

import paramiko
import pytest

from infra.errors import HostKeyChanged, HostUnreachable, KeyRefused, MissingProgram, UserError, WorldError, own_again
from infra.host import command_lines, connection
from infra.host import target as targets
from infra.host.connection import Host, explained
from infra.host.facts import ask_facts
from infra.host.known_hosts import pin, pinned_key
from infra.host.local_programs import local_process
from infra.host.ready import wait_for_ssh
from infra.host.target import Target, control_folder
from tests.memory import most_bytes


def test_an_answer_carries_words_blanks_and_exit_codes_unharmed(host: Host) -> None:
    answer = host.ask(["printf", "%s|", "a b", "$HOME", "it's", "*"], ["sh", "-c", "echo wrong >&2; exit 3"])

    assert (answer.exit_code, answer.out, answer.err) == (3, "a b|$HOME|it's|*|", "wrong\n")


def test_a_command_that_fails_says_which_and_why(host: Host) -> None:
    with pytest.raises(WorldError, match=r"`cat /no/such` failed with exit code 1: cat: /no/such"):
        host.run(["cat", "/no/such"])


def test_a_command_that_hangs_is_named(host: Host) -> None:
    with pytest.raises(WorldError, match=r"did not finish within 0\.5 s: sleep 60"):
        host.ask(["sleep", "60"], timeout_s=0.5)


def another_key(folder: Path) -> str:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "other"], check=True)
    return (folder / "other.pub").read_text()


def test_a_wrong_host_key_is_refused_by_fabric_and_by_openssh(target: Target, tmp_path: Path) -> None:
    """Fabric alone accepts any key in silence; nothing may be sent to the wrong machine."""
    impostor = dataclasses.replace(target, known_hosts=tmp_path / "wrong", identity="i-0wrong")
    pin(impostor.known_hosts, "i-0wrong", another_key(tmp_path))

    with pytest.raises(HostKeyChanged, match="Nothing was sent"):
        Host(impostor).ask(["true"])
    done = subprocess.run(command_lines.ssh(impostor, ["true"]), capture_output=True, text=True)
    assert done.returncode == 255
    assert "REMOTE HOST IDENTIFICATION HAS CHANGED" in done.stderr


def test_a_key_once_pinned_cannot_change(tmp_path: Path) -> None:
    known = tmp_path / "known_hosts"
    pin(known, "i-1", "ssh-ed25519 AAAA comment")
    pin(known, "i-1", "ssh-ed25519 AAAA other comment")
    pin(known, "i-2", "ssh-ed25519 BBBB")

    assert known.read_text() == "i-1 ssh-ed25519 AAAA\ni-2 ssh-ed25519 BBBB\n"
    with pytest.raises(HostKeyChanged):
        pin(known, "i-1", "ssh-ed25519 CCCC")
    assert pinned_key(known, "i-1") == "ssh-ed25519 AAAA"


def test_a_host_whose_key_is_unknown_is_not_spoken_to(target: Target, tmp_path: Path) -> None:
    with pytest.raises(WorldError, match="host key of i-0test is not known"):
        Host(dataclasses.replace(target, known_hosts=tmp_path / "empty")).ask(["true"])


def test_nobody_listening_is_refused(target: Target, free_port: int) -> None:
    deaf = dataclasses.replace(target, port=free_port)

    with pytest.raises(HostUnreachable, match="refused the connection"):
        Host(deaf).ask(["true"])
    with pytest.raises(HostUnreachable, match="refused the connection"):
        wait_for_ssh(deaf, timeout_s=0)


def test_a_silent_network_is_a_timeout(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    def silence(*_: object, **__: object) -> None:
        raise TimeoutError

    monkeypatch.setattr("socket.create_connection", silence)

    with pytest.raises(HostUnreachable, match="timed out"):
        wait_for_ssh(target, timeout_s=0)


def test_a_line_cut_before_the_host_answers_about_the_key_is_a_broken_line(target: Target) -> None:
    """Found by a cut at a random moment; these are paramiko's words for it."""
    cut = paramiko.AuthenticationException("Authentication failed: transport shut down or saw EOF")

    with (
        pytest.raises(HostUnreachable, match="broke: Authentication failed: transport shut down") as caught,
        explained(target),
    ):
        raise cut
    assert not isinstance(caught.value, KeyRefused)


def test_a_key_the_server_does_not_take_is_denied(target: Target, tmp_path: Path) -> None:
    another_key(tmp_path)
    stranger = dataclasses.replace(target, key=tmp_path / "other")

    with pytest.raises(HostUnreachable, match="did not accept the key"):
        Host(stranger).ask(["true"])


@pytest.mark.parametrize("spoil", ["gone", "another user's"])
def test_a_key_that_cannot_be_read_is_no_refusal_by_the_host(
    target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoil: str
) -> None:
    """`sudo rig` leaves files that are root's; ssh itself would say that the host denied permission."""
    mine = tmp_path / "key"
    if spoil == "another user's":
        mine.mkdir()  # what not even root, who runs many a test, can read as a file
        monkeypatch.setattr(connection, "own_again", lambda path: f"sudo chown {path}")
    unreadable = dataclasses.replace(target, key=mine)

    for ask in (lambda: Host(unreadable).ask(["true"]), lambda: ask_facts(Host(unreadable))):
        with pytest.raises(KeyRefused, match="key cannot be read: ") as refused:
            ask()
        assert (f"sudo chown {mine}" if spoil == "another user's" else "set `key` in rig.toml") in refused.value.hint


def let_only_be_ours(ours: Path, monkeypatch: pytest.MonkeyPatch, *, writable: bool = False) -> None:
    """All else is somebody's: root, who may run this very test, owns too much of it."""
    us = os.getuid()
    monkeypatch.setattr(Path, "lstat", lambda path: SimpleNamespace(st_uid=us if path == ours else us + 1))
    monkeypatch.setattr(os, "access", lambda path, mode: writable)


def test_what_sudo_left_is_named_with_the_line_that_makes_it_ones_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "my runs"
    (folder / "r1").mkdir(parents=True)
    assert own_again(folder / "r1" / "a") == ""

    let_only_be_ours(tmp_path, monkeypatch)

    said = f"{folder} is another user's, as `sudo` makes it: `sudo chown -R {os.getuid()} '{folder}'` makes it yours"
    assert own_again(folder / "r1" / "a") == said
    assert own_again(tmp_path / "none") == ""


@pytest.mark.parametrize(("ours", "writable"), [("nowhere", False), ("", True)])
def test_nobody_is_told_to_take_the_systems_folders_or_his_teams(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ours: str, writable: bool
) -> None:
    """A key in /mnt that is not there must not lead to `sudo chown -R 1000 /mnt`."""
    (tmp_path / "team").mkdir()
    let_only_be_ours(tmp_path / ours, monkeypatch, writable=writable)

    assert own_again(tmp_path / "team" / "key") == ""


def test_a_missing_program_says_how_to_get_it() -> None:
    with pytest.raises(MissingProgram, match="The program no-such-program is not on this computer"):
        local_process(["no-such-program"])


@contextmanager
def endless(beginning: bytes) -> Iterator[int]:
    """A port where whoever connects is sent *beginning*, and then letters for ever."""

    def serve() -> None:
        with suppress(OSError):
            while True:
                heard, _ = listener.accept()
                with heard, suppress(OSError):
                    heard.sendall(beginning)
                    while True:
                        heard.sendall(b"A" * 65536)

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        threading.Thread(target=serve, daemon=True).start()
        yield int(listener.getsockname()[1])
        listener.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize(
    "beginning",
    [b"", b"a line\n", b"SSH-2.0-", b"SSH-2.0-x\r\n" + struct.pack(">I", 0x7FFFFFFC)],
    ids=["one line", "a second line", "its name", "one packet"],
)
def test_whoever_sends_without_an_end_before_he_has_proved_who_he_is_is_hung_up_on(
    target: Target, beginning: bytes
) -> None:
    with endless(beginning) as port:

        def ask() -> None:
            before = {*threading.enumerate()}
            with Host(dataclasses.replace(target, port=port)) as host, pytest.raises(HostUnreachable, match="broke: "):
                host.ask(["true"])
            begun = {*threading.enumerate()} - before
            listeners = [thread for thread in begun if isinstance(thread, paramiko.Transport)]
            for thread in listeners:
                thread.join(60)
            assert not any(thread.is_alive() for thread in listeners), "nobody listens on"

        _, taken = most_bytes(ask)
    assert taken < 32 << 20


def test_an_answer_without_an_end_is_not_heard_to_it(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_MOST_OF_AN_ANSWER", 1 << 20)
    assert host.ask(["true"]).ok

    with pytest.raises(HostUnreachable, match="broke"):
        host.ask(["sh", "-c", "yes; true"], timeout_s=30)

    assert host.ask(["echo", "again"]).out == "again\n"


def test_a_folder_that_another_user_made_first_in_tmp_keeps_nobody_from_his_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It cannot be removed there, and `stop` needs a connection to bring results home."""
    monkeypatch.setattr(targets, "_TMP", tmp_path)
    (tmp_path / f"gluon-rig-{os.getuid()}").mkdir()
    (tmp_path / f"gluon-rig-{os.getuid()}").chmod(0o777)
    with tempfile.TemporaryDirectory(dir="/tmp") as home:  # a short name
        monkeypatch.setenv("HOME", home)
        assert control_folder() == Path(home) / ".cache" / "gluon-rig" / "ssh"
        assert control_folder().stat().st_mode & 0o777 == 0o700

    (tmp_path / "file").touch()
    monkeypatch.setenv("HOME", str(tmp_path / "file"))
    with pytest.raises(UserError, match="open to other users of this computer, or theirs"):
        control_folder()
