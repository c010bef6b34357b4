"""The SSH server of one instance: its own host key, one key that may log in, forwarding to the loopback only."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import socket
from contextlib import suppress
from typing import Any

import asyncssh

from infra.rehearsal.instance import sessions
from infra.rehearsal.instance.disk import Disk
from infra.rehearsal.instance.host import Host


class Sshd:
    def __init__(self, host: Host) -> None:
        self.host = host
        self.connections: set[asyncssh.SSHServerConnection] = set()
        self.frozen = False
        self._listener: asyncssh.SSHAcceptor | None = None

    async def listen(self, sock: socket.socket) -> None:
        self._listener = await asyncssh.listen(
            sock=sock,
            server_factory=lambda: _Door(self),
            server_host_keys=[self.host.disk.host_key()],
            process_factory=lambda process: sessions.serve(process, self.host),
            sftp_factory=lambda channel: _HomeSftp(channel, self.host.disk),
            allow_scp=True,
            gss_host=None,  # a key and nothing else lets in, on computers of a Kerberos domain too
            encoding=None,
            line_editor=False,
            # A loopback gains nothing from compression; OpenSSH asks for none by default either.
            compression_algs=None,
        )
        # Its connections inherit this, so that a reboot can take the port again while old ones are winding up.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)

    def drop_connections(self) -> None:
        """Cut every open connection, as a lost network would."""
        for connection in list(self.connections):
            connection.abort()

    def freeze(self) -> None:
        """Answer nobody any more, and cut nobody off: what a hung machine looks like from outside."""
        self.frozen = True
        for connection in self.connections:
            _transport(connection).pause_reading()

    def thaw(self) -> None:
        self.frozen = False
        for connection in self.connections:
            _transport(connection).resume_reading()

    def show_connections(self) -> None:
        """Keep ${RIG_ROOT}/proc/net/tcp true: a guard sees by it that somebody is connected to port 22.

        Format: https://docs.kernel.org/networking/proc_net_tcp.html
        """
        row = "{:4d}: 0100007F:0016 0100007F:{:04X} 01 00000000:00000000 00:00000000 00000000     0        0 0 1\n"
        ports = [(connection.get_extra_info("peername") or ("", 0))[1] for connection in self.connections]
        head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
        with suppress(FileNotFoundError):  # the disk went with a terminated instance
            self.host.disk.tcp_table.write_text(head + "".join(row.format(n, port) for n, port in enumerate(ports)))

    async def close(self) -> None:
        if self._listener:
            self._listener.close()
            self._listener = None
        self.drop_connections()


class _Door(asyncssh.SSHServer):
    """One connection: who may enter, and which ports may be forwarded."""

    def __init__(self, sshd: Sshd) -> None:
        self._sshd = sshd
        self._connection: asyncssh.SSHServerConnection | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        self._sshd.connections.add(conn)
        self._sshd.show_connections()
        if self._sshd.frozen:
            _transport(conn).pause_reading()
        _delay(conn, self._sshd.host)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._connection:
            self._sshd.connections.discard(self._connection)
            self._sshd.show_connections()

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        if username != self._sshd.host.login:
            return False
        try:
            allowed = asyncssh.read_authorized_keys(self._sshd.host.disk.authorized_keys)
        except (OSError, ValueError):
            return False
        return bool(allowed.validate(key, "", "", None) is not None)

    def connection_requested(self, dest_host: str, dest_port: int, orig_host: str, orig_port: int) -> bool:
        return _is_loopback(dest_host)

    def server_requested(self, listen_host: str, listen_port: int) -> bool:
        return _is_loopback(listen_host or "localhost")


def _transport(connection: asyncssh.SSHServerConnection) -> asyncio.Transport:
    transport = connection._transport  # asyncssh has no public way to stop reading
    assert isinstance(transport, asyncio.Transport)
    return transport


def _delay(connection: asyncssh.SSHServerConnection, host: Host) -> None:
    """Let what the client sends arrive later, in order, while the fault `slow` lasts."""
    loop = asyncio.get_running_loop()
    arrive = connection.data_received
    free_at = 0.0

    def data_received(data: bytes, datatype: Any = None) -> None:
        nonlocal free_at
        at = max(free_at, loop.time() + host.delay_s())
        if at <= loop.time():
            arrive(data, datatype)
            return
        free_at = at + 1e-6  # the loop keeps no order among equal times
        loop.call_at(at, arrive, data, datatype)

    # The event loop looks the method up at every chunk.
    connection.data_received = data_received  # type: ignore[method-assign]


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class _HomeSftp(asyncssh.SFTPServer):
    """SFTP and scp, with relative paths below the instance's home instead of the daemon's working folder."""

    def __init__(self, channel: Any, disk: Disk) -> None:
        super().__init__(channel)
        self._home = os.fsencode(disk.home)

    def map_path(self, path: bytes) -> bytes:
        return os.path.join(self._home, path)

    def exit(self) -> None:
        # Without an exit status scp takes a finished transfer for a failed one.
        if not self.channel.is_closing():
            self.channel.exit(0)


def reserve_port(port: int) -> socket.socket:
    """A loopback port (0: any) that is ours but does not answer yet, as an instance whose sshd is not up yet."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if port:  # a known one, whose old connections may still be winding up
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Without that option for a free port: two sockets that both have it, and do not listen yet, may get the same one.
    sock.bind(("127.0.0.1", port))
    return sock


def reserve_new_port(last: int) -> socket.socket:
    """Any port but *last*: each start of an instance brings a new address."""
    sock = reserve_port(0)
    if sock.getsockname()[1] == last:
        with sock:
            return reserve_new_port(last)
    return sock
