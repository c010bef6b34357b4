"""dashboard.html: one page over runs/, complete in itself, opened from disk.

The runs stand in the page as JSON, and the page's script puts them in place as text, never as markup: a run may be
called anything. The policy in its head lets no other script run, and nothing be loaded.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import os
from collections.abc import Sequence
from importlib.resources import files
from typing import TYPE_CHECKING
from urllib.parse import quote

from infra.budget import clock
from infra.names import REPORT

if TYPE_CHECKING:
    from datetime import datetime

    from infra.workflows.dashboard import Entry


def render_dashboard(entries: Sequence[Entry], *, now: datetime) -> str:
    """The page of *entries*, oldest first."""
    script, style = _read("page.js"), _read("page.css")
    told = {"made": clock(now), "runs": [_as_json(one) for one in entries]}
    parts = {"STYLE": style, "SCRIPT": script, "SCRIPT_HASH": _hash(script), "DATA": _in_html(json.dumps(told))}
    page = _read("page.html")
    for name, text in parts.items():
        page = page.replace("{{" + name + "}}", text, 1)  # DATA last: nothing is looked for in it
    return page


def _as_json(one: Entry) -> dict[str, object]:
    # As the disk has its name, byte for byte: it need not be UTF-8.
    report = f"./{quote(os.fsencode(one.run.name))}/{REPORT}" if one.run.report else ""
    beside = {"report": report, "usd": one.cost.usd, "pretended": one.cost.pretended, "note": str(one.note)}
    return {**dataclasses.asdict(one.run), **beside}


def _in_html(text: str) -> str:
    """JSON that no HTML parser sees an end or a comment in. https://html.spec.whatwg.org/multipage/scripting.html"""
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _hash(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _read(name: str) -> str:
    return files("infra.cli.screens.dashboard").joinpath(name).read_text(encoding="utf-8")
