from __future__ import annotations

import json
from pathlib import Path

import pytest

from training.errors import BadInput
from training.workdir.compare import table


def made(folder: Path, name: str, **settings: object) -> Path:
    run = folder / name
    run.mkdir(parents=True)
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
        ["onnx_difference", "-", "-"],
        ["test", "accuracy", "0.87", "0.87"],
        ["wd", "0", "0.5"],
    ]


def test_a_folder_that_holds_no_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"is not the folder of a run: summary\.json cannot be read"):
        table([tmp_path])


@pytest.mark.parametrize("text", ["[]", "{}", '{"scores": null}', '{"scores": [1]}', "3"])
def test_a_damaged_summary_is_named(tmp_path: Path, text: str) -> None:
    run = made(tmp_path, "run")
    (run / "summary.json").write_text(text)

    with pytest.raises(BadInput, match=r"run/summary\.json is damaged"):
        table([run])


def test_settings_that_are_no_table_are_named(tmp_path: Path) -> None:
    run = made(tmp_path, "run")
    (run / "config.json").write_text("[]")

    with pytest.raises(BadInput, match=r"run/config\.json is damaged"):
        table([run])


@pytest.mark.parametrize(
    ("names", "headings"),
    [
        (["a/run", "b/run"], ["a/run", "b/run"]),
        (["a/x/run", "b/x/run", "b/y"], ["a/x/run", "b/x/run", "{home}/b/y"]),
        (["a/run", "a/other"], ["run", "other"]),
    ],
)
def test_a_heading_shows_enough_of_the_path_to_tell_runs_apart(
    tmp_path: Path, names: list[str], headings: list[str]
) -> None:
    text = table([made(tmp_path, name) for name in names])

    assert text.splitlines()[0].split() == [heading.format(home=tmp_path.name) for heading in headings]


def test_a_run_beside_itself_and_the_present_folder_have_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(made(tmp_path, "run"))

    assert table([Path("."), Path("../run")]).splitlines()[0].split() == ["run", "run"]
