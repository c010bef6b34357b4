"""The loop: look, decide, remember, show; and when a rule fires, end the machine."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import suppress

from . import activity, gpu
from .clock import Clock, boot_clock
from .decide import TICK_S, Decision, LaunchDefaults, Observation, Trigger, decide
from .imds import SPOT, TAGS, Metadata
from .parsing import minutes, moment, spot_notice, utc
from .shutdown import Machine, list_containers, power_off, wind_down
from .state import adopt_backstop, keep_spare, load_memory, read, record_ending, save_memory, write_whole
from .subprocesses import Program
from .systemd import alive, notify

PROBE_EVERY_S = 30.0
# A sign of life that CloudWatch can see without an agent: three minutes of one core, at the lowest priority, every
# half hour. Safeguard 2 stops a machine that shows less for an hour (docs/decisions/0002-pulse.md).
PULSE = ("nice", "-n", "19", "timeout", "180", "sh", "-c", "while :; do :; done")
PULSE_EVERY_S = 1800.0


class Guard:
    def __init__(self, environ: Mapping[str, str]) -> None:
        self.root = environ.get("RIG_ROOT", "")
        self.home = environ.get("RIG_HOME", "/home/ubuntu")
        self.state_dir = self.root + "/var/lib/gluon-rig"
        self.run_dir = self.root + "/run/gluon-rig"
        for folder in (self.state_dir, self.run_dir):
            os.makedirs(folder, exist_ok=True)
        config = read(self.root + "/etc/gluon-rig/guard.json")
        self.deadline_tag, self.idle_tag = config["deadline_tag"], config["idle_tag"]
        self.keep_results = bool(config["keep_results"])
        self.defaults = LaunchDefaults(float(config["hours"]) * 3600, float(config["idle_minutes"]))
        self.clock = Clock(self.run_dir, float(config["launched_at"]), _speed(environ))
        self.imds = Metadata(environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT") or "http://169.254.169.254")
        self.machine = Machine(self.root, config["run_label"], self.clock.really, say)
        self.memory_file = self.state_dir + "/memory.json"
        self.memory = load_memory(self.memory_file)
        self._busy: tuple[str, ...] = ()
        self._off_at = 0.0
        self._make_probes()
        self.ended_file, self.spare = self.state_dir + "/ended.json", self.state_dir + "/spare"
        keep_spare(self.spare)
        adopt_backstop(self.state_dir + "/backstop-fired", self.ended_file, self.spare)

    def _make_probes(self) -> None:
        every_s, timeout_s = self.clock.really(PROBE_EVERY_S, at_least=0.5), self.clock.really(20, at_least=5)
        self.docker, self.gpu_use, self.gpu_processes = (
            Program(words, every_s, timeout_s)
            for words in (list_containers(self.machine.label), gpu.UTILISATION, gpu.PROCESSES)
        )
        self.probes = [self.docker, self.gpu_use, self.gpu_processes]
        if not self.root:  # a rehearsal has no CloudWatch to impress
            self.probes.append(Program(PULSE, PULSE_EVERY_S, 200))

    def tick(self) -> Decision:
        seen = self.look()
        decision = decide(seen, self.memory, self.defaults)
        self._tell_changes(seen, decision)
        self.memory = decision.memory
        save_memory(self.memory_file, self.memory)
        self._show(seen)
        return decision

    def look(self) -> Observation:
        for probe in self.probes:
            probe.poll(boot_clock())
        deadline = moment(self._tag(self.deadline_tag))
        idle = minutes(self._tag(self.idle_tag)) if deadline is not None else None
        return Observation(
            boot=self.clock.boot,
            up_s=self.clock.up_s(),
            wall=self.clock.wall(),
            deadline=deadline,
            idle_minutes=idle,
            busy=self.busy(),
            spot_notice=self._spot_notice(),
        )

    def busy(self) -> tuple[str, ...]:
        return (
            activity.containers(self.docker.answer)
            + activity.ssh(self.root + "/proc")
            + gpu.signs(self.gpu_use.answer, self.gpu_processes.answer)
            + (activity.list_unfetched(self.home) if self.keep_results else ())
        )

    def _tag(self, name: str) -> str | None:
        answer = self.imds.get(TAGS + name)
        if answer is None:
            return None
        self.clock.take_date(answer.date)
        return answer.text if answer.status == 200 else None

    def _spot_notice(self) -> str:
        answer = self.imds.get(SPOT)
        return spot_notice(answer.text) if answer and answer.status == 200 else ""

    def _tell_changes(self, seen: Observation, decision: Decision) -> None:
        before, after = self.memory, decision.memory
        if before is None or before.deadline != after.deadline or before.boot != after.boot:
            say("off in %.0f minutes at the latest" % (after.left_s(seen.wall) / 60))
        if after.mercy_until_s is not None and (before is None or before.mercy_until_s is None):
            say("this machine was past its deadline when it started: off in 5 minutes unless `rig extend` moves it")
        if bool(seen.busy) != bool(self._busy):
            say("in use: " + "; ".join(seen.busy) if seen.busy else "not in use")
        self._busy = seen.busy

    def _show(self, seen: Observation) -> None:
        """For `rig status`, and for the backstop, which reads only off-at: seconds as in /proc/uptime."""
        assert self.memory is not None
        left_s = self.memory.left_s(seen.wall)
        status = {
            "beat": utc(seen.wall),
            "deadline": utc(self.memory.deadline) if self.memory.deadline is not None else None,
            "off_in_s": round(left_s),
            "idle_s": round(self.memory.idle_s),
            "idle_minutes": self.memory.idle_minutes,
            "busy": list(seen.busy),
            "tags_readable": seen.deadline is not None,
        }
        write_whole(self.run_dir + "/status.json", status)
        off_at = boot_clock() + self.clock.really(max(left_s, 0.0))
        if abs(off_at - self._off_at) > 30 and write_whole(self.run_dir + "/off-at", int(off_at)):
            self._off_at = off_at

    def end(self, trigger: Trigger) -> None:
        say(f"switching off: {trigger.reason}: {trigger.detail}")
        ending: dict[str, object] = {"reason": trigger.reason, "detail": trigger.detail, "at": utc(self.clock.wall())}
        self._record(ending, {})  # first of all: what follows may hang
        wind_down(self.machine, trigger, lambda steps: self._record(ending, steps))
        power_off(self.machine)

    def _record(self, ending: dict[str, object], steps: dict[str, str]) -> None:
        whole = dict(ending, steps=steps)
        if not record_ending(self.ended_file, self.spare, whole):
            say("the reason cannot be written to the disk")


def main() -> None:
    guard = Guard(os.environ)
    notify("READY=1")
    while True:
        alive()
        decision = guard.tick()
        if decision.trigger:
            guard.end(decision.trigger)
        time.sleep(guard.clock.really(TICK_S, at_least=0.1))


def say(line: str) -> None:
    """To the journal, and to the console, whose text AWS shows even of a machine that is off."""
    with suppress(OSError):  # a full or broken log must not keep the machine on
        print("gluon-rig guard: " + line, flush=True)


def _speed(environ: Mapping[str, str]) -> float:
    value = float(environ.get("GLUON_RIG_GUARD_SPEED") or 1)
    if not 0 < value < float("inf"):
        raise ValueError("GLUON_RIG_GUARD_SPEED must be a positive number")
    return value
