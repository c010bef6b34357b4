"""Answers that the layer gives itself, in the form the SDK expects of that service."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

from infra.rehearsal.cloud.request import Call


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    content_type: str
    headers: tuple[tuple[str, str], ...] = ()


class Refusal(Exception):
    """AWS says no. *code* and *message* as in its documentation, *status* of HTTP."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.status = status


def refused(call: Call, refusal: Refusal) -> Answer:
    """*refusal* in the protocol of *call*."""
    if call.protocol != "query":
        body = {"__type": refusal.code, "message": refusal.message, "Message": refusal.message}
        return Answer(refusal.status, json.dumps(body).encode(), "application/x-amz-json-1.1",
                      (("x-amzn-errortype", refusal.code),))  # fmt: skip
    error = f"<Error><Code>{refusal.code}</Code><Message>{escape(refusal.message)}</Message></Error>"
    request_id = uuid.uuid4()
    if call.service == "ec2":
        text = f"<Response><Errors>{error}</Errors><RequestID>{request_id}</RequestID></Response>"
    else:
        text = f"<ErrorResponse>{error}<RequestId>{request_id}</RequestId></ErrorResponse>"
    return Answer(refusal.status, text.encode(), "text/xml")


def ec2(call: Call, inner: str) -> Answer:
    """An EC2 answer; *inner* is XML by EC2's model (lower-case first letters)."""
    name = f"{call.operation}Response"
    return Answer(
        200,
        f'<{name} xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>{uuid.uuid4()}</requestId>{inner}</{name}>'.encode(),
        "text/xml",
    )


def as_json(value: Mapping[str, Any]) -> Answer:
    return Answer(200, json.dumps(value).encode(), "application/x-amz-json-1.1")


def send(answer: Answer, start_response: Callable[..., Any]) -> Iterable[bytes]:
    """*answer* as WSGI takes it."""
    kept = [(name, value) for name, value in answer.headers if name.lower() != "content-length"]
    said = next((value for name, value in answer.headers if name.lower() == "content-length"), "0")
    length = str(len(answer.body)) if answer.body else said  # HEAD: the length of a body that is not sent
    head = [("Content-Type", answer.content_type), ("Content-Length", length), *kept]
    start_response(f"{answer.status} {'OK' if answer.status < 400 else 'Error'}", head)
    return [answer.body]
