"""How the tests share a machine: tests/conftest.py decides it, so what it names has to be there."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path

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
