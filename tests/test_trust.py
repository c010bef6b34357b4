"""`make trust`: each of its rows is there, and what was wrong is never counted as right."""

from __future__ import annotations

import pytest

from scripts.trust import PROJECT, ROWS, main, read

REPORT = """\
<testsuites><testsuite time="1.5">
<testcase name="a" time="1"><properties><property name="cases" value="40"/></properties></testcase>
<testcase name="b"><properties><property name="cases" value="2"/></properties><failure/></testcase>
<testcase name="c"><properties><property name="cases" value="1"/></properties><skipped/></testcase>
<testcase name="d"><error/></testcase>
</testsuite></testsuites>
"""


def test_every_row_has_tests_and_a_line_in_the_document() -> None:
    table = (PROJECT / "docs/reliability.md").read_text()

    assert [file for files in ROWS.values() for file in files if not (PROJECT / file).exists()] == []
    assert [row for row in ROWS if f"| {row} |" not in table] == []


def test_cases_are_counted_and_a_test_that_was_left_out_has_tried_nothing() -> None:
    result = read(REPORT, "said")

    assert (result.cases, result.wrong, result.seconds) == (43, 2, 1.5)


def test_one_line_for_a_row_and_what_was_wrong_on_stderr(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("scripts.trust.try_all", lambda files: read(REPORT, "the report of pytest"))

    assert main(["canaries"]) == 1

    printed, said = capsys.readouterr()
    assert printed.split() == ["canaries:", "planted", "credentials", "43", "cases", "2", "wrong", "2", "s"]
    assert said == "the report of pytest\n"
    assert main(["nonsense"]) == 2
