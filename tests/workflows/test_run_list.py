"""`rig runs`: every run once, with how it stands, what it scored, took and cost, wherever it is."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from infra.budget import HourlyCost
from infra.cli.screens.runs import render_runs, runs_json
from infra.host.facts import RunFacts
from infra.job.notes import write_note
from infra.workflows import run_list
from infra.workflows.context import utc_now
from infra.workflows.run_list import in_order, list_all, list_home, score_of

BOTH, HERE, THERE = "20261120-090000-lenet-aaaa", "20261120-100000-local-bbbb", "20261120-110000-mine-cccc"
RECORD = {"by": "gluon-rig", "exit_code": 0, "started": "2026-11-20T09:00:02Z", "ended": "2026-11-20T09:01:32Z",
          "seconds": 90.0, "usd_per_hour": 0.5, "instance_type": "g4dn.xlarge"}  # fmt: skip
METRICS = f"""==> /home/rig/rig/runs/{THERE}/metrics.jsonl <==
{{"step": 9, "val_accuracy": 0.5}}

==> /home/rig/rig/runs/nobody/metrics.jsonl <==
{{"val_accuracy": 1}}
"""


def on_instance(name: str, state: str) -> RunFacts:
    started, ended = ("2026-11-20T11:00:00Z", None) if state == "running" else (RECORD["started"], RECORD["ended"])
    return RunFacts(name=name, state=state, exit_code=None if ended is None else 0, oom=False, signal="",
                    started=str(started), ended=ended, sealed=False, fetched=state == "ended")  # fmt: skip


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    for name, record in ((BOTH, RECORD), (HERE, {**RECORD, "exit_code": 3, "usd_per_hour": 0, "instance_type": ""})):
        (tmp_path / name).mkdir()
        (tmp_path / name / "exit.json").write_text(json.dumps(record))
    summary = {"by": "gluon-rig", "metric": "accuracy", "score": 0.9877}
    (tmp_path / BOTH / "summary.json").write_text(json.dumps(summary))
    write_note(tmp_path / BOTH, text="for the paper", tags=["good"])
    return tmp_path


class Host:
    def __enter__(self) -> Host:
        return self

    def __exit__(self, *_: object) -> None: ...

    def ask(self, words: list[str]) -> Any:
        assert words == ["tail", "-v", "-n", "1", f"/home/rig/rig/runs/{THERE}/metrics.jsonl"]
        return SimpleNamespace(out=METRICS)


def test_each_run_stands_once_with_what_the_instance_and_home_know_of_it(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = SimpleNamespace(home="/home/rig", runs=(on_instance(BOTH, "ended"), on_instance(THERE, "running")))
    price = HourlyCost(usd_instance_per_hour=0.5, usd_disk_per_month=0.0, usd_address_per_hour=0.0)
    now = utc_now().replace(2026, 11, 20, 11, 30, 0, 0)
    for name, answer in (
        ("running_nodes", (SimpleNamespace(nodes=2),)),
        ("open_host", Host()),
        ("facts_of", facts),
        ("price_of", price),
    ):
        monkeypatch.setattr(run_list, name, lambda *_, answer=answer, **__: answer)

    listed = list_all(SimpleNamespace(runs=runs, session=None, now=lambda: now, rehearsing=False))

    assert render_runs(listed) == (
        "RUN                         STATE        SCORE   TIME    COST  WHERE     NOTE\n"
        f"{BOTH}  done        98.77%   1:30  $0.013  both      #good for the paper\n"
        f"{HERE}  failed (3)       -   1:30       -  here\n"
        f"{THERE}   running     50.00%  30:00  $0.500  instance\n\n"
        "together $0.52"
    )
    assert json.loads(runs_json(listed))[0]["tags"] == ["good"]


def test_without_an_instance_those_at_home_are_listed(runs: Path) -> None:
    assert [one.facts.name for one in in_order(list_home(runs).values())] == [BOTH, HERE]
    assert render_runs([]) == "No run yet."


@pytest.mark.parametrize(
    ("summary", "metrics", "score"),
    [
        ({"score": 0.5, "metric": "auc"}, {"valid_accuracy": 0.9}, ("auc", 0.5)),
        ({}, {"step": 3, "loss": 0.1, "valid_rmse": 12.0}, ("valid_rmse", 12.0)),
        ({}, {"epoch": 1, "val_loss": 0.3}, ("val_loss", 0.3)),
        ({"score": True}, {"accuracy": "good", "test_f1": 0.4}, ("test_f1", 0.4)),
        ({}, {"step": 3}, ("", None)),
    ],
)
def test_the_score_is_the_kits_own_or_what_any_program_calls_one(
    summary: dict[str, Any], metrics: dict[str, Any], score: tuple[str, float | None]
) -> None:
    assert score_of(summary, metrics) == score
