from __future__ import annotations

import pytest

pytest.importorskip("training.compat", reason="MXNet is not installed")

from training.config import JobConfig
from training.errors import BadInput
from training.trainer.devices import choose


def chosen(device: str, batch: int = 8) -> str:
    return str(choose(JobConfig(device=device), batch=batch, gpu_required=False, seconds_per_step=pytest.fail))


def test_pretended_devices_are_counted() -> None:
    assert [chosen(device=word) for word in ("cpu", "cpu:2")] == ["cpu(0)", "cpu(0), cpu(1)"]


def test_a_batch_must_have_an_example_for_each_device() -> None:
    with pytest.raises(BadInput, match="A batch of 1 cannot be shared among 2 devices"):
        chosen(device="cpu:2", batch=1)
