"""The help, the completion and the manual page say what the parser takes, in the words of who typed."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import struct
import subprocess
import termios
from pathlib import Path

import pytest

from infra.cli.commands import COMMANDS, GROUPS
from infra.cli.completion import SHELLS, render_completion
from infra.cli.help import find_page, render_manual
from infra.cli.hints import CALLED_BY
from infra.errors import UserError
from infra.settings import Settings, option_name

PROJECT = Path(__file__).resolve().parents[2]


def page(*words: str) -> str:
    return find_page(words, GROUPS, COMMANDS) or ""


def test_a_page_begins_with_two_examples_and_the_commands_own_options_and_only_names_the_settings() -> None:
    assert page("extend", "--help") == (
        "usage: rig extend [TIME] [--OPTION VALUE ...]\n\n"
        "move the deadline of every safeguard, after saying what that can cost\n\n"
        "examples\n"
        "  rig extend 2h         two hours more\n"
        "  rig extend 30m --yes  without a question\n\n"
        "options\n"
        "  --by TIME  how much longer: 2h, 90m, 1h30m [1h]\n"
        "  --yes      do not ask before money is spent\n\n"
        "settings: cloud, name, region, profile, after\n"
        "  `rig extend --help all` explains them, `rig settings` shows their values"
    )


def test_the_same_page_for_who_types_make(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CALLED_BY, "make")

    assert page("extend", "--help=1") == (
        "usage: make extend [NAME=VALUE ...]\n\n"
        "move the deadline of every safeguard, after saying what that can cost\n\n"
        "examples\n"
        "  make extend BY=2h         two hours more\n"
        "  make extend BY=30m YES=1  without a question\n\n"
        "options\n"
        "  BY=TIME  how much longer: 2h, 90m, 1h30m [1h]\n"
        "  YES=1    do not ask before money is spent\n\n"
        "settings: CLOUD, NAME, REGION, PROFILE, AFTER\n"
        "  `make extend HELP=all` explains them, `make settings` shows their values"
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_two_examples_and_shows_its_settings_only_when_asked(command: str) -> None:
    short, long = page("help", command), page(command, "--help", "all")
    last = [option_name(name) for name in COMMANDS[command].settings]

    assert len(COMMANDS[command].examples) == 2
    assert page(command, "-h") == short
    assert page(command, "--help=all") == page("help", command, "all") == long
    assert [name for name in last if f"\n  {name} " not in long] == []
    assert [name for name in last if f"\n  {name} " in short] == []


@pytest.mark.parametrize(
    "words", [["status"], ["train", "--cmd", "--helpless"], ["rehearsal", "fault", "--help"], ["lunch", "-h"]]
)
def test_help_is_shown_only_where_it_is_asked_for(words: list[str]) -> None:
    assert find_page(words, GROUPS, COMMANDS) is None


def test_help_of_what_is_not_there_names_the_nearest() -> None:
    with pytest.raises(UserError, match=r"There is no command 'lunch'\.\n  -> did you mean `rig launch`\?"):
        page("help", "lunch")


def test_make_alone_has_the_groups_of_the_help() -> None:
    parts = (PROJECT / "Makefile").read_text().split("\n##@ ")[1:]
    listed = {part.partition("\n")[0]: re.findall(r"^([a-z-]+):.* ## ", part, re.MULTILINE) for part in parts}

    assert [list(listed[group.title]) for group in GROUPS] == [list(group.commands) for group in GROUPS]


@pytest.mark.parametrize("columns", [80, 120])
def test_on_a_terminal_make_alone_breaks_no_word(columns: int) -> None:
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    line = [PROJECT / "scripts" / "list-targets", PROJECT / "Makefile"]
    with subprocess.Popen(line, stdout=theirs) as listing, os.fdopen(ours, "rb", buffering=0) as screen:
        os.close(theirs)
        shown = b""
        # Linux says EIO, not the end, where nobody writes to a terminal any more.
        with contextlib.suppress(OSError):
            while piece := screen.read(4096):
                shown += piece
    assert listing.returncode == 0

    whole = subprocess.run(line, capture_output=True, text=True, check=True).stdout
    lines = shown.decode().splitlines()
    assert max(map(len, lines)) <= columns < max(map(len, whole.splitlines()))
    assert " ".join(lines).split() == whole.split()


def test_the_manual_page_is_what_the_table_says() -> None:
    """Fix it with: .venv/bin/rig help man > docs/rig.1"""
    assert (PROJECT / "docs" / "rig.1").read_text() == render_manual(GROUPS)
    assert [line for line in render_manual(GROUPS).splitlines() if line.startswith("'")] == []


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_completes_every_command_and_option(shell: str) -> None:
    script = render_completion(shell, COMMANDS)
    names = [one.name for command in COMMANDS.values() for one in (*command.arguments, *command.options)]

    assert [name for name in (*COMMANDS, *names) if name not in script] == []


def test_bash_completes_what_has_been_begun(tmp_path: Path) -> None:
    (tmp_path / "runs" / "20260101-000000-lenet-0b93").mkdir(parents=True)
    script = render_completion("bash", COMMANDS)

    def complete(*words: str) -> list[str]:
        typed = f"COMP_WORDS=({' '.join(map(repr, words))}); COMP_CWORD={len(words) - 1}"
        line = f"{typed}; _shtab_rig; echo ${{COMPREPLY[@]}}"
        bash = [shutil.which("bash") or "bash", "--norc", "-c", f"{script}\n{line}"]
        return subprocess.run(bash, cwd=tmp_path, capture_output=True, text=True).stdout.split()

    assert complete("rig", "laun") == ["launch"]
    assert complete("rig", "train", "rem") == ["remote"]
    assert complete("rig", "launch", "--sp") == ["--spot"]
    assert complete("rig", "logs", "--run", "2026") == ["20260101-000000-lenet-0b93"]
    assert {option_name(name) for name in Settings.__dataclass_fields__} <= {*complete("rig", "status", "--")}
