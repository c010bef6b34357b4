"""Which run `train remote --resume` goes on with: a name means what it means for every other command."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from infra.errors import UserError
from infra.host.facts import unknown_run
from infra.job.run_folders import point_latest
from infra.settings import Settings
from infra.workflows.resume import _name_meant

HOME, THERE = "20261120-155301-lenet-3f2a", "20261121-090000-mlp-77aa"


@pytest.mark.parametrize(
    ("said", "bucket", "meant"),
    [
        ("latest", "", THERE), ("lenet", "", HOME), ("3f2a", "", HOME), (THERE, "", THERE),
        ("20261101-000000-ford-0001", "s3://bucket", "20261101-000000-ford-0001"),
        ("20261101-000000-ford-0001", "", None), ("2026", "", None), ("../x", "s3://bucket", None),
    ],
)  # fmt: skip
def test_the_run_to_go_on_with(tmp_path: Path, said: str, bucket: str, meant: str | None) -> None:
    (tmp_path / HOME).mkdir()
    point_latest(tmp_path)
    rig: Any = SimpleNamespace(runs=tmp_path, settings=Settings(bucket=bucket))
    facts: Any = SimpleNamespace(runs=(unknown_run(THERE),))

    if meant:
        assert _name_meant(rig, None, facts, said) == meant  # type: ignore[arg-type]  # no host is asked
    else:
        with pytest.raises(UserError, match="on the instance or in runs/ here"):
            _name_meant(rig, None, facts, said)  # type: ignore[arg-type]  # no host is asked
