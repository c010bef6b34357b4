"""When waiting for a host is over: at once for what no minute fixes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from infra.errors import HostUnreachable, KeyRefused, WorldError
from infra.host import ready
from infra.host.connection import Host
from infra.host.target import Target

TARGET = Target(identity="i-0", address="127.0.0.1", port=1, user="me", key=Path("id"), known_hosts=Path("known"))


@pytest.mark.parametrize(("error", "until_s"), [(KeyRefused("no"), ready.KEY_GRACE_S), (HostUnreachable("no"), 600.0)])
def test_a_refused_key_is_final_after_the_boots_grace(
    monkeypatch: pytest.MonkeyPatch, error: HostUnreachable, until_s: float
) -> None:
    hand = [0.0]

    def refuse(host: Host) -> None:
        raise error

    def sleep(seconds: float) -> None:
        hand[0] += seconds

    monkeypatch.setattr(ready, "wait_for_ssh", lambda target, **_: None)
    monkeypatch.setattr(ready, "ask_facts", refuse)
    # This module's own alone: other threads of the process, which other tests left behind, sleep as ever.
    monkeypatch.setattr(ready, "time", SimpleNamespace(sleep=sleep))

    with pytest.raises(type(error)):
        ready.wait_until_ready(Host(TARGET), gpu=False, tell=lambda line: None, now=lambda: hand[0])

    assert hand[0] == until_s


def test_whoever_waits_for_ssh_looks_now_and_then_whether_there_is_anything_to_wait_for(
    free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand, looked = [0.0], list[float]()

    def look() -> None:
        looked.append(hand[0])
        if len(looked) == 3:
            raise WorldError("it was terminated")

    monkeypatch.setattr(ready, "time", SimpleNamespace(sleep=lambda s: hand.__setitem__(0, hand[0] + 2.5)))
    with pytest.raises(WorldError, match="terminated"):
        ready.wait_for_ssh(replace(TARGET, port=free_port), timeout_s=600, look=look, now=lambda: hand[0])

    assert looked == [10.0, 20.0, 30.0]
