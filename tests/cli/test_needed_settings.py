"""A wrong setting keeps no command from its work but those that read it, and these before anything is asked of AWS."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from argparse import Namespace
from dataclasses import fields
from pathlib import Path

import pytest

from infra import cli
from infra.cli.arguments import parse
from infra.cli.commands import COMMANDS
from infra.errors import BadSettings
from infra.settings import Settings, Wrong
from infra.settings.sources import load, read_settings_file

SETTINGS = [f.name for f in fields(Settings)]
LINES = [[name] for name in COMMANDS] + [
    [name, where]
    for name, command in COMMANDS.items()
    for where in ("here", "remote")
    if command.arguments and command.arguments[0].choices == ("here", "remote")
]
NEEDED = {" ".join(line): parse(line, COMMANDS).needed for line in LINES}
BROKEN = ("= {a = 1}", "= [", "= = 5", "= 'x' y", '"never mind"')  # the first is TOML, and no value; the others none


@pytest.fixture
def began(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """What each command was given when it began, instead of beginning."""
    given: list[Settings] = []

    def begin(_: Namespace, settings: Settings) -> int:
        given.append(settings)
        return 0

    for name, command in COMMANDS.items():
        monkeypatch.setitem(COMMANDS, name, dataclasses.replace(command, run=begin))
    for name in [f"RIG_{one.upper()}" for one in SETTINGS]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return given


@pytest.mark.parametrize("line", NEEDED)
def test_a_file_that_is_wrong_in_all_that_a_command_does_not_need_does_not_stop_it(
    line: str, began: list[Settings]
) -> None:
    others = [name for name in SETTINGS if name not in NEEDED[line]]
    for broken in BROKEN:
        Path("rig.toml").write_text("# mine\n" + "\n".join(f"{name} {broken}" for name in others) + "\n")

        assert cli.main(line.split()) == 0, broken

        assert set(began[-1].wrong) == set(others)
    assert all(getattr(began[-1], name) == getattr(Settings(), name) for name in NEEDED[line])


@pytest.mark.parametrize("line", NEEDED)
def test_a_wrong_setting_that_a_command_needs_is_refused_before_it_begins(
    line: str, began: list[Settings], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for broken in BROKEN if NEEDED[line] else ():
        Path("rig.toml").write_text("".join(f"{name} {broken}\n" for name in NEEDED[line]))

        assert (cli.main(line.split()), began) == (2, []), broken

        said = capsys.readouterr().err
        assert [name for name in NEEDED[line] if f"rig.toml: {name}" not in said] == []
    Path("rig.toml").unlink(missing_ok=True)
    for name in NEEDED[line]:
        with monkeypatch.context() as exported:
            exported.setenv(f"RIG_{name.upper()}", "AKIA" + "Z" * 16)

            assert (cli.main(line.split()), began) == (2, []), name


@pytest.mark.parametrize("name", SETTINGS)
def test_whoever_asks_for_what_was_left_aside_is_told_so_and_gets_no_default(name: str, tmp_path: Path) -> None:
    told: list[str] = []

    given = load({}, environ={}, remembered={name: {}}, needed=(), tell=told.append)

    with pytest.raises(BadSettings, match=f"rig.toml: {name} is a table"):
        getattr(given, name)
    with pytest.raises(BadSettings, match=name):
        getattr(given.but(**{"name" if name != "name" else "region": "other"}), name)
    assert told == [f"left aside: rig.toml: {name} is a table, and should be one value"]
    assert getattr(given.but(**{name: 1}), name) == 1


@pytest.mark.parametrize("broken", ["= 3 h", "= = 3", ""])
def test_each_line_of_a_file_that_is_no_toml_is_read_by_itself(broken: str, tmp_path: Path) -> None:
    file = tmp_path / "rig.toml"
    file.write_text(
        '# Anna\'s\nname = "second"\ntype = [\n  "g5.xlarge",\n  "g6.xlarge",\n]\n'
        f"hours {broken}\nspot = true  # dear\n"
    )

    found = dict(read_settings_file(file))

    wrong = found.pop("hours")
    assert found == {"name": "second", "type": ["g5.xlarge", "g6.xlarge"], "spot": True}
    assert "at line 7" in wrong.why


def test_a_letter_of_another_encoding_spoils_its_own_setting_and_a_comment_none(tmp_path: Path) -> None:
    (tmp_path / "rig.toml").write_bytes(
        "# Müllers\nhours = 2  # für Anna\ncode = 'Müll'\nname = 'a'\n".encode("latin-1")
    )

    found = read_settings_file(tmp_path / "rig.toml")

    assert found == {"hours": 2, "code": Wrong("it is not UTF-8"), "name": "a"}


def test_a_setting_that_is_there_twice_is_no_setting(tmp_path: Path) -> None:
    (tmp_path / "rig.toml").write_text('name = "a"\nhours = 2\nname = "b"\n')

    found = dict(read_settings_file(tmp_path / "rig.toml"))

    assert (found["hours"], found["name"].why) == (2, "it is there twice")


@pytest.mark.parametrize("text", ['name = """\nhours = 5\n', "[mine]\nname = 5\nhours = = 3\n", "= 5\nname = 'a'\n"])
def test_where_nobody_can_tell_which_lines_are_one_setting_the_file_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "rig.toml").write_text(text)

    with pytest.raises(BadSettings, match=r"rig\.toml is not readable as TOML"):
        read_settings_file(tmp_path / "rig.toml")


@pytest.mark.parametrize(
    ("line", "word", "code"),
    [
        ("stop", "nmae", 2),
        ("stop", "huors", 0),
        ("stop", "max_price", 0),
        ("launch", "max_price", 2),
        ("quiz", "nmae", 0),
    ],
)
def test_a_name_that_nobody_knows_stands_for_the_one_it_resembles_else_for_a_limit(
    line: str, word: str, code: int, began: list[Settings]
) -> None:
    Path("rig.toml").write_text(f"{word} = 'x'\n")

    assert cli.main([line]) == code


def test_settings_shows_the_others_when_one_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "rig.toml").write_text("hours = 'soon'\nidle = 30\n")

    done = subprocess.run(
        [str(Path(sys.executable).with_name("rig")), "settings"], cwd=tmp_path, capture_output=True, text=True
    )

    assert done.returncode == 2
    assert "* idle = 30\n" in done.stdout
    assert "! hours = \n" in done.stdout
    assert done.stderr == (
        "left aside: rig.toml: hours = 'soon': not a number, such as 1.5: no unit, and a point, no comma\n"
    )


@pytest.mark.parametrize("name", ["bucket", "notify", "key"])
def test_a_pack_on_several_machines_needs_more_than_one_here_and_says_so_before_it_begins(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    begun: list[object] = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("infra.cli.context.open_rig", begun.append)
    Path("rig.toml").write_text(f"{name} = {{}}\n")

    assert cli.main(["pack", "fleet.toml", "packed", "--nodes", "2"]) == 2

    assert begun == []
    assert f"A setting is wrong: rig.toml: {name} is a table" in capsys.readouterr().err
