"""The front door: lets in only who knows this cloud's secret, answers `ping` from the first moment, and lets AWS calls
wait until the cloud behind it is built."""

from __future__ import annotations

import os
import re
import socket
import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, Final

from werkzeug.serving import WSGIRequestHandler, make_server

from infra.rehearsal.clock import Clock
from infra.rehearsal.cloud import request
from infra.rehearsal.cloud.request import Environ
from infra.rehearsal.cloud.response import Answer, Refusal, as_json, refused, send
from infra.rehearsal.paths import Place
from infra.rehearsal.secret import NONCE_HEADER, PROOF_HEADER, proof, same
from infra.rehearsal.signature import verify

CONTROL_PATH: Final = "/_rehearsal/"
PING: Final = CONTROL_PATH + "ping"
NONCE, PROOF = (f"HTTP_{name.upper().replace('-', '_')}" for name in (NONCE_HEADER, PROOF_HEADER))
_LENGTH: Final = re.compile(r"[0-9]{1,12}")
Respond = Callable[..., Any]
Application = Callable[[Environ, Respond], Iterable[bytes]]
Control = Callable[[str, str, bytes], Answer]


class Gate:
    """*address*: the only Host that is answered to, so that no name somebody else gives this computer leads here."""

    def __init__(self, place: Place, clock: Clock, address: str, secret: str) -> None:
        self._who = as_json({
            "pid": os.getpid(), "project": str(place.project.resolve()), "speed": clock.speed, "start": clock.start,
        })  # fmt: skip
        self._address = address
        self._secret = secret
        self._is_open = threading.Event()
        self._behind: Application | None = None
        self._control: Control | None = None

    def open(self, behind: Application, control: Control) -> None:
        self._behind = behind
        self._control = control
        self._is_open.set()

    def __call__(self, environ: Environ, start_response: Respond) -> Iterable[bytes]:
        is_control = environ["PATH_INFO"].startswith(CONTROL_PATH)
        try:
            self._refuse_browsers(environ)
            self._refuse_streams(environ)
            body = request.take_body(environ)
            if is_control:
                self._check_proof(environ, body)
            else:
                verify(environ, body, self._secret)
        except Refusal as refusal:
            return send(refused(request.outline(environ), refusal), start_response)
        if is_control:
            return send(self._proven(self._controlled(environ, body), environ), start_response)
        self._is_open.wait()
        assert self._behind
        return self._behind(environ, _without_cors(start_response))

    def _refuse_browsers(self, environ: Environ) -> None:
        """No web page has business here: not one of another site (Origin), nor one whose name was led here (Host).

        https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Origin
        """
        if "HTTP_ORIGIN" in environ or environ.get("HTTP_HOST") != self._address:
            raise Refusal("AccessDenied", f"Only programs that ask http://{self._address} itself are answered.", 403)

    def _refuse_streams(self, environ: Environ) -> None:
        """What is verified must be what is read later: a body of one length, known beforehand."""
        if "HTTP_TRANSFER_ENCODING" in environ or not _LENGTH.fullmatch(environ.get("CONTENT_LENGTH") or "0"):
            raise Refusal("MissingContentLength", "Bodies are taken with a Content-Length only.", 411)

    def _check_proof(self, environ: Environ, body: bytes) -> None:
        asked = (environ.get(NONCE, ""), self._address, environ["REQUEST_METHOD"], environ["PATH_INFO"], body)
        if not same(environ.get(PROOF, ""), proof(self._secret, *asked)):
            raise Refusal("AccessDenied", "Only the `rig` of this cloud's own folder is answered.", 403)

    def _controlled(self, environ: Environ, body: bytes) -> Answer:
        if environ["PATH_INFO"] == PING:
            return self._who
        self._is_open.wait()
        assert self._control
        return self._control(environ["REQUEST_METHOD"], environ["PATH_INFO"].removeprefix(CONTROL_PATH), body)

    def _proven(self, answer: Answer, environ: Environ) -> Answer:
        """*answer*, with what shows that it comes from this cloud and from nobody who got its port later."""
        said = proof(self._secret, environ[NONCE], answer.body)
        return replace(answer, headers=(*answer.headers, (PROOF_HEADER, said)))


def _without_cors(start_response: Respond) -> Respond:
    """moto lets every web page in; here no page may read an answer."""

    def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
        kept = [(name, text) for name, text in headers if not name.lower().startswith("access-control-")]
        return start_response(status, kept, *rest)

    return start


class _Handler(WSGIRequestHandler):
    timeout = 60  # who connects and says nothing keeps no thread for ever

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass  # calls.jsonl says it better


def serve(application: Application, sock: socket.socket) -> None:
    """Answer on *sock*, each request in a thread of its own, until the process ends."""
    server = make_server(
        "127.0.0.1", sock.getsockname()[1], application, threaded=True, request_handler=_Handler, fd=sock.fileno()
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
