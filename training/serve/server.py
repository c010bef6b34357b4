"""`python -m training serve --run RUN`: a finished run as an HTTP endpoint and a page, without MXNet.

    python -m training serve --run runs/gearboxes
    python -m training serve --run runs/lenet --port 9000
    SERVE_TOKEN=... python -m training serve --run runs/gearboxes --host 0.0.0.0

It answers on this computer alone. With --host it answers others too, and then only to who knows the token: that of the
environment's SERVE_TOKEN, or of the file that --token-file names.

SIGTERM and Ctrl-C let requests that have begun end, and keep the units. A server that is killed has lost nothing that
it answered.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ipaddress
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Final

from training.config import Parser
from training.console import plain
from training.errors import BadInput, TrainingError

PORT: Final = 8000
TOKEN: Final = "SERVE_TOKEN"
TOKEN_CHARACTERS: Final = 24
CONNECTIONS: Final = 200
INTERRUPTED: Final = 130


@dataclass(frozen=True)
class Asked:
    run: Path
    host: str
    port: int | None
    """None: PORT, or any that is free."""
    token: str
    state: Path | None
    most_units: int
    most_rows: int
    most_bytes: int

    @property
    def on_loopback(self) -> bool:
        return self.host == "localhost" or ipaddress.ip_address(self.host).is_loopback


def main(words: Sequence[str]) -> int:
    """Exit code 0 after SIGTERM, 130 after Ctrl-C. Raises TrainingError."""
    asked = _read(_parser().parse_args(words), os.environ)
    try:
        from training.serve.app import make_app
        from training.serve.gate import Gate, Limits
        from training.serve.service import open_service
    except ModuleNotFoundError as error:
        raise BadInput(f"the package {error.name} is not installed", "pip install -r requirements/serve.txt") from error
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    listening = _listen(asked)
    service = open_service(asked.run, state=asked.state, most_units=asked.most_units, most_rows=asked.most_rows)
    limits = Limits(bytes=asked.most_bytes)
    app = Gate(make_app(service), token=asked.token, loopback=asked.on_loopback, limits=limits)
    return _serve(app, listening, lambda: _greet(asked, listening, service))


def _parser() -> Parser:
    parser = Parser.of("serve", __doc__)
    parser.add_argument("--run", type=Path, required=True, metavar="RUN", help="a finished run, or its folder model/")
    parser.add_argument("--host", default="127.0.0.1", help="the address to answer on [127.0.0.1]; others want a token")
    parser.add_argument("--port", help=f"[{PORT}, or any that is free]")
    parser.add_argument("--token-file", type=Path, metavar="FILE", help=f"instead of the environment's {TOKEN}")
    parser.add_argument("--state", type=Path, metavar="DIR", help="where the units are kept [~/.local/state/gluon-rig]")
    parser.add_argument("--units", default="10000", metavar="N", help="the most that are kept [10000]")
    parser.add_argument("--rows", default="10000", metavar="N", help="the most in one request [10000]")
    parser.add_argument("--bytes", default=str(4 << 20), metavar="N", help="the most in one request [4 MiB]")
    return parser


def _read(given: argparse.Namespace, environ: Mapping[str, str]) -> Asked:
    """Raises BadInput."""
    asked = Asked(
        run=given.run,
        host=_host(given.host),
        port=None if given.port is None else _whole("--port", given.port, most=65535),
        token=_token(given.token_file, environ),
        state=given.state,
        most_units=_whole("--units", given.units, most=100_000),
        most_rows=_whole("--rows", given.rows, most=1_000_000),
        most_bytes=_whole("--bytes", given.bytes, most=1 << 30),
    )
    if not asked.on_loopback and not asked.token:
        raise BadInput(
            f"--host {asked.host} lets others ask, and there is no token",
            f"set {TOKEN} to at least {TOKEN_CHARACTERS} characters that nobody guesses, such as those of: "
            f"openssl rand -hex 24\nor put them into a file that only you can read, and name it with --token-file",
        )
    return asked


def _host(word: str) -> str:
    if word == "localhost":
        return word
    try:
        return str(ipaddress.ip_address(word))
    except ValueError:
        raise BadInput(
            f"--host {plain(word)} is no address", "127.0.0.1, or 0.0.0.0 for all of this computer"
        ) from None


def _whole(name: str, word: str, *, most: int) -> int:
    if not (word.isascii() and word.isdecimal()) or len(word) > 12 or not 0 < int(word) <= most:
        raise BadInput(f"{name} {plain(word)[:40]}: that is no number from 1 to {most:,}")
    return int(word)


def _token(file: Path | None, environ: Mapping[str, str]) -> str:
    """Empty where there is none. Its characters stand in no message."""
    try:
        token = (file.read_text(encoding="utf-8") if file else environ.get(TOKEN, "")).strip()
    except (OSError, ValueError) as error:
        raise BadInput(f"--token-file {file} cannot be read", "it holds the token as text") from error
    whence = str(file) if file else TOKEN
    if (token or file) and (len(token) < TOKEN_CHARACTERS or not token.isascii() or not token.isprintable()):
        raise BadInput(
            f"the token of {whence} is too short, or no plain text",
            f"at least {TOKEN_CHARACTERS} letters and digits: openssl rand -hex 24",
        )
    return token


def _listen(asked: Asked) -> socket.socket:
    """Before the model is read: a port that is taken is said at once. Raises TrainingError."""
    family = socket.AF_INET6 if ":" in asked.host else socket.AF_INET
    for port in (PORT, 0) if asked.port is None else (asked.port,):
        # Named: asyncio sends without delay (TCP_NODELAY) only where it knows that it is TCP; else answers wait 40 ms.
        listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((asked.host, port))
        except OSError as error:
            listening.close()
            why = error
            continue
        listening.listen(128)
        return listening
    raise TrainingError(f"port {asked.port} of {asked.host}: {why.strerror}", "name another with --port") from why


def _greet(asked: Asked, listening: socket.socket, service: Any) -> None:
    from training.serve.examples import curl_of

    host, port = listening.getsockname()[:2]
    address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    print(address, flush=True)
    said = [f"serves {service.model.name} ({service.model.description.job}); {address}/docs says what can be asked"]
    if service.fleet is not None:
        said.append(f"{len(service.fleet.units):,} units, kept in {service.fleet.store.folder}")
    if not asked.token:
        said.append(f"for example: {curl_of(service, address)}" if len(curl_of(service, address)) < 400 else "")
    for line in filter(None, said):
        print(plain(line), file=sys.stderr, flush=True)


def _serve(app: Any, listening: socket.socket, greet: Any) -> int:
    import uvicorn

    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,  # whoever wants one has a proxy; ours would only repeat what /metrics counts
        limit_concurrency=CONNECTIONS,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=30,
        server_header=False,
        proxy_headers=False,
        ws="none",
        http="h11",
        loop="asyncio",
    )

    class Server(uvicorn.Server):
        heard = 0

        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            # uvicorn's own would raise the signal again at the end, and the exit code would be the signal's.
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, self.note)
            yield

        def note(self, number: int, frame: FrameType | None) -> None:
            self.heard = number
            self.handle_exit(number, frame)

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started:
                greet()

    server = Server(config)
    asyncio.run(server.serve(sockets=[listening]))
    if not server.started:
        return 1
    return INTERRUPTED if server.heard == signal.SIGINT else 0
