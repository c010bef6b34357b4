"""The machines of a rig, all at once: what is done with one is done with each, side by side, and told once."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, Generic, TypeVar

from infra.aws.instances.instance import Instance
from infra.console import Tell
from infra.errors import HostUnreachable, RigError
from infra.workflows.context import Rig

T = TypeVar("T")
# Each holds an SSH connection and a program or two; a laptop has 256 open files for all of them.
AT_ONCE: Final = 32


@dataclass(frozen=True)
class Answers(Generic[T]):
    """What some machines answered, at least one, by rank; and what the others failed at, each naming its own."""

    there: tuple[tuple[Instance, T], ...]
    failed: tuple[RigError, ...] = ()

    def require_all(self) -> None:
        """Last, when all is done that the others allow. Raises what the first of those failed at."""
        for error in self.failed:
            raise error


def on_each(rig: Rig, nodes: Sequence[Instance], do: Callable[[Rig, Instance], T]) -> list[T]:
    """What *do* answers for each of *nodes*. The first tells its steps, the others only what went wrong.

    When one fails the others are let through to their end; then the first error is raised, and names its node. Ctrl-C
    is met by the caller alone, at once.
    """
    if len(nodes) <= 1:
        return [do(rig, one) for one in nodes]
    begun = _side_by_side(rig, nodes, do)
    failed = _name_failures(begun, nodes)
    for one in failed[1:]:
        rig.tell(str(one.exception()))
    return [one.result() for one in failed or begun]


def ask_each(rig: Rig, nodes: Sequence[Instance], do: Callable[[Rig, Instance], T]) -> Answers[T]:
    """As `on_each`, but a machine that does not answer keeps nobody from what the others say: it is named, and told.

    Raises what the first failed at when none of *nodes* answers.
    """
    if len(nodes) <= 1:
        return Answers(tuple((one, do(rig, one)) for one in nodes))
    begun = _side_by_side(rig, nodes, do)
    errors = [error for one in _name_failures(begun, nodes) if isinstance(error := one.exception(), RigError)]
    for error in errors:
        rig.tell(str(error))
    there = [(node, one) for node, one in zip(nodes, begun, strict=True) if one.exception() not in errors]
    if not there:
        raise errors[0]
    return Answers(tuple((node, one.result()) for node, one in there), tuple(errors))


def ask_first(rig: Rig, nodes: Sequence[Instance], do: Callable[[Rig, Instance], T]) -> T:
    """What *do* answers for the first of *nodes* that can be reached: what is asked is the same on all of them."""
    for one in nodes[:-1]:
        try:
            return do(rig, one)
        except HostUnreachable as error:
            _name_node(error, one)
            rig.tell(str(error))
    return do(rig, nodes[-1])


def _side_by_side(rig: Rig, nodes: Sequence[Instance], do: Callable[[Rig, Instance], T]) -> list[Future[T]]:
    quiet = replace(rig, tell=_nobody)
    begun: list[Future[T]] = [Future() for _ in nodes]
    waiting = deque(enumerate(nodes))

    def work() -> None:
        with suppress(IndexError):  # nothing is left
            while True:
                number, one = waiting.popleft()
                _fill(begun[number], partial(do, quiet if number else rig, one))

    # Not a ThreadPoolExecutor: Python waits for its threads before it leaves, and Ctrl-C would last as long as a copy.
    for _ in range(min(AT_ONCE, len(nodes))):
        threading.Thread(target=work, daemon=True).start()
    try:
        for future in begun:
            future.exception()
    except BaseException:
        waiting.clear()
        raise
    return begun


def _fill(future: Future[T], do: Callable[[], T]) -> None:
    try:
        future.set_result(do())
    except BaseException as error:  # noqa: BLE001 - it is met by whoever waits for it
        future.set_exception(error)


def _name_failures(begun: Sequence[Future[T]], nodes: Sequence[Instance]) -> list[Future[T]]:
    """Those that failed, each with its node in its words."""
    failed = [(one, node) for one, node in zip(begun, nodes, strict=True) if one.exception()]
    for one, node in failed:
        _name_node(one.exception(), node)
    return [one for one, _ in failed]


def _name_node(error: BaseException | None, node: Instance) -> None:
    if isinstance(error, RigError) and node.nodes > 1 and not error.cause.startswith(node.node):
        error.cause = f"{node.node}: {error.cause}"
    if isinstance(error, HostUnreachable) and node.nodes > 1 and "`rig start`" not in error.hint:
        error.hint += "\na machine that has hung boots anew: `rig stop`, then `rig start`"


def _nobody(line: str) -> None:
    """Node 1 says the same of itself."""


class Together:
    """Says "3 of 4 ..." as each arrives."""

    def __init__(self, tell: Tell, count: int, what: str) -> None:
        self._tell, self._count, self._what = tell, count, what
        self._there = 0
        self._named = set[str]()
        self._lock = threading.Lock()

    def wait_for(self, who: str) -> None:
        """Say once who is late."""
        with self._lock:
            if self._count > 1 and who not in self._named:
                self._named.add(who)
                self._tell(f"Still waiting for {who}")

    def one_more(self) -> None:
        with self._lock:
            self._there += 1
            if self._count > 1:
                self._tell(f"{self._there} of {self._count} {self._what}")
