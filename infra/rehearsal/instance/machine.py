"""One instance while it is switched on: boot in cloud-init's order, SSH, metadata, and the end of all its processes."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Final

from infra.rehearsal import processes
from infra.rehearsal.clock import Clock
from infra.rehearsal.fault_injection import Faults
from infra.rehearsal.instance import limits, userdata
from infra.rehearsal.instance.disk import RUN_SHIM, Disk
from infra.rehearsal.instance.imds import Imds
from infra.rehearsal.instance.network import Network
from infra.rehearsal.instance.record import Record
from infra.rehearsal.instance.sshd import Sshd
from infra.rehearsal.paths import CLOUD_MARK, IN_CONTAINER, INSTANCE_MARK, SYSTEM_PATH, Place
from infra.rehearsal.shims import engine
from infra.rehearsal.shims.store import Store

GRACE_S: Final = 10.0  # how long programs may take to end at power off, in the world's seconds
# What the computer below must lend to its programs for them to work at all.
PASSED_ON: Final = ("LD_LIBRARY_PATH", "DOCKER_HOST", "TZ", "RIG_REHEARSAL_ENGINE")


@dataclass(frozen=True)
class Surroundings:
    place: Place
    clock: Clock
    endpoint: str
    faults: Faults
    network: Network
    press: Callable[[str, str], None]
    """Called with an instance's id and poweroff, reboot or halt when its own power button is pressed."""


class Machine:
    def __init__(self, record: Record, around: Surroundings) -> None:
        self.record = record
        self.around = around
        self.disk = Disk(around.place.instances / record.birth.id)
        self.mark = f"{INSTANCE_MARK}={record.birth.id}"
        self.sshd = Sshd(self)
        self.imds = Imds(self.metadata, lambda button: around.press(record.birth.id, button), around.clock)
        self.spot_notice = ""
        self.frozen = False
        self._late: list[asyncio.Task[None]] = []

    @property
    def login(self) -> str:
        return self.record.birth.login

    def environment(self) -> dict[str, str]:
        """What every process of the instance starts with."""
        shell = "/bin/bash" if os.path.exists("/bin/bash") else "/bin/sh"
        return {
            "HOME": str(self.disk.home), "USER": self.login, "LOGNAME": self.login, "SHELL": shell, "LANG": "C.UTF-8",
            "PATH": f"{self.disk.bin}:{SYSTEM_PATH}",
            "RIG_ROOT": str(self.disk.root),
            INSTANCE_MARK: self.record.birth.id, CLOUD_MARK: str(self.around.place.folder),
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": self.imds.url, "RIG_REHEARSAL_POWER": self.imds.url,
            "RIG_REHEARSAL_ENDPOINT": self.around.endpoint, "RIG_REHEARSAL_REGION": self.record.birth.region,
            "GLUON_RIG_GUARD_SPEED": f"{self.around.clock.speed:g}", **self.around.clock.environment(),
            **self.around.network.environment(self.record.birth.id),
            **{name: os.environ[name] for name in PASSED_ON if name in os.environ},
        }  # fmt: skip

    def metadata(self) -> Mapping[str, str]:
        birth = self.record.birth
        facts = {
            "instance-id": birth.id,
            "instance-type": self.record.type(),
            "ami-id": birth.image_id,
            "instance-life-cycle": birth.life_cycle,
            "placement/availability-zone": birth.zone,
            "placement/region": birth.region,
            "public-ipv4": "127.0.0.1",
            "local-ipv4": "127.0.0.1",
            "hostname": birth.id,
        }
        facts |= {f"tags/instance/{key}": value for key, value in self.record.tags().items()}
        return facts | ({"spot/instance-action": self.spot_notice} if self.spot_notice else {})

    async def boot(self, sock: socket.socket) -> None:
        """Everything between power on and a finished boot; *sock* is the port that SSH will answer on."""
        first = not self._finished_file.exists()
        await asyncio.to_thread(self._prepare)
        await self.imds.start()
        self.disk.console.write_text(f"[    0.000000] Linux (rehearsal) {self.record.birth.id}\n")
        parts = userdata.parts(self.record.birth.user_data)
        for number, part in enumerate(parts):
            if part.kind == "boothook":
                await self._run_part(number, part)
        await self._as_root([sys.executable, "-ESs", str(RUN_SHIM), "systemctl", "boot"])
        await self.sshd.listen(sock)
        if first:
            self._print(_host_keys(self.disk))
        self._late = [asyncio.create_task(self._run_late(parts, first))]

    async def _run_late(self, parts: tuple[userdata.Part, ...], first: bool) -> None:
        for number, part in enumerate(parts):
            if part.kind == "script" and first:
                await self._run_part(number, part)
            if part.kind == "unknown":
                self._print(f"cloud-init: part {number} of the user-data is of no known kind and was not run")
        self._finished_file.parent.mkdir(parents=True, exist_ok=True)
        self._finished_file.touch()
        self._print(f"Cloud-init (rehearsal) finished. {self.login} login: ")

    def _prepare(self) -> None:
        birth = self.record.birth
        self.disk.prepare(birth.public_key, self.around.place.images / birth.image_id)

    @property
    def _finished_file(self) -> Path:
        return self.disk.root / "var" / "lib" / "cloud" / "instance" / "boot-finished"

    async def _run_part(self, number: int, part: userdata.Part) -> None:
        program = self._finished_file.with_name("scripts") / f"part-{number:03}"
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_bytes(part.program)
        program.chmod(0o700)
        code = await self._as_root([str(program)])
        if code:
            self._print(f"cloud-init: {part.kind} {program.name} failed with exit code {code}")

    async def _as_root(self, words: list[str]) -> int:
        log = self.disk.root / "var" / "log" / "cloud-init-output.log"
        start = log.stat().st_size if log.exists() else 0
        with log.open("ab") as output:
            try:
                child = await asyncio.create_subprocess_exec(
                    *words, stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output,
                    cwd=self.disk.root, env=self.environment(), start_new_session=True,
                )  # fmt: skip
            except OSError as error:  # no "#!" line, or an interpreter that is not there: cloud-init goes on too
                self._print(f"cloud-init: {words[0]}: {error.strerror}")
                return 126
            self.started(child.pid)
            code = await child.wait()
        self._print(log.read_bytes()[start:].decode(errors="replace"))
        return code

    def _print(self, text: str) -> None:
        with self.disk.console.open("a") as console:
            console.write(text.rstrip("\n") + "\n" if text else "")

    async def shut_down(self, grace_s: float = GRACE_S) -> None:
        """End every process of the instance, and close its ports. A frozen one hears nothing and is just cut off."""
        grace_s = 0 if self.frozen else grace_s
        for task in self._late:
            task.cancel()
        containers = asyncio.to_thread(self.real_containers.stop)
        ended = asyncio.to_thread(
            processes.end, self.mark, grace_s=grace_s, but_not=f"{IN_CONTAINER}=1", deadline_s=GRACE_S
        )
        await asyncio.gather(containers, ended)
        await self.sshd.close()
        await self.imds.close()
        with suppress(FileNotFoundError):
            self.disk.sessions.unlink()

    def containers_run(self) -> bool:
        return any(container.alive() for container in Store(self.disk.root).all()) or bool(
            self.real_containers.running()
        )

    @property
    def real_containers(self) -> engine.RealContainers:
        return engine.of_instance(self.record.birth.id, self.around.place.engine_file)

    def erase(self) -> None:
        """The disk goes with a terminated instance."""
        self.real_containers.remove()
        self.disk.erase()

    def freeze(self) -> None:
        """Everything stands still, SSH too; AWS goes on believing that it runs."""
        self.frozen = True
        self.sshd.freeze()
        processes.send(processes.carrying(self.mark), signal.SIGSTOP)
        self.real_containers.pause()

    def heal(self) -> None:
        """The end of all troubles that last."""
        if self.frozen:
            self.frozen = False
            self.sshd.thaw()
            processes.send(processes.carrying(self.mark), signal.SIGCONT)
            self.real_containers.unpause()
        self.limit_files(full=False)

    def limit_files(self, *, full: bool) -> None:
        """*full*: nothing can be written to files any more (EFBIG; ENOSPC is not ours to make)."""
        limits.set_file_size([*processes.carrying(self.mark)], 0 if full else None)

    def started(self, pid: int) -> None:
        """A process was started for this instance from outside it."""
        if self.around.faults.now.disk_full:
            limits.set_file_size([pid], 0)

    def delay_s(self) -> float:
        return self.around.faults.now.slow_s

    def fake_gpu(self, output: Path | None) -> None:
        program = self.disk.bin / "nvidia-smi"
        if output is None:
            program.unlink(missing_ok=True)
            return
        program.write_text(f"#!/bin/sh\nexec cat {quote(str(output))}\n")
        program.chmod(0o755)


def _host_keys(disk: Disk) -> str:
    """What cloud-init prints at the first boot (module keys_to_console), and the kit pins the host key by."""
    key = disk.host_key().convert_to_public()
    fingerprint = key.get_fingerprint()
    bar = "#" * 61
    return "\n".join((
        bar,
        "-----BEGIN SSH HOST KEY FINGERPRINTS-----",
        f"256 {fingerprint} root@rehearsal (ED25519)",
        "-----END SSH HOST KEY FINGERPRINTS-----",
        bar,
        "-----BEGIN SSH HOST KEY KEYS-----",
        key.export_public_key().decode().strip(),
        "-----END SSH HOST KEY KEYS-----",
    ))  # fmt: skip
