"""A growing log is read once, line by whole line; a replaced one from its beginning."""

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from training.serve.tail import Piece, follow, read_whole

DEADLINE_S = 10.0


class Follower:
    """Follows in a thread; `wait_for` polls what it has seen."""

    def __init__(self, path: Path) -> None:
        self.seen: list[tuple[int, str]] = []
        self.said: list[str] = []
        threading.Thread(target=self._run, args=(follow(path, self.said.append),), daemon=True).start()

    def _run(self, pieces: Iterator[Piece]) -> None:
        for piece in pieces:
            self.seen += enumerate(piece.lines, start=piece.number)

    def wait_for(self, *expected: tuple[int, str]) -> None:
        end = time.monotonic() + DEADLINE_S
        while self.seen != list(expected) and time.monotonic() < end:
            time.sleep(0.01)
        assert self.seen == list(expected)


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def test_lines_come_as_they_are_finished_and_never_half(tmp_path):
    log = tmp_path / "log"
    log.write_text("one\ntw")
    follower = Follower(log)
    follower.wait_for((1, "one"))

    append(log, "o\nthree\n")

    follower.wait_for((1, "one"), (2, "two"), (3, "three"))


def test_a_log_that_is_cut_back_is_read_again_from_line_one(tmp_path):
    log = tmp_path / "log"
    log.write_text("a long first line\n")
    follower = Follower(log)
    follower.wait_for((1, "a long first line"))

    log.write_text("new\n")

    follower.wait_for((1, "a long first line"), (1, "new"))


def test_a_log_that_is_rotated_away_is_followed_under_its_name(tmp_path):
    log = tmp_path / "log"
    log.write_text("old\n")
    follower = Follower(log)
    follower.wait_for((1, "old"))

    log.rename(tmp_path / "log.1")
    log.write_text("new\n")

    follower.wait_for((1, "old"), (1, "new"))


def test_a_half_line_that_a_rotation_takes_away_is_said(tmp_path):
    log = tmp_path / "log"
    log.write_text("old\nhal")
    follower = Follower(log)
    follower.wait_for((1, "old"))
    assert follower.said == []

    log.rename(tmp_path / "log.1")
    log.write_text("new\n")

    follower.wait_for((1, "old"), (1, "new"))
    assert follower.said == [f"{log}: the log was replaced, and its last line, which had no end yet, is lost: 'hal'"]


@given(st.lists(st.text(alphabet="ab,é", max_size=5), max_size=20), st.booleans())
def test_a_whole_file_gives_every_line_once(lines, ends_with_newline):
    text = "\n".join(lines) + ("\n" if ends_with_newline and lines else "")
    reader, writer = os.pipe()
    os.write(writer, text.encode())
    os.close(writer)

    pieces = list(read_whole(reader))
    os.close(reader)

    assert [line for piece in pieces for line in piece.lines] == text.removesuffix("\n").split("\n" if text else None)
