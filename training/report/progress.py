"""Report sections on how the run went: learning rate, throughput, and how busy the machine was."""

from __future__ import annotations

from collections.abc import Sequence

from training.report.charts import Series, line_chart
from training.trainer.recipe import Section
from training.workdir.metrics import Row

Point = tuple[float, float]
FEWEST = 3  # points that make a curve
STRETCHES = 40
SHORTEST_STRETCH_S = 0.5


def progress_sections(
    rows: Sequence[Row], usage: Sequence[Row], *, steps_per_epoch: int, batch_size: int
) -> list[Section]:
    """Those of which anything was recorded. *rows*: of metrics.jsonl, *usage*: of usage.jsonl."""
    rates = [(row["step"] / steps_per_epoch, row["lr"]) for row in rows if row.get("lr") is not None]
    speeds = [(step / steps_per_epoch, speed) for step, speed in throughput(rows, batch_size)]
    drawn = [
        _curve_section("Learning rate", Series("learning rate", rates), "learning rate"),
        _curve_section("Throughput", Series("evaluating and saving included", speeds), "samples/s", low=0.0),
        _usage_section("How busy the machine was", usage, "_percent", "percent", 100.0),
        _usage_section("Memory", usage, "_gib", "GiB"),
    ]
    return [section for section in drawn if section]


def _curve_section(title: str, series: Series, y_label: str, low: float | None = None) -> Section | None:
    enough = len(series.points) >= FEWEST
    return Section(title, _chart([series], "epoch", y_label, low=low, least_tick=1)) if enough else None


def throughput(rows: Sequence[Row], batch_size: int) -> list[Point]:
    """(step, samples/s) over stretches of a fortieth of the run, with what else was done in that time.

    Rows of the loss are written several at a time, when the device has come so far: from one to the next tells nothing.
    """
    losses = [(row["step"], row["seconds"]) for row in rows if row.get("loss") is not None and row.get("seconds")]
    stretch_s = max((losses[-1][1] - losses[0][1]) / STRETCHES, SHORTEST_STRETCH_S) if losses else 0.0
    found, since = [], losses[0] if losses else (0, 0.0)
    for step, seconds in losses:
        if seconds - since[1] >= stretch_s:
            found.append((float(step), (step - since[0]) * batch_size / (seconds - since[1])))
            since = step, seconds
    return found


def _usage_section(title: str, usage: Sequence[Row], ending: str, unit: str, most: float = 0.0) -> Section | None:
    names = sorted({name for row in usage for name in row if name.endswith(ending)})
    series = [
        Series(
            _name_reading(name, ending),
            [(row["seconds"] / 60, row[name]) for row in usage if row.get(name) is not None],
        )
        for name in names
    ]
    enough = [one for one in series if len(one.points) >= FEWEST]
    return Section(title, _chart(enough, "minutes", unit, low=0.0, high=most)) if enough else None


def _name_reading(name: str, ending: str) -> str:
    """ "gpu0_percent" is "GPU 0", "cpu_percent" "processor (all cores)", "memory_gib" "this process"."""
    stem = name.removesuffix(ending)
    plain = {"cpu": "processor (all cores)", "memory": "this process"}
    return plain.get(stem) or f"GPU {stem.removeprefix('gpu')}"


def _chart(
    series: Sequence[Series],
    x_label: str,
    y_label: str,
    *,
    low: float | None = None,
    high: float = 0.0,
    least_tick: float = 0.0,
) -> str:
    """*low*, *high*: what the axis of y shows at least; *least_tick*: as `line_chart` takes it."""
    values = [value for one in series for _, value in one.points]
    y_range = None if low is None else (low, max(high, 1.06 * max(values), 1e-9))
    return line_chart(
        series, x_label=x_label, least_tick=least_tick, y_label=y_label, logarithmic=False, y_range=y_range
    )
