"""What others wrote is printed as text: a terminal is given nothing that it would obey, and printing stops nothing."""

from __future__ import annotations

import ast
import io
import os
import re
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from infra import console
from infra.cli.progress import View, accompany, show_log
from infra.console.paint import wrap

RIG = Path(sys.executable).with_name("rig")
# The pieces that make sequences, and letters between them; 8-bit forms and what turns a line round too.
SEQUENCES = (
    "\x1b \x1b[ \x1b] \x1b]52;c;cm0= \x07 \x1b\\ \x1bP \x1b_ \x1b^ \x1bX \x9b \x9d \x90 \x9c 31m 2J 0;31m ?25l ; m [ ]"
)
OTHERS = "\r \b \n \t \u202e \u2066 \u2028 \ud800 é 漢 a"
PIECES = some.one_of(some.sampled_from(f"{SEQUENCES} {OTHERS}".split(" ")), some.text(max_size=3))
TEXTS = some.lists(PIECES, max_size=12).map("".join)
SGR = re.compile(r"\x1b\[[0-9;:]*m")


def is_text(shown: str) -> bool:
    wrong = {unicodedata.category(letter) for letter in shown if letter not in "\n\t"} & {"Cc", "Cs", "Zl", "Zp"}
    return not wrong and not re.search("[\u202a-\u202e\u2066-\u2069]", shown)


@settings(deadline=None)
@given(TEXTS)
def test_what_is_printed_is_text_and_nothing_a_terminal_obeys(text: str) -> None:
    assert is_text(console.plain(text))


@settings(deadline=None)
@given(TEXTS)
def test_of_a_log_colours_pass_and_end_with_their_line(text: str) -> None:
    shown = console.coloured(text)

    assert is_text(SGR.sub("", shown))
    assert "\x1b" not in shown or shown.endswith("\x1b[0m")


@settings(deadline=None)
@given(some.lists(TEXTS, max_size=4))
def test_a_sequence_cut_in_two_is_not_put_together_again(parts: list[str]) -> None:
    assert is_text(SGR.sub("", "".join(map(console.coloured, parts))))


@pytest.mark.parametrize(
    ("sent", "plainly", "in_a_log"),
    [
        ("\x1b[1;31mred\x1b[0m", "red", "\x1b[1;31mred\x1b[0m\x1b[0m"),
        ("a\x1b]52;c;cm0gLXJmIC8=\x07b", "ab", "ab"),
        ("a\x1b]0;title\x1b\\b\x1b]8;;http://x\x07link", "ablink", "ablink"),
        ("a\x9d52;c;eA==\x9cb\x9b2Jc", "abc", "abc"),
        ("a\x1b]52;never ended", "a52;never ended", "a52;never ended"),
        ("two\r\nlines\x07", "two\nlines�", "two�\nlines�"),
        ("exe.\u202egpj", "exe.�gpj", "exe.�gpj"),
    ],
)
def test_sequences_are_left_out_whole_and_the_rest_is_seen(sent: str, plainly: str, in_a_log: str) -> None:
    assert console.plain(sent) == plainly
    assert console.coloured(sent) == in_a_log


def test_a_long_row_of_openings_is_read_in_one_go() -> None:
    """Each opening would look for its end to the end of the text, were it not for the next one."""
    for opening in ("\x1b]", "\x9d", "\x1b[", "\x1bP1"):
        assert is_text(console.plain(opening * 100_000))


def test_a_log_in_a_pipe_shows_live_lines_as_they_come(capsys: pytest.CaptureFixture[str]) -> None:
    with accompany(live=True):
        for line in (
            "\r 10%|#  | 1/10",
            "\r 50%|## | 5/10",
            "100%|###| 10/10",
            "evil\rfine\x1b]52;c;eA==\x07",
            "dos\r",
        ):
            show_log(line)

    assert capsys.readouterr().err.splitlines() == [
        " 10%|#  | 1/10",
        " 50%|## | 5/10",
        "100%|###| 10/10",
        "fine",
        "dos",
    ]


def test_only_one_place_prints() -> None:
    project = Path(__file__).resolve().parents[1]
    # What runs on the instance and the rehearsal's own processes speak to a journal or to us, not to a user.
    rooms = [path for path in (project / "infra").rglob("*.py") if not {"remote", "rehearsal"} & set(path.parts)]
    printing = re.compile(r"print|(?:sys\.)?(?:std(?:out|err)|__std(?:out|err)__)\.write")

    assert [path.name for path in rooms for called in calls_in(path) if printing.fullmatch(called)] == []


def calls_in(path: Path) -> list[str]:
    """What is called there; a program for another computer is a text, and calls nothing here."""
    return [ast.unparse(node.func) for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]


def run(*line: str, **how: object) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("RIG_", "AWS_"))}
    given_environment = how.pop("env", {})
    assert isinstance(given_environment, dict)
    return subprocess.run(line, env={**environment, **given_environment}, text=True, timeout=60, **how)


def test_a_reader_that_left_keeps_nothing_from_being_done() -> None:
    program = (
        "import sys; from infra.console import deliver, tell, delivered\n"
        "for _ in range(3): deliver('x'); tell('y')\n"
        "open(sys.argv[1], 'w').write(f'the end, delivered: {delivered()}')"
    )
    read_end, write_end = os.pipe()
    os.close(read_end)
    target = Path(os.environ.get("TMPDIR", "/tmp")) / f"console-{os.getpid()}"
    try:
        done = run(sys.executable, "-c", program, str(target), stdout=write_end, stderr=write_end)
        assert (done.returncode, target.read_text()) == (0, "the end, delivered: False")
    finally:
        os.close(write_end)
        target.unlink(missing_ok=True)


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ('"$0" settings >&-', 0, ""),
        ('"$0" settings >&- 2>&- <&-', 0, ""),
        ('"$0" settings >/dev/full', 1, "What should be printed could not be: [Errno 28] No space left on device\n"),
        ('"$0" launch --hours soon 2>&- ; exit $?', 2, ""),
        ('LC_ALL=C PYTHONCOERCECLOCALE=0 PYTHONUTF8=0 RIG_KEY=/é "$0" settings | grep -c "key = /"', 0, ""),
    ],
)
def test_a_closed_a_full_and_an_ascii_output_are_no_fault(line: str, code: int, said: str, tmp_path: Path) -> None:
    done = run("/bin/sh", "-c", line, str(RIG), cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)

    assert (done.returncode, done.stderr) == (code, said)
    assert not (tmp_path / ".rig").exists()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_live_line_moves_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A live line takes the place of the one before: only the last line of the log is printed above the bar."""
    monkeypatch.setattr("sys.stderr", screen := Terminal())
    with accompany(live=True):
        for line in ("\r 10%|#", "\r 50%|##", "100%|###", "[ 42%] step", "\x1b[31mred\x1b]52;c;eA==\x07"):
            show_log(line)
        view = console.companion()
        assert isinstance(view, View)
        assert (view._text, view._percent) == ("step", 42)

    assert "100%|###\n" in SGR.sub("", screen.getvalue())
    assert "50%|##\n" not in SGR.sub("", screen.getvalue())
    assert "]52" not in screen.getvalue()


def test_what_an_epoch_ended_with_stays_on_the_screen_and_what_it_went_through_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.stderr", screen := Terminal())
    with accompany(live=True):
        for line in (
            "[ 10%] epoch 1/2  loss 0.9",
            "[ 50%] epoch 1/2  valid accuracy 0.97  best so far",
            "[ 60%] epoch 2/2  loss 0.5",
            "[100%] epoch 2/2  valid accuracy 0.96",
            "[100%] test accuracy 0.95, best epoch 2",
        ):
            show_log(line)
        console.tell("Bringing the results home")

    shown = re.split(r"[\r\n]+", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen.getvalue()))
    assert [line for line in shown if re.match("epoch|test|Bringing", line)] == [
        "epoch 1/2  valid accuracy 0.97  best so far",
        "epoch 2/2  valid accuracy 0.96",
        "test accuracy 0.95, best epoch 2",
        "Bringing the results home",
    ]


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (
            "  at most  $4.42: the machine, its disk",
            ["  at most  $4.42: the", "           machine, its", "           disk"],
        ),
        ("  -> `rig launch` rents one again", ["  -> `rig launch` rents", "     one again"]),
        ("rig: nobody was there to answer", ["rig: nobody was there to", "     answer"]),
        ("a/path/that/is/longer/than/the/line and", ["a/path/that/is/longer/than/the/line", "  and"]),
        ("", [""]),
    ],
)
def test_a_long_line_is_cut_between_words_and_goes_on_below_its_own_text(line: str, shown: list[str]) -> None:
    assert ["".join(part.plain for part in parts).rstrip() for parts in wrap(line, 25)] == shown


@given(text=some.text(max_size=80), width=some.integers(4, 120))
def test_wrapping_loses_no_word(text: str, width: int) -> None:
    line = console.plain(text).replace("\n", " ")

    words = [word for parts in wrap(line, width) for word in "".join(part.plain for part in parts).split()]

    assert words == line.split()


def test_meaning_has_a_colour_on_a_terminal_none_with_no_color_and_none_in_a_pipe(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    console.present("  NO  key  it costs $4.42")
    assert capsys.readouterr().out == "  NO  key  it costs $4.42\n"

    monkeypatch.setattr("sys.stdout", coloured := Terminal())
    monkeypatch.setenv("TERM", "xterm")
    console.present("  NO  key  it costs $4.42")
    assert SGR.sub("", coloured.getvalue()) == "  NO  key  it costs $4.42\n"
    assert {"1;31", "1;36"} == set(re.findall(r"\x1b\[([1-9][\d;]*)m", coloured.getvalue()))

    monkeypatch.setattr("sys.stdout", plain := Terminal())
    monkeypatch.setenv("NO_COLOR", "1")
    console.present("  NO  key  it costs $4.42")
    assert not re.search(r"\x1b\[3", plain.getvalue())
