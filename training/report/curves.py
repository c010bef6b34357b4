"""curves.png: the loss and the score that chose the best epoch, for slides and for a quick look."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from training.workdir.metrics import Row


def draw(path: Path, rows: Sequence[Row], *, title: str, metric: str, best_epoch: int, steps_per_epoch: int) -> str:
    """Write the picture; say what is missing instead, or nothing."""
    if find_spec("matplotlib") is None:
        return "no curves.png: the package matplotlib is not installed"
    figure = _figure_class()(figsize=(10, 4.3), layout="constrained")
    figure.suptitle(title.replace("$", r"\$"))  # a dollar would begin a formula
    left, right = figure.subplots(1, 2)
    for key, name, style in (("loss", "training", "-"), ("valid_loss", "validation", "o-")):
        left.plot(*_points(rows, key, steps_per_epoch), style, label=name, markersize=4)
    left.set(xlabel="epoch", ylabel="loss", yscale=_scale(rows))
    right.plot(*_points(rows, f"valid_{metric}", steps_per_epoch), "o-", markersize=4, label=f"validation {metric}")
    right.axvline(best_epoch, color="grey", linestyle=":", label=f"epoch kept: {best_epoch}")
    right.set(xlabel="epoch", ylabel=metric)
    for axes in (left, right):
        axes.grid(alpha=0.3)
        _label_plainly(axes)
        axes.legend(frameon=False)
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=120)
    return ""


def _figure_class() -> Any:
    """Without pyplot: no window system, no global state. And without the tables of properties that Matplotlib writes
    into the documentation of each class as it is imported, which nobody reads here: a quarter of the import."""
    from matplotlib import artist

    write_table = artist.kwdoc
    artist.kwdoc = lambda artist: ""
    try:
        from matplotlib.figure import Figure
    finally:
        artist.kwdoc = write_table
    return Figure


def _label_plainly(axes: Any) -> None:
    """Whole epochs, from the beginning of the first; and numbers that say their own size (no "1e-2" in a corner)."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

    axes.set_xlim(left=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    if axes.get_yscale() == "log":  # ticks at 1, 2 and 5 of each power: a narrow range has some, too
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.6g}"))


def _points(rows: Sequence[Row], key: str, steps_per_epoch: int) -> tuple[list[float], list[float]]:
    shown = [row for row in rows if row.get(key) is not None]
    return [row["step"] / steps_per_epoch for row in shown], [row[key] for row in shown]


def _scale(rows: Sequence[Row]) -> str:
    losses = [row["loss"] for row in rows if row.get("loss") is not None]
    return "log" if losses and min(losses) > 0 and max(losses) / min(losses) > 30 else "linear"
