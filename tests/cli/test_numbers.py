"""A number that is none, or of any length, is named before anything is asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra import cli
from infra.text import whole_number

LONG = "9" * 5000  # Python itself reads no more than 4300 digits


@pytest.mark.parametrize("number", [LONG, "٣", "-1", "0", "1e3", " 1", "1.0"])
@pytest.mark.parametrize(
    "words",
    [
        ("ssh", "--node"),
        ("port", "--number"),
        ("tune", "--space", "x", "--trials"),
        ("train", "--job", "linear", "--workers"),
    ],
)
def test_a_number_that_cannot_be_is_the_users_to_mend(
    words: tuple[str, ...],
    number: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)

    assert cli.main([*words[:-1], f"{words[-1]}={number}"]) == 2

    said = capsys.readouterr().err
    assert number[:20] in said
    assert len(said) < 400


def test_digits_are_read_as_they_stand() -> None:
    assert [whole_number(text, most=64) for text in ("0", "64", "65", "064", "")] == [0, 64, None, None, None]
