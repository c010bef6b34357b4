"""A number that is none, or of any length, is named before anything is asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra import cli
from infra.errors import BadSettings
from infra.settings.sources import load
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


@pytest.mark.parametrize("nothing", ["0", "0.0", "-0", "0e5"])
@pytest.mark.parametrize("place", ["on the line", "in the environment", "in rig.toml"])
@pytest.mark.parametrize("command", ["plan", "launch", "start", "settings"])
def test_a_budget_of_nothing_is_not_taken_for_no_budget(
    command: str,
    place: str,
    nothing: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    if place == "in rig.toml":
        Path("rig.toml").write_text(f"budget = {nothing}\n")
    elif place == "in the environment":
        monkeypatch.setenv("RIG_BUDGET", nothing)

    assert cli.main([command, *([f"BUDGET={nothing}"] if place == "on the line" else [])]) == 2

    said = capsys.readouterr().err
    assert "for nothing there is no machine; for no budget leave it out, or say none" in said
    assert len(said) < 400


@pytest.mark.parametrize("said", ["none", "None", "5", "0.01"])
def test_no_budget_and_any_other_are_taken(said: str) -> None:
    found = load({"budget": said}, environ={}, remembered={}).budget

    assert found == (None if said.lower() == "none" else float(said))


@pytest.mark.parametrize("name", ["hours", "nodes", "gpus", "disk_gib"])
def test_nothing_of_what_a_launch_must_have_is_refused(name: str) -> None:
    with pytest.raises(BadSettings, match=r"must be at least (0\.05|1), and"):
        load({name: "0"}, environ={}, remembered={})


@pytest.mark.parametrize("number", ["1_0", "٣", "\uff13", "1e1_0"])
@pytest.mark.parametrize("name", ["hours", "budget", "idle", "gpus"])
def test_a_setting_is_no_number_that_python_alone_takes_for_one(name: str, number: str) -> None:
    """hours=1_0 would be ten hours to pay for."""
    with pytest.raises(BadSettings, match=r"not a (whole )?number"):
        load({name: number}, environ={}, remembered={})
