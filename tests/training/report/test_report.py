from __future__ import annotations

import base64
import io
import json
import math
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from infra.aws.account.cost import RunCost
from infra.cli.screens.runs import render_outcome
from infra.job import artifacts
from infra.workflows.runs import Outcome
from training.compat import mx
from training.console import plain
from training.report.charts import Series, line_chart
from training.report.images import confusion_counts, png
from training.report.page import Report, page
from training.trainer.recipe import Predictions, Section
from training.workdir.export import run_onnx
from training.workdir.metrics import MetricsFile
from training.workdir.summary import Summary


class Page(HTMLParser):
    """Collects the addresses a page would fetch, and checks that what is opened is closed."""

    VOID = frozenset({"meta", "img", "br"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.tags: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)


def test_the_work_folder_holds_all_that_was_promised(finished_run: Path) -> None:
    found = {path.name for path in finished_run.iterdir()}

    assert found == {
        "best.params",
        "checkpoints",
        "config.json",
        "curves.png",
        "data.json",
        "metrics.jsonl",
        "model-0000.params",
        "model-symbol.json",
        "model.onnx",
        "model",
        "report.html",
        "summary.json",
        "tb",
        "usage.jsonl",
    }


def test_the_report_is_one_file_without_scripts_or_addresses(finished_run: Path) -> None:
    text = (finished_run / "report.html").read_text()
    page = Page(text)

    assert page.open == []
    assert "script" not in page.tags
    assert all(address.startswith("data:image/png;base64,") for address in page.addresses)
    assert not re.search(r"url\(|@import|https?://", text)
    assert "prefers-color-scheme:dark" in text
    assert "width=device-width" in text


def test_the_report_shows_what_the_run_was(finished_run: Path) -> None:
    text = (finished_run / "report.html").read_text()
    summary = json.loads((finished_run / "summary.json").read_text())

    for wanted in (
        f"{summary['score']:.4f}",
        "Confusion matrix",
        "Worst mistakes",
        "Where the time went",
        "Git commit",
        "Checksum",
        "Processor",
        "<th>dropout</th><td>0.5</td>",
        "largest relative difference",
    ):
        assert wanted in text


def test_the_summary_holds_the_keys_that_others_read(finished_run: Path) -> None:
    summary = json.loads((finished_run / "summary.json").read_text())

    assert (summary["job"], summary["reason"], summary["metric"], summary["higher_is_better"]) == (
        "small",
        "done",
        "accuracy",
        True,
    )
    assert summary["score"] == summary["scores"]["accuracy"]
    assert summary["seconds"] > 0
    assert summary["samples_per_s"] > 0
    assert (summary["epochs"], summary["steps"], summary["device"]) == (4, 160, "cpu(0)")


def test_the_exported_nets_and_the_best_weights_agree(finished_run: Path) -> None:
    X = np.random.RandomState(0).uniform(0, 1, (5, 64)).astype(np.float32)
    symbol, weights = str(finished_run / "model-symbol.json"), str(finished_run / "model-0000.params")
    net = mx.gluon.SymbolBlock.imports(symbol, ["data"], weights)
    ours = net(mx.nd.array(X)).asnumpy()
    best = mx.nd.load(str(finished_run / "best.params"))

    assert run_onnx(finished_run / "model.onnx", X) == pytest.approx(ours, rel=1e-4, abs=1e-5)
    assert {a.shape for a in best.values()} == {(32, 64), (32,), (4, 32), (4,)}
    assert json.loads((finished_run / "summary.json").read_text())["onnx_difference"] < 1e-4


def test_the_lines_on_the_last_screen_load_what_was_learned(
    finished_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = Outcome(run="run", folder=finished_run, exit_code=0, cost=RunCost("run", "", 1.0, None))
    shown = render_outcome(done, artifacts.summary(finished_run), here=finished_run.parent)
    lines = shown.partition("in Python, in this folder:\n")[2].splitlines()
    monkeypatch.chdir(finished_run.parent)
    names: dict[str, Any] = {}

    exec("\n".join(line.strip() for line in lines), names)  # as its reader would type them

    X = np.random.RandomState(0).uniform(0, 1, (5, 64)).astype(np.float32)
    readme = (Path(__file__).parents[3] / "README.md").read_text().partition("```python\n")[2].partition("```")[0]
    typed = [line.partition("  #")[0].strip().replace("'", '"').replace('"run"', '"runs/latest"') for line in lines]
    assert typed == [line for line in readme.splitlines() if line]
    assert {a.shape for a in names["weights"].values()} == {(32, 64), (32,), (4, 32), (4,)}
    assert names["net"](mx.nd.array(X)).asnumpy() == pytest.approx(run_onnx(finished_run / "model.onnx", X), rel=1e-4)


def test_tensorboard_reads_the_same_numbers_as_the_metrics_file(finished_run: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator", reason="tensorboard")
    events = accumulator.EventAccumulator(str(finished_run / "tb")).Reload()
    rows = [row for row in MetricsFile(finished_run / "metrics.jsonl").rows() if "valid_accuracy" in row]

    assert [(e.step, e.value) for e in events.Scalars("valid/accuracy")] == [
        (row["step"], pytest.approx(row["valid_accuracy"], rel=1e-6)) for row in rows
    ]


def test_events_and_curves_draw_in_nothing_for_addresses_and_for_readers_of_documentation(tmp_path: Path) -> None:
    for name in ("tensorboard", "matplotlib"):
        pytest.importorskip(name)
    program = """if True:
        import sys
        from pathlib import Path
        from training.report.curves import draw
        from training.workdir.tensorboard import EventLog
        rows = [{"step": 1, "loss": 1.0}]
        EventLog(Path("tb")).begin(rows)
        draw(Path("curves.png"), rows, title="t", metric="accuracy", best_epoch=1, steps_per_epoch=1)
        from matplotlib import artist, figure
        print({"boto3", "fsspec", "tensorflow"} & {*sys.modules}, "agg_filter" in figure.Figure.set.__doc__)
        print("agg_filter" in artist.kwdoc(figure.Figure))
    """

    line = [sys.executable, "-c", program]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])}
    done = subprocess.run(line, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)

    assert done.stdout == "set() False\nTrue\n"
    assert list((tmp_path / "tb").iterdir())
    assert (tmp_path / "curves.png").stat().st_size > 0


def test_a_confusion_matrix_counts_true_by_said() -> None:
    outputs = np.eye(3)[[0, 0, 1, 2, 1]]
    counts = confusion_counts(Predictions(outputs, np.array([0, 1, 1, 2, 2])), 3)

    assert counts.tolist() == [[1, 0, 0], [1, 1, 0], [0, 1, 1]]


@pytest.mark.parametrize("channels", [1, 3])
def test_the_pictures_are_real_png_files(channels: int) -> None:
    image = np.random.RandomState(0).randint(0, 256, (channels, 5, 7)).astype(np.uint8)
    pillow = pytest.importorskip("PIL.Image", reason="pip install pillow")
    shown = np.asarray(pillow.open(io.BytesIO(png(image)))).reshape(5, 7, channels)

    assert np.array_equal(shown.transpose(2, 0, 1), image)


@pytest.mark.parametrize(
    "points",
    [[(0.0, 1.0)], [(0.0, 5.0), (1.0, 5.0)], [(0.0, 1e-9), (1.0, 1e9)], [(0.0, -3.0), (2.0, math.nan), (3.0, 7.0)]],
)
def test_a_chart_stands_any_numbers(points: list[tuple[float, float]]) -> None:
    svg = line_chart([Series("x", points, "both", points[0])], x_label="a", y_label="b")

    assert Page(svg).open == []
    assert "nan" not in svg
    assert "inf" not in svg


def test_the_ticks_of_what_is_counted_are_whole_where_the_caller_says_so() -> None:
    def ticks(**how: float) -> list[str]:
        svg = line_chart([Series("x", [(0.1, 1.0), (2.0, 2.0)])], x_label="epoch", y_label="loss", **how)
        return re.findall(r"text-anchor=middle>([\d.]+)<", svg)

    assert (ticks(), ticks(least_tick=1)) == (["0.5", "1", "1.5", "2"], ["1", "2"])


def test_a_chart_without_values_says_so() -> None:
    assert line_chart([Series("x", [])], x_label="a", y_label="b") == "<p class=muted>No values.</p>"


def test_the_pictures_in_the_report_are_the_ones_the_net_got_wrong(finished_run: Path) -> None:
    text = (finished_run / "report.html").read_text()
    wrong = int(re.search(r"<p>(\d+) of 100 are wrong", text)[1])
    accuracy = json.loads((finished_run / "summary.json").read_text())["score"]

    assert wrong == round(100 * (1 - accuracy))
    assert len(re.findall(r"<img ", text)) == min(wrong, 24)
    assert all(base64.b64decode(b)[1:4] == b"PNG" for b in re.findall(r'base64,([^"]+)"', text))


def test_names_from_a_log_or_a_host_are_text_on_the_page_and_in_the_terminal() -> None:
    evil = "<script>alert(1)</script>\"'&\x1b]52;c;eA==\x07\u202e"
    summary = Summary(
        job=evil, reason="done", metric=evil, score=1.0, higher_is_better=True, scores={evil: 1.0, "x" + evil: 0.5},
        device=evil, samples_per_s=1.0,
    )  # fmt: skip
    facts = {evil: evil}
    rows = [{"step": 1, "epoch": 1, "loss": 1.0, "valid_loss": 1.0, f"valid_{evil}": 0.5}]
    text = page(
        Report(
            card=evil,
            summary=summary,
            rows=rows,
            steps_per_epoch=1,
            seconds={evil: 1.0},
            settings=facts,
            origin=facts,
            hardware=facts,
            sections=[Section(evil, "")],
            usd_per_hour=0.0,
        )
    )

    assert "script" not in Page(text).tags
    assert not {"\x1b", "\x07", "\u202e"} & set(text)
    assert plain(evil) == "<script>alert(1)</script>\"'&\ufffd]52;c;eA==\ufffd\ufffd"
