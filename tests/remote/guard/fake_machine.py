"""A machine for the real guard: a folder as its disk, fake programs first on PATH, and a metadata service of our own.

The guard is installed by running the real user-data, and started by the line of its real unit. Its time runs fast
(GLUON_RIG_GUARD_SPEED); the tests wait for what it does, never for a time.
"""

from __future__ import annotations

import gzip
import json
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from infra.guard.user_data import user_data

LOGGING = '#!/bin/sh\necho "{name} $*" >>"$FAKES/log"\n'
HANG = "trap '' TERM HUP INT; while :; do sleep 1000; done\n"


class Imds:
    """IMDSv2 that says what `facts` holds, and can fall silent or talk rubbish."""

    def __init__(self) -> None:
        self.facts: dict[str, str] = {}
        self.silent = False
        self.garbage = False
        self.date_off_s = 0.0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                self._say(200, "token") if self.path == "/latest/api/token" else self._say(404, "")

            def do_GET(self) -> None:
                text = outer.facts.get(self.path.removeprefix("/latest/meta-data/"))
                if self.headers.get("X-aws-ec2-metadata-token") != "token":
                    self._say(401, "")
                else:
                    self._say(404 if text is None else 200, text or "")

            def _say(self, status: int, text: str) -> None:
                while outer.silent:
                    time.sleep(0.05)
                with suppress(OSError):  # the guard did not wait for us
                    if outer.garbage:
                        self.wfile.write(b"\x00\xff what?\r\n\r\n")
                        return
                    self.send_response(status)
                    self.end_headers()
                    self.wfile.write(text.encode())

            def date_time_string(self, timestamp: float | None = None) -> str:
                return super().date_time_string(time.time() + outer.date_off_s)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self.silent = False
        self._server.shutdown()
        self._server.server_close()


class Machine:
    def __init__(self, folder: Path, imds: Imds) -> None:
        self.root = folder / "a disk | more & more"  # a project may lie in any folder
        self.home = folder / "home"
        self.fakes = folder / "fakes"
        self.imds = imds
        self.guard: subprocess.Popen[bytes] | None = None
        self.output = folder / "guard.log"
        for path in (self.root, self.home, self.fakes / "bin"):
            path.mkdir(parents=True)
        self.environ = {
            "PATH": f"{self.fakes / 'bin'}:{os.environ['PATH']}",
            "HOME": str(self.home),
            "RIG_ROOT": str(self.root),
            "FAKES": str(self.fakes),
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": imds.url,
        }
        for name in ("systemctl", "shutdown", "docker"):
            self.program(name)
        self.program("nvidia-smi", "exit 9\n")

    def program(self, name: str, script: str = "") -> None:
        """Put a fake on PATH; it logs its words, then runs *script*. Replaced whole, as a running one may read it."""
        new = self.fakes / f"{name}.new"
        new.write_text(LOGGING.format(name=name) + script)
        new.chmod(0o755)
        new.replace(self.fakes / "bin" / name)

    def containers(self, *names: str) -> None:
        listing = "".join(f"echo {name}\n" for name in names)
        self.program("docker", f'case "$1" in ps)\n{listing};;\nesac\n' if names else "")

    def boot(self, **settings: Any) -> None:
        """Run user-data as cloud-init does at every boot."""
        wanted = {"hours": 8.0, "idle_minutes": 20, "launched_at": datetime.now(timezone.utc), **settings}
        script = gzip.decompress(user_data(**wanted)).removeprefix(b"#cloud-boothook\n")
        subprocess.run(["sh", "-c", script.decode()], env=self.environ, check=True, timeout=300)

    def start_guard(self, speed: float = 1.0) -> None:
        unit = (self.root / "etc/systemd/system/gluon-rig-guard.service").read_text().splitlines()
        words = next(shlex.split(line.removeprefix("ExecStart=")) for line in unit if line.startswith("ExecStart="))
        entries = next(
            shlex.split(line.removeprefix("Environment=")) for line in unit if line.startswith("Environment=")
        )
        given = dict(entry.split("=", 1) for entry in entries)
        with self.output.open("ab") as output:
            self.guard = subprocess.Popen(
                [sys.executable, *words[1:]],
                env={**self.environ, **given, "GLUON_RIG_GUARD_SPEED": str(speed)},
                stdout=output,
                stderr=output,
            )

    def kill_guard(self) -> None:
        if self.guard:
            self.guard.kill()
            self.guard.wait()
            self.guard = None

    def deadline_in(self, hours: float) -> None:
        at = datetime.now(timezone.utc) + timedelta(hours=hours)
        self.imds.facts["tags/instance/gluon-rig:deadline"] = at.strftime("%Y-%m-%dT%H:%M:%SZ")

    def idle_minutes(self, minutes: int) -> None:
        self.imds.facts["tags/instance/gluon-rig:idle-minutes"] = str(minutes)

    @property
    def log(self) -> list[str]:
        file = self.fakes / "log"
        return file.read_text().splitlines() if file.exists() else []

    @property
    def off(self) -> bool:
        return "systemctl poweroff" in self.log

    def _json(self, path: str) -> dict[str, Any]:
        try:
            loaded: dict[str, Any] = json.loads((self.root / path).read_text())
        except FileNotFoundError:
            return {}
        return loaded

    @property
    def ended(self) -> dict[str, Any]:
        return self._json("var/lib/gluon-rig/ended.json")

    @property
    def status(self) -> dict[str, Any]:
        return self._json("run/gluon-rig/status.json")

    @property
    def memory(self) -> dict[str, Any]:
        return self._json("var/lib/gluon-rig/memory.json")

    def until(self, condition: Callable[[], bool], timeout_s: float = 120) -> None:
        end = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < end, f"guard said:\n{self.output.read_text()}\nprograms:\n{self.log}"
            assert self.guard is None or self.guard.poll() is None, self.output.read_text()
            time.sleep(0.02)

    def close(self) -> None:
        self.kill_guard()
        mark = f"FAKES={self.fakes}".encode()
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if mark in (folder / "environ").read_bytes().split(b"\0"):
                    os.kill(int(folder.name), signal.SIGKILL)
