"""One command or shell asked for over SSH, run as a process of the instance.

Like OpenSSH's server: binary clean, back-pressure both ways, half-close, exit codes and signals passed on. A client
that goes away hangs up what runs in the foreground, and what has called setsid() lives on.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import struct
import sys
import termios
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import asyncssh

from infra.rehearsal.instance.disk import RUN_SHIM
from infra.rehearsal.instance.host import Host

CHUNK = 1 << 16
SHELL = "/bin/bash" if os.path.exists("/bin/bash") else "/bin/sh"


async def serve(process: asyncssh.SSHServerProcess[bytes], host: Host) -> None:
    environment = {**host.environment(), **_about_connection(process)}
    with _listed(process, host):
        if process.term_type:
            await _on_terminal(process, host, environment)
        else:
            await _on_pipes(process, host, environment)


def _about_connection(process: asyncssh.SSHServerProcess[bytes]) -> dict[str, str]:
    peer, here = (process.get_extra_info(name) or ("127.0.0.1", 0) for name in ("peername", "sockname"))
    about = {
        "SSH_CLIENT": f"{peer[0]} {peer[1]} {here[1]}",
        "SSH_CONNECTION": f"{peer[0]} {peer[1]} {here[0]} {here[1]}",
    }
    return about | ({"TERM": process.term_type} if process.term_type else {})


@contextmanager
def _listed(process: asyncssh.SSHServerProcess[bytes], host: Host) -> Iterator[None]:
    """Keep the list that `who` shows true: of those at a terminal."""
    line = f"{host.login} pts/0 127.0.0.1\n" if process.term_type else ""
    _edit_list(host, lambda text: text + line)
    try:
        yield
    finally:
        _edit_list(host, lambda text: text.replace(line, "", 1))


def _edit_list(host: Host, change: Callable[[str], str]) -> None:
    with suppress(FileNotFoundError):  # the disk went with a terminated instance
        path = host.disk.sessions
        path.write_text(change(path.read_text() if path.exists() else ""))


def _words(process: asyncssh.SSHServerProcess[bytes], host: Host) -> list[str]:
    if process.command is not None:
        return [SHELL, "-c", process.command]
    # A login shell would read /etc/profile of the computer below, which puts PATH back and the shims out of reach.
    return [SHELL, "--noprofile", "--norc", "-i"] if SHELL.endswith("bash") and process.term_type else [SHELL]


async def _on_pipes(process: asyncssh.SSHServerProcess[bytes], host: Host, environment: dict[str, str]) -> None:
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(
        *_words(process, host), stdin=pipe, stdout=pipe, stderr=pipe,
        cwd=host.disk.home, env=environment, start_new_session=True,
    )  # fmt: skip
    host.started(child.pid)
    assert child.stdin
    assert child.stdout
    assert child.stderr
    feed = asyncio.create_task(_feed(process, child.pid, child.stdin))
    outputs = asyncio.gather(
        _carry(child.stdout, process.stdout), _carry(child.stderr, process.stderr), child.wait(), return_exceptions=True
    )
    await _until_done_or_hung_up(process, child, outputs)
    feed.cancel()
    _say_how_it_ended(process, child.returncode)


async def _on_terminal(process: asyncssh.SSHServerProcess[bytes], host: Host, environment: dict[str, str]) -> None:
    ours, theirs = os.openpty()
    _set_size(ours, process.term_size)
    # The helper makes the terminal its controlling one, so that Ctrl-C and a hang-up reach the foreground job.
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-ESs", str(RUN_SHIM), "terminal", *_words(process, host), stdin=theirs, stdout=theirs,
        stderr=theirs, cwd=host.disk.home, env=environment, start_new_session=True,
    )  # fmt: skip
    host.started(child.pid)
    os.close(theirs)
    reader, writer = await _terminal_streams(ours)
    feed = asyncio.create_task(_feed(process, child.pid, writer, resize=lambda size: _set_size(ours, size)))
    outputs = asyncio.gather(_carry(reader, process.stdout), child.wait(), return_exceptions=True)
    await _until_done_or_hung_up(process, child, outputs)
    feed.cancel()
    writer.close()
    _say_how_it_ended(process, child.returncode)


async def _terminal_streams(descriptor: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    await loop.connect_read_pipe(lambda: protocol, os.fdopen(os.dup(descriptor), "rb", 0))
    transport, flow = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, os.fdopen(descriptor, "wb", 0))
    return reader, asyncio.StreamWriter(transport, flow, None, loop)


def _set_size(terminal: int, size: tuple[int, int, int, int]) -> None:
    columns, rows, width, height = size
    with suppress(OSError):  # the terminal may be closed already
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, width, height))


async def _feed(
    process: asyncssh.SSHServerProcess[bytes],
    pid: int,
    into: asyncio.StreamWriter,
    resize: Callable[[Any], None] = lambda size: None,
) -> None:
    """Carry the client's bytes, signals and window sizes to the process; close its input when the client closes."""
    while True:
        try:
            data = await process.stdin.read(CHUNK)
        except asyncssh.SignalReceived as received:
            _signal_group(pid, getattr(signal, f"SIG{received.signal}", signal.SIGTERM))
            continue
        except asyncssh.TerminalSizeChanged as changed:
            resize(changed.term_size)
            continue
        except asyncssh.BreakReceived:
            continue
        except asyncssh.Error:  # connection lost; _until_done_or_hung_up sees it too
            return
        if not data:
            into.close()
            return
        # A process that has closed its input still gets to finish; its bytes go nowhere, as in a shell pipe.
        with suppress(BrokenPipeError, ConnectionResetError):
            into.write(data)
            await into.drain()


async def _carry(source: asyncio.StreamReader, to: asyncssh.SSHWriter[bytes]) -> None:
    while True:
        try:
            data = await source.read(CHUNK)
        except OSError:  # Linux: EIO is how a terminal says that its last user has gone
            return
        if not data:
            return
        to.write(data)
        await to.drain()


async def _until_done_or_hung_up(
    process: asyncssh.SSHServerProcess[bytes], child: asyncio.subprocess.Process, outputs: asyncio.Future[Any]
) -> None:
    hung_up = asyncio.create_task(process.wait_closed())
    await asyncio.wait({outputs, hung_up}, return_when=asyncio.FIRST_COMPLETED)
    if not outputs.done():
        _signal_group(child.pid, signal.SIGHUP)
        outputs.cancel()
        with suppress(asyncio.CancelledError):
            await outputs
    hung_up.cancel()


def _signal_group(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def _say_how_it_ended(process: asyncssh.SSHServerProcess[bytes], code: int | None) -> None:
    if process.channel.is_closing():
        return
    if code is not None and code < 0:
        process.exit_with_signal(signal.Signals(-code).name.removeprefix("SIG"))
    else:
        process.exit(code or 0)
