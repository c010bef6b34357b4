from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

if find_spec("mxnet") is None:
    collect_ignore_glob = ["*"]


def pytest_report_header() -> str | None:
    if find_spec("mxnet") is None:
        return "tests/training is left out: MXNet is not installed (pip install --no-deps mxnet==1.9.1)"
    return None


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The work folder of one finished run of the small job. Tests read it only."""
    from tests.training import small_job

    workdir = tmp_path_factory.mktemp("finished") / "run"
    small_job.run(workdir)
    return workdir
