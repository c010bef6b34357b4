"""`python -m training compare RUN RUN ...`: runs side by side, and only the settings in which they differ."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from training.console import plain
from training.errors import BadInput
from training.workdir.names import SETTINGS, SUMMARY

SHOWN = (
    "job",
    "reason",
    "metric",
    "score",
    "best_epoch",
    "seconds",
    "samples_per_s",
    "device",
    "onnx_difference",
)


def main(words: Sequence[str]) -> int:
    if not words or "--help" in words:
        print(__doc__)
        return 0
    print(plain(table([Path(word) for word in words])))
    return 0


def table(runs: Sequence[Path]) -> str:
    """One column per run. Raises BadInput for a folder that holds no summary."""
    summaries = [_summary(run) for run in runs]
    settings = [_read(run, SETTINGS) for run in runs]
    rows = [("", _headings(runs))]
    rows += [(key, [_text(summary.get(key)) for summary in summaries]) for key in SHOWN]
    rows += [(f"test {name}", [_text(s["scores"].get(name)) for s in summaries]) for name in _names(summaries)]
    rows += [(key, values) for key, values in _settings(settings) if len(set(values)) > 1 and key != "job"]
    widths = [max(len(values[i]) for _, values in rows) for i in range(len(runs))]
    left = max(len(key) for key, _ in rows)
    lines = (
        f"{key:<{left}}  " + "  ".join(f"{v:>{w}}" for v, w in zip(values, widths, strict=True)) for key, values in rows
    )
    return "\n".join(line.rstrip() for line in lines)


def _headings(runs: Sequence[Path]) -> list[str]:
    """The last part of each path, or as many parts as tell the runs apart."""
    parts = [Path(os.path.abspath(run)).parts for run in runs]
    counts = range(1, max(map(len, parts)) + 1)
    shortened = ([os.path.join(*these[-count:]) for these in parts] for count in counts)
    return next(headings for headings in shortened if len(set(headings)) == len(set(parts)))


def _names(summaries: Sequence[dict[str, Any]]) -> list[str]:
    """Every score any run has, in the order of first appearance."""
    return list(dict.fromkeys(name for summary in summaries for name in summary["scores"]))


def _settings(settings: Sequence[dict[str, Any]]) -> list[tuple[str, list[str]]]:
    keys = dict.fromkeys(key for one in settings for key in one)
    return [(key, [_text(one.get(key)) for one in settings]) for key in keys]


def _summary(run: Path) -> dict[str, Any]:
    summary = _read(run, SUMMARY)
    if not isinstance(summary.get("scores"), dict):
        raise BadInput(f"{run / SUMMARY} is damaged: it holds no scores.", "pull or copy the run again")
    return summary


def _read(run: Path, name: str) -> dict[str, Any]:
    try:
        found = json.loads((run / name).read_text())
    except (OSError, ValueError) as error:
        raise BadInput(f"{run} is not the folder of a run: {name} cannot be read ({error}).") from error
    if not isinstance(found, dict):
        raise BadInput(f"{run / name} is damaged: it holds no keys.", "pull or copy the run again")
    return found


def _text(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
