"""The front door: answers `ping` from the first moment, and lets AWS calls wait until the cloud behind it is built."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Callable, Iterable
from typing import Any, Final

from werkzeug.serving import WSGIRequestHandler, make_server

from infra.rehearsal.clock import Clock
from infra.rehearsal.place import Place

PING: Final = "/_rehearsal/ping"
Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Gate:
    def __init__(self, place: Place, clock: Clock) -> None:
        self._who = json.dumps({
            "pid": os.getpid(), "project": str(place.project.resolve()), "speed": clock.speed, "start": clock.start,
        }).encode()  # fmt: skip
        self._is_open = threading.Event()
        self._behind: Application | None = None

    def open(self, behind: Application) -> None:
        self._behind = behind
        self._is_open.set()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ.get("PATH_INFO") == PING:
            length = str(len(self._who))
            start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", length)])
            return [self._who]
        self._is_open.wait()
        assert self._behind
        return self._behind(environ, start_response)


class _Handler(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass  # calls.jsonl says it better


def serve(application: Application, sock: socket.socket) -> None:
    """Answer on *sock*, each request in a thread of its own, until the process ends."""
    server = make_server(
        "127.0.0.1", sock.getsockname()[1], application, threaded=True, request_handler=_Handler, fd=sock.fileno()
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
