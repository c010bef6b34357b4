"""A study waits for no machine that has gone."""

from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("optuna")
pytest.importorskip("distributed")

from distributed import TimeoutError

from training.console import Console
from training.trainer.signals import StopRequest
from training.tune.tuning import Running, Tuning


class GoneWithItsAnswer:
    """The future of a trial that ended on a machine which left before anybody had asked what came of it."""

    status = "finished"

    def done(self) -> bool:
        return self.status == "finished"

    def cancel(self) -> None:
        """Nothing is under way."""

    def result(self, timeout: float | None = None) -> Any:
        assert timeout is not None, "this answer never comes"
        self.status = "lost"
        raise TimeoutError


def test_a_trial_whose_machine_left_with_its_answer_is_not_told_but_begins_anew_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    began: list[tuple[int, int]] = []

    def begin(number: int, words: Any, node: int) -> Any:
        began.append((number, node))
        return SimpleNamespace(done=lambda: False)

    tuning = Tuning(SimpleNamespace(space=SimpleNamespace(fixed=())), SimpleNamespace(), Console(), StopRequest())
    tuning.machines = SimpleNamespace(
        look=lambda: {0: ["here"]},
        free=lambda busy: 0,
        scores=lambda numbers, node: {},
        begin=begin,
    )
    tuning.running[7] = Running(SimpleNamespace(number=7, params={}), GoneWithItsAnswer(), node=1)

    tuning._watch()
    assert (list(tuning.running), began) == ([7], [])

    monkeypatch.setattr("training.tune.tuning.LOST_S", -1.0)
    tuning._watch()
    assert (tuning.running[7].node, began) == (0, [(7, 0)])
