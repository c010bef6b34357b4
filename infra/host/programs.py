"""The kit's own small programs on the host: sent with the question, so that a full disk there can still be asked."""

from __future__ import annotations

import io
import selectors
import subprocess
import tempfile
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from infra.errors import WorldError
from infra.host.connection import DROPPED, GREETING, Host, explain_loss, explain_silence
from infra.host.foreign import make_printable

SCRIPTS = Path(__file__).resolve().parents[1] / "remote"
_LONGEST_PREAMBLE = 1 << 20
_LONGEST_ANSWER = 1 << 30
_LONGEST_LINE = 1 << 20
_CHUNK = 1 << 16
FIRST_WORD_S = 30.0  # a machine that hangs takes the connection and greets never
SILENCE_S = 120.0  # our programs say something every few seconds


def program(name: str, *words: str) -> list[str]:
    return ["python3", "-c", (SCRIPTS / name).read_text(encoding="utf-8"), *words]


def answer_of(host: Host, *lines: Sequence[str], given: bytes = b"") -> bytes:
    """All that commands on the host print, with *given* on their standard input."""
    return hear(host, *lines, given=given)[1]


def hear(host: Host, *lines: Sequence[str], given: bytes = b"") -> tuple[bytes, bytes]:
    """What a login shell there printed of itself, and then what the commands did."""
    with listening(host, *lines, given=given) as (before, out):
        answer = bytearray()
        while chunk := out.read(_CHUNK):  # in one piece, room for the longest would be taken for every answer
            answer += chunk
            _require_an_end(host, len(answer))
    return before, bytes(answer)


def lines_of(host: Host, *lines: Sequence[str]) -> Generator[bytes, None, None]:
    """What commands on the host print, a line at a time; one without an end comes in pieces. Close it when done."""
    heard = 0
    with listening(host, *lines) as (_, out):
        while line := out.readline(_LONGEST_LINE):
            heard += len(line)
            _require_an_end(host, heard)
            yield line.rstrip(b"\n")


def _require_an_end(host: Host, heard: int) -> None:
    if heard > _LONGEST_ANSWER:
        raise WorldError(f"{host.target} answers without an end.", "`rig ssh` opens a shell there")


@contextmanager
def listening(host: Host, *lines: Sequence[str], given: bytes = b"") -> Iterator[tuple[bytes, IO[bytes]]]:
    """What a login shell there printed of itself, and what commands print, while they print it.

    Raises WorldError with their own words if they fail, or if nothing comes for SILENCE_S; HostUnreachable if the
    connection breaks, or if the host does not greet within FIRST_WORD_S.
    """
    with tempfile.TemporaryFile() as question, tempfile.TemporaryFile() as complaint:
        question.write(given)
        question.seek(0)
        process = host.stream(
            ["echo", GREETING], *lines,
            stdin=question, stdout=subprocess.PIPE, stderr=complaint, bufsize=0,
        )  # fmt: skip
        ear = _Ear(process)
        try:
            out: Any = io.BufferedReader(ear, 1 << 16)
            before = _preamble(out)
            ear.be_patient()
            yield before, out
        finally:
            process.kill()  # nothing, where it has ended; else nobody hears it any more
            process.wait()
        complaint.seek(0)
        _judge(host, ear, complaint.read(1 << 16).decode(errors="replace").strip())


def _preamble(out: IO[bytes]) -> bytes:
    before, greeting = b"", GREETING.encode() + b"\n"
    while len(before) < _LONGEST_PREAMBLE and (line := out.readline(_LONGEST_PREAMBLE)):
        before += line
        if before.endswith(greeting):  # what came before may lack its line end
            return before.removesuffix(greeting)
    return before


def _judge(host: Host, ear: _Ear, complaint: str) -> None:
    if ear.silent and ear.patience_s == FIRST_WORD_S:
        raise explain_silence(host.target, FIRST_WORD_S)
    if ear.silent:
        raise WorldError(
            f"{host.target} has said nothing for {SILENCE_S:g} s.",
            "the machine may be out of memory or disk; look with `rig ssh`, or `rig stop`",
        )
    if ear.exit_code == DROPPED:
        raise explain_loss(host.target, complaint)
    if ear.exit_code:
        raise WorldError(
            f"{host.target} could not answer: {make_printable(complaint.splitlines()[-1] if complaint else '')}"
        )


class _Ear(io.RawIOBase):
    """The output of *process*. *silent*: it was given up, as nothing came for *patience_s*. *exit_code*: its own, 0 for
    one that was not heard out."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.silent, self.patience_s, self.exit_code = False, FIRST_WORD_S, 0
        self._process = process
        self._waiting = selectors.DefaultSelector()
        assert process.stdout is not None
        self._out = process.stdout
        self._waiting.register(self._out, selectors.EVENT_READ)

    def readable(self) -> bool:
        return True

    def be_patient(self) -> None:
        """From now on its programs may take their time."""
        if not self.silent:
            self.patience_s = SILENCE_S

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        self.silent = self.silent or not self._waiting.select(self.patience_s)
        if self.silent:
            return 0
        count: int = self._out.readinto(buffer)  # type: ignore[attr-defined]
        if not count:
            self.exit_code = self._process.wait()
        return count

    def close(self) -> None:
        self._waiting.close()
        self._out.close()
        super().close()
