"""The last screen of a run: what came out, what it took and cost, where it lies, and how to load it. Plain text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.cli.render import table
from infra.job.artifacts import as_number, left_nothing
from infra.names import BEST_WEIGHTS, CURVES, ONNX, REPORT, SYMBOL, SYMBOL_WEIGHTS

if TYPE_CHECKING:
    from infra.workflows.runs import Outcome


def outcome(done: Outcome, summary: Mapping[str, Any], *, here: Path) -> str:
    """The last screen of a run: what came out, what it took, what it cost, where it lies."""
    rows = [("run", done.run), *_score(summary)]
    rows.append(("time", f"{done.cost.seconds:.0f} s" if done.cost.seconds else "unknown"))
    if done.cost.usd is not None:
        rows.append(("cost", f"{done.cost.said} for that time on {done.cost.instance_type}"))
    if done.exit_code:
        rows.append(("exit code", str(done.exit_code)))
    rows.append(("results", _short(done.folder, here)))
    if left_nothing(done.folder):
        rows.append(("files", _HOW_FILES_COME_HOME if done.cost.instance_type else _HERE_FILES_STAY))
    rows += [(label, _short(done.folder / name, here)) for label, name in _PIECES if (done.folder / name).exists()]
    return table(rows) + (_in_python(Path(_short(done.folder, here))) if (done.folder / SYMBOL).exists() else "")


def _in_python(run: Path) -> str:
    """The lines that load what a job of the kit has learned."""
    net = f"{str(run / SYMBOL)!r}, ['data'], {str(run / SYMBOL_WEIGHTS)!r}"
    return (
        "\n\nin Python, in this folder:\n"
        "  import mxnet as mx\n"
        f"  weights = mx.nd.load({str(run / BEST_WEIGHTS)!r})  # in code that has the net: net.load_parameters(...)\n"
        f"  net = mx.gluon.SymbolBlock.imports({net})  # net(X): what the run says of a batch X"
    )


def demo(done: Outcome, *, seconds: float, here: Path, summary: Mapping[str, Any]) -> str:
    return "\n".join(
        [
            "",
            f"That was the whole story, in {seconds:.0f} s. On AWS the same steps rent a real GPU; here it was free.",
            "",
            outcome(done, summary, here=here),
            "",
            f"next: {_trains_here(done)}`make doctor` looks at your AWS account;",
            "README.md has the rest",
        ]
    )


def _trains_here(done: Outcome) -> str:
    """Nothing where a stand-in took the job's place: there is no MXNet here."""
    return "`make train JOB=lenet` trains on this CPU, " if (done.folder / BEST_WEIGHTS).exists() else ""


_HOW_FILES_COME_HOME = "none: what a run writes beside its script, into ./out or below $RIG_RUN_DIR comes home"
_HERE_FILES_STAY = "none below $RIG_RUN_DIR: what the run wrote beside its script stays there"
_PIECES = [
    ("report", REPORT),
    ("curves", CURVES),
    ("weights", BEST_WEIGHTS),
    ("onnx", ONNX),
    ("log", "train.log"),
]


def _score(summary: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """What can be shown of it: the folder came from another machine."""
    score, speed = as_number(summary.get("score")), as_number(summary.get("samples_per_s"))
    if score is not None:
        metric = str(summary.get("metric", "score"))
        yield metric, f"{score:.2%}" if "accuracy" in metric else f"{score:.4g}"
    if speed:
        yield "speed", f"{speed:,.0f} samples/s on {summary.get('device', 'the CPU')}"


def _short(path: Path, here: Path) -> str:
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
