"""How the run went, and the values under the pointer."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest

from training.report import curves
from training.report.charts import Series, line_chart
from training.report.pointer_values import MOST, readable
from training.report.progress import progress_sections, throughput

ROWS = [{"step": step, "epoch": 1 + step // 50, "loss": 1.0, "lr": 0.1, "seconds": step / 10} for step in range(1, 101)]
USAGE = [
    {"seconds": second, "cpu_percent": 40.0, "memory_gib": 1.5, "gpu0_percent": 90.0, "gpu0_gib": 3.0}
    for second in (60, 120, 180)
]


def test_throughput_is_reckoned_over_stretches_and_not_between_rows_written_at_once() -> None:
    clumped = [{**row, "seconds": float(-(-row["step"] // 10))} for row in ROWS]  # ten rows at a time

    speeds = [speed for _, speed in throughput(clumped, 32)]

    assert speeds == pytest.approx([320.0] * 9)
    assert throughput([], 32) == throughput(ROWS[:1], 32) == []


def test_what_was_recorded_is_drawn_and_what_was_not_is_left_out() -> None:
    def titles(rows: list[dict[str, float]], usage: list[dict[str, float]]) -> list[str]:
        return [one.title for one in progress_sections(rows, usage, steps_per_epoch=50, batch_size=32)]

    assert titles(ROWS, USAGE) == ["Learning rate", "Throughput", "How busy the machine was", "Memory"]
    assert titles(ROWS, USAGE[:2]) == ["Learning rate", "Throughput"]
    assert titles([], []) == []


def test_processor_and_each_gpu_have_a_line_of_their_own() -> None:
    busy = progress_sections([], USAGE, steps_per_epoch=1, batch_size=1)[0].html

    assert re.findall(r'<span class="key s\d">([^<]+)<', busy) == ["processor (all cores)", "GPU 0"]


def under_the_pointer(svg: str) -> list[list[str]]:
    """The lines of text of each stripe of a chart, from left to right."""
    groups = re.findall(r'<g class="read">.*?</g>', svg)
    return [[str(line.text) for line in ElementTree.fromstring(one).iter("tspan")] for one in groups]


def test_each_place_shows_the_nearest_value_of_every_series() -> None:
    series = [Series("training", [(0.5, 4.0), (1.0, 3.0), (2.0, 1.0)]), Series("<b>", [(2.0, 152_000.0)])]

    assert under_the_pointer(line_chart(series, x_label="epoch", y_label="loss", logarithmic=False)) == [
        ["epoch 0.5", "training 4", "<b> 152,000"],
        ["epoch 1", "training 3", "<b> 152,000"],
        ["epoch 2", "training 1", "<b> 152,000"],
    ]


def test_a_long_curve_has_places_enough_and_no_more_and_they_fill_the_plot() -> None:
    svg = line_chart([Series("x", [(i, i % 7) for i in range(5000)])], x_label="a", y_label="b")

    stripes = [(float(x), float(w)) for x, w in re.findall(r'<rect x="([\d.]+)" y="[\d.]+" width="([\d.]+)"', svg)]
    assert len(under_the_pointer(svg)) == len(stripes) == MOST
    assert all(left + width == pytest.approx(x, abs=0.2) for (left, width), (x, _) in pairwise(stripes))


@pytest.mark.parametrize(
    ("value", "text"), [(0.012345, "0.01235"), (152_000.4, "152,000"), (1e12, "1e+12"), (-0.5, "-0.5"), (0.0, "0")]
)
def test_numbers_are_readable(value: float, text: str) -> None:
    assert readable(value) == text


def test_the_picture_for_slides_has_a_title_and_whole_epochs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    figure_of = pytest.importorskip("matplotlib.figure", reason="matplotlib")
    drawn = []
    save = figure_of.Figure.savefig
    monkeypatch.setattr(figure_of.Figure, "savefig", lambda self, *a, **k: (drawn.append(self), save(self, *a, **k)))
    rows = [{"step": s, "loss": 100.0 / s, "valid_loss": 100.0 / s, "valid_x": s} for s in range(1, 61)]

    said = curves.draw(tmp_path / "c.png", rows, title="$5 net", metric="x", best_epoch=3, steps_per_epoch=20)

    (figure,) = drawn
    left, right = figure.axes
    assert said == ""
    assert figure.get_suptitle() == r"\$5 net"
    for axes in (left, right):
        epochs = [tick for tick in axes.get_xticks() if 0 <= tick <= 3]
        assert epochs == [0, 1, 2, 3]
    shown = [text.get_text() for text in left.get_yticklabels()]
    assert left.get_yscale() == "log"
    assert {"2", "5", "10", "20", "50"} <= set(shown)
