"""The instance's SSH server against the real OpenSSH programs."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import socketserver
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest


def test_bytes_pass_unchanged_in_both_directions(box: Any) -> None:
    big = os.urandom(8 << 20)

    echoed = box.ssh("cat", input=big, stdin=None)

    assert (echoed.returncode, echoed.stdout) == (0, big)


def test_output_goes_on_after_the_client_closed_its_input(box: Any) -> None:
    done = box.ssh("cat >/dev/null; echo whole; echo trouble >&2; exit 7", input=b"x" * 100_000, stdin=None)

    assert (done.returncode, done.stdout, done.stderr) == (7, b"whole\n", b"trouble\n")


def test_a_command_killed_by_a_signal_is_not_a_success(box: Any) -> None:
    assert box.ssh("kill -TERM $$").returncode == 255  # what ssh says for "exited on a signal"


def test_only_the_imported_key_and_the_image_s_user_may_log_in(box: Any, tmp_path: Path) -> None:
    other = tmp_path / "other"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(other)], check=True)
    words = box.ssh_words()

    wrong_key = subprocess.run(
        [w.replace(str(box.rehearsal.key), str(other)) for w in [*words, "ubuntu@127.0.0.1", "true"]],
        capture_output=True, check=False,
    )  # fmt: skip
    wrong_user = subprocess.run([*words, "root@127.0.0.1", "true"], capture_output=True, check=False)

    assert [wrong_key.returncode, wrong_user.returncode] == [255, 255]
    assert b"Permission denied (publickey)" in wrong_key.stderr
    assert b"Permission denied (publickey)" in wrong_user.stderr


def test_the_host_key_is_the_one_in_the_console_output(box: Any, tmp_path: Path) -> None:
    console = box.rehearsal.ec2.get_console_output(InstanceId=box.id)["Output"]
    printed = console.split("-----BEGIN SSH HOST KEY KEYS-----\n")[1].split("\n-----END SSH HOST KEY KEYS-----")[0]
    known = tmp_path / "known"
    known.write_text(f"{box.id} {printed}\n")
    pinned = [f"UserKnownHostsFile={known}", "StrictHostKeyChecking=yes", f"HostKeyAlias={box.id}"]
    # OpenSSH takes the first value it is given for an option, so these come first.
    words = ["ssh", *(word for option in pinned for word in ("-o", option)), *box.ssh_words()[1:]]

    done = subprocess.run([*words, "ubuntu@127.0.0.1", "true"], capture_output=True, check=False)

    assert (done.returncode, done.stderr) == (0, b"")


def test_many_commands_share_one_connection(box: Any, tmp_path: Path) -> None:
    control = ["-o", f"ControlPath={tmp_path}/c", "-o", "ControlMaster=auto", "-o", "ControlPersist=20"]

    said = [box.ssh(f"echo {n} $SSH_CLIENT", *control).stdout.split() for n in range(3)]
    box.ssh("", *control, "-O", "exit")

    assert [words[0] for words in said] == [b"0", b"1", b"2"]
    assert len({tuple(words[1:]) for words in said}) == 1


@pytest.mark.skipif(not shutil.which("rsync"), reason="rsync is not installed: apt install rsync, brew install rsync")
def test_rsync_makes_the_folder_equal_and_brings_it_back(box: Any, tmp_path: Path) -> None:
    here, back = tmp_path / "here", tmp_path / "back"
    (here / "sub").mkdir(parents=True)
    (here / "sub" / "data").write_bytes(os.urandom(300_000))
    shell = ["--rsh", " ".join(box.ssh_words())]

    box.say("mkdir -p synced && touch synced/old")
    subprocess.run(["rsync", "-a", "--delete", *shell, f"{here}/", "ubuntu@127.0.0.1:synced/"], check=True)
    subprocess.run(["rsync", "-a", *shell, "ubuntu@127.0.0.1:synced/", f"{back}/"], check=True)

    assert [p.relative_to(back).as_posix() for p in sorted(back.rglob("*"))] == ["sub", "sub/data"]
    assert (back / "sub" / "data").read_bytes() == (here / "sub" / "data").read_bytes()


def test_scp_copies_below_the_home_folder(box: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"carried")
    options = box.ssh_words()[1:]

    subprocess.run(["scp", *options, f"{tmp_path}/file", "ubuntu@127.0.0.1:by-scp"], check=True, capture_output=True)

    assert box.say("cat ~/by-scp") == "carried"


def test_a_local_port_reaches_a_port_on_the_instance_and_nothing_beyond(box: Any) -> None:
    with socketserver.TCPServer(("127.0.0.1", 0), _Hello) as server, _forward(box, server.server_address[1]) as port:
        threading.Thread(target=server.handle_request, daemon=True).start()
        with socket.create_connection(("127.0.0.1", port), timeout=300) as wire:
            assert wire.recv(100) == b"hello"

    outside = box.ssh("true", "-o", "ExitOnForwardFailure=yes", "-W", "192.0.2.1:80")
    assert outside.returncode != 0


class _Hello(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        self.request.sendall(b"hello")


class _forward:
    """A tunnel while the block runs; gives the local port."""

    def __init__(self, box: Any, to: int) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        line = [*box.ssh_words(), "-o", "ExitOnForwardFailure=yes", "-L", f"{self.port}:127.0.0.1:{to}"]
        self.words = [*line, "ubuntu@127.0.0.1", "echo up; cat"]

    def __enter__(self) -> int:
        self.tunnel = subprocess.Popen(self.words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.tunnel.stdout
        assert self.tunnel.stdout.readline() == b"up\n"
        return int(self.port)

    def __exit__(self, *_: object) -> None:
        self.tunnel.kill()
        self.tunnel.wait()


def test_a_terminal_is_a_terminal(box: Any) -> None:
    done = box.ssh("test -t 0 && stty size && echo $TERM", "-tt", env={**os.environ, "TERM": "vt100"})

    assert done.stdout.split()[-1] == b"vt100"


def test_a_lost_client_hangs_up_the_foreground_and_spares_what_is_detached(box: Any, until: Any) -> None:
    script = "setsid sh -c 'sleep 301' & sleep 302; true"
    gone = subprocess.Popen([*box.ssh_words(), "ubuntu@127.0.0.1", script], stdin=subprocess.DEVNULL)
    until(lambda: _pids(box, "sleep 301") and _pids(box, "sleep 302"))

    gone.send_signal(signal.SIGKILL)
    gone.wait()

    until(lambda: not _pids(box, "sleep 302"))
    assert _pids(box, "sleep 301")
    os.kill(_pids(box, "sleep 301")[0], signal.SIGKILL)


def _pids(box: Any, command: str) -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
            if line == command and f"RIG_INSTANCE_ID={box.id}".encode() in (folder / "environ").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue
    return found
