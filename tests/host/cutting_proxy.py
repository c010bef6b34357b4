"""A TCP line between this computer and the host that can be cut after so many bytes, and made slow."""

from __future__ import annotations

import contextlib
import heapq
import socket
import threading
import time
from collections.abc import Iterable


class Proxy:
    """Listens on `port`, passes on to *to_port*. *delay_s*: how long each byte is under way, in either direction."""

    def __init__(self, to_port: int, *, delay_s: float = 0.0) -> None:
        self.to_port, self.delay_s = to_port, delay_s
        self.cuts = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._passed = 0
        self._cut_at: list[int] = []

    def __enter__(self) -> Proxy:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        # shutdown, for close alone does not wake the thread that waits in accept()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def cut_after(self, numbers_of_bytes: Iterable[int]) -> None:
        """Cut whatever is open when so many more bytes have passed; each number is one cut."""
        with self._lock:
            self._passed = 0
            self._cut_at = sorted(numbers_of_bytes)

    def cut(self) -> None:
        with self._lock:
            open_now, self._open = self._open, set()
        for end in open_now:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self.to_port))
            except ConnectionRefusedError:  # as a line does to a host that still boots
                near.close()
                continue
            for end in (near, far):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._open |= {near, far}
            for source, to in ((near, far), (far, near)):
                carry = self._carry_late if self.delay_s else self._carry
                threading.Thread(target=carry, args=(source, to), daemon=True).start()

    def _carry(self, source: socket.socket, to: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(16384):
                if self._count(len(data)):
                    self.cut()
                    return
                to.sendall(data)
        with contextlib.suppress(OSError):
            to.shutdown(socket.SHUT_WR)

    def _count(self, size: int) -> bool:
        with self._lock:
            self._passed += size
            if self._cut_at and self._passed > self._cut_at[0]:
                self._cut_at.pop(0)
                self.cuts += 1
                return True
        return False

    def _carry_late(self, source: socket.socket, to: socket.socket) -> None:
        """A second thread sends each piece when its time has come: the line is long, not narrow."""
        pieces: list[tuple[float, int, bytes]] = []
        ready = threading.Condition()
        threading.Thread(target=_send_late, args=(to, pieces, ready), daemon=True).start()
        number = 0
        while True:
            try:
                data = source.recv(65536)
            except OSError:
                data = b""
            with ready:
                heapq.heappush(pieces, (time.monotonic() + self.delay_s, number, data))
                ready.notify()
            number += 1
            if not data:
                return


def _send_late(to: socket.socket, pieces: list[tuple[float, int, bytes]], ready: threading.Condition) -> None:
    while True:
        with ready:
            ready.wait_for(lambda: bool(pieces))
            due, _, data = heapq.heappop(pieces)
        time.sleep(max(0.0, due - time.monotonic()))
        with contextlib.suppress(OSError):
            if not data:
                to.shutdown(socket.SHUT_WR)
                return
            to.sendall(data)
