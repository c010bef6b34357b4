"""The screens of the group "runs"."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra import budget
from infra.cli.screens.layout import render_columns, render_rows
from infra.job.artifacts import as_number, has_left_nothing
from infra.names import BEST_WEIGHTS, CURVES, MODEL, ONNX, REPORT, SYMBOL, SYMBOL_WEIGHTS

if TYPE_CHECKING:
    from infra.workflows.run_list import ListedRun
    from infra.workflows.runs import Outcome


def render_runs(listed: Sequence[ListedRun]) -> str:
    """One table, oldest first; it fits 80 columns but for a note."""
    if not listed:
        return "No run yet."
    notes = any(str(one.note) for one in listed)
    head = ["RUN", "STATE", "SCORE", "TIME", "COST", "WHERE", *(["NOTE"] if notes else [])]
    rows = [
        [
            one.facts.name,
            one.state,
            render_score(one),
            render_time(one),
            render_money(one),
            _where(one),
            *([str(one.note)] if notes else []),
        ]
        for one in listed
    ]
    pretended = any(one.pretended and one.usd is not None for one in listed)
    total = sum(one.usd for one in listed if one.usd is not None and not one.pretended)
    last = [f"together {budget.usd(total)}"] if total else []
    last += ["(in brackets: what it would have cost, for it was a rehearsal)"] if pretended else []
    table = render_columns(head, rows, numbers=("SCORE", "TIME", "COST"))
    return "\n".join([table, *([""] if last else []), *last])


def _where(one: ListedRun) -> str:
    if one.where == "here":
        return "here"
    return "both" if one.facts.fetched else "instance"


def render_score(one: ListedRun) -> str:
    if one.score is None:
        return "-"
    short = _SHORT.get(one.metric, one.metric.removeprefix("valid_"))
    return f"{one.score:.2%}" if short == "accuracy" else f"{short[:12]} {one.score:.4g}"


_SHORT = {"valid_accuracy": "accuracy", "val_accuracy": "accuracy", "test_accuracy": "accuracy"}


def render_time(one: ListedRun) -> str:
    return "-" if one.seconds is None else budget.stopwatch(one.seconds)


def render_money(one: ListedRun) -> str:
    if one.usd is None:
        return "-"
    return f"(${one.usd:.3f})" if one.pretended else f"${one.usd:.3f}"


def runs_json(listed: Sequence[ListedRun]) -> str:
    return json.dumps(
        [
            {
                **dataclasses.asdict(one.facts),
                "where": one.where,
                "metric": one.metric,
                "score": one.score,
                "seconds": one.seconds,
                "usd": one.usd,
                "pretended": one.pretended,
                "note": one.note.text,
                "tags": one.note.tags,
            }
            for one in listed
        ],
        indent=2,
    )


def render_outcome(done: Outcome, summary: Mapping[str, Any], *, here: Path) -> str:
    """The last screen of a run: what came out, what it took, what it cost, where it lies."""
    rows = [("run", done.run), *_score_rows(summary)]
    rows.append(("time", f"{done.cost.seconds:.0f} s" if done.cost.seconds else "unknown"))
    if done.cost.usd is not None:
        rows.append(("cost", f"{done.cost.said} for that time on {done.cost.instance_type}"))
    if done.exit_code:
        rows.append(("exit code", str(done.exit_code)))
    rows.append(("results", shorten(done.folder, here)))
    if has_left_nothing(done.folder):
        rows.append(("files", _HOW_FILES_COME_HOME if done.cost.instance_type else _HERE_FILES_STAY))
    rows += [(label, shorten(done.folder / name, here)) for label, name in _PIECES if (done.folder / name).exists()]
    if (done.folder / MODEL).is_dir():
        rows.append(("serve", f"`rig serve --run {done.run}` answers over HTTP, with a page"))
    return render_rows(rows) + (_in_python(Path(shorten(done.folder, here))) if (done.folder / SYMBOL).exists() else "")


def _in_python(run: Path) -> str:
    """The lines that load what a job of the kit has learned."""
    return (
        "\n\nin Python, in this folder:\n"
        "  import mxnet as mx\n"
        f"  run = {str(run)!r}\n"
        f"  weights = mx.nd.load(f'{{run}}/{BEST_WEIGHTS}')  # as net.load_parameters takes them\n"
        f"  files = f'{{run}}/{SYMBOL}', ['data'], f'{{run}}/{SYMBOL_WEIGHTS}'\n"
        "  net = mx.gluon.SymbolBlock.imports(*files)  # net(X): what it says of a batch X"
    )


_HOW_FILES_COME_HOME = "none: what a run writes beside its script, into ./out or below $RIG_RUN_DIR comes home"
_HERE_FILES_STAY = "none below $RIG_RUN_DIR: what the run wrote beside its script stays there"
_PIECES = [
    ("report", REPORT),
    ("curves", CURVES),
    ("weights", BEST_WEIGHTS),
    ("onnx", ONNX),
    ("log", "train.log"),
]


def _score_rows(summary: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """What can be shown of it: the folder came from another machine."""
    score, speed = as_number(summary.get("score")), as_number(summary.get("samples_per_s"))
    if score is not None:
        metric = str(summary.get("metric", "score"))
        yield metric, f"{score:.2%}" if "accuracy" in metric else f"{score:.4g}"
    if speed:
        yield "speed", f"{speed:,.0f} samples/s on {summary.get('device', 'the CPU')}"


def shorten(path: Path, here: Path) -> str:
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
