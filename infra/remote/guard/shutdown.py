"""Switch the machine off, whatever hangs on the way. Every step has a bound; together they stay under five minutes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from .decide import Trigger
from .subprocesses import ask, finish
from .systemd import alive

# Each way off, and how long it gets before the next is tried. Never `halt`: a halted EC2 instance runs, and costs, on.
WAYS_OFF = (
    (("systemctl", "poweroff"), 60.0),
    (("shutdown", "-P", "now"), 30.0),
    (("systemctl", "poweroff", "--force"), 30.0),
    (("systemctl", "poweroff", "--force", "--force"), 30.0),
)
NOTHING_TO_COPY = 75  # the hook's exit code when no bucket was named; none of awscli's own


@dataclass(frozen=True)
class Bounds:
    """Seconds. *stop_s*: between SIGTERM and SIGKILL. *copy_s*: for the hook that copies results away."""

    stop_s: float
    copy_s: float
    sync_s: float


USUAL = Bounds(stop_s=60, copy_s=120, sync_s=20)
SPOT = Bounds(stop_s=40, copy_s=45, sync_s=5)  # AWS switches off two minutes after its notice


@dataclass(frozen=True)
class Machine:
    """Where things are on this machine. *really* turns the guard's seconds into the world's (see `clock`)."""

    root: str
    label: str
    really: Callable[..., float]
    say: Callable[[str], None]

    @property
    def hook(self) -> str:
        return self.root + "/etc/gluon-rig/before-off"

    @property
    def sysrq(self) -> str:
        return self.root + "/proc/sysrq-trigger"


def wind_down(machine: Machine, trigger: Trigger, note: Callable[[dict[str, str]], None]) -> None:
    """Let the jobs save, copy what is to be copied. *note* is told after every step how it went."""
    bounds = SPOT if trigger.reason == "spot" else USUAL
    steps: dict[str, str] = {}
    for name, step in (("containers", stop_containers), ("copy", copy_away), ("disk", flush_disk)):
        steps[name] = step(machine, bounds)
        machine.say(f"{name}: {steps[name]}")
        note(dict(steps))


def stop_containers(machine: Machine, bounds: Bounds) -> str:
    listing = ask(list_containers(machine.label), machine.really(15, at_least=5), alive)
    if listing is None:  # that is not the same as none: a job that nobody asks to save loses what it has
        return "Docker does not answer"
    names = listing.split()
    if not names:
        return "none"
    grace_s = machine.really(bounds.stop_s, at_least=5)
    stop = ["docker", "stop", "--time", f"{grace_s:.0f}", *names]
    return finish(stop, grace_s + machine.really(bounds.stop_s / 2, at_least=2), alive)


def list_containers(label: str) -> list[str]:
    return ["docker", "ps", "--filter", "label=" + label, "--format", "{{.Names}}"]


def copy_away(machine: Machine, bounds: Bounds) -> str:
    if not os.access(machine.hook, os.X_OK):
        return "none"
    said = finish([machine.hook], machine.really(bounds.copy_s, at_least=5), alive)
    return "none" if said == f"exit {NOTHING_TO_COPY}" else said


def flush_disk(machine: Machine, bounds: Bounds) -> str:
    return finish(["sync"], machine.really(bounds.sync_s, at_least=2), alive)


def power_off(machine: Machine) -> None:
    """Try every way off, from the kindest to the rudest. Returns only if none worked."""
    for words, patience_s in WAYS_OFF:
        machine.say("{}: {}".format(" ".join(words), finish(words, machine.really(patience_s, at_least=3), alive)))
        _wait_to_be_off(machine.really(patience_s, at_least=1))
    _press_sysrq(machine)


def _wait_to_be_off(seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        alive()
        time.sleep(0.2)


def _press_sysrq(machine: Machine) -> None:
    """Ask the kernel itself, which needs no program and no disk: s writes out, u remounts read-only, o switches off.

    Root may do so whatever kernel.sysrq says: https://docs.kernel.org/admin-guide/sysrq.html
    """
    for key in ("s", "u", "o"):
        try:
            trigger = os.open(machine.sysrq, os.O_WRONLY)
        except OSError:
            return
        machine.say("sysrq " + key)
        with suppress(OSError):  # the next key, or the next round, may still work
            os.write(trigger, key.encode())
        os.close(trigger)
        _wait_to_be_off(2)
