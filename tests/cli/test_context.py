"""Which region is meant, when nobody says so with the kit's own word: as AWS CLI 2 decides it."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.cli.context import open_rig
from infra.settings import Settings

CONFIG = "[default]\nregion = eu-north-1\n[profile work]\nregion = ap-south-1\n"


@pytest.mark.parametrize(
    ("environ", "settings", "region"),
    [
        ({}, {}, "eu-north-1"),
        ({"AWS_DEFAULT_REGION": "eu-west-2"}, {}, "eu-west-2"),
        ({"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-2"}, {}, "eu-west-1"),
        ({"AWS_REGION": "eu-west-1"}, {"profile": "work"}, "eu-west-1"),
        ({}, {"profile": "work"}, "ap-south-1"),
        ({"AWS_REGION": "eu-west-1"}, {"region": "us-west-2"}, "us-west-2"),
        ({"AWS_CONFIG_FILE": "/nowhere"}, {}, "us-east-1"),
    ],
    ids=str,
)
def test_the_region_is_chosen_as_aws_cli_2_does(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    environ: dict[str, str],
    settings: dict[str, str],
    region: str,
) -> None:
    (tmp_path / "config").write_text(CONFIG)
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"AWS_CONFIG_FILE": str(tmp_path / "config"), **environ}.items():
        monkeypatch.setenv(name, value)

    assert open_rig(Settings(**settings)).session.region == region
