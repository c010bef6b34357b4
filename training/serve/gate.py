"""What every request passes first: who may ask, how much they may send, and how long that may take.

On the loopback no token is needed, but a web page that is open in a browser here can send requests there too: under a
name of its own that it has pointed at 127.0.0.1 (DNS rebinding), or across origins. So `Host` must name the loopback,
and `Origin`, where a browser sends one, this very server. https://en.wikipedia.org/wiki/DNS_rebinding
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
COOKIE: Final = "gluon-rig-serve"
FREE: Final = "/health"
"""Asked by whatever watches over the server; says nothing but that it is there."""
SAFE: Final = {
    "content-security-policy": "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}

API_PAGE: Final = "/docs"
SAFE_API_PAGE: Final = {
    **SAFE,
    # Swagger's page begins with a script that stands in it.
    "content-security-policy": SAFE["content-security-policy"] + "; script-src 'self' 'unsafe-inline'",
}


@dataclass(frozen=True)
class Refusal(Exception):
    status: int
    what: str


@dataclass(frozen=True, kw_only=True)
class Limits:
    bytes: int = 4 << 20
    body_s: float = 15.0
    """A request's body must have arrived by then."""


class Gate:
    """ASGI middleware. *token* empty: whoever is on this computer may ask."""

    def __init__(self, app: App, *, token: str, loopback: bool, limits: Limits) -> None:
        self.app, self.loopback, self.limits = app, loopback, limits
        self._digest = _digest(token) if token else b""
        self._cookie = hashlib.sha256(b"cookie" + self._digest).hexdigest()

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":  # nothing here speaks WebSocket
            await send({"type": "websocket.close", "code": 1008})
            return
        try:
            headers = _headers(scope)
            self._from_here(headers)
            if self._digest and scope["path"] != FREE and not self._knows_the_token(headers):
                await self._let_in(scope, send)
                return
            body = await self._body(headers, receive)
        except Refusal as refusal:
            await _refuse(refusal, send)
            return
        safe = SAFE_API_PAGE if scope["path"] == API_PAGE else SAFE
        await self.app(scope, _replay(body, receive), _with_headers(safe, send))

    def _from_here(self, headers: dict[str, str]) -> None:
        host, origin = headers.get("host", ""), headers.get("origin", "")
        if self.loopback and _name(f"//{host}") not in LOOPBACK:
            raise Refusal(403, "This server answers on the loopback alone, under the name 127.0.0.1 or localhost.")
        if origin and _place(origin) != host:
            raise Refusal(403, "This request comes from the page of another server.")
        if headers.get("sec-fetch-site", "") in ("cross-site", "same-site"):
            raise Refusal(403, "This request comes from the page of another server.")

    def _knows_the_token(self, headers: dict[str, str]) -> bool:
        # Of equal length and compared in constant time: how long it takes says nothing about how much was right.
        said = hmac.compare_digest(_digest(_token(headers.get("authorization", ""))), self._digest)
        cookies = [part.strip() for part in headers.get("cookie", "").split(";")]
        kept = any(hmac.compare_digest(_digest(part), _digest(f"{COOKIE}={self._cookie}")) for part in cookies)
        return said or kept

    async def _let_in(self, scope: MutableMapping[str, Any], send: Send) -> None:
        """Who comes by the address with the token in it gets a cookie, and an address without it, as Jupyter does.

        Raises Refusal for all others.
        """
        given = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("token", [""])[0]
        if scope["method"] != "GET" or not hmac.compare_digest(_digest(given), self._digest):
            raise Refusal(401, "The token is missing or wrong: send `Authorization: Bearer TOKEN`.")
        cookie = f"{COOKIE}={self._cookie}; Path=/; HttpOnly; SameSite=Strict"
        headers = [(b"location", b"/"), (b"set-cookie", cookie.encode()), (b"content-length", b"0")]
        await send({"type": "http.response.start", "status": 303, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    async def _body(self, headers: dict[str, str], receive: Receive) -> bytes:
        said = headers.get("content-length", "")
        if said.isdecimal() and int(said) > self.limits.bytes:
            raise self._too_large()
        try:
            return await asyncio.wait_for(self._read(receive), self.limits.body_s)
        except asyncio.TimeoutError:
            raise Refusal(408, f"The body had not arrived after {self.limits.body_s:g} s.") from None

    async def _read(self, receive: Receive) -> bytes:
        parts, size, more = [], 0, True
        while more:
            message = await receive()
            part = message.get("body", b"")
            size, more = size + len(part), message.get("more_body", False)
            if size > self.limits.bytes:
                raise self._too_large()
            parts.append(part)
        return b"".join(parts)

    def _too_large(self) -> Refusal:
        return Refusal(413, f"The body is larger than {self.limits.bytes:,} bytes: send it in several requests.")


def _headers(scope: MutableMapping[str, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    for raw, value in scope["headers"]:
        name = raw.decode("latin-1").lower()
        if name in found and name in ("host", "origin", "authorization"):
            raise Refusal(400, f"The header {name} is there twice.")
        found[name] = value.decode("latin-1")
    return found


def _name(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:  # "[::1"
        return ""


def _place(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _token(authorization: str) -> str:
    """Of `Bearer TOKEN`, or of `Basic`, as a browser asks for it: any user, the token as the password."""
    scheme, _, value = authorization.strip().partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(value, validate=True).decode().partition(":")[2]
    except (binascii.Error, ValueError):
        return ""


def _replay(body: bytes, receive: Receive) -> Receive:
    """The body as one message; afterwards what comes, which is that the caller has gone."""
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return waiting.pop() if waiting else await receive()

    return again


def _with_headers(safe: dict[str, str], send: Send) -> Send:
    added = [(name.encode(), value.encode()) for name, value in safe.items()]

    async def safely(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", []), *added]
        await send(message)

    return safely


async def _refuse(refusal: Refusal, send: Send) -> None:
    body = json.dumps({"detail": [{"loc": [], "msg": refusal.what, "type": "refused"}]}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if refusal.status == 401:
        headers.append((b"www-authenticate", b'Basic realm="gluon-rig", charset="UTF-8"'))
    # What is left of a body that was too large or too slow is not waited for.
    headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
