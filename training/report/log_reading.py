"""Report section: what in a user's log was taken for what, so that a wrong guess is seen by the one who knows."""

from __future__ import annotations

from html import escape

from training.trainer.recipe import Result, Section


def reading_section(result: Result) -> Section:
    taken = result.data.keep["taken"]
    if not taken:
        return Section("How the log was read", "<p>As it stands: nothing in it can be read in two ways.</p>")
    lines = "".join(f"<li>{escape(line)}</li>" for line in taken)
    return Section(
        "How the log was read", f"<p>If one of these is wrong, the description can say so.</p><ul>{lines}</ul>"
    )
