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


@pytest.mark.parametrize("word", ["cpu:\u00b2", "cpu:x", "cpu:-1", "tpu"])
def test_what_is_no_device_is_named(word: str) -> None:
    with pytest.raises(BadInput, match=f"device={word}: say auto"):
        chosen(device=word)


def test_a_batch_must_have_an_example_for_each_device() -> None:
    with pytest.raises(BadInput, match="A batch of 1 cannot be shared among 2 devices"):
        chosen(device="cpu:2", batch=1)
