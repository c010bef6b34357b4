"""Waits until the host is of use: SSH answers with the right key, then Docker, then (if rented) the GPU."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Final

from infra.console import Tell
from infra.errors import HostUnreachable, KeyRefused, WorldError
from infra.guard.status import STALE_AFTER_S
from infra.host.connection import Host, explain_refusal, explain_timeout
from infra.host.facts import Facts, ask_facts
from infra.host.target import Target

Look = Callable[[], None]
"""Called every LOOK_EVERY_S while a machine is waited for: raises for one that nobody need wait for any more."""
LOOK_EVERY_S: Final = 10.0


def _nowhere() -> None:
    """Nobody to ask."""


def _now_and_then(look: Look, now: Callable[[], float]) -> Look:
    """*look*, and nothing where LOOK_EVERY_S have not gone since the last one, or since this was made."""
    due = now() + LOOK_EVERY_S

    def look_if_due() -> None:
        nonlocal due
        if now() >= due:
            look()
            due = now() + LOOK_EVERY_S

    return look_if_due


def wait_for_ssh(
    target: Target, *, timeout_s: float = 300, look: Look = _nowhere, now: Callable[[], float] = time.monotonic
) -> None:
    """Return when an SSH server greets at *target*. Raises HostUnreachable: timed out or refused, told apart; and what
    *look* raises."""
    deadline, look_if_due = now() + timeout_s, _now_and_then(look, now)
    while True:
        look_if_due()
        failure = _greeting_failure(target)
        if failure is None:
            return
        if now() >= deadline:
            raise failure
        time.sleep(0.2)


def _greeting_failure(target: Target) -> HostUnreachable | None:
    try:
        with socket.create_connection((target.address, target.port), timeout=5) as connection:
            connection.settimeout(5)
            return None if connection.recv(4) == b"SSH-" else explain_refusal(target)
    except TimeoutError:
        return explain_timeout(target)
    except OSError:
        return explain_refusal(target)


# cloud-init writes the key before sshd starts for good; an image's own sshd may greet a little earlier.
KEY_GRACE_S: Final = 60.0


def wait_until_ready(
    host: Host,
    *,
    gpu: bool,
    tell: Tell,
    timeout_s: float = 600,
    look: Look = _nowhere,
    now: Callable[[], float] = time.monotonic,
) -> Facts:
    """Return the host's facts once SSH, Docker and (with *gpu*) the NVIDIA driver answer.

    A key that is refused after KEY_GRACE_S is refused for good: no minute of waiting fixes it.
    """
    wait_for_ssh(host.target, timeout_s=timeout_s, look=look)
    deadline, look_if_due = now() + timeout_s, _now_and_then(look, now)
    key_deadline = now() + KEY_GRACE_S
    told = ""
    while True:
        try:
            facts = ask_facts(host)
            lacking = lacking_of(facts, gpu=gpu)
        except HostUnreachable as error:  # while a system boots, sshd is started more than once
            if now() >= (key_deadline if isinstance(error, KeyRefused) else deadline):
                raise
            lacking = error.cause
        if not lacking:
            return facts
        if now() >= deadline:
            raise WorldError(
                f"{host.target} is up, but after {timeout_s:g} s this is still missing: {lacking}.",
                "`rig ssh` opens a shell there; `sudo cloud-init status --long` tells what the boot is doing\n"
                "`rig terminate` ends the instance and its cost",
            )
        look_if_due()
        if lacking != told:
            tell(f"Waiting for the instance: {lacking}")
            told = lacking
        time.sleep(1)


def lacking_of(facts: Facts, *, gpu: bool) -> str:
    """What keeps the host from being of use. Without its guard no machine is called ready: it is what ends the bill."""
    if facts.guard_silent_s is None or facts.guard_silent_s > STALE_AFTER_S:
        return "the guard is not up yet"
    if not facts.docker:
        return "Docker does not answer yet"
    if gpu and not facts.gpus:
        return "the GPU's driver (nvidia-smi) does not answer yet"
    return ""
