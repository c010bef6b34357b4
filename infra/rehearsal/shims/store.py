"""Containers that are plain processes, kept in files: what each is, how it goes, what it printed.

A container lives exactly as long as its supervisor holds the lock in its folder, so nobody who dies can leave a lie.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NamedTuple

DAEMON_REFUSED = 125  # docker's own exit code when the engine, not the command, says no
KILLED = 137  # 128 + SIGKILL: what Docker reports when nobody could record a better exit code


class Wish(NamedTuple):  # not a dataclass: those draw in `inspect`, and with it a fifth of what `docker ps` costs
    """What `docker run` asked for."""

    id: str
    name: str
    image: str
    command: list[str]
    environment: dict[str, str]
    folder: str
    writable: list[str]
    """Folders that it may change."""
    labels: dict[str, str]
    stop_timeout_s: int = 10
    remove: bool = False
    created: str = ""


class Outcome(NamedTuple):
    """How far it got. Times are ISO 8601; *exit_code* is None while it runs."""

    pid: int = 0
    started: str = ""
    finished: str = ""
    exit_code: int | None = None


class Container:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def log(self) -> Path:
        return self.folder / "log.jsonl"

    @property
    def lock(self) -> Path:
        return self.folder / "alive"

    @property
    def wish(self) -> Wish:
        return Wish(**json.loads((self.folder / "wish.json").read_text()))

    @property
    def outcome(self) -> Outcome:
        try:
            outcome = Outcome(**json.loads((self.folder / "outcome.json").read_text()))
        except FileNotFoundError:
            outcome = Outcome()
        if outcome.exit_code is None and not self.alive():
            # Read again: it may have ended between the two looks. Else the supervisor was killed with the machine.
            again = self._recorded()
            return (
                again if again.exit_code is not None else Outcome(outcome.pid, outcome.started, outcome.started, KILLED)
            )
        return outcome

    def _recorded(self) -> Outcome:
        path = self.folder / "outcome.json"
        return Outcome(**json.loads(path.read_text())) if path.exists() else Outcome()

    def record(self, outcome: Outcome) -> None:
        replace_json(self.folder / "outcome.json", outcome._asdict())

    def alive(self) -> bool:
        with self.lock.open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def wait(self) -> int:
        """Sleep until it has ended; its exit code."""
        with self.lock.open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH)
        code = self.outcome.exit_code
        assert code is not None  # nobody holds the lock any more
        return code

    def lines(self, *, follow: bool) -> Iterator[dict[str, Any]]:
        """What it printed, oldest first; with *follow* until it has ended."""
        with self.log.open() as log:
            while True:
                alive = self.alive()  # before reading: what a dead one printed is all there
                for line in iter(log.readline, ""):
                    yield json.loads(line)
                if not follow or not alive:
                    return
                time.sleep(0.05)


class Refused(Exception):
    """The engine says no; the text goes to stderr."""

    def __init__(self, text: str, code: int = 1) -> None:
        super().__init__(text)
        self.code = code


class Store:
    def __init__(self, root: Path) -> None:
        self.folder = root / "var" / "lib" / "docker-as-processes"

    def all(self) -> list[Container]:
        folder = self.folder / "containers"
        whole = [path.parent for path in folder.glob("*/wish.json")]
        return sorted((Container(path) for path in whole), key=lambda c: c.wish.created, reverse=True)

    def find(self, name: str) -> Container | None:
        """By name, id or the beginning of an id."""
        for container in self.all():
            wish = container.wish
            if name == wish.name or (name and wish.id.startswith(name)):
                return container
        return None

    def known(self, name: str) -> Container:
        """Like *find*; raises Refused where there is none."""
        container = self.find(name)
        if container is None:
            raise Refused(f"Error response from daemon: No such container: {name}")
        return container

    def add(self, wish: Wish) -> Container:
        container = Container(self.folder / "containers" / wish.id)
        container.folder.mkdir(parents=True)
        container.log.touch()
        container.lock.touch()
        replace_json(container.folder / "wish.json", wish._asdict())
        return container

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Two clients at once may not take the same name."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def images(self) -> dict[str, dict[str, Any]]:
        path = self.folder / "images.json"
        return dict(json.loads(path.read_text())) if path.exists() else {}

    def add_image(self, tag: str, labels: dict[str, str]) -> dict[str, Any]:
        image = {"Id": f"sha256:{os.urandom(32).hex()}", "RepoTags": [tag], "Created": now(), "Size": 0,
                 "Architecture": "amd64", "Os": "linux", "Config": {"Labels": labels}}  # fmt: skip
        with self.locked():
            self._write_images({**self.images(), tag: image})
        return image

    def drop_images(self, tags: list[str]) -> None:
        with self.locked():
            self._write_images({tag: image for tag, image in self.images().items() if tag not in tags})

    def _write_images(self, images: dict[str, dict[str, Any]]) -> None:
        replace_json(self.folder / "images.json", images)


def replace_json(path: Path, value: object) -> None:
    """So that a reader sees the old value or the new one, never half of it."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.write_text(json.dumps(value))
    aside.replace(path)


def new_id() -> str:
    return os.urandom(32).hex()


def now() -> str:
    """As Docker writes times: UTC, always nine digits behind the second, so that texts compare as times do."""
    seconds, nanoseconds = divmod(time.time_ns(), 10**9)
    return f"{datetime.fromtimestamp(seconds, timezone.utc):%Y-%m-%dT%H:%M:%S}.{nanoseconds:09}Z"
