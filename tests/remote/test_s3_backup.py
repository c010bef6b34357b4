"""What the durable copies leave out: what the kit writes aside, and nothing that a user's program calls its own."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from infra.remote import recorder, workspace
from infra.remote.s3_backup import OURS


def is_left_out(path: str) -> bool:
    """By awscli's rule: a pattern's star stands for slashes, too.
    https://docs.aws.amazon.com/cli/latest/reference/s3/#use-of-exclude-and-include-filters"""
    return any(fnmatchcase(path, pattern) for pattern in OURS)


@pytest.mark.parametrize(
    "path",
    ["weights.part", "fold1/x.part", ".aside-1/a", "d/.aside-2", "a/.code/b", "gluon-rig-1", ".part", "x.code.json"],
)
def test_a_programs_own_file_is_copied(path: str) -> None:
    assert not is_left_out(path)


def test_what_the_kit_writes_aside_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    aside: list[str] = []
    replace = Path.replace

    def note(self: Path, target: Path) -> Path:
        aside.append(self.name)
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", note)
    recorder.seal(tmp_path)
    workspace.write_whole(tmp_path / ".code.json", b"{}")
    workspace._give_second_name(tmp_path / "MANIFEST.sha256", tmp_path / "written" / "again")

    assert len(aside) == 3
    assert all(is_left_out(name) and is_left_out(f"written/{name}") for name in aside)
