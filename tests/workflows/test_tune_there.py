"""A study on the rig's machines ends in time to bring its best run home: before its budget, and before the deadline."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from infra.errors import BadSettings, UserError
from infra.job.spec import (
    TUNE_REQUIREMENTS,
    Job,
    code_sent_for,
    existing_folder,
    script_job,
    tune_job,
    tune_job_there,
)
from infra.job.workers import Place, nodes_of
from infra.workflows import tune
from infra.workflows.pack import plan_pack

NOW = datetime(2026, 11, 20, 10, tzinfo=timezone.utc)
SPACE = "lr = { low = 0.1, high = 1.0 }\n"


@pytest.fixture
def job(tmp_path: Path) -> Job:
    (tmp_path / "space.toml").write_text(SPACE)
    return tune_job_there("linear", tmp_path, tmp_path / "space.toml", "num_epochs=2", ["--trials", "8"])


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Job]:
    """Two machines at 2 dollars an hour each, off in four hours."""
    jobs: list[Job] = []
    off = [SimpleNamespace(deadline=NOW + timedelta(hours=hours), nodes=2) for hours in (4, 5)]
    monkeypatch.setattr(tune, "running_nodes", lambda rig: tuple(off))
    monkeypatch.setattr(tune, "take_nodes", lambda rig, nodes: nodes)
    monkeypatch.setattr(tune, "price_of", lambda *_: SimpleNamespace(usd_per_hour=2.0))
    monkeypatch.setattr(tune, "choose", lambda rig, job: None)
    monkeypatch.setattr(tune, "start_on", lambda rig, nodes, job, chosen, show: jobs.append(job))
    return jobs


def rig(usd: float) -> Any:
    return SimpleNamespace(settings=SimpleNamespace(budget=usd), session=None, now=lambda: NOW, tell=lambda line: None)


@pytest.mark.parametrize(
    ("usd", "asked", "minutes"),
    [(0.0, 0.0, "235.0"), (4.0, 0.0, "55.0"), (4.0, 30.0, "30.0"), (100.0, 0.0, "235.0")],
)
def test_the_first_of_budget_deadline_and_minutes_ends_it(
    usd: float, asked: float, minutes: str, job: Job, started: list[Job]
) -> None:
    tune.start_study(rig(usd), job, asked, print)

    words = started[0].command_in("R", "D", Place(2, 1, "10.0.0.1:9").words)
    assert words[words.index("--minutes") + 1] == minutes
    assert nodes_of(words) == 2
    assert words[words.index("--space") + 1] == SPACE
    assert words[-2:] == ["data=D", "num_epochs=2"]
    assert started[0].requirements == TUNE_REQUIREMENTS


def test_a_budget_that_leaves_no_time_is_said_before_anything_starts(job: Job, started: list[Job]) -> None:
    with pytest.raises(UserError, match="BUDGET leaves the study no minute"):
        tune.start_study(rig(0.3), job, 0.0, print)
    assert started == []


def test_a_space_that_no_command_line_takes_is_refused(tmp_path: Path) -> None:
    (tmp_path / "space.toml").write_text(SPACE + "# " + "x" * 70_000)
    with pytest.raises(BadSettings, match="space is too long"):
        tune_job_there("linear", tmp_path, tmp_path / "space.toml")


@pytest.mark.parametrize("phrase", [tune_job, tune_job_there])
@pytest.mark.parametrize(
    "space", [b"lr = {", b"[" * 9999, b"lr = " + b"[" * 9999, b"\xff\xfe\x00", b"\x00", b"", b"# nothing", b"\xe9 = 1"]
)
def test_a_space_that_is_no_toml_is_refused_before_anything_is_asked_or_paid(
    tmp_path: Path, space: bytes, phrase: Callable[..., Job]
) -> None:
    (tmp_path / "space.toml").write_bytes(space)
    with pytest.raises(BadSettings, match=r"space.toml"):
        phrase("linear", tmp_path, tmp_path / "space.toml")


@pytest.mark.parametrize("length", [1, 255, 256, 5_000, 60_000])
def test_a_space_of_any_length_goes_from_a_folder_that_has_no_training_in_it(tmp_path: Path, length: int) -> None:
    """Its text is a word of the command, and each word is looked at for a file of that name."""
    (tmp_path / "space.toml").write_text(SPACE + "# " + "x" * length)

    code_sent_for(tune_job_there("linear", tmp_path, tmp_path / "space.toml"), tmp_path)


@pytest.mark.parametrize("name", ["n" * 300, "n/" * 3000, "a\0b"])
def test_what_can_be_no_file_is_called_none(tmp_path: Path, name: str) -> None:
    for refused in (
        lambda: tune_job("linear", tmp_path, tmp_path / name),
        lambda: script_job(name, tmp_path),
        lambda: existing_folder(name, "code"),
        lambda: plan_pack(rig(1), tmp_path / name, tmp_path / "out", ""),
    ):
        with pytest.raises(BadSettings, match="there is no such"):
            refused()
