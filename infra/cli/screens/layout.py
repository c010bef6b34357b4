"""Rows with a label, and columns."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any


def render_rows(rows: Sequence[tuple[str, str]]) -> str:
    width = max(len(label) for label, _ in rows)
    return "\n".join(f"  {label:<{width}}  {value}" for label, value in rows)


def render_columns(head: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: Collection[str] = ()) -> str:
    """A plain table: each column as wide as its widest cell; those called as in *numbers* end digit below digit."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    aligned = [f"{'>' if name in numbers else '<'}{width}" for name, width in zip(head, widths, strict=True)]
    return "\n".join(
        "  ".join(format(cell, how) for cell, how in zip(row, aligned, strict=True)).rstrip() for row in [head, *rows]
    )


def render_json(value: Any) -> str:
    """What scripts read: dataclasses as objects, moments in ISO 8601."""
    return json.dumps(value, indent=2, default=_as_json)


def _as_json(value: Any) -> Any:
    if isinstance(value, date):  # a datetime is one, too
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
