"""Every run, here and on the instance, in one list: how it stands, what it scored, took and cost."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from infra.aws.account.cost import run_cost
from infra.aws.instances.hourly_cost import price_of
from infra.aws.instances.instance import Instance
from infra.host.connection import Host
from infra.host.facts import Facts, RunFacts
from infra.job import artifacts
from infra.job.artifacts import as_number
from infra.job.notes import Note, parse_tags, read_note, write_note
from infra.job.outcome import moment
from infra.job.run_folders import run_home, runs_home, started_at
from infra.job.run_names import start_of
from infra.names import METRICS, RUNS_DIR
from infra.workflows.context import Rig, open_host, running_nodes
from infra.workflows.nodes import ask_first
from infra.workflows.runs import facts_of
from infra.workflows.watch import row

HERE, THERE, BOTH = "here", "instance", "instance and here"
_MOST_ASKED: Final = 50  # runs on the instance whose score is asked for


@dataclass(frozen=True, kw_only=True)
class ListedRun:
    """*seconds*: so far, of one that goes on. *score*: of its own metric; None where nothing says one.
    *usd*: None where nobody knows a price. *pretended*: in a rehearsal it would have cost that."""

    facts: RunFacts
    where: str
    metric: str = ""
    score: float | None = None
    seconds: float | None = None
    usd: float | None = None
    pretended: bool = False
    note: Note = field(default_factory=Note)

    @property
    def state(self) -> str:
        """What a reader wants to know of it: "done" and "failed" of one that has ended."""
        one = self.facts
        if (one.state, self.where) == ("lost", HERE):
            return "not ended"
        if one.state != "ended":
            return "waiting" if one.waiting else one.state
        if one.signal:
            return "cancelled"
        return "done" if one.exit_code == 0 else f"failed ({one.exit_code})"


def list_home(runs: Path) -> dict[str, ListedRun]:
    return {one.name: _look_at_home(runs / one.name, one) for one in runs_home(runs)}


def _look_at_home(folder: Path, one: RunFacts) -> ListedRun:
    summary = artifacts.summary(folder)
    cost = run_cost(one.name, artifacts.ending(folder))
    metric, score = score_of(summary, newest_metrics(folder))
    return ListedRun(
        facts=one,
        where=HERE,
        metric=metric,
        score=score,
        seconds=cost.seconds or None,
        usd=cost.usd,
        pretended=cost.pretended,
        note=read_note(folder),
    )


def newest_metrics(folder: Path) -> Mapping[str, Any]:
    """The last whole row of metrics.jsonl; it may be of any length."""
    try:
        with (folder / METRICS).open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - 8192))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return {}
    return next((found for line in reversed(lines) if (found := row(line))), {})


def note_run(runs: Path, wanted: str, *, text: str | None, tags: str | None) -> tuple[str, Note]:
    """Note *text* and *tags* of the run that *wanted* means; with neither, only read it. What is None stays."""
    name = run_home(runs, wanted).name
    if text is None and tags is None:
        return name, read_note(runs / name)
    return name, write_note(runs / name, text=text, tags=None if tags is None else parse_tags(tags))


# What a score is called in a row of metrics, the best known first: the kit's own names, and those of others.
_SCORES: Final = re.compile(
    r"(?:valid|val|test|eval)_(?!loss)\w+|\w*(?:accuracy|auc|f1|rmse|mae|map)\w*|(?:valid|val)_loss"
)


def score_of(summary: Mapping[str, Any], metrics: Mapping[str, Any]) -> tuple[str, float | None]:
    """The kit's own score; of any other program the last one among its metrics."""
    score = as_number(summary.get("score"))
    if score is not None:
        return str(summary.get("metric", "score")), score
    for name, value in metrics.items():
        found = as_number(value)
        if _SCORES.fullmatch(name) and found is not None:
            return name, found
    return "", None


def list_all(rig: Rig) -> list[ListedRun]:
    """Oldest first. Of a run in both places the instance knows how it stands, and home what it came to."""
    home = list_home(rig.runs)
    nodes = running_nodes(rig, whole=False)
    facts, metrics = ask_first(rig, nodes, lambda rig, one: _look_there(rig, one, home))
    price = price_of(rig.session, nodes[0])
    usd_per_hour = price.usd_per_hour * nodes[0].nodes if price else None
    for one in facts.runs:
        here = home.get(one.name)
        home[one.name] = _merge(rig, one, here, metrics.get(one.name, {}), usd_per_hour)
    return in_order(home.values())


def _look_there(
    rig: Rig, node: Instance, home: Mapping[str, ListedRun]
) -> tuple[Facts, Mapping[str, Mapping[str, Any]]]:
    with open_host(rig, node) as host:
        facts = facts_of(rig, host)
        return facts, _metrics_there(host, facts, [one for one in facts.runs if one.name not in home])


def in_order(runs: Iterable[ListedRun]) -> list[ListedRun]:
    return sorted(runs, key=lambda one: (started_at(one.facts), one.facts.name))


def _merge(
    rig: Rig, one: RunFacts, here: ListedRun | None, metrics: Mapping[str, Any], usd_per_hour: float | None
) -> ListedRun:
    seconds = _seconds(one, rig.now())
    usd = usd_per_hour * seconds / 3600 if usd_per_hour is not None and seconds is not None else None
    if here is not None and one.state != "running":
        return ListedRun(**{**vars(here), "facts": one, "where": BOTH})
    metric, score = score_of({}, metrics) if here is None else (here.metric, here.score)
    return ListedRun(
        facts=one,
        where=THERE if here is None else BOTH,
        metric=metric,
        score=score,
        seconds=seconds,
        usd=usd,
        pretended=rig.rehearsing,
        note=here.note if here else Note(),
    )


def _seconds(one: RunFacts, now: datetime) -> float | None:
    began = moment(one.started) or start_of(one.name)
    ended = moment(one.ended) if one.state != "running" else now
    return max((ended - began).total_seconds(), 0.0) if began and ended else None


def _metrics_there(host: Host, facts: Facts, runs: Sequence[RunFacts]) -> dict[str, Mapping[str, Any]]:
    """The newest row of metrics of each of *runs*, in one question."""
    names = [one.name for one in runs][-_MOST_ASKED:]
    if not names:
        return {}
    answer = host.ask(["tail", "-v", "-n", "1", *(f"{facts.home}/{RUNS_DIR}/{name}/{METRICS}" for name in names)])
    found: dict[str, Mapping[str, Any]] = {}
    name = ""
    for line in answer.out.splitlines():
        if head := re.fullmatch(r"==> .*/([^/]+)/[^/]+ <==", line):
            name = head[1]
        elif name in names and (metrics := row(line)):
            found[name] = metrics
    return found
