"""Report sections for jobs that put images (or anything else) into classes."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from html import escape

import numpy as np
from PIL import Image

from training.trainer.recipe import Array, Predictions, Result, Section

SHOWN = 24
NARROW = 4
"""Classes for which a telephone is wide enough."""


def confusion(result: Result) -> Section:
    """How often each class was taken for each, on the test split."""
    classes = result.data.classes
    counts = confusion_counts(result.test, len(classes))
    table = confusion_table(classes, counts)
    worst = _worst_pair(counts)
    said = f"<p>Most often mistaken: <b>{escape(classes[worst[0]])}</b> for <b>{escape(classes[worst[1]])}</b>."
    return Section("Confusion matrix", f"{said} Test split, {len(result.test.y):,} examples.</p>{table}")


def confusion_table(classes: Sequence[str], counts: Array) -> str:
    """*counts* (classes, classes): at [i, j] the examples of class i that were taken for class j."""
    head = "".join(f"<th scope=col>{escape(name)}</th>" for name in classes)
    rows = "".join(_row(name, counts[i], i) for i, name in enumerate(classes))
    swiped = "<p class=sideways>wider than the screen: swipe the table sideways</p>" if len(classes) > NARROW else ""
    return (
        f"{swiped}<div class=wide tabindex=0><table class=confusion style=--classes:{len(classes)}><thead>"
        f"<tr><th class=corner>true \\ said</th>{head}<th scope=col>right</th></tr></thead>"
        f"<tbody>{rows}</tbody></table></div>"
    )


def confusion_counts(predictions: Predictions, classes: int) -> Array:
    """Shape (classes, classes): at [i, j] the examples of class i that were taken for class j."""
    said = predictions.outputs.argmax(axis=1)
    return np.bincount(predictions.y * classes + said, minlength=classes * classes).reshape(classes, classes)


def _row(name: str, counts: Array, own: int) -> str:
    of = max(int(counts.sum()), 1)
    cells = "".join(_cell(int(n), n / of, right=j == own) for j, n in enumerate(counts))
    return f"<tr><th scope=row>{escape(name)}</th>{cells}<td class=share>{100 * counts[own] / of:.1f}%</td></tr>"


def _cell(count: int, share: float, *, right: bool) -> str:
    if not count:
        return "<td class=none>&middot;</td>"
    # Mistakes are few: their colour grows fast at first, so that one in a hundred can be seen.
    strength = share if right else min(1.0, share**0.35)
    kind = "hit" if right else "miss"
    strong = " strong" if strength > 0.55 else ""
    return f'<td class="{kind}{strong}" style="--a:{strength:.2f}">{count}</td>'


def _worst_pair(counts: Array) -> tuple[int, int]:
    off = counts - np.diag(np.diag(counts))
    i, j = np.unravel_index(int(off.argmax()), off.shape)
    return int(i), int(j)


def mistakes(result: Result) -> Section:
    """The test images that were classified wrongly with the most confidence."""
    p = softmax(result.test.outputs)
    said = p.argmax(axis=1)
    wrong = np.flatnonzero(said != result.test.y)
    surest = wrong[np.argsort(-p[wrong, said[wrong]])][:SHOWN]
    classes = result.data.classes
    figures = "".join(
        f'<figure><img src="{png_url(np.asarray(result.data.test.X[i]))}" alt="" width=84 height=84>'
        f"<figcaption><b>{escape(classes[said[i]])}</b> {100 * p[i, said[i]]:.0f}%"
        f"<br>is {escape(classes[result.test.y[i]])}</figcaption></figure>"
        for i in surest
    )
    text = (
        f"<p>{len(wrong):,} of {len(said):,} are wrong. "
        f"These {len(surest)} the net was surest of: what it said, then what it is.</p>"
    )
    return Section("Worst mistakes", f"{text}<div class=pictures>{figures}</div>")


def softmax(scores: Array) -> Array:
    """Scores (n, classes) to probabilities (n, classes)."""
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(e / e.sum(axis=1, keepdims=True))


def png_url(image: Array) -> str:
    """A (1 or 3, height, width) uint8 image as a data URL."""
    return "data:image/png;base64," + base64.b64encode(png(image)).decode()


def png(image: Array) -> bytes:
    """The bytes of a PNG file from a (1 or 3, height, width) uint8 image: grey or RGB."""
    rows = np.ascontiguousarray(image.transpose(1, 2, 0))
    file = io.BytesIO()
    Image.fromarray(rows if rows.shape[2] == 3 else rows[:, :, 0]).save(file, "PNG", optimize=True)
    return file.getvalue()
