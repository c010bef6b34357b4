"""What the person sees: plain text, made from values. Nothing here asks or changes anything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.errors import NothingToDo, RigError
from infra.settings import Settings

if TYPE_CHECKING:
    from infra.cli.parser import Verb
    from infra.host.facts import RunFacts
    from infra.story.train import Outcome


def overview(verbs: Mapping[str, Verb]) -> str:
    """`rig --help`: every verb by group, the settings' sources, and where to begin."""
    groups: dict[str, list[Verb]] = {}
    for verb in verbs.values():
        groups.setdefault(verb.group, []).append(verb)
    lines = [
        "rig: rent a GPU on EC2, train there in Docker, bring the results home, know the bill before.",
        "",
        "settings -> instance -> host -> job -> artifacts",
    ]
    for group, members in groups.items():
        lines += ["", group]
        lines += [f"  {verb.name:<14}{verb.help}" for verb in members]
    lines += [
        "",
        "`rig VERB --help` explains one verb. Settings come from options (--type g5.xlarge), from the environment",
        "(RIG_TYPE=g5.xlarge), from rig.toml (type = \"g5.xlarge\"), in this order; `rig settings` lists them all.",
        "New here? `rig demo` shows the whole story on this computer, without an AWS account and without cost.",
    ]
    return "\n".join(lines)


def error(failure: RigError) -> str:
    mark = "" if isinstance(failure, NothingToDo) else "rig: "
    return f"{mark}{failure}"


def outcome(done: Outcome, summary: Mapping[str, Any], *, here: Path) -> str:
    """The last screen of a run: what came out, what it took, what it cost, where it lies."""
    rows = [("run", done.run), *_score(summary)]
    rows.append(("time", f"{done.seconds:.0f} s in its container"))
    if done.usd or done.instance_type:
        rows.append(("cost", f"{done.usd:.4f} USD for that time on {done.instance_type}"))
    rows.append(("results", _short(done.folder, here)))
    rows += [(label, _short(done.folder / name, here)) for label, name in _PIECES if (done.folder / name).exists()]
    return table(rows)


_PIECES = [
    ("report", "report.html"),
    ("curves", "curves.png"),
    ("weights", "best.params"),
    ("onnx", "model.onnx"),
    ("log", "train.log"),
]


def _score(summary: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    if "score" in summary:
        metric = str(summary.get("metric", "score"))
        value = float(summary["score"])
        yield metric, f"{value:.2%}" if "accuracy" in metric else f"{value:.4g}"
    if "samples_per_s" in summary:
        yield "speed", f"{float(summary['samples_per_s']):,.0f} samples/s on {summary.get('device', 'the CPU')}"
    if summary.get("stopped"):
        yield "ended", str(summary["stopped"])


def _short(path: Path, here: Path) -> str:
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def table(rows: Sequence[tuple[str, str]]) -> str:
    width = max(len(label) for label, _ in rows)
    return "\n".join(f"  {label:<{width}}  {value}" for label, value in rows)


def columns(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A plain table: each column as wide as its widest cell."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    return "\n".join("  ".join(f"{cell:<{w}}" for cell, w in zip(row, widths, strict=True)).rstrip() for row in [head, *rows])


def settings(chosen: Settings) -> str:
    lines = []
    for f in fields(Settings):
        value = getattr(chosen, f.name)
        mark = " " if value == f.default else "*"
        lines.append(f"{mark} {f.name} = {_shown(value)}\n      {f.metadata['doc']}")
    return "\n".join([*lines, "", "* differs from the default"])


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    return ",".join(value) if isinstance(value, tuple) else str(value)


def runs(found: Sequence[RunFacts]) -> str:
    if not found:
        return "No run on the instance yet."
    rows = [
        [one.name, one.state, "" if one.exit_code is None else str(one.exit_code), one.started or "", "yes" if one.fetched else "no"]
        for one in found
    ]
    return columns(["RUN", "STATE", "EXIT", "STARTED", "HOME"], rows)
