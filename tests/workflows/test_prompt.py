"""A line that is typed in these tests is what the console script makes of it."""

from __future__ import annotations

import pytest

from tests.workflows.user import Person


@pytest.mark.parametrize("line", ["--help", "settings", "status --hours", "lanch"])
def test_a_line_of_the_warm_process_is_the_console_scripts(person: Person, line: str) -> None:
    (person.folder / "rig.toml").write_text('name = "mine"\n')
    script = person.start(*line.split())
    out, said = script.communicate(timeout=60)

    assert person.types(*line.split(), code=script.returncode) == out
    assert person.said == said
    assert out + said
