"""Most tests wait for another process, so several run at once: `make test`, by pytest-xdist.

Which test may run beside which is decided here. The tests of one file run one after the other, in one process, and
share its fixtures; those of a file in APART share nothing and go to whichever process is free; TOGETHER are those that
share more than a file does. https://pytest-xdist.readthedocs.io/en/stable/distribution.html
"""

from __future__ import annotations

import functools
import gc
import os
import signal
import sys
from collections.abc import Generator, Iterator
from typing import Any

import botocore.session
import pytest

from infra import secrets
from tests import left_behind
from tests.sizes import take_count

APART = {
    "tests/remote/guard/test_agent.py",
    "tests/test_load.py",
    "tests/training/trainer/test_group.py",
    "tests/training/tune/test_tune.py",
    "tests/workflows/test_bake_story.py",
    "tests/workflows/test_bucket.py",
    "tests/workflows/test_dying_alone.py",
    "tests/workflows/test_group_story.py",
    "tests/workflows/test_killed_commands.py",
    "tests/workflows/test_programs_of_the_day.py",
    "tests/workflows/test_story.py",
}
TOGETHER = {
    "tests/aws/access/test_security_group.py": "access",  # these make no call that the others do not make too
    "tests/aws/client/test_responses.py": "answers",
    "tests/aws/client/test_credentials.py": "credentials",
    "tests/aws/instances/test_killed.py": "killed",
    "tests/training/serve/": "serve",  # one run of the made-up gearboxes for all
    "tests/aws/": "aws",  # its last test looks back on the calls of all others
    "tests/image/test_serve_image.py": "docker",
    "tests/image/test_training_image.py": "docker",  # one engine for all, and a run in it wants all cores
    "tests/host/test_engine.py": "docker",
    "tests/workflows/test_docker.py": "docker",
}
LONGEST_FIRST = [
    "tests/workflows/test_programs_of_the_day.py::test_all_of_them_in_the_image",
    "tests/training/tune/test_machines.py",
    "tests/workflows/test_deaths.py",
    "tests/test_load.py::test_a_run_of_very_many_files_takes",
    "tests/training/tune/test_tune.py::test_trials_on_four_workers",
    "aws",
    "docker",
    "serve",
    "tests/workflows/test_dying_alone.py",
    "tests/training/trainer/test_group.py",
    "tests/workflows/test_programs_of_the_day.py",
    "tests/workflows/test_story.py",
    "tests/workflows/test_group_story.py",
    "tests/remote/guard/test_agent.py",
    "tests/training/tune/test_tune.py",
    "tests/training/jobs/test_sensors.py",
    "tests/training/lessons/test_lessons.py",
    "tests/workflows/test_killed_commands.py",
    "tests/workflows/test_refusals.py",
    "tests/training/trainer/test_resume.py",
    "tests/training/diagnostics/test_condition.py",
    "tests/host/test_serve.py",
    "answers",
    "tests/host/test_notebook.py",
    "tests/host/test_pull.py",
    "tests/training/jobs/test_turbofan.py",
    "tests/workflows/test_programs.py",
    "tests/workflows/test_bucket.py",
    "killed",
]
"""What would keep one process busy after all others have finished, were it begun last: groups, and tests by what their
names begin with."""


def rank_of(nodeid: str) -> int:
    begun = (n for n, one in enumerate(LONGEST_FIRST) if nodeid.startswith(one) or group_of(nodeid) == one)
    return next(begun, len(LONGEST_FIRST))


def group_of(nodeid: str) -> str:
    file = nodeid.partition("::")[0]
    return next((group for start, group in TOGETHER.items() if file.startswith(start)), file)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Three for each core, since most tests wait; no more than six, and than memory has gigabytes: each imports MXNet,
    moto and boto3."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return max(1, min(6, 3 * (os.cpu_count() or 1), memory >> 30))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    from xdist.scheduler import LoadScopeScheduling

    class ByGroup(LoadScopeScheduling):  # type: ignore[misc, unused-ignore]
        def _split_scope(self, nodeid: str) -> str:
            group = group_of(nodeid)
            return nodeid if group in APART else group

    config.option.loadscopereorder = False  # it would begin with the group of the most tests, not of the longest
    return ByGroup(config, log)


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(left_behind)
    hand_down_signals()
    read_models_once()
    # A shell may say that compiled modules are not kept: then each process of ours would compile 600 of them again.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    # Several tests at a time leave no core spare: a second thread would only wait for the first.
    os.environ.setdefault("GOMP_SPINCOUNT", "0")
    os.environ.setdefault("OMP_NUM_THREADS", "1")


def hand_down_signals() -> None:
    """Under `nohup`, and behind a shell's `&`, signals arrive ignored, and whatever we start would inherit that.

    A handler that does nothing ignores them too, and a program started from here has the system's own answer again.
    https://pubs.opengroup.org/onlinepubs/9799919799/functions/execve.html
    """
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)


def read_models_once() -> None:
    """Each session of boto3 would unpack and read EC2's model anew, and moto opens one for each of AWS's partitions as
    it is imported: a fifth of what collecting takes."""
    botocore.session.create_loader = functools.cache(botocore.session.create_loader)


def pytest_collection_finish() -> None:
    """What is imported by now stays: a million objects that no later collection of garbage need look at."""
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """How many cases the test has tried, for `make trust`, which reads it from the report."""
    take_count()
    try:
        return (yield)
    finally:
        item.user_properties.append(("cases", take_count() or 1))


@pytest.fixture(autouse=True)
def secrets_are_forgotten() -> Iterator[None]:
    """What a test has its process conceal, a later one may want to read."""
    before = {*secrets._known}
    yield
    secrets._known.intersection_update(before)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: rank_of(item.nodeid))
