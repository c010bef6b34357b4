"""Runs side by side: what they came to, what differed, and which was better. Programs of the user's too."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from infra.errors import UserError
from infra.job import artifacts
from infra.job.run_names import choose_run
from infra.kit_files import ROOT
from infra.names import METRICS, SETTINGS
from infra.remote.recorder import JOB
from infra.workflows.run_list import ListedRun, in_order, list_home

PAGE: Final = "compare.html"
MOST: Final = 5
_PLACES: Final = {"data", "workdir"}  # where it ran, not how


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """*facts*: of each run, by label. *settings*: those in which they differ, a value per run. *verdict*: a sentence
    that names the better one, or says why none is. *page*: the curves over each other; None where there are none."""

    runs: tuple[ListedRun, ...]
    facts: tuple[Mapping[str, str], ...]
    settings: Mapping[str, tuple[str, ...]]
    verdict: str
    page: Path | None


def compare_runs(runs: Path, wanted: Sequence[str]) -> Comparison:
    """Those that *wanted* names, by any part of a name; with fewer than two, the newest. Raises UserError."""
    home = {one.facts.name: one for one in in_order(list_home(runs).values())}
    names = _choose(list(home), wanted)
    chosen = tuple(home[name] for name in names)
    summaries = [artifacts.summary(runs / name) for name in names]
    return Comparison(
        runs=chosen,
        facts=tuple(_facts_of(summary) for summary in summaries),
        settings=_find_differences([_settings_of(runs / name) for name in names]),
        verdict=_judge(chosen, summaries),
        page=_draw(runs, names),
    )


def _choose(names: Sequence[str], wanted: Sequence[str]) -> list[str]:
    chosen = list(dict.fromkeys(choose_run(one, names, where="in runs/") for one in wanted))
    if len(chosen) < 2:
        others = [name for name in names if name not in chosen]
        chosen = [*others[len(chosen) - 2 :], *chosen]
    if len(chosen) < 2:
        raise UserError("Two runs are needed.", "`rig runs` shows those that are home")
    if len(chosen) > MOST:
        raise UserError(f"{len(chosen)} runs are too many to look at side by side; {MOST} is the most.")
    return chosen


def _facts_of(summary: Mapping[str, Any]) -> Mapping[str, str]:
    """What a job of the kit says of itself besides its score."""
    scores = summary.get("scores")
    found = {f"test {name}": value for name, value in scores.items()} if isinstance(scores, dict) else {}
    found |= {"best epoch": summary.get("best_epoch"), "samples/s": summary.get("samples_per_s")}
    said = {
        name: f"{number:.6g}" for name, value in found.items() if (number := artifacts.as_number(value)) is not None
    }
    return {**said, **({"device": str(summary["device"])} if "device" in summary else {})}


def _settings_of(folder: Path) -> dict[str, str]:
    """A job's config.json; of a script, the options on its command line."""
    try:
        said: Any = json.loads((folder / SETTINGS).read_bytes())
    except (OSError, ValueError, RecursionError):
        said = None
    if isinstance(said, dict):
        return {str(key): str(value) for key, value in said.items() if key not in _PLACES}
    options = _options_in(artifacts.command_of(folder) or _command_in_job(folder))
    options.pop("workdir", None)  # ours, of a job that came to nothing: each run has its own
    return options


def _command_in_job(folder: Path) -> Sequence[str]:
    try:
        said: Any = json.loads((folder / JOB).read_bytes())["command"]
    except (OSError, ValueError, RecursionError, KeyError, TypeError):
        return ()
    return [str(word) for word in said] if isinstance(said, list) else ()


def _options_in(command: Sequence[str]) -> dict[str, str]:
    """ "train.py --lr 0.1 --amp epochs=3" -> program train.py, lr 0.1, amp on, epochs 3."""
    found: dict[str, str] = {}
    open_name, words = "", []
    for word in command[1:] if command and "python" in Path(command[0]).name else command:
        if option := re.fullmatch(r"(?:--?)?([A-Za-z][\w.-]*)=(.*)|--?([A-Za-z][\w.-]*)", word, re.DOTALL):
            open_name = option[3] or ""
            found[option[1] or option[3]] = option[2] if option[1] else "on"
        elif open_name:
            found[open_name], open_name = word, ""
        else:
            words.append(word)
    return {"command": " ".join(words), **found}


def _find_differences(settings: Sequence[Mapping[str, str]]) -> dict[str, tuple[str, ...]]:
    keys = dict.fromkeys(key for one in settings for key in one)
    rows = {key: tuple(one.get(key, "-") for one in settings) for key in keys}
    return {key: values for key, values in rows.items() if len(set(values)) > 1}


_LOWER_IS_BETTER: Final = re.compile(r"loss|err|rmse|mae|mse|perplexity|nll", re.IGNORECASE)


def _judge(runs: Sequence[ListedRun], summaries: Sequence[Mapping[str, Any]]) -> str:
    scored = [(one.score, one.facts.name) for one in runs if one.score is not None]
    metrics = {one.metric for one in runs if one.score is not None}
    if len(scored) < 2 or len(metrics) != 1:
        return "They have no score in common: neither is better."
    metric = metrics.pop()
    if len({score for score, _ in scored}) == 1:
        return f"They have the same {metric}: neither is better."
    said = [summary.get("higher_is_better") for summary in summaries if summary]
    higher = said[0] if said and isinstance(said[0], bool) else not _LOWER_IS_BETTER.search(metric)
    return f"{(max if higher else min)(scored)[1]} is the better one."


def _draw(runs: Path, names: Sequence[str]) -> Path | None:
    """The curves over each other, by the other half."""
    if not any((runs / name / METRICS).exists() for name in names):
        return None
    target = (runs / PAGE).resolve()
    words = [
        sys.executable,
        "-m",
        "training",
        "overlay",
        str(target),
        *(str((runs / name).resolve()) for name in names),
    ]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, stdin=subprocess.DEVNULL)
    return target if done.returncode == 0 else None
