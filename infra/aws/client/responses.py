"""What AWS answered, looked at once, before anybody reads it: is it AWS who speaks, and does it say what we read?

A hotel's login page comes with status 200 and is well-formed; a proxy cuts an answer short, or sends nothing. botocore
takes the one for an answer that says nothing, and stumbles over the other. Here both become NoAnswer: `Parsers` looks
at what came over the line, and lets botocore ask again as after a 502; `require` looks at what was understood.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from infra.aws.client.response_schema import FORMS, READ


class NoAnswer(Exception):
    """What came back is not what AWS says. The text tells how it differs, and quotes nothing of it."""


# A code that botocore's standard mode asks again after: botocore.retries.standard, TransientRetryableChecker.
ASKED_AGAIN: Final = "RequestTimeout"
KINDS: Final[Mapping[str, Any]] = {
    "structure": dict,
    "list": list,
    "map": dict,
    "string": str,
    "integer": int,
    "long": int,
    "float": (int, float),
    "double": (int, float),
    "boolean": bool,
    "timestamp": datetime,
}
_FIRST_TAG: Final = re.compile(rb"\s*(?:<\?[^>]*>\s*|<!--.*?-->\s*|<![^>]*>\s*)*<(?:\w+:)?(\w+)", re.DOTALL)


class Parsers:
    """botocore's factory of parsers; what its parsers make is looked at before it goes on."""

    def __init__(self, theirs: Any) -> None:
        self._theirs = theirs

    def __getattr__(self, name: str) -> Any:
        return getattr(self._theirs, name)

    def create_parser(self, protocol: str) -> Parser:
        return Parser(self._theirs.create_parser(protocol), protocol)


class Parser:
    """One protocol's parser. Never raises: an answer that is none is handed on as an error of its own."""

    def __init__(self, theirs: Any, protocol: str) -> None:
        self._theirs = theirs
        self._protocol = protocol

    def parse(self, response: Mapping[str, Any], shape: Any) -> Any:
        failed = response["status_code"] >= 300
        if not failed and (why := stranger(response, self._protocol, shape)):
            return _no_answer(response, why)
        try:
            parsed = self._theirs.parse(response, shape)
        except Exception:  # noqa: BLE001 - a parser stumbles in any way it likes: over XML, a number, a missing node
            return _no_answer(response, _describe(response))
        if failed and not _is_error(parsed, shape):
            return _no_answer(response, _describe(response))
        return parsed


def stranger(response: Mapping[str, Any], protocol: str, shape: Any) -> str:
    """Why this cannot be AWS; empty when it speaks as AWS does."""
    body = response["body"]
    if protocol in ("ec2", "query"):
        tag = _FIRST_TAG.match(body)
        said = tag[1].decode(errors="replace") if tag else ""
        return "" if said == f"{response['context']['operation_name']}Response" else _describe(response)
    if protocol in ("json", "rest-json"):
        if not body.strip():  # rest-json says nothing when there is nothing to say
            return _describe(response) if shape is not None and shape.members else ""
        return "" if _is_object(body) else _describe(response)
    return ""


def _is_object(body: bytes) -> bool:
    try:
        return isinstance(json.loads(body), dict)
    except ValueError:
        return False


def _describe(response: Mapping[str, Any]) -> str:
    body, status = response["body"].strip(), response["status_code"]
    if not body:
        return f"an empty answer, status {status}"
    if re.match(rb"<(!doctype )?html", body[:200], re.IGNORECASE):
        return f"a web page, status {status}"
    return f"an answer that is cut or garbled, status {status}"


def _is_error(parsed: Any, shape: Any) -> bool:
    if shape is not None and shape.metadata.get("exception"):  # the second pass over an error that was understood
        return True
    said = parsed.get("Error") if isinstance(parsed, dict) else None
    return isinstance(said, dict) and isinstance(said.get("Code"), str) and isinstance(said.get("Message") or "", str)


def _no_answer(response: Mapping[str, Any], why: str) -> dict[str, Any]:
    code = ASKED_AGAIN if response["status_code"] < 300 else NoAnswer.__name__
    metadata = {"HTTPStatusCode": response["status_code"], "HTTPHeaders": {}}
    return {"Error": {"Code": code, "Message": why}, "ResponseMetadata": metadata}


def require(operation: str, shape: Any, parsed: dict[str, Any]) -> None:
    """Raise NoAnswer unless *parsed* is of *shape* and holds everything that the kit reads of it.

    What AWS leaves out, and what stands there as null, is the same afterwards: absent.
    """
    if "Error" in parsed and "Error" not in (shape.members if shape is not None else ()):
        raise NoAnswer(str(parsed["Error"].get("Message", "")))
    if shape is not None:
        _conform(parsed, shape, operation)
    for path in READ.get(operation, ()):
        for value in _find(parsed, path.split(".")):
            if value in (None, ""):
                raise NoAnswer(f"{operation} without {path}")


def _conform(value: Any, shape: Any, place: str) -> None:
    if shape.name == "policyDocumentType":  # botocore has made a dictionary of it
        return
    if not isinstance(value, KINDS.get(shape.type_name, object)) or _is_beyond_measure(value):
        raise NoAnswer(f"{place} is no {shape.type_name}")
    if shape.type_name == "structure":
        for name in [name for name in value if value[name] is None]:
            del value[name]
        for name in value.keys() & shape.members.keys():
            _conform(value[name], shape.members[name], f"{place}.{name}")
            if name in FORMS and not re.fullmatch(FORMS[name], str(value[name])):
                raise NoAnswer(f"{place}.{name} is not of the form {FORMS[name]}")
    elif shape.type_name == "list":
        for one in value:
            _conform(one, shape.member, f"{place}[]")


def _is_beyond_measure(value: Any) -> bool:
    """What a parser takes for a number or a time, and no arithmetic does: NaN, infinity, the year 1."""
    if isinstance(value, float):
        return not math.isfinite(value)
    return isinstance(value, datetime) and not 1970 <= value.year < 2200


def _find(value: Any, path: list[str]) -> Iterator[Any]:
    """Each value at *path* ("Reservations[]", "Instances[]", "State", "Name"); None where it should be and is not."""
    if not path:
        yield value
        return
    inner = value.get(path[0].rstrip("[]+?"))
    if inner is None:
        yield from () if "?" in path[0] else (None,)
        return
    members = inner if path[0].endswith("]") else [inner]
    if path[0].endswith("[+]") and not members:
        yield None
    for one in members:
        yield from _find(one, path[1:])
