"""The programs of this computer that end with rig."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from types import FrameType
from typing import Any

import pytest

from infra.host import local_programs
from infra.host.local_programs import local_process


class Ended(BaseException):
    """What SIGTERM raises in this test."""


def end(number: int, frame: FrameType | None) -> None:
    raise Ended


@pytest.fixture(autouse=True)
def answers() -> Iterator[dict[int, Any]]:
    ours: dict[int, Any] = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: end}
    before = {number: signal.signal(number, answer) for number, answer in ours.items()}
    yield ours
    for number, answer in before.items():
        signal.signal(number, answer)


@pytest.mark.parametrize(
    ("numbers", "raised"),
    [
        ([signal.SIGINT], KeyboardInterrupt),
        ([signal.SIGTERM], Ended),
        ([signal.SIGINT, signal.SIGTERM], Ended),
        ([signal.SIGTERM, signal.SIGINT], Ended),
    ],
)
def test_a_signal_while_a_program_begins_is_answered_once_it_is_known(
    numbers: list[signal.Signals], raised: type[BaseException], answers: dict[int, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or nobody would end it: it runs, and rig does not know its number yet."""
    begun = []
    start = subprocess.Popen

    def interrupted(line: list[str]) -> subprocess.Popen[bytes]:
        begun.append(start(line))
        for number in numbers:
            signal.raise_signal(number)
        return begun[0]

    monkeypatch.setattr(subprocess, "Popen", interrupted)
    with pytest.raises(raised):
        local_process(["sleep", "600"])

    try:
        assert begun[0] in local_programs._BEGUN
        assert {number: signal.getsignal(number) for number in answers} == answers
    finally:
        begun[0].kill()
        begun[0].wait()


def test_a_signal_that_is_ignored_stays_so() -> None:
    """As of what a script begins with & in the background: the program inherits it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    said, _ = local_process(["sh", "-c", "kill -INT $$; echo lives"], stdout=subprocess.PIPE).communicate()

    assert said == b"lives\n"
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
