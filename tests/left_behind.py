"""What a test leaves in its process, another one finds. Then it passes in company and fails alone, or the other way
round, and what is company changes with the number of cores. So each test leaves its process as it was.

A plugin of pytest: what is the whole process's is looked at after each test, what our modules hold after each file.
"""

from __future__ import annotations

import locale
import logging
import os
import signal
import socket
import sys
import threading
import time
import tracemalloc
from collections.abc import Generator, Mapping
from typing import Any

import pytest

OURS = ("infra.", "training.")
HELD = ("tests/cli/", "tests/job/", "tests/host/test_connection.py")
"""The files that are held to it so far."""
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGCHLD, signal.SIGPIPE, signal.SIGALRM)
OF_PYTEST = {"PYTEST_CURRENT_TEST"}

Found = dict[str, Any]
process_before = pytest.StashKey[Found]()
modules_before = pytest.StashKey[Found]()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, Any, Any]:
    if item.nodeid.startswith(HELD):
        item.stash[process_before] = of_the_process()
        if modules_before not in item.session.stash:
            item.session.stash[modules_before] = of_our_modules()
    return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, Any, None]:
    yield
    if process_before not in item.stash:
        return
    left = changes(item.stash[process_before], of_the_process())
    if nextitem is None or nextitem.path != item.path:
        before, after = item.session.stash[modules_before], of_our_modules()
        del item.session.stash[modules_before]
        left += changes(before, {name: after[name] for name in after if name in before})
    assert not left, f"the next test would find another process than this one did: {'; '.join(left)}"


def of_the_process() -> Found:
    variables = {f"the variable {name}": text for name, text in os.environ.items() if name not in OF_PYTEST}
    return {
        **variables,
        "the working directory": os.getcwd(),
        "the mask of new files": _umask(),
        "the time zone": time.tzname,
        "the locale": locale.setlocale(locale.LC_ALL),
        "where modules are looked for": tuple(sys.path),
        "what signals do": tuple(signal.getsignal(number) for number in SIGNALS),
        "who hears of what nobody caught": (sys.excepthook, threading.excepthook, sys.unraisablehook),
        "the patience of sockets": socket.getdefaulttimeout(),
        "who hears the log": (logging.root.level, tuple(logging.root.handlers), logging.root.manager.disable),
        "whether memory is counted": tracemalloc.is_tracing(),
        "threads that hold up the end": {one.name for one in threading.enumerate() if not one.daemon},
    }


def _umask() -> int:
    mask = os.umask(0o077)  # it is read by setting it
    os.umask(mask)
    return mask


def of_our_modules() -> Found:
    """Each value by which one it is, and a container by which ones it holds."""
    return {
        f"{name}.{attribute}": _held(value)
        for name, module in list(sys.modules.items())
        if name.startswith(OURS)
        for attribute, value in list(vars(module).items())
        if not attribute.startswith("__")
    }


def _held(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: id(one) for key, one in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return {*map(id, value)}
    return id(value)


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """The names of what is other than *before*, new or gone."""
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
