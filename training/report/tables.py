"""A table of a report: it scrolls by itself where the page is narrow."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

_TAG: Final = re.compile(r"<[^>]*>")
_NUMBER: Final = re.compile(r"[-+]?[\d.,]+ ?%?|-|")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """*head* and the cells of *rows* are HTML, escaped by who knows where a word comes from. Numbers stand digit below
    digit; the first cell of a row names it.
    """
    body = list(rows)
    kinds = [_kind([row[place] for row in body]) for place in range(len(head))]
    names = "".join(f"<th scope=col{kind}>{name}</th>" for name, kind in zip(head, kinds, strict=True))
    lines = "".join(f"<tr>{_cells(row, kinds)}</tr>" for row in body)
    return f"<div class=wide tabindex=0><table><thead><tr>{names}</tr></thead><tbody>{lines}</tbody></table></div>"


def _kind(column: Sequence[str]) -> str:
    words = [_TAG.sub("", cell) for cell in column]
    return " class=n" if any(words) and all(map(_NUMBER.fullmatch, words)) else ""


def _cells(row: Sequence[str], kinds: Sequence[str]) -> str:
    first, *rest = (f"{kind}>{cell}" for cell, kind in zip(row, kinds, strict=True))
    return f"<th scope=row{first}</th>" + "".join(f"<td{one}</td>" for one in rest)
