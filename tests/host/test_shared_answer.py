"""A dear question that many threads ask at once is asked once for all of them, and never too early for one."""

from __future__ import annotations

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from infra.host import shared_answer
from infra.host.shared_answer import SharedAnswer


def test_one_answer_is_for_all_who_asked_before_it_was_begun_and_for_nobody_who_came_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shared = SharedAnswer[int]()
    begun, all_have_asked, go_on = threading.Event(), threading.Event(), threading.Event()
    answers, ticks = itertools.count(1), itertools.count(1)

    def tick() -> int:
        now = next(ticks)
        if now == 10:  # the first asked and began, and eight more have asked
            all_have_asked.set()
        return now

    def find() -> int:
        begun.set()
        assert go_on.wait(60)
        return next(answers)

    monkeypatch.setattr(shared_answer, "time", SimpleNamespace(monotonic_ns=tick))
    with ThreadPoolExecutor(9) as pool:
        asked = [pool.submit(shared.get, find)]
        assert begun.wait(60)
        asked += [pool.submit(shared.get, find) for _ in range(8)]
        assert all_have_asked.wait(60)
        go_on.set()
        found = [one.result() for one in asked]

    assert found == [1] + [2] * 8
    assert shared.get(find) == 3
