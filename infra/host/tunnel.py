"""SSH local port forwarding."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address

from infra.errors import HostUnreachable
from infra.host.command_lines import tunnel
from infra.host.connection import explain_loss
from infra.host.local_programs import local_process
from infra.host.target import Target


class Tunnel:
    """*port*: where it comes out on this computer's loopback."""

    def __init__(self, port: int, process: subprocess.Popen[bytes], target: Target) -> None:
        self.port = port
        self._process, self._target = process, target

    def hold(self) -> None:
        """Sleep until the line breaks. Raises HostUnreachable then; Ctrl-C ends it sooner."""
        self._process.wait()
        raise self._why()

    def wait_until_open(self, timeout_s: float, now: Callable[[], float] = time.monotonic) -> None:
        deadline = now() + timeout_s
        while not _answers(self.port):
            if self._process.poll() is not None:
                raise self._why()
            if now() > deadline:
                raise HostUnreachable(f"No tunnel to {self._target} within {timeout_s:g} s.", "`rig status`")
            time.sleep(0.05)

    def _why(self) -> Exception:
        assert self._process.stderr is not None
        return explain_loss(self._target, self._process.stderr.read().decode(errors="replace"))


@contextmanager
def open_tunnel(target: Target, *, there: int, timeout_s: float = 20) -> Iterator[Tunnel]:
    """Lead port *there* of the host's loopback here: to the same number if it is free, else to any.

    Only this computer can use it. Nothing of it is left behind, however the block is left.
    """
    # The instance of a rehearsal has this very loopback: on the same number the tunnel would lead to itself.
    here = free_port(0 if ip_address(target.address).is_loopback else there)
    process = local_process(
        tunnel(target, here=here, there=there),
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is for us; we end it, so that nothing is said twice
    )
    try:
        opened = Tunnel(here, process, target)
        opened.wait_until_open(timeout_s)
        yield opened
    finally:
        process.terminate()
        process.wait()


def free_port(wanted: int) -> int:
    """*wanted* if it is free, else any; 0: any."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise HostUnreachable("This computer has no free port.", "close some programs")


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
