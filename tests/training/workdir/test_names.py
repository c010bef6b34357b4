"""The two halves meet in a folder: what one names, the other finds."""

from __future__ import annotations

import json
from fnmatch import fnmatch
from pathlib import Path

from infra import names as infra_names
from infra.remote import recorder, s3_backup
from training.workdir import names
from training.workdir.atomic import clear_aside, replace_when_whole


def constants(module: object) -> dict[str, str]:
    return {name: value for name, value in vars(module).items() if name.isupper()}


def test_both_halves_give_a_file_the_same_name() -> None:
    ours, theirs = constants(names), constants(infra_names)
    shared = ours.keys() & theirs.keys()

    assert {name: theirs[name] for name in shared} == {name: ours[name] for name in shared}
    assert shared >= {
        "SETTINGS",
        "SUMMARY",
        "METRICS",
        "REPORT",
        "CURVES",
        "BEST_WEIGHTS",
        "ONNX",
        "SYMBOL",
        "SYMBOL_WEIGHTS",
    }
    assert names.MARK == recorder.MARK
    assert any(fnmatch(f"{names.ASIDE}x/model.onnx", pattern) for pattern in s3_backup.OURS)


def test_a_finished_run_leaves_every_file_that_has_a_name(finished_run: Path) -> None:
    left = {value for name, value in constants(names).items() if name not in ("ASIDE", "MARK")}

    assert {path.name for path in finished_run.iterdir()} >= left - {names.TENSORBOARD, names.CURVES, names.ONNX}
    assert json.loads((finished_run / names.SUMMARY).read_text())["by"] == names.MARK


def test_what_is_half_written_takes_no_place_and_is_passed_over_by_copies(tmp_path: Path) -> None:
    path = tmp_path / names.SUMMARY
    path.write_text("old")
    with replace_when_whole(path, "the summary") as aside:
        aside.write_text("half")
        assert path.read_text() == "old"
        assert aside.parent.parent == tmp_path
        assert aside.parent.name.startswith(names.ASIDE)

    assert path.read_text() == "half"
    (tmp_path / f"{names.ASIDE}killed").mkdir()
    clear_aside(tmp_path)
    assert [one.name for one in tmp_path.iterdir()] == [names.SUMMARY]
