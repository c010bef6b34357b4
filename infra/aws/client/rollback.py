"""What was begun and did not end well is taken back, or named with the command that removes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from infra.console import Tell
from infra.errors import NothingToDo, RigError


class Rollback:
    """The steps back, in the order of the steps forth."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._steps: list[tuple[str, Callable[[], object]]] = []

    def later(self, thing: str, remove: Callable[[], object]) -> None:
        """Remember how to remove *thing*. Say so before making it: *remove* must bear that it was never made."""
        self._steps.append((thing, remove))

    def run(self) -> list[str]:
        """Take everything back, the last first; answer what could not be."""
        left: list[str] = []
        while self._steps:
            thing, remove = self._steps[-1]
            try:
                remove()
                self._tell(f"Undone: {thing}")
            except NothingToDo:  # it was never made
                pass
            except RigError as error:
                left.append(f"{thing}: {error.cause}")
            self._steps.pop()
        return left

    @property
    def things(self) -> list[str]:
        return [thing for thing, _ in reversed(self._steps)]


@contextmanager
def rollback_on_failure(tell: Tell) -> Iterator[Rollback]:
    """Lend a Rollback; when the block fails, or Ctrl-C ends it, run it before the error goes on.

    The first error is the one the user sees. What could not be undone is named in its hint, or told after Ctrl-C.
    """
    rollback = Rollback(tell)
    try:
        yield rollback
    except BaseException as error:  # Ctrl-C too: a begun instance costs money
        try:
            left = rollback.run()
        except BaseException:  # noqa: BLE001  (a second Ctrl-C: stop undoing, but name what is left)
            left = rollback.things
        _name_what_is_left(left, error, tell)
        raise


def _name_what_is_left(left: list[str], error: BaseException, tell: Tell) -> None:
    steps = [f"still there, and may cost money: {thing}" for thing in left]
    if left:
        steps.append("`rig terminate` removes it; `rig sweep` shows everything the kit made, in all regions")
    if isinstance(error, RigError):
        error.hint = "\n".join([*error.hint.splitlines(), *steps])
    else:
        for step in steps:
            tell(step)
