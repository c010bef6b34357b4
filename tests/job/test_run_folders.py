"""runs/ at home: which run is the newest, and what `rig runs` lists."""

from __future__ import annotations

import json
from pathlib import Path

from infra.job.run_folders import point_latest


def put(runs: Path, name: str, **ending: object) -> None:
    (runs / name).mkdir(parents=True)
    if ending:
        (runs / name / "exit.json").write_text(json.dumps({"by": "gluon-rig", "exit_code": 0, **ending}))


def test_latest_is_the_run_that_started_last_whichever_came_home_last(tmp_path: Path) -> None:
    put(tmp_path, "20261120-090000-lenet-aaaa", started="2026-11-20T09:00:02Z")
    put(tmp_path, "20261120-100000-local-bbbb", started="2026-11-20T10:00:01Z")
    put(tmp_path, "notes")
    point_latest(tmp_path)
    assert (tmp_path / "latest").readlink() == Path("20261120-100000-local-bbbb")

    put(tmp_path, "20261120-080000-old-cccc", started="2026-11-20T08:00:00Z")  # pulled later
    point_latest(tmp_path)
    assert (tmp_path / "latest").readlink() == Path("20261120-100000-local-bbbb")

    put(tmp_path, "20261120-110000-goes-on-dddd")
    point_latest(tmp_path)
    assert (tmp_path / "latest").readlink() == Path("20261120-110000-goes-on-dddd")


def test_a_folder_called_latest_is_left_alone(tmp_path: Path) -> None:
    put(tmp_path, "20261120-090000-lenet-aaaa")
    (tmp_path / "latest").mkdir()

    point_latest(tmp_path)
    point_latest(tmp_path / "nowhere")

    assert sorted(path.name for path in tmp_path.iterdir()) == ["20261120-090000-lenet-aaaa", "latest"]
