"""What tests leave in their process, others find. Then those pass in company and fail alone, or the other way round,
and what is company changes with the number of cores. So the tests of a file leave their process as it was.

A plugin of pytest, which looks behind the last test of each file.
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
from collections.abc import Generator
from typing import Any

import pytest

OURS = ("infra.", "training.")
HELD = (
    "tests/aws/account/", "tests/aws/autostop/", "tests/aws/offers/", "tests/cli/", "tests/job/",
    "tests/host/test_connection.py",
)  # fmt: skip
"""The files that are held to it so far."""
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGCHLD, signal.SIGPIPE, signal.SIGALRM)
OF_PYTEST = {"PYTEST_CURRENT_TEST"}

Found = dict[str, Any]
before_the_file = pytest.StashKey[Found]()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, Any, Any]:
    if item.nodeid.startswith(HELD) and before_the_file not in item.session.stash:
        item.session.stash[before_the_file] = {**of_the_process(), **of_our_modules()}
    return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, Any, None]:
    yield
    if before_the_file not in item.session.stash or (nextitem and nextitem.path == item.path):
        return
    before, after = item.session.stash[before_the_file], {**of_the_process(), **of_our_modules()}
    del item.session.stash[before_the_file]
    left = changes(before, after)
    assert not left, f"the tests of {item.path.name} leave another process than they found: {'; '.join(left)}"


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
    }


def _umask() -> int:
    mask = os.umask(0o077)  # it is read by setting it
    os.umask(mask)
    return mask


def of_our_modules() -> Found:
    """Which value each name has. What a table holds is not looked at: some grow with what is imported meanwhile."""
    return {
        f"{name}.{attribute}": id(value)
        for name, module in list(sys.modules.items())
        if name.startswith(OURS)
        for attribute, value in list(vars(module).items())
        if not attribute.startswith("__")
    }


def changes(before: Found, after: Found) -> list[str]:
    """The names of what is other than *before*, new or gone. What a module gained is what was imported meanwhile."""
    gained = {name for name in after if name not in before and name.startswith(OURS)}
    return sorted(name for name in (before.keys() | after.keys()) - gained if before.get(name) != after.get(name))
