"""The rules: what the guard saw, and what it remembers, decide whether this machine is switched off. Nothing else does.

Two clocks count towards the deadline, and whichever says first that it has come is believed: the time of day, and the
time this machine has been running since the deadline was promised, over reboots. So no jump of the clock can lengthen
a launch. Times are seconds: `wall` since 1970, `..._at_s` and `..._until_s` on the running time over all boots.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timezone

TICK_S = 5.0  # AWS asks to look for a spot notice this often
# What a machine gets that was past its deadline when it booted: to read a newer deadline, to set its clock, to be told
# so over SSH. Once per deadline: rebooting again and again must not add up.
MERCY_S = 300.0
# The kit promises nothing for longer than thirty days, so a deadline beyond is somebody's slip, or this clock's.
MOST_AHEAD_S = 31 * 86400.0


@dataclass(frozen=True)
class LaunchDefaults:
    """What user-data says. It holds when the tags cannot be read."""

    hours_s: float
    idle_minutes: float


@dataclass(frozen=True)
class Observation:
    """*deadline*, *idle_minutes*: the instance's tags, None when not readable. *busy*: signs of use, in words."""

    boot: str
    up_s: float
    wall: float
    deadline: float | None = None
    idle_minutes: float | None = None
    busy: tuple[str, ...] = ()
    spot_notice: str = ""


@dataclass(frozen=True)
class Memory:
    """What outlives the guard's process, and the machine's reboot."""

    boot: str
    off_at_s: float  # the promised running time is used up then
    idle_minutes: float
    deadline: float | None = None  # the last one read
    before_s: float = 0.0  # running time of the boots before this one
    up_s: float = 0.0  # running time of this boot
    busy_at_s: float = 0.0
    tag_boot: str = ""  # the boot in which the deadline was last read
    live_boot: str = ""  # the boot in which the deadline was last seen ahead of us
    mercy_until_s: float | None = None
    ended: bool = False  # the guard has fired on this promise

    @property
    def running_s(self) -> float:
        return self.before_s + self.up_s

    @property
    def idle_s(self) -> float:
        return self.running_s - self.busy_at_s

    def left_s(self, wall: float) -> float:
        """Until the first of the two clocks says that the deadline has come; negative after it."""
        by_running = self.off_at_s - self.running_s
        return by_running if self.deadline is None else min(by_running, self.deadline - wall)


@dataclass(frozen=True)
class Trigger:
    """*reason*: deadline, idle or spot. *detail*: a sentence for the user."""

    reason: str
    detail: str


@dataclass(frozen=True)
class Decision:
    memory: Memory
    trigger: Trigger | None = None


def decide(seen: Observation, memory: Memory | None, defaults: LaunchDefaults) -> Decision:
    if seen.deadline is not None and seen.deadline - seen.wall > MOST_AHEAD_S:
        seen = replace(seen, deadline=None)
    known = memory or Memory(
        seen.boot, off_at_s=defaults.hours_s, idle_minutes=defaults.idle_minutes, live_boot=seen.boot
    )
    now = _note_use(_follow_tags(_pass_time(known, seen), seen), seen)
    if seen.spot_notice:
        return _fire(now, "spot", "AWS takes this spot instance back: " + seen.spot_notice)
    if now.left_s(seen.wall) <= 0:
        return _deadline_has_come(now, seen, defaults)
    now = replace(now, live_boot=seen.boot)
    if 0 < now.idle_minutes * 60 <= now.idle_s:
        return _fire(now, "idle", f"nobody has used this machine for {now.idle_minutes:g} minutes")
    return Decision(now)


def _pass_time(memory: Memory, seen: Observation) -> Memory:
    if seen.boot == memory.boot:
        return replace(memory, up_s=seen.up_s)
    rebooted = replace(memory, boot=seen.boot, before_s=memory.running_s, up_s=seen.up_s)
    return replace(rebooted, busy_at_s=rebooted.running_s)  # nobody could use it before it was up


def _follow_tags(memory: Memory, seen: Observation) -> Memory:
    if seen.idle_minutes is not None:
        memory = replace(memory, idle_minutes=seen.idle_minutes)
    if seen.deadline is None:
        return memory
    if seen.deadline == memory.deadline:
        return replace(memory, tag_boot=seen.boot)
    if memory.deadline is not None and memory.tag_boot == seen.boot:
        # Moved while we run (`rig extend`): the promise grows by the difference, whatever the clocks say.
        off_at_s = memory.off_at_s + seen.deadline - memory.deadline
    else:
        off_at_s = memory.running_s + seen.deadline - seen.wall
    return replace(
        memory, deadline=seen.deadline, off_at_s=off_at_s, tag_boot=seen.boot, mercy_until_s=None, ended=False
    )


def _note_use(memory: Memory, seen: Observation) -> Memory:
    return replace(memory, busy_at_s=memory.running_s) if seen.busy else memory


def _deadline_has_come(memory: Memory, seen: Observation, defaults: LaunchDefaults) -> Decision:
    if memory.live_boot == seen.boot:
        return _fire(memory, "deadline", _which_clock(memory, seen))
    if memory.mercy_until_s is None:
        return Decision(replace(memory, mercy_until_s=memory.running_s + MERCY_S))
    if memory.running_s < memory.mercy_until_s:
        return Decision(memory)
    if memory.ended and seen.deadline is None:
        # Started again after we had ended it, and no tag can be read: what user-data promised counts from this boot.
        again = replace(memory, off_at_s=memory.before_s + defaults.hours_s, deadline=None, ended=False)
        return Decision(replace(again, live_boot=seen.boot, mercy_until_s=None))
    return _fire(memory, "deadline", "started after its deadline, and no new one came; `rig start` sets one")


def _which_clock(memory: Memory, seen: Observation) -> str:
    if memory.deadline is None:
        return "the hours promised at launch are over; no deadline tag could be read"
    promised = datetime.fromtimestamp(memory.deadline, timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")
    early_s = memory.off_at_s - memory.running_s
    if early_s > 60:
        return (
            f"the deadline {promised} has come by the time of day; by running time {early_s / 60:.0f} minutes were left"
        )
    return f"the deadline {promised} has come"


def _fire(memory: Memory, reason: str, detail: str) -> Decision:
    return Decision(replace(memory, ended=True), Trigger(reason, detail))
