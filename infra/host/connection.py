"""One host over SSH: Fabric asks and gets answers, OpenSSH streams. The only module that imports Fabric."""

from __future__ import annotations

import base64
import contextlib
import errno
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.errors import HostUnreachable, KeyRefused, RigError, WorldError, own_again
from infra.host import command_lines
from infra.host.known_hosts import explain_changed_key, pinned_key
from infra.host.local_programs import local_process
from infra.host.target import Target

# Said by the host before each answer: what comes earlier was printed by its ~/.bashrc, which bash reads even when a
# command is run over SSH.
GREETING = "gluon-rig: connected"
_NO_EXIT_STATUS = -1  # paramiko's word for a channel that closed without one
_MOST_BEFORE_LOGIN, _MOST_OF_AN_ANSWER = 1 << 18, 1 << 26
DROPPED = 255  # the exit code by which ssh and rsync's ssh say: not the command failed, the connection did


@dataclass(frozen=True)
class Answer:
    exit_code: int
    out: str
    err: str

    @property
    def ok(self) -> bool:
        return self.exit_code == 0


class Host:
    """Runs commands on *target*. Nothing is opened before it is needed; `with` closes what was."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self._fabric: Any = None
        self._coming: threading.Thread | None = None

    def __enter__(self) -> Host:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self._coming is not None:
            self._coming.join()
        if self._fabric is not None:
            self._fabric.close()
            self._fabric = None

    def ask(self, *words_lists: Sequence[str], timeout_s: float = 60) -> Answer:
        """Run commands, each only if the one before succeeded, and return the answer whatever it is.

        Raises HostUnreachable, HostKeyChanged, or WorldError when there is no answer within *timeout_s*.
        """
        from invoke.exceptions import CommandTimedOut

        line, began = command_lines.on_the_wire(["echo", GREETING], *words_lists), time.monotonic()
        with explained(self.target):
            try:
                connection = self._connection()
                connection.transport.sock.expect(_MOST_OF_AN_ANSWER)
                result = connection.run(line, hide=True, warn=True, in_stream=False, timeout=timeout_s)
            except CommandTimedOut:
                raise hung(self.target, command_lines.on_the_wire(*words_lists), timeout_s) from None
        if result.exited == _NO_EXIT_STATUS:
            # invoke may not have noticed yet that it was its own timer that closed the channel.
            if time.monotonic() - began >= timeout_s:
                raise hung(self.target, command_lines.on_the_wire(*words_lists), timeout_s)
            raise explain_drop(self.target, "the host did not say how the command ended")
        return Answer(result.exited, after_greeting(result.stdout), result.stderr)

    def run(self, *words_lists: Sequence[str], timeout_s: float = 60) -> str:
        """Like ask, but a command that fails raises WorldError with what it said."""
        answer = self.ask(*words_lists, timeout_s=timeout_s)
        if not answer.ok:
            said = (answer.err or answer.out).strip()
            line = command_lines.on_the_wire(*words_lists)
            raise WorldError(
                f"On the host, `{line}` failed with exit code {answer.exit_code}: {said}",
                "`rig ssh` opens a shell there",
            )
        return answer.out

    def stream(self, *words_lists: Sequence[str], **popen: Any) -> subprocess.Popen[bytes]:
        """Start commands over OpenSSH, for what is long or large. Exit code DROPPED: the connection was lost."""
        return local_process(command_lines.ssh(self.target, *words_lists), **popen)

    def get_ready(self) -> None:
        """Begin to open Fabric's connection beside what OpenSSH does meanwhile; whoever asks first waits for it."""
        if self._fabric is None and self._coming is None:
            self._coming = threading.Thread(target=self._open_quietly, daemon=True)
            self._coming.start()

    def _open_quietly(self) -> None:
        # A failure is met again, and explained, by the first who asks.
        with contextlib.suppress(RigError), explained(self.target):
            self._fabric = _connect(self.target)

    def _connection(self) -> Any:
        if self._coming is not None:
            self._coming.join()
            self._coming = None
        if self._fabric is None or not self._fabric.is_connected:
            self._fabric = _connect(self.target)
        return self._fabric


def after_greeting(out: str) -> str:
    """What the command itself printed; all of it where the host did not get so far as to greet."""
    _, greeting, rest = out.partition(GREETING + "\n")
    return rest if greeting else out


def _connect(target: Target) -> Any:
    import fabric
    import paramiko

    pinned = pinned_key(target.known_hosts, target.identity)
    if pinned is None:
        raise WorldError(
            f"The host key of {target.identity} is not known yet.", "run `rig launch`, which asks AWS for it"
        )
    _require_readable(target.key)
    wire = _Wire(socket.create_connection((target.address, target.port), timeout=10))
    connection = fabric.Connection(
        target.address,
        user=target.user,
        port=target.port,
        # An explicit empty configuration: the user's own ssh config must not change what the kit does.
        config=fabric.Config(overrides={"load_ssh_configs": False}),
        connect_timeout=10,
        connect_kwargs={
            "sock": wire,
            "key_filename": str(target.key),
            "allow_agent": _has_passphrase(target.key),
            "look_for_keys": False,
            "disabled_algorithms": {"keys": _other_key_types()},
        },
    )
    # Fabric's own policy accepts any key in silence; ours takes the pinned one and nothing else.
    client = connection.client
    client.set_missing_host_key_policy(paramiko.RejectPolicy())
    kind, blob = pinned.split()
    key = paramiko.Ed25519Key(data=base64.b64decode(blob))
    name = target.address if target.port == 22 else f"[{target.address}]:{target.port}"
    client.get_host_keys().add(name, kind, key)
    try:
        connection.open()
    except BaseException:
        wire.hang_up()  # paramiko's own thread would listen on
        raise
    connection.transport.set_keepalive(15)
    return connection


class _Wire:
    """A socket that hears so many bytes and no more, until it is told to go on: whoever stands between, or the host
    itself, may send without an end, and paramiko keeps all of a line, a packet and an answer."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self.expect(_MOST_BEFORE_LOGIN)

    def expect(self, most_bytes: int) -> None:
        self._left = most_bytes

    def recv(self, size: int) -> bytes:
        heard = self._socket.recv(min(size, 1 << 16))  # room is made for all that is asked for
        self._left -= len(heard)
        if self._left < 0:
            self.hang_up()
            raise ConnectionAbortedError(errno.ECONNABORTED, "it sends without an end")
        return heard

    def hang_up(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)


def _has_passphrase(key: Path) -> bool:
    """Then an agent holds it unlocked, or nobody could be asked each time.

    OpenSSH's form begins with its magic and the name of the cipher, here as base64 has it for "none".
    """
    try:
        secret = key.read_bytes()
    except OSError:
        return False  # removed in this moment
    return b"ENCRYPTED" in secret or (b"BEGIN OPENSSH" in secret and b"b3BlbnNzaC1rZXktdjEAAAAABG5vbm" not in secret)


def _other_key_types() -> list[str]:
    return [
        "ssh-rsa",
        "rsa-sha2-256",
        "rsa-sha2-512",
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp521",
    ]


@contextmanager
def explained(target: Target) -> Iterator[None]:
    """Turns what paramiko and sockets raise into our errors; the three ways SSH fails have three next steps."""
    import paramiko
    from invoke.exceptions import ThreadException

    try:
        yield
    except paramiko.BadHostKeyException as error:
        raise explain_changed_key(target.identity, target.known_hosts) from error
    except paramiko.AuthenticationException as error:
        # paramiko says the same of a line that was cut before the host had answered about the key.
        raise (
            explain_drop(target, str(error)) if "transport shut down" in str(error) else explain_denial(target)
        ) from error
    except TimeoutError as error:
        raise explain_timeout(target) from error
    except (paramiko.ssh_exception.NoValidConnectionsError, ConnectionRefusedError) as error:
        raise explain_refusal(target) from error
    except ThreadException as error:  # of a thread that listens; its own words hold all that was heard
        raise explain_drop(target, f"{error.exceptions[0].type.__name__} while it answered") from None
    except (paramiko.SSHException, OSError, EOFError) as error:
        raise explain_drop(target, str(error) or type(error).__name__) from error


def explain_timeout(target: Target) -> HostUnreachable:
    return HostUnreachable(
        f"No answer from {target}: the connection timed out.",
        "your own address may have changed: `rig launch` puts the new one into the firewall rule\n"
        "or your network blocks outgoing SSH: try another one",
    )


def explain_silence(target: Target, waited_s: float) -> HostUnreachable:
    return HostUnreachable(
        f"{target} takes the connection, and has not answered within {waited_s:g} s: the machine hangs, or is out of "
        "memory.",
        "`rig stop`, then `rig start` boots it anew; what is on its disk stays",
    )


def explain_refusal(target: Target) -> HostUnreachable:
    return HostUnreachable(
        f"{target} refused the connection: no SSH server listens there.",
        "it may still be booting, or it has just been stopped: `rig status` shows which",
    )


def _require_readable(key: Path) -> None:
    """Raises KeyRefused for one that no program of ours can open: ssh, too, would say that the host refuses it."""
    try:
        key.open("rb").close()
    except OSError as error:
        raise KeyRefused(
            f"The SSH key {key} cannot be read: {error.strerror}.",
            own_again(key) or "set `key` in rig.toml to the one that the instance was made with",
        ) from error


def explain_denial(target: Target) -> KeyRefused:
    _require_readable(target.key)
    return KeyRefused(
        f"{target} did not accept the key {target.key}.",
        "the instance was made with another key: set `key` in rig.toml to that one\n"
        f"or, if it has a passphrase, its ssh-agent holds it no more: `ssh-add {target.key}`\n"
        "or, if that key is lost: `rig terminate` and `rig launch`",
    )


def explain_drop(target: Target, why: str) -> HostUnreachable:
    return HostUnreachable(
        f"The connection to {target} broke: {why}", "run the command again; nothing on the host was lost"
    )


def explain_loss(target: Target, said: str) -> RigError:
    """What ssh's exit code DROPPED meant, by the words it left on stderr."""
    if "Permission denied" in said:
        return explain_denial(target)
    if "HOST IDENTIFICATION HAS CHANGED" in said or "Host key verification failed" in said:
        return explain_changed_key(target.identity, target.known_hosts)
    last = said.strip().splitlines()[-1:] or ["ssh gave no reason"]
    return explain_drop(target, last[0])


def hung(target: Target, line: str, timeout_s: float) -> WorldError:
    return WorldError(
        f"{target} did not finish within {timeout_s:g} s: {line}",
        "the machine may be out of memory or disk; look with `rig ssh`, or `rig stop`",
    )
