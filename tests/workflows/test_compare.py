"""Runs side by side: a job's and a script's, who won, and what differed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from infra.cli.screens.compare import render_comparison
from infra.errors import UserError
from infra.workflows.compare import compare_runs

LENET, OLD, SCRIPT = "20261121-090000-lenet-0b93", "20261120-090000-lenet-41ff", "20261119-090000-mine-2222"


def put(runs: Path, name: str, *, command: list[str], score: float | None = None, **settings: object) -> None:
    folder = runs / name
    folder.mkdir(parents=True)
    record = {"by": "gluon-rig", "command": command, "exit_code": 0, "started": "2026-11-20T09:00:00Z",
              "ended": "2026-11-20T09:01:30Z", "seconds": 90.0}  # fmt: skip
    (folder / "exit.json").write_text(json.dumps(record))
    if score is not None:
        summary = {"by": "gluon-rig", "metric": "accuracy", "score": score, "higher_is_better": True,
                   "scores": {"accuracy": score}, "best_epoch": 3}  # fmt: skip
        (folder / "summary.json").write_text(json.dumps(summary))
        (folder / "config.json").write_text(json.dumps({"job": "lenet", "data": f"/at/{name}", **settings}))


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    put(tmp_path, OLD, command=["python3", "-m", "training", "lenet"], score=0.95, lr=0.1, epochs=4)
    put(tmp_path, LENET, command=["python3", "-m", "training", "lenet"], score=0.98, lr=0.06, epochs=4)
    put(tmp_path, SCRIPT, command=["/usr/bin/python3", "mine.py", "--lr", "0.3", "--amp", "epochs=2"])
    return tmp_path


def test_without_names_the_two_newest_are_compared_and_only_what_differs_is_shown(runs: Path) -> None:
    assert render_comparison(compare_runs(runs, []), here=runs) == (
        "               lenet-41ff  lenet-0b93\n"
        "state                done        done\n"
        "score              95.00%      98.00%\n"
        "time                 1:30        1:30\n"
        "cost                    -           -\n"
        "test accuracy        0.95        0.98\n"
        "best epoch              3           3\n\n"
        "what differs\n"
        "    lenet-41ff  lenet-0b93\n"
        "lr         0.1        0.06\n\n"
        f"{LENET} is the better one."
    )


def test_a_script_is_compared_by_the_options_that_it_was_given_and_by_its_own_metrics(runs: Path) -> None:
    put(runs, "20261118-090000-mine-3333", command=["python", "mine.py", "--lr", "0.1", "epochs=2"])
    for name, loss in ((SCRIPT, 0.4), ("20261118-090000-mine-3333", 0.3)):
        rows = [{"epoch": epoch, "val_loss": loss / epoch} for epoch in (1, 2)]
        (runs / name / "metrics.jsonl").write_text("\n".join(map(json.dumps, rows)))

    made = compare_runs(runs, ["2222", "3333"])

    assert dict(made.settings) == {"lr": ("0.3", "0.1"), "amp": ("on", "-")}
    assert [(one.metric, one.score) for one in made.runs] == [("val_loss", 0.2), ("val_loss", 0.15)]
    assert made.verdict == "20261118-090000-mine-3333 is the better one.", "less loss is better"
    assert made.page
    page = made.page.read_text()
    assert page.count("<svg") == 1
    assert all(name in page for name in (SCRIPT, "20261118-090000-mine-3333", "val_loss"))


def test_of_a_job_that_did_not_start_its_words_are_compared_and_not_where_it_lay(runs: Path) -> None:
    for name, word in (("20261122-090000-lenet-5555", "num_epoch=3"), ("20261123-090000-lenet-6666", "num_epoch=4")):
        put(runs, name, command=["python3", "-m", "training", "lenet", "--workdir", f"/runs/{name}", word])

    assert dict(compare_runs(runs, ["5555", "6666"]).settings) == {"num_epoch": ("3", "4")}


def test_runs_of_one_score_are_said_to_be_alike(runs: Path) -> None:
    put(
        runs, "20261121-090000-lenet-4444", command=["python3", "-m", "training", "lenet"], score=0.98, lr=0.1, epochs=4
    )

    assert compare_runs(runs, ["0b93", "4444"]).verdict == "They have the same accuracy: neither is better."


def test_runs_without_a_score_in_common_have_no_winner_and_no_page(runs: Path) -> None:
    made = compare_runs(runs, ["lenet", "mine"])

    assert (made.verdict, made.page) == ("They have no score in common: neither is better.", None)
    assert max(map(len, render_comparison(made, here=runs).splitlines())) <= 80


@pytest.mark.parametrize("wanted", [["nowhere"], ["lenet-", "mine"]])
def test_a_name_that_means_none_or_several_is_refused(runs: Path, wanted: list[str]) -> None:
    with pytest.raises(UserError):
        compare_runs(runs, wanted)
    with pytest.raises(UserError, match="Two runs are needed"):
        compare_runs(runs / "none", [])
