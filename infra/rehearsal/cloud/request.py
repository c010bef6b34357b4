"""One AWS request as the layer sees it: which service, which operation, which parameters."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

Environ = dict[str, Any]

_SCOPE = re.compile(r"Credential=[^/]+/\d{8}/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request")
_CBOR_PATH = re.compile(r"/service/\w+/operation/(?P<operation>\w+)$")
# REST services name no operation on the wire: method and path do.
_REST: Final = (
    ("scheduler", "POST", r"/schedules/[^/]+", "CreateSchedule"),
    ("scheduler", "PUT", r"/schedules/[^/]+", "UpdateSchedule"),
    ("scheduler", "GET", r"/schedules/[^/]+", "GetSchedule"),
    ("scheduler", "DELETE", r"/schedules/[^/]+", "DeleteSchedule"),
    ("scheduler", "GET", r"/schedules/?", "ListSchedules"),
    ("s3", "PUT", r"/[^/]+/?", "CreateBucket"),
    ("s3", "PUT", r"/[^/]+/.+", "PutObject"),
    ("s3", "GET", r"/[^/]+/.+", "GetObject"),
    ("s3", "GET", r"/[^/]+/?", "ListObjectsV2"),
    ("s3", "HEAD", r"/[^/]+/?", "HeadBucket"),
    ("s3", "HEAD", r"/[^/]+/.+", "HeadObject"),
    ("s3", "DELETE", r"/[^/]+/.+", "DeleteObject"),
)
# Signing names are short; IAM and the documentation use these.
_SERVICE_OF: Final = {"monitoring": "cloudwatch"}


@dataclass(frozen=True)
class Call:
    service: str
    operation: str
    region: str
    params: Mapping[str, Any] = field(default_factory=dict)
    """Query services: flat ("InstanceId.1"). JSON services: as sent. REST with a JSON body: as sent. Others: empty."""
    protocol: str = "query"  # query, json or rest

    def numbered(self, name: str) -> list[str]:
        """All values of a list parameter of the query protocol: "InstanceId" -> InstanceId.1, InstanceId.2, ..."""
        found: list[str] = []
        while (value := self.params.get(f"{name}.{len(found) + 1}")) is not None:
            found.append(value)
        return found

    def numbered_in(self, name: str, part: str) -> list[str]:
        """The same one floor deeper: "Filter", "Name" -> Filter.1.Name, Filter.2.Name, ..."""
        found: list[str] = []
        while (value := self.params.get(f"{name}.{len(found) + 1}.{part}")) is not None:
            found.append(value)
        return found

    def filtered(self, name: str) -> list[str]:
        """The values of the filter *name*; empty where it was not asked for."""
        names = self.numbered_in("Filter", "Name")
        return self.numbered(f"Filter.{names.index(name) + 1}.Value") if name in names else []

    @property
    def dry_run(self) -> bool:
        return str(self.params.get("DryRun", "")).lower() == "true"


def outline(environ: Environ) -> Call:
    """What can be told of a call without its body: enough to refuse it in the words of its service."""
    scope = _SCOPE.search(environ.get("HTTP_AUTHORIZATION", "")) or {"service": "", "region": ""}
    service = _SERVICE_OF.get(scope["service"], scope["service"])
    if target := environ.get("HTTP_X_AMZ_TARGET", ""):
        return Call(service, target.rpartition(".")[2], scope["region"], protocol="json")
    if environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        return Call(service, "", scope["region"])
    return Call(service, _rest_operation(service, environ), scope["region"], protocol="rest")


def read(environ: Environ) -> Call:
    """The call in *environ*, whose body stays readable."""
    call = outline(environ)
    if call.protocol == "query":
        params = dict(parse_qsl(take_body(environ).decode(), keep_blank_values=True))
        return replace(call, operation=params.get("Action", ""), params=params)
    is_json = call.protocol == "json" or environ.get("CONTENT_TYPE", "").startswith("application/json")
    return replace(call, params=json.loads(take_body(environ) or b"{}")) if is_json else call


def take_body(environ: Environ) -> bytes:
    """The body; it stays readable."""
    data: bytes = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    _set_body(environ, data)
    return data


def rewrite(environ: Environ, params: Mapping[str, str]) -> None:
    """Replace the parameters of a query call before moto reads them."""
    _set_body(environ, urlencode(params).encode())


def _rest_operation(service: str, environ: Environ) -> str:
    method, path = environ["REQUEST_METHOD"], environ.get("PATH_INFO", "")
    if cbor := _CBOR_PATH.search(path):
        return cbor["operation"]
    for name, verb, pattern, operation in _REST:
        if (name, verb) == (service, method) and re.fullmatch(pattern, path):
            return operation
    return f"{method} {path}"


def _set_body(environ: Environ, data: bytes) -> None:
    environ["wsgi.input"] = io.BytesIO(data)
    environ["CONTENT_LENGTH"] = str(len(data))
