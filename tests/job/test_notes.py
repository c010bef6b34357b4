"""What the user notes of a run stands beside its folder, which stays as the run left it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from infra.errors import UserError
from infra.job.notes import Note, parse_tags, read_note, write_note


def test_a_note_and_tags_are_changed_each_for_itself_and_taken_away_by_nothing(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()

    assert read_note(run) == Note()
    assert write_note(run, text="lr 0.1 diverged", tags=None) == Note("lr 0.1 diverged")
    assert write_note(run, text=None, tags=parse_tags("#good, lr-sweep good")) == read_note(run)
    assert read_note(run) == Note("lr 0.1 diverged", ("good", "lr-sweep"))
    assert str(read_note(run)) == "#good #lr-sweep lr 0.1 diverged"
    assert write_note(run, text="", tags=None) == Note("", ("good", "lr-sweep"))
    assert list(run.iterdir()) == []


def test_a_note_is_one_line_of_letters_whatever_was_typed(tmp_path: Path) -> None:
    assert write_note(tmp_path / "run", text=" two\nlines, \udcff\t", tags=None) == Note("two lines, ?")
    assert read_note(tmp_path / "run") == Note("two lines, ?")


def test_a_tag_that_is_none_a_note_too_long_and_a_credential_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no tag"):
        parse_tags("good <b>")
    for text in ("a" * 2001, "AKIA9CANARY7" + "EXAMPLE0"):
        with pytest.raises(UserError):
            write_note(tmp_path / "run", text=text, tags=None)
    assert list(tmp_path.iterdir()) == []


@given(
    content=some.one_of(
        some.binary(max_size=30), some.sampled_from([b"[" * 5000, b'{"text": 1, "tags": [1, "a b", "c"]}'])
    )
)
def test_a_note_that_somebody_spoilt_is_none(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    runs = tmp_path_factory.mktemp("runs")
    (runs / ".notes").mkdir()
    (runs / ".notes" / "run.json").write_bytes(content)

    assert read_note(runs / "run") in (Note(), Note("", ("c",)))
