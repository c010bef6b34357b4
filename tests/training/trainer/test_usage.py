"""usage.jsonl: bounded, whatever the machine answers, and never in the run's way."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from tests.gpu_load import HELD_MIB, gpu_load
from training.places import count_gpus
from training.trainer import usage
from training.trainer.usage import MOST_ROWS, UsageFile, parse_gpus, read_gpus, read_memory, sample_usage


def rows_of(path: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_run_of_any_length_leaves_a_file_in_bounds_that_spans_all_of_it(tmp_path: Path) -> None:
    path, second, seen = tmp_path / "usage.jsonl", 0.0, []
    file = UsageFile(path, every_s=1.0)
    while second < 200_000:
        second += file.every_s
        file.add({"seconds": second})
        seen.append(len(rows_of(path)) if len(seen) % 97 == 0 else 0)

    left = rows_of(path)
    assert max(seen) <= MOST_ROWS
    assert MOST_ROWS / 2 <= len(left) <= MOST_ROWS
    assert (left[0]["seconds"], left[-1]["seconds"]) == (1.0, second)


def test_a_resumed_run_goes_on_behind_what_it_had(tmp_path: Path) -> None:
    path = tmp_path / "usage.jsonl"
    path.write_text("".join(json.dumps({"seconds": s}) + "\n" for s in range(MOST_ROWS - 1)) + '{"seconds": 9')

    UsageFile(path, every_s=1.0).add({"seconds": 1e6})

    assert UsageFile(path, every_s=1.0).every_s == 2.0
    assert rows_of(path)[-1] == {"seconds": 1e6}


def test_the_work_of_the_block_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage, "EVERY_S", 0.02)
    path = tmp_path / "usage.jsonl"

    with sample_usage(path, seconds_before=100.0, gpus=()):
        until = time.process_time() + 0.2
        while time.process_time() < until:
            pass

    found = rows_of(path)
    assert all(row["seconds"] >= 100.0 for row in found)
    assert max(row["cpu_percent"] for row in found) > 100 / (os.cpu_count() or 1) / 20
    assert not os.path.exists("/proc/self/status") or all(row["memory_gib"] > 0.01 for row in found)


def test_a_place_that_takes_no_file_costs_nothing_but_the_file(tmp_path: Path) -> None:
    (tmp_path / "usage.jsonl").mkdir()

    with sample_usage(tmp_path / "usage.jsonl", seconds_before=0.0, gpus=()):
        pass


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ("0, 87, 10240\n1, 3, 512\n", {"gpu0_percent": 87, "gpu0_gib": 10.0}),
        ("0, [N/A], 512\n", {"gpu0_gib": 0.5}),
        ("NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.\n", {}),
        ("", {}),
    ],
)
def test_what_nvidia_smi_says_of_the_gpus_in_use(answer: str, found: dict[str, float]) -> None:
    assert parse_gpus(answer, [0]) == found


def test_an_nvidia_smi_that_failed_once_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = tmp_path / "asked"
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\necho x >> '{asked}'\nexit 9\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)

    ask = usage.read_gpus([0])

    assert [ask(), ask(), ask()] == [{}, {}, {}]
    assert asked.read_text() == "x\n"


def test_a_system_without_proc_tells_no_memory(tmp_path: Path) -> None:
    assert read_memory(tmp_path / "status") == {}


# What it is about; .ci/run allows this skip, since no package brings a GPU.
@pytest.mark.skipif(not count_gpus(), reason="no NVIDIA GPU here")
def test_a_run_is_told_how_busy_a_real_gpu_was_and_how_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = read_gpus([0])()["gpu0_gib"]
    monkeypatch.setattr(usage, "EVERY_WITH_GPU_S", 0.2)
    path = tmp_path / "usage.jsonl"
    with gpu_load("compute"), sample_usage(path, seconds_before=0.0, gpus=[0]):
        end = time.monotonic() + 60
        while not (path.exists() and any(row.get("gpu0_percent", 0) > 5 for row in rows_of(path))):
            assert time.monotonic() < end, path.read_text()
            time.sleep(0.2)

    held = max(row["gpu0_gib"] for row in rows_of(path)) - before
    assert HELD_MIB / 1024 <= held < HELD_MIB / 1024 + 2  # and what a context takes
