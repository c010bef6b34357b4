"""The machines of a rig, all at once: what is done with one is done with each, side by side, and told once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Final, TypeVar

from infra.aws.instances.instance import Instance
from infra.console import Tell
from infra.errors import RigError
from infra.workflows.context import Rig

T = TypeVar("T")
# Each holds an SSH connection and a program or two; a laptop has 256 open files for all of them.
AT_ONCE: Final = 16


def on_each(rig: Rig, nodes: Sequence[Instance], do: Callable[[Rig, Instance], T]) -> list[T]:
    """What *do* answers for each of *nodes*. The first tells its steps, the others only what went wrong.

    When one fails the others are let through to their end; then the first error is raised, and names its node. Ctrl-C
    is met by the caller alone, at once.
    """
    if len(nodes) <= 1:
        return [do(rig, one) for one in nodes]
    quiet = replace(rig, tell=_nobody)
    pool = ThreadPoolExecutor(max_workers=AT_ONCE)
    try:
        begun = [pool.submit(do, quiet if number else rig, one) for number, one in enumerate(nodes)]
        for one in begun:
            one.exception()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    failed = [(one, node) for one, node in zip(begun, nodes, strict=True) if one.exception()]
    for one, node in failed:
        _name_node(one, node)
    for one, _ in failed[1:]:
        rig.tell(str(one.exception()))
    return [one.result() for one in [done for done, _ in failed] or begun]


def _name_node(failed: Future[T], node: Instance) -> None:
    error = failed.exception()
    if isinstance(error, RigError):
        error.cause = f"{node.node}: {error.cause}"


def _nobody(line: str) -> None:
    """Node 1 says the same of itself."""


class Together:
    """Says "3 of 4 ..." as each arrives."""

    def __init__(self, tell: Tell, count: int, what: str) -> None:
        self._tell, self._count, self._what = tell, count, what
        self._there = 0
        self._lock = threading.Lock()

    def one_more(self) -> None:
        with self._lock:
            self._there += 1
            if self._count > 1:
                self._tell(f"{self._there} of {self._count} {self._what}")
