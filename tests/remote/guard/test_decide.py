"""The guard's rules, as pure decisions: what it saw and remembered in, fire or not out."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.remote.guard.decide import MERCY_S, TICK_S, Decision, LaunchDefaults, Memory, Observation, Trigger, decide

HOUR = 3600.0
T0 = 1_800_000_000.0  # some moment in 2027
DEFAULTS = LaunchDefaults(hours_s=8 * HOUR, idle_minutes=20)
BUSY = ("container rig-a",)


def seen(up_s: float, *, boot: str = "b1", wall: float | None = None, **rest: object) -> Observation:
    return replace(Observation(boot, up_s, T0 + up_s if wall is None else wall, busy=BUSY), **rest)


def after(*observations: Observation, memory: Memory | None = None) -> Decision:
    """The decision on the last of *observations*, each made with the memory of the one before."""
    decision = Decision(memory) if memory else None
    for one in observations:
        decision = decide(one, decision.memory if decision else None, DEFAULTS)
    assert decision
    return decision


class TestDeadline:
    def test_it_fires_when_the_tag_says_so(self) -> None:
        at = T0 + 2 * HOUR
        early = after(seen(0, deadline=at), seen(2 * HOUR - 1, deadline=at))

        assert early.trigger is None
        assert after(seen(2 * HOUR, deadline=at), memory=early.memory).trigger == Trigger(
            "deadline", "the deadline 2027-01-15 10:00:00 UTC has come"
        )

    def test_without_a_readable_tag_the_hours_of_user_data_hold(self) -> None:
        before = after(seen(0), seen(8 * HOUR - 1))

        assert before.trigger is None
        assert after(seen(8 * HOUR), memory=before.memory).trigger == Trigger(
            "deadline", "the hours promised at launch are over; no deadline tag could be read"
        )

    def test_a_tag_that_cannot_be_read_any_more_still_holds(self) -> None:
        first = after(seen(0, deadline=T0 + HOUR))

        assert after(seen(HOUR - 1), memory=first.memory).trigger is None
        assert after(seen(HOUR), memory=first.memory).trigger

    def test_a_deadline_that_no_kit_ever_promised_is_taken_for_none(self) -> None:
        """Somebody's slip in the tag (9999-12-31), or this machine's clock before it is set."""
        first = after(seen(0, deadline=T0 + HOUR), seen(1, deadline=T0 + 32 * 24 * HOUR))

        assert after(seen(HOUR, deadline=T0 + 32 * 24 * HOUR), memory=first.memory).trigger

    def test_extending_lengthens_it_by_just_that_much(self) -> None:
        first = after(seen(0, deadline=T0 + HOUR), seen(HOUR / 2, deadline=T0 + 3 * HOUR))

        assert after(seen(3 * HOUR - 1), memory=first.memory).trigger is None
        assert after(seen(3 * HOUR), memory=first.memory).trigger

    def test_extending_with_a_clock_set_back_a_day_gives_no_extra_day(self) -> None:
        first = after(seen(0, deadline=T0 + HOUR), seen(HOUR / 2, wall=T0 - 23 * HOUR, deadline=T0 + 3 * HOUR))

        assert after(seen(3 * HOUR, wall=T0 - 21 * HOUR), memory=first.memory).trigger

    def test_shortening_counts_too(self) -> None:
        first = after(seen(0, deadline=T0 + 8 * HOUR), seen(HOUR, deadline=T0 + HOUR + 60))

        assert after(seen(HOUR + 60), memory=first.memory).trigger

    def test_a_clock_set_back_a_day_lengthens_nothing(self) -> None:
        first = after(seen(0, deadline=T0 + HOUR))

        assert after(seen(HOUR, wall=T0 - 23 * HOUR), memory=first.memory).trigger

    def test_a_machine_suspended_past_its_deadline_is_off_when_it_wakes(self) -> None:
        first = after(seen(0, deadline=T0 + HOUR))

        assert after(seen(60, wall=T0 + 5 * HOUR), memory=first.memory).trigger == Trigger(
            "deadline",
            "the deadline 2027-01-15 09:00:00 UTC has come by the time of day; by running time 59 minutes were left",
        )


class TestReboot:
    def test_the_running_time_adds_up(self) -> None:
        first = after(seen(0, deadline=T0 + HOUR), seen(0.6 * HOUR), seen(0, boot="b2", wall=T0))

        assert after(seen(0.4 * HOUR - 1, boot="b2", wall=T0), memory=first.memory).trigger is None
        assert after(seen(0.4 * HOUR, boot="b2", wall=T0), memory=first.memory).trigger

    def test_a_start_with_a_new_deadline_is_not_ended_by_the_old_one(self) -> None:
        old = after(seen(0, deadline=T0 + HOUR), seen(HOUR, deadline=T0 + HOUR))
        assert old.trigger
        day = T0 + 24 * HOUR
        booting = after(seen(5, boot="b2", wall=day), memory=old.memory)  # the network is not up yet
        started = after(seen(10, boot="b2", wall=day + 5, deadline=day + 2 * HOUR), memory=booting.memory)

        assert (booting.trigger, started.trigger) == (None, None)
        assert after(seen(1.9 * HOUR, boot="b2", wall=day + 1.9 * HOUR), memory=started.memory).trigger is None
        assert after(seen(2 * HOUR, boot="b2", wall=day + 2 * HOUR), memory=started.memory).trigger

    def test_a_start_with_a_new_deadline_promises_its_own_hours_whatever_the_clock_does_then(self) -> None:
        old = after(seen(0, deadline=T0 + HOUR), seen(HOUR / 2))
        day = T0 + 24 * HOUR
        started = after(seen(10, boot="b2", wall=day, deadline=day + 2 * HOUR), memory=old.memory)

        assert after(seen(10 + 2 * HOUR, boot="b2", wall=T0), memory=started.memory).trigger

    def test_extending_after_a_reboot_needs_no_right_clock_either(self) -> None:
        rebooted = after(
            seen(0, deadline=T0 + HOUR),
            seen(0.5 * HOUR, deadline=T0 + HOUR),
            seen(0, boot="b2", wall=T0 - 24 * HOUR, deadline=T0 + HOUR),
            seen(5, boot="b2", wall=T0 - 24 * HOUR, deadline=T0 + 2 * HOUR),
        )

        assert after(seen(1.5 * HOUR, boot="b2", wall=T0 - 23 * HOUR), memory=rebooted.memory).trigger

    def test_a_reboot_with_dead_metadata_is_no_way_past_the_deadline(self) -> None:
        first = after(seen(0, deadline=T0 + HOUR), seen(HOUR - 1, deadline=T0 + HOUR))
        waiting = after(seen(5, boot="b2", wall=T0 + HOUR + 60), memory=first.memory)

        assert waiting.trigger is None
        assert after(seen(5 + MERCY_S, boot="b2", wall=T0 + HOUR + 360), memory=waiting.memory).trigger

    def test_each_new_deadline_has_its_own_five_minutes(self) -> None:
        memory = None
        for number, day in enumerate((T0, T0 + 24 * HOUR, T0 + 48 * HOUR)):
            late = after(seen(0, boot=f"late{number}", wall=day, deadline=day - HOUR), memory=memory)
            fresh = after(seen(3000, boot=f"late{number}", wall=day + 3000, deadline=day + HOUR), memory=late.memory)
            memory = fresh.memory
            if number:
                assert (late.trigger, fresh.trigger) == (None, None)

    def test_a_machine_started_past_its_deadline_gets_five_minutes_to_hear_of_a_new_one(self) -> None:
        old = after(seen(0, deadline=T0 + HOUR), seen(60, deadline=T0 + HOUR))
        day = T0 + 24 * HOUR
        started = after(seen(0, boot="b2", wall=day, deadline=T0 + HOUR), memory=old.memory)
        waiting = after(seen(MERCY_S - 1, boot="b2", wall=day + MERCY_S, deadline=T0 + HOUR), memory=started.memory)
        extended = after(seen(MERCY_S, boot="b2", wall=day + MERCY_S, deadline=day + HOUR), memory=waiting.memory)

        assert (started.trigger, waiting.trigger, extended.trigger) == (None, None, None)
        assert after(
            seen(MERCY_S, boot="b2", wall=day + MERCY_S, deadline=T0 + HOUR), memory=waiting.memory
        ).trigger == Trigger("deadline", "started after its deadline, and no new one came; `rig start` sets one")

    def test_a_stale_deadline_is_not_trusted_for_ever_when_no_tag_can_be_read(self) -> None:
        """Ended, started again, metadata dead: the hours of user-data count from the new boot."""
        old = after(seen(0, deadline=T0 + HOUR), seen(HOUR))
        day = T0 + 24 * HOUR
        blind = after(seen(0, boot="b2", wall=day), seen(MERCY_S, boot="b2", wall=day + MERCY_S), memory=old.memory)

        assert blind.trigger is None
        assert after(seen(7 * HOUR, boot="b2", wall=day + 7 * HOUR), memory=blind.memory).trigger is None
        assert after(seen(8 * HOUR, boot="b2", wall=day + 8 * HOUR), memory=blind.memory).trigger

    def test_rebooting_again_and_again_gets_those_five_minutes_once(self) -> None:
        memory = after(seen(0, deadline=T0 + HOUR), seen(HOUR - 1, deadline=T0 + HOUR)).memory
        overtime = 0.0
        for boot in range(20):
            for up_s in range(0, 121, 5):
                decision = decide(
                    seen(up_s, boot=f"c{boot}", wall=T0 + HOUR + overtime + up_s, deadline=T0 + HOUR), memory, DEFAULTS
                )
                memory = decision.memory
                if decision.trigger:
                    assert overtime + up_s <= MERCY_S + TICK_S
                    return
            overtime += 120
        pytest.fail("never fired")


class TestIdle:
    def test_it_fires_after_the_idle_minutes_and_not_a_second_before(self) -> None:
        first = after(seen(0), seen(100), seen(100 + 20 * 60 - 1, busy=()))

        assert first.trigger is None
        assert after(seen(100 + 20 * 60, busy=()), memory=first.memory).trigger == Trigger(
            "idle", "nobody has used this machine for 20 minutes"
        )

    def test_any_sign_of_use_starts_the_minutes_anew(self) -> None:
        first = after(seen(0, busy=()), seen(1199, busy=()), seen(1200, busy=("1 SSH connection(s)",)))

        assert after(seen(2399, busy=()), memory=first.memory).trigger is None

    def test_a_boot_counts_as_use(self) -> None:
        first = after(seen(0), seen(1000, busy=()), seen(0, boot="b2", wall=T0 + HOUR, busy=()))

        assert after(seen(1199, boot="b2", busy=()), memory=first.memory).trigger is None

    def test_zero_means_never(self) -> None:
        first = after(seen(0, idle_minutes=0, busy=()))

        assert after(seen(7.9 * HOUR, idle_minutes=0, busy=()), memory=first.memory).trigger is None

    def test_the_tag_wins_over_user_data_and_is_remembered(self) -> None:
        first = after(seen(0, idle_minutes=5))

        assert after(seen(300, busy=()), memory=first.memory).trigger

    def test_the_clock_has_no_say_in_it(self) -> None:
        first = after(seen(0, deadline=T0 + 9 * 24 * HOUR))

        assert after(seen(60, wall=T0 + 24 * HOUR, busy=()), memory=first.memory).trigger is None


def test_a_spot_notice_fires_at_once_whatever_runs() -> None:
    assert after(seen(0, spot_notice="terminate at 2027-01-15T08:02:00Z")).trigger == Trigger(
        "spot", "AWS takes this spot instance back: terminate at 2027-01-15T08:02:00Z"
    )


def test_what_fired_once_goes_on_firing_until_the_machine_is_off() -> None:
    """A guard killed while it winds down starts again, and must not take the machine for saved."""
    fired = after(seen(0, deadline=T0 + HOUR), seen(HOUR))

    assert after(seen(HOUR + 60), memory=fired.memory).trigger


@dataclass
class World:
    """A machine whose true running time we know, whatever its clock says."""

    running_s: float = 0.0
    boot: int = 0
    up_s: float = 0.0
    clock_off_s: float = 0.0


steps = st.one_of(
    st.tuples(st.just("jump"), st.floats(-10 * 24 * HOUR, 10 * 24 * HOUR)),
    st.tuples(st.just("jump back"), st.floats(-10 * 24 * HOUR, 0)),
    st.tuples(st.just("reboot"), st.just(0.0)),
    st.tuples(st.just("guard dies"), st.floats(0, 120)),
    st.tuples(st.just("metadata silent"), st.floats(0, 900)),
    st.tuples(st.just("run"), st.floats(1, 2000)),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(steps, max_size=15), st.floats(300, 4 * HOUR))
def test_no_clock_no_reboot_and_no_silence_makes_a_launch_longer_than_promised(
    history: list[tuple[str, float]], promised_s: float
) -> None:
    """The first deadline is read by a right clock; from then on anything may happen.

    One tick late at most, plus the dead time of the guard itself, plus once the mercy of a reboot.
    """
    world, tag = World(), T0 + promised_s
    memory, silent_until, rebooted = None, -1.0, False

    def tick() -> Trigger | None:
        nonlocal memory
        wall = T0 + world.running_s + world.clock_off_s
        deadline = tag if world.running_s >= silent_until else None
        decision = decide(
            Observation(f"b{world.boot}", world.up_s, wall, deadline=deadline, busy=BUSY), memory, DEFAULTS
        )
        memory = decision.memory
        return decision.trigger

    def run(seconds: float) -> None:
        world.running_s += seconds
        world.up_s += seconds

    assert tick() is None
    dead_s = 0.0
    for kind, amount in [*history, ("run", promised_s + MERCY_S + 60)]:
        if kind.startswith("jump"):
            world.clock_off_s += amount
        elif kind == "reboot":
            world.boot, world.up_s, rebooted = world.boot + 1, 0.0, True
        elif kind == "guard dies":
            run(amount)
            dead_s = max(dead_s, amount)
        elif kind == "metadata silent":
            silent_until = world.running_s + amount
        for _ in range(int(amount // TICK_S) + 1 if kind == "run" else 1):
            run(TICK_S)
            if tick():
                late_s = world.running_s - promised_s
                assert late_s <= TICK_S + dead_s + (MERCY_S + TICK_S if rebooted else 0)
                return
    pytest.fail("never fired")


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.sampled_from(["run", "reboot", "guard dies", "metadata silent"]), max_size=12),
    st.floats(600, 4 * HOUR),
)
def test_a_busy_machine_with_a_right_clock_is_never_ended_before_its_deadline(
    history: list[str], promised_s: float
) -> None:
    tag, running_s, up_s, boot = T0 + promised_s, 0.0, 0.0, 0
    memory: Memory | None = None
    for kind in ["run", *history]:
        if kind == "reboot":
            boot, up_s = boot + 1, 0.0
        step = min(promised_s / 10, promised_s - running_s - 1)
        running_s, up_s = running_s + step, up_s + step
        deadline = None if kind == "metadata silent" else tag
        decision = decide(Observation(f"b{boot}", up_s, T0 + running_s, deadline=deadline, busy=BUSY), memory, DEFAULTS)
        memory = decision.memory

        assert decision.trigger is None
