"""The part of Docker's --format language that people use: {{.Name}}, {{.A.B}}, {{json .A}}, {{index .A "key"}}."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_FIELD = re.compile(r"""\{\{\s*(?:(?P<verb>json|index)\s+)?\.(?P<path>[\w.]*)(?:\s+["'](?P<key>[^"']*)["'])?\s*\}\}""")


def render(template: str, row: Mapping[str, Any]) -> str:
    """Raises KeyError for a field that is not there, as Docker refuses it."""
    if template == "json":
        return json.dumps(row)
    return _FIELD.sub(lambda match: _value(match, row), template.replace("\\t", "\t").replace("\\n", "\n"))


def _value(match: re.Match[str], row: Mapping[str, Any]) -> str:
    path, key = match["path"], match["key"]
    if path == "Label" and key is not None:  # `docker ps` has labels as one text, and this way to ask for one
        labels = (text.partition("=") for text in str(row["Labels"]).split(","))
        return next((value for name, _, value in labels if name == key), "")
    value: Any = row
    for name in filter(None, path.split(".")):
        value = value[name]
    if match["verb"] == "index":
        value = (value or {}).get(key, "")
    if match["verb"] == "json":
        return json.dumps(value)
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)
