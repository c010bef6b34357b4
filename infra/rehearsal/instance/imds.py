"""The instance metadata service, version 2: a token first, then answers. One per instance, on its own loopback port.

On EC2 nobody but the instance can reach it. Here every program of this computer could, so its address holds a path that
only the instance's own processes are told, and a web page gets no answer at all.

Paths and errors: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-categories.html
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
from collections.abc import Callable, Mapping
from email.utils import format_datetime
from typing import Final, NamedTuple

from infra.rehearsal.clock import Clock

TOKEN_PATH: Final = "/latest/api/token"
DATA: Final = "/latest/meta-data/"
POWER_PATH: Final = "/rehearsal/power"  # not AWS's: how the shims press the power button
TEXT_OF: Final = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found",
                  405: "Method Not Allowed"}  # fmt: skip
LONGEST_BODY: Final = 4096

Facts = Callable[[], Mapping[str, str]]
"""The metadata now: path below /latest/meta-data/ -> text. What is absent answers 404."""


class Request(NamedTuple):
    method: str
    path: str
    headers: Mapping[str, str]
    body: str


class Answer(NamedTuple):
    status: int
    text: str = ""


class Imds:
    def __init__(self, facts: Facts, press: Callable[[str], None], clock: Clock) -> None:
        self._facts = facts
        self._press = press
        self._clock = clock
        self._tokens: set[str] = set()
        self._server: asyncio.Server | None = None
        self._host = ""
        self._path = f"/{secrets.token_urlsafe(16)}"

    @property
    def url(self) -> str:
        """What the instance's processes are told, and nobody else."""
        return f"http://{self._host}{self._path}"

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self._host = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def close(self) -> None:
        if self._server:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = await asyncio.wait_for(_read(reader), timeout=5)
            writer.write(_wire(self.answer(request), self._clock))
            await writer.drain()
        except (OSError, ValueError, EOFError, asyncio.LimitOverrunError, asyncio.TimeoutError):
            pass  # a caller that speaks no HTTP or went away; there is nobody to tell
        finally:
            writer.close()

    def answer(self, request: Request) -> Answer:
        if "origin" in request.headers or request.headers.get("host") != self._host:
            return Answer(403)
        if not hmac.compare_digest(request.path[: len(self._path)].encode(), self._path.encode()):
            return Answer(404)
        return self._answer_inside(request._replace(path=request.path[len(self._path) :]))

    def _answer_inside(self, request: Request) -> Answer:
        if request.path == POWER_PATH and request.method == "PUT":
            self._press(request.body.strip())
            return Answer(200)
        if request.path == TOKEN_PATH:
            return self._new_token(request)
        if request.headers.get("x-aws-ec2-metadata-token") not in self._tokens:
            return Answer(401)
        if request.method != "GET":
            return Answer(405)
        return self._read_fact(request.path)

    def _new_token(self, request: Request) -> Answer:
        if request.method != "PUT" or "x-forwarded-for" in request.headers:
            return Answer(405)
        if not request.headers.get("x-aws-ec2-metadata-token-ttl-seconds", "").isdigit():
            return Answer(400)
        token = secrets.token_urlsafe(24)
        self._tokens.add(token)
        return Answer(200, token)

    def _read_fact(self, path: str) -> Answer:
        if not path.startswith(DATA):
            return Answer(404)
        facts, name = self._facts(), path[len(DATA) :]
        if name in facts:
            return Answer(200, facts[name])
        folder = name if not name or name.endswith("/") else name + "/"
        below = sorted({_first(fact[len(folder) :]) for fact in facts if fact.startswith(folder)})
        return Answer(200, "\n".join(below)) if below else Answer(404)


def _first(path: str) -> str:
    head, slash, _ = path.partition("/")
    return head + slash


async def _read(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, path, _ = head[0].split(" ")
    headers = {
        name.strip().lower(): text.strip() for name, _, text in (line.partition(":") for line in head[1:]) if text
    }
    body = await reader.readexactly(min(int(headers.get("content-length", "0")), LONGEST_BODY))
    return Request(method, path, headers, body.decode())


def _wire(answer: Answer, clock: Clock) -> bytes:
    body = answer.text.encode()
    # The Date header is a second opinion about the time that no program on the instance can set.
    head = (
        f"HTTP/1.1 {answer.status} {TEXT_OF[answer.status]}\r\nServer: EC2ws\r\nContent-Type: text/plain\r\n"
        f"Date: {format_datetime(clock.now(), usegmt=True)}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
