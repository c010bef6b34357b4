from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from infra.aws.client.rollback import rollback_on_failure
from infra.errors import AwsFailed, NothingToDo, UserError

REMEDY = "`rig terminate` removes it; `rig sweep` shows everything the kit made, in all regions"


def fail(error: BaseException) -> Callable[[], None]:
    def remove() -> None:
        raise error

    return remove


def calmly() -> None:
    pass


def begin(tell: Any, steps: dict[str, Callable[[], None]], then: BaseException | None) -> None:
    """Make the *steps* one after the other, then end with *then*."""
    with rollback_on_failure(tell) as rollback:
        for thing, remove in steps.items():
            rollback.later(thing, remove)
        if then:
            raise then


def test_success_undoes_nothing(said, tell):
    begin(tell, {"group": fail(AssertionError())}, None)

    assert said == []


def test_steps_are_taken_back_the_last_first_and_the_first_error_goes_on(said, tell):
    steps = {"group": calmly, "never made": fail(NothingToDo("")), "instance": calmly}

    with pytest.raises(UserError, match="no quota"):
        begin(tell, steps, UserError("no quota", "ask"))

    assert said == ["Undone: instance", "Undone: group"]


def test_one_failing_step_does_not_keep_the_others_and_is_named(said, tell):
    steps = {"group": calmly, "instance": fail(AwsFailed("no answer"))}

    with pytest.raises(UserError) as raised:
        begin(tell, steps, UserError("no quota", "ask"))

    assert said == ["Undone: group"]
    assert raised.value.hint.splitlines() == ["ask", "still there, and may cost money: instance: no answer", REMEDY]


def test_ctrl_c_undoes_too(said, tell):
    with pytest.raises(KeyboardInterrupt):
        begin(tell, {"instance": calmly}, KeyboardInterrupt())

    assert said == ["Undone: instance"]


def test_a_second_ctrl_c_stops_undoing_and_names_what_is_left(said, tell):
    steps = {"group": fail(AssertionError()), "instance": fail(KeyboardInterrupt())}

    with pytest.raises(KeyboardInterrupt):
        begin(tell, steps, KeyboardInterrupt())

    assert said == [
        "still there, and may cost money: instance",
        "still there, and may cost money: group",
        REMEDY,
    ]
