"""What runs/ tells in numbers. Any program may have written any of it."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as some

from infra.job.history import MOST_BYTES, MOST_LETTERS, MOST_NAMES, MOST_POINTS, PastRun, past_runs

NAME = "20261120-155301-lenet-3f2a"
END = {"by": "gluon-rig", "command": ["python3", "mine.py"], "exit_code": 0, "started": "2026-11-20T15:53:01+00:00",
       "seconds": 60.0, "seconds_before": 30.0, "instance_type": "g4dn.xlarge", "usd_per_hour": 0.5}  # fmt: skip
SUMMARY = {"by": "gluon-rig", "job": "lenet", "reason": "done", "metric": "accuracy", "score": 0.98,
           "higher_is_better": True, "scores": {"accuracy": 0.98, "loss": 0.1}, "samples_per_s": 1234.5}  # fmt: skip


def leave(runs: Path, name: str = NAME, **files: object) -> Path:
    """A run's folder: *files* as JSON, and metrics as lines of it."""
    folder = runs / name
    folder.mkdir(parents=True)
    for stem, value in files.items():
        text = "".join(json.dumps(row) + "\n" for row in value) if isinstance(value, list) else json.dumps(value)
        (folder / (f"{stem}.jsonl" if stem == "metrics" else f"{stem}.json")).write_text(text)
    return folder


def test_a_run_of_the_kit_in_full(tmp_path: Path) -> None:
    rows = [
        {"step": 1, "epoch": 1, "loss": 2.0, "lr": 0.1, "seconds": 0.5},
        {"step": 2, "epoch": 1, "train_loss": 1.5, "valid_accuracy": 0.9, "seconds": 1.0},
    ]
    folder = leave(tmp_path, exit=END, summary=SUMMARY, config={"job": "lenet", "lr": 0.1, "gpu": None}, metrics=rows)
    (folder / "report.html").write_text("<p>")

    assert past_runs(tmp_path) == (
        PastRun(
            name=NAME,
            what="lenet",
            state="done",
            started="2026-11-20T15:53:01",
            seconds=90.0,
            instance_type="g4dn.xlarge",
            score=0.98,
            metric="accuracy",
            samples_per_s=1234.5,
            report=True,
            scores={"accuracy": 0.98, "loss": 0.1},
            settings={"lr": "0.1", "gpu": "null"},
            curves={
                "loss": [(1.0, 0.5, 2.0)],
                "lr": [(1.0, 0.5, 0.1)],
                "train_loss": [(2.0, 1.0, 1.5)],
                "valid_accuracy": [(2.0, 1.0, 0.9)],
            },
        ),
    )


def test_a_program_of_ones_own_is_called_by_its_command(tmp_path: Path) -> None:
    leave(tmp_path, exit=END, summary={"score": 7})  # not ours: no "by"

    (one,) = past_runs(tmp_path)

    assert (one.what, one.state, one.score, one.curves) == ("python3 mine.py", "done", None, {})


def test_how_a_run_ended_is_told_by_its_record(tmp_path: Path) -> None:
    leave(tmp_path, "20261120-155301-a-1", exit={**END, "exit_code": 1})
    leave(tmp_path, "20261120-155302-b-2", exit=END, summary={**SUMMARY, "reason": "interrupted"})
    leave(tmp_path, "20261120-155303-c-3")

    assert {one.name[16]: one.state for one in past_runs(tmp_path)} == {
        "a": "failed",
        "b": "interrupted",
        "c": "not ended",
    }


def test_a_long_run_is_thinned_out_and_keeps_the_ends_of_its_epochs(tmp_path: Path) -> None:
    rows = [{"step": step, "loss": 1 / step} for step in range(1, 20_001)]
    rows[777:777] = [{"step": 777, "valid_loss": 5.0}]
    leave(tmp_path, metrics=rows)

    (one,) = past_runs(tmp_path)

    assert len(one.curves["loss"]) <= MOST_POINTS + 1
    assert (one.curves["loss"][0][0], one.curves["loss"][-1][0]) == (1, 20_000)
    assert one.curves["valid_loss"] == [(777, 0.0, 5.0)]


anything = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(), inner, max_size=3),
    max_leaves=8,
)
rows = some.lists(some.dictionaries(some.sampled_from(["step", "seconds", "loss", "valid_x"]) | some.text(), anything))
contents = some.binary() | anything.map(lambda value: json.dumps(value).encode())


@settings(deadline=None, max_examples=60)
@given(exit=contents, summary=contents, config=contents, metrics=rows)
def test_whatever_the_files_hold_the_run_is_listed_in_bounds(
    exit: bytes, summary: bytes, config: bytes, metrics: list[dict[str, object]]
) -> None:
    with tempfile.TemporaryDirectory() as runs:
        folder = leave(Path(runs), metrics=metrics)
        for name, content in (("exit", exit), ("summary", summary), ("config", config)):
            (folder / f"{name}.json").write_bytes(content)

        (one,) = past_runs(Path(runs))

    json.dumps(vars(one), allow_nan=False)
    assert max(map(len, (one.what, one.metric, *one.settings, *one.settings.values(), *one.curves))) <= MOST_LETTERS + 3
    assert len(one.settings) <= MOST_NAMES


def test_a_file_of_any_size_is_read_in_bounds(tmp_path: Path) -> None:
    folder = leave(tmp_path, exit=END)
    with (folder / "metrics.jsonl").open("wb") as file:
        file.write(b'{"step": 1, "loss": 2}\n')
        file.truncate(100 * MOST_BYTES)  # zeros, on no disk

    (one,) = past_runs(tmp_path)

    assert one.curves == {"loss": [(1.0, 0.0, 2.0)]}
