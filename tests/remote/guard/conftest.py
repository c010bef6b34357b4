"""imds: a metadata service of our own; machine: a computer for the real guard, switched on (see guard_machine)."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.remote.guard.fake_machine import Imds, Machine


@pytest.fixture
def imds() -> Iterator[Imds]:
    service = Imds()
    yield service
    service.close()


@pytest.fixture
def machine(tmp_path: Path, imds: Imds) -> Iterator[Machine]:
    one = Machine(tmp_path, imds)
    yield one
    one.close()
    shutil.rmtree(tmp_path, ignore_errors=True)
