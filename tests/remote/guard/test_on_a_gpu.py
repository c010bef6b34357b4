"""What the programs on the instance see of a real GPU that is at rest, held, and busy. Skipped where there is none."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from infra.remote import host_facts, recorder, workers
from infra.remote.guard import gpu
from scripts.gpu_idle import ask
from tests.gpu_load import gpu_load
from tests.remote.guard.fake_machine import Machine
from training.places import count_gpus

# What it is about; .ci/run allows this skip, since no package brings a GPU.
pytestmark = pytest.mark.skipif(not count_gpus(), reason="no NVIDIA GPU here")


def test_a_gpu_at_rest_is_no_sign_of_use() -> None:
    until(lambda: signs() == (), signs)


def test_a_program_that_holds_memory_and_waits_is_one() -> None:
    with gpu_load("hold"):
        until(lambda: signs() == ("1 GPU process(es)",), signs)


def test_a_program_that_computes_is_one_twice_and_gone_when_it_ends() -> None:
    with gpu_load("compute"):
        until(lambda: len(signs()) == 2, signs)
        seen = signs()
    until(lambda: signs() == (), signs)

    percent = int(seen[0].removeprefix("GPU 0 is ").removesuffix(" % busy"))
    assert gpu.BUSY_PERCENT <= percent <= 100


def test_the_guard_waits_for_a_program_on_the_gpu_and_ends_the_machine_when_nobody_is_left(machine: Machine) -> None:
    (machine.fakes / "bin" / "nvidia-smi").unlink()  # the real one
    machine.deadline_in(hours=100)
    machine.boot()
    with gpu_load("compute"):
        machine.start_guard(speed=100)
        machine.until(lambda: len(machine.status.get("busy", ())) == 2)
        begun = machine.memory["up_s"]
        machine.until(lambda: machine.memory["up_s"] > begun + 3600)
        assert not machine.off
    machine.until(lambda: machine.off)

    assert machine.ended["detail"] == "nobody has used this machine for 20 minutes"


def test_the_gate_of_a_run_and_the_count_of_its_workers_agree_with_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RIG_REQUIRE_GPU", "1")

    assert recorder.gpu_missing() == ""
    assert count_gpus() == workers.count_workers("gpus") == len(host_facts.gpus())


def signs() -> tuple[str, ...]:
    return gpu.signs(*(said if code == 0 else None for code, said in (ask(gpu.UTILISATION), ask(gpu.PROCESSES))))


def until(condition: Callable[[], bool], seen: Callable[[], object]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, seen()
        time.sleep(0.2)
