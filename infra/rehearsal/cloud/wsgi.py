"""The WSGI layer in front of moto: logs each call, refuses what AWS would refuse, answers what moto cannot."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from moto.core.exceptions import ServiceException

from infra.rehearsal.clock import Clock
from infra.rehearsal.cloud import request
from infra.rehearsal.cloud.lifecycle import LOCK
from infra.rehearsal.cloud.request import Call, Environ
from infra.rehearsal.cloud.response import Answer, Refusal, refused, send

App = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]
Check = Callable[[Call, Any], None]
Answers = Callable[[Call, Any], Answer | None]
Rewrite = Callable[[Call], dict[str, str] | None]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Patches:
    """What the layer does for one operation, by (service, operation); `checks` also know ("*", "*")."""

    checks: Mapping[tuple[str, str], tuple[Check, ...]] = field(default_factory=dict)
    answers: Mapping[tuple[str, str], Answers] = field(default_factory=dict)
    rewrites: Mapping[tuple[str, str], Rewrite] = field(default_factory=dict)


@dataclass(frozen=True)
class Layer:
    moto: App
    patches: Patches
    backend_of: Callable[[Call], Any]
    """The moto backend that holds the state a check must see; None for services moto does not know."""
    journal: Journal

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        call = request.read(environ)
        with self.journal.entry(call) as entry:
            answer = self._answer(call, environ)
            entry.status = answer.status
            return send(answer, start_response)

    def _answer(self, call: Call, environ: Environ) -> Answer:
        key = (call.service, call.operation)
        try:
            with LOCK if call.service in ("ec2", "cloudwatch", "scheduler") else nullcontext():
                backend = self.backend_of(call)
                for check in (*self.patches.checks.get(("*", "*"), ()), *self.patches.checks.get(key, ())):
                    check(call, backend)
                own = self.patches.answers[key](call, backend) if key in self.patches.answers else None
                return own or self._ask_moto(call, environ)
        except Refusal as refusal:
            return refused(call, refusal)
        except ServiceException as error:  # a check asked moto, and moto itself says no
            return refused(call, Refusal(error.code, error.message))
        except Exception as error:  # werkzeug's answer would be a page of HTML, which boto3 cannot read as EC2's XML
            log.exception("%s:%s crashed", call.service, call.operation)
            return refused(call, Refusal("InternalError", f"the rehearsal failed: {error!r}; its log tells more", 500))

    def _ask_moto(self, call: Call, environ: Environ) -> Answer:
        key = (call.service, call.operation)
        if key in self.patches.rewrites and (params := self.patches.rewrites[key](call)) is not None:
            request.rewrite(environ, params)
        seen: dict[str, Any] = {}

        def remember(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> None:
            seen.update(status=int(status.split()[0]), headers=dict(headers))

        body = b"".join(self.moto(environ, remember))
        headers = {name: value for name, value in seen["headers"].items() if name.lower() != "content-type"}
        return Answer(seen["status"], body, seen["headers"].get("Content-Type", ""), tuple(headers.items()))


@dataclass
class Entry:
    call: Call
    began: float
    journal: Journal
    status: int = 0

    def __enter__(self) -> Entry:
        return self

    def __exit__(self, *_: object) -> None:
        self.journal.write(self)


class Journal:
    """calls.jsonl: one row per AWS call. *began*, *ended*: seconds since the cloud came up, to count rounds by."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._zero = time.monotonic()
        self._lock = threading.Lock()
        self.last = time.monotonic()
        path.write_text("")

    def entry(self, call: Call) -> Entry:
        self.last = time.monotonic()
        return Entry(call, time.monotonic() - self._zero, self)

    def write(self, entry: Entry) -> None:
        call = entry.call
        row = {
            "service": call.service, "operation": call.operation, "region": call.region, "status": entry.status,
            "time": self._clock.now().isoformat(), "began": round(entry.began, 4),
            "ended": round(time.monotonic() - self._zero, 4), "dry_run": call.dry_run,
        }  # fmt: skip
        # A full disk, on which the call itself is answered all the same: AWS has disks of its own.
        with suppress(OSError), self._lock, self._path.open("a") as journal:
            journal.write(json.dumps(row) + "\n")
