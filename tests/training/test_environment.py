from __future__ import annotations

import subprocess
from typing import NoReturn

import pytest

from training.environment import RunEnvironment
from training.errors import BadInput


@pytest.mark.parametrize(("word", "expected"), [("0.526", 0.526), ("0", 0.0), ("", 0.0)])
def test_the_price_is_read(word: str, expected: float) -> None:
    assert RunEnvironment.read({"RIG_USD_PER_HOUR": word}).usd_per_hour == expected


@pytest.mark.parametrize("word", ["abc", "0,526", "-1", "nan", "inf"])
def test_what_is_no_price_is_named(word: str) -> None:
    with pytest.raises(BadInput, match=f"RIG_USD_PER_HOUR={word}: not a price"):
        RunEnvironment.read({"RIG_USD_PER_HOUR": word})


def hang(line: list[str], **_: object) -> NoReturn:
    raise subprocess.TimeoutExpired(line, 20)


def test_a_git_that_hangs_leaves_the_commit_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: name)
    monkeypatch.setattr("subprocess.run", hang)

    assert RunEnvironment.read({}).git_commit == ""


def test_a_driver_that_hangs_leaves_the_gpu_out_of_the_report(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("training.compat", reason="MXNet is not installed")
    from training.hardware import describe

    monkeypatch.setattr("shutil.which", lambda name: name)
    monkeypatch.setattr("subprocess.run", hang)

    assert "GPU" not in describe()
