"""How the tests share a machine: tests/conftest.py decides it, so what it names has to be there."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from infra import secrets
from tests.left_behind import HELD, changes, of_our_modules, of_the_process
from tests.memory import most_bytes

PROJECT = Path(__file__).parents[1]
CONFTEST = runpy.run_path(str(PROJECT / "tests/conftest.py"))


def test_every_file_and_test_that_is_named_is_there() -> None:
    named = CONFTEST["APART"] | set(CONFTEST["TOGETHER"]) | set(CONFTEST["LONGEST_FIRST"])
    places = [one.partition("::") for one in named - set(CONFTEST["TOGETHER"].values())]

    assert [file for file, _, _ in places if not (PROJECT / file).exists()] == []
    for file, _, test in places:
        assert not test or f"def {test.partition('[')[0]}" in (PROJECT / file).read_text(), test


def test_what_a_test_starts_hears_ctrl_c_also_where_the_tests_themselves_were_told_not_to() -> None:
    """As under `nohup make test &`: such a shell hands SIGINT down ignored."""
    print_answer = "import signal; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"
    under_nohup = (
        "import runpy, signal, subprocess, sys; signal.signal(signal.SIGINT, signal.SIG_IGN);"
        "runpy.run_path('tests/conftest.py')['hand_down_signals']();"
        f"subprocess.run([sys.executable, '-c', {print_answer!r}], check=True)"
    )

    said = subprocess.run([sys.executable, "-c", under_nohup], cwd=PROJECT, capture_output=True, text=True, check=True)

    assert said.stdout == "True\n"


def test_what_tests_leave_in_their_process_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    process, modules = of_the_process(), of_our_modules()
    assert changes(process, of_the_process()) == changes(modules, of_our_modules()) == []

    monkeypatch.setenv("LEFT", "behind")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    monkeypatch.setattr(secrets, "looks_secret", bool)

    assert changes(process, of_the_process()) == [
        "the variable LEFT", "the working directory", "where modules are looked for",
    ]  # fmt: skip
    assert changes(modules, of_our_modules()) == ["infra.secrets.looks_secret"]
    assert [place for place in HELD if not (PROJECT / place).exists()] == []


def test_what_is_kept_from_the_first_time_is_no_memory_that_a_test_counts() -> None:
    kept: list[bytes] = []

    def work() -> int:
        kept.extend([] if kept else [bytes(1 << 22)])
        return len(bytes(1 << 20))

    answer, most = most_bytes(work)

    assert answer == 1 << 20 <= most < 2 << 20


def test_memory_within_a_process_that_others_used_is_counted_in_one_place() -> None:
    counting = ("get_traced" + "_memory", "get" + "rusage")
    others = [path for path in (PROJECT / "tests").rglob("*.py") if any(word in path.read_text() for word in counting)]

    assert others == [PROJECT / "tests/memory.py"]
