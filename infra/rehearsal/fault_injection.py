"""Troubles on demand: `rig rehearsal fault WORD ...`. docs/rehearsal.md lists them; `clear` takes all away."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

USAGE: Final = {
    "capacity": "capacity [--zone us-east-1a] [--type g4dn.xlarge] [--free 3]: no machine, or so many, are free there "
    "(without a place: anywhere)",
    "quota": "quota N: vCPUs of GPU instances the account may run",
    "throttle": "throttle 0.2: this share of all calls is refused as too fast",
    "expired": "expired: your login has expired, so AWS refuses every call; SSH goes on",
    "spot-notice": "spot-notice: AWS takes the spot instances back in two minutes",
    "hang": "hang: everything on the running instances is frozen",
    "drop-ssh": "drop-ssh: all SSH connections are cut",
    "slow": "slow 80ms: what comes over SSH comes this much later",
    "net-cut": "net-cut N: the line of the N-th machine of a group is cut, both ways; SSH goes on (Linux, root)",
    "net-slow": "net-slow 5mbit: the machines of a group send no more than that to one another (Linux, root)",
    "disk-full": "disk-full: nothing more can be written to files on the instances (Linux only)",
    "nvidia-smi": "nvidia-smi FILE: the instances get an nvidia-smi that prints this file; off takes it away",
    "clear": "clear: everything is well again",
}
DEFAULT_QUOTA: Final = 64.0


class UnknownFault(ValueError):
    """The words are no fault; the text says what would be."""


@dataclass(frozen=True)
class Shortage:
    """*free* machines and no more for *type* in *zone*; an empty one stands for all."""

    zone: str = ""
    type: str = ""
    free: int = 0

    def hits(self, zone: str, machine_type: str) -> bool:
        return self.zone in ("", zone) and self.type in ("", machine_type)


@dataclass(frozen=True)
class Troubles:
    """Those that last. *quota*: vCPUs; *throttle*: share of calls; *slow_s*: seconds each way."""

    shortages: tuple[Shortage, ...] = ()
    quota: float = DEFAULT_QUOTA
    throttle: float = 0.0
    slow_s: float = 0.0
    disk_full: bool = False
    expired: bool = False


@dataclass
class Faults:
    """The troubles of now; replaced whole, so that a reader in another thread sees one state or the other."""

    now: Troubles = Troubles()
    _dice: random.Random = field(default_factory=lambda: random.Random(1))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def change(self, words: list[str]) -> str | None:
        """Apply a lasting trouble and say so; None when *words* name one that happens once. Raises UnknownFault."""
        verb = words[0] if words else ""
        if verb not in USAGE:
            raise UnknownFault("one of:\n" + "\n".join(USAGE.values()))
        try:
            self.now = _changed(self.now, verb, words[1:])
        except ValueError:
            raise UnknownFault(USAGE[verb]) from None
        lasting = {"capacity", "quota", "throttle", "slow", "expired", "disk-full", "clear"}
        return f"{USAGE[verb].partition(':')[2].strip()}" if verb in lasting else None

    def throttles(self) -> bool:
        with self._lock:
            return self._dice.random() < self.now.throttle

    def short_of(self, zone: str, machine_type: str, count: int = 1) -> bool:
        return any(one.free < count for one in self.now.shortages if one.hits(zone, machine_type))

    def take(self, zone: str, machine_type: str, count: int = 1) -> None:
        """*count* machines are rented there: so many fewer are free."""
        left = tuple(
            replace(one, free=max(0, one.free - count)) if one.hits(zone, machine_type) else one
            for one in self.now.shortages
        )
        self.now = replace(self.now, shortages=left)


def _changed(now: Troubles, verb: str, words: list[str]) -> Troubles:
    if verb == "clear" and not words:
        return Troubles()
    if verb == "capacity":
        return replace(now, shortages=(*now.shortages, _shortage(words)))
    if verb == "quota":
        return replace(now, quota=_one(words, float, most=1e6))
    if verb == "throttle":
        return replace(now, throttle=_one(words, float, most=1.0))
    if verb == "slow":
        return replace(now, slow_s=_one(words, seconds, most=60.0))
    if words and verb not in ("nvidia-smi", "net-cut", "net-slow"):
        raise ValueError(words)
    if verb == "expired":
        return replace(now, expired=True)
    return replace(now, disk_full=True) if verb == "disk-full" else now


def _one(words: list[str], read: Callable[[str], float], *, most: float) -> float:
    """The one number that *words* are, from 0 to *most*."""
    (word,) = words
    number = read(word)
    if not 0 <= number <= most:
        raise ValueError(number)
    return number


def _shortage(words: list[str]) -> Shortage:
    apart = [part for word in words for part in word.split("=", 1)]
    pairs = dict(zip(apart[::2], apart[1::2], strict=True))
    given = {name: pairs.pop(f"--{name}", "") for name in ("zone", "type")}
    free = pairs.pop("--free", "0")
    if pairs:
        raise ValueError(pairs)
    return Shortage(**given, free=int(_one([free], int, most=1000)))


def seconds(text: str) -> float:
    """80ms, 0.5s or 2 -> seconds."""
    for unit, factor in (("ms", 0.001), ("s", 1.0)):
        if text.endswith(unit):
            return float(text.removesuffix(unit)) * factor
    return float(text)
