from __future__ import annotations

import json
from pathlib import Path

import pytest

from training.compare import table
from training.errors import BadInput


def made(folder: Path, name: str, **settings: object) -> Path:
    run = folder / name
    run.mkdir()
    summary = {"job": "mlp", "reason": "done", "metric": "accuracy", "score": 0.87, "scores": {"accuracy": 0.87}}
    (run / "summary.json").write_text(json.dumps(summary))
    (run / "config.json").write_text(json.dumps({"job": "mlp", "lr": 0.1, **settings}))
    return run


def test_runs_stand_side_by_side_with_only_the_settings_that_differ(tmp_path: Path) -> None:
    text = table([made(tmp_path, "a", wd=0.0), made(tmp_path, "b", wd=0.5)])

    assert [line.split() for line in text.splitlines()] == [
        ["a", "b"],
        ["job", "mlp", "mlp"],
        ["reason", "done", "done"],
        ["metric", "accuracy", "accuracy"],
        ["score", "0.87", "0.87"],
        ["best_epoch", "-", "-"],
        ["seconds", "-", "-"],
        ["samples_per_s", "-", "-"],
        ["device", "-", "-"],
        ["usd", "-", "-"],
        ["onnx_difference", "-", "-"],
        ["test", "accuracy", "0.87", "0.87"],
        ["wd", "0", "0.5"],
    ]


def test_a_folder_that_holds_no_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"is not the folder of a run: summary\.json cannot be read"):
        table([tmp_path])
