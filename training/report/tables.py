"""A table of a report: it scrolls by itself where the page is narrow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """*head* and the cells of *rows* are HTML, escaped by who knows where a word comes from."""
    columns = "".join(f"<th>{name}</th>" for name in head)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<div class=wide tabindex=0><table><thead><tr>{columns}</tr></thead><tbody>{body}</tbody></table></div>"
