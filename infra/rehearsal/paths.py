"""Where one project's rehearsal cloud keeps its things, and how its processes are known."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Final, NamedTuple

from infra.errors import UserError, own_again

CLOUD_MARK: Final = "RIG_REHEARSAL_CLOUD"  # on every process of every instance; its value is the state folder
IN_CONTAINER: Final = "RIG_IN_CONTAINER"  # "1" in a container: its supervisor, not the power button, sends SIGTERM
INSTANCE_MARK: Final = "RIG_INSTANCE_ID"  # on every process of one instance
SYSTEM_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/homebrew/bin"


def path_with_system() -> str:
    """PATH, and then where a system keeps its programs: a user's may lack the sbin folders, in which `tc` is."""
    return f"{os.environ.get('PATH', os.defpath)}:{SYSTEM_PATH}"


class Place(NamedTuple):
    """The state folder of the rehearsal cloud of *project*."""

    project: Path

    @property
    def folder(self) -> Path:
        return self.project.resolve() / ".rig" / "rehearsal"

    @property
    def cloud_file(self) -> Path:
        """Says who runs and where; absent when nothing runs, stale when the process was killed."""
        return self.folder / "cloud.json"

    @property
    def secret_file(self) -> Path:
        """What opens the cloud: its AWS secret key. There while it runs, for this user alone."""
        return self.folder / "secret"

    @property
    def lock_file(self) -> Path:
        return self.folder / "lock"

    @property
    def log(self) -> Path:
        return self.folder / "cloud.log"

    @property
    def calls(self) -> Path:
        """One JSON row per AWS call, in the order in which they were answered."""
        return self.folder / "calls.jsonl"

    @property
    def instances(self) -> Path:
        return self.folder / "instances"

    @property
    def images(self) -> Path:
        """Disks of images that were made of instances."""
        return self.folder / "images"

    @property
    def engine_file(self) -> Path:
        """auto, docker or process: how containers are run on the instances."""
        return self.folder / "engine"

    @property
    def mark(self) -> str:
        """The environment entry that every process of this cloud's instances carries."""
        return f"{CLOUD_MARK}={self.folder}"

    def prepare(self) -> None:
        """Make the folder, and shut it to the other users of this computer. Raises UserError when it is not ours."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            is_ours = self.folder.stat().st_uid == os.getuid()
            if is_ours:
                self.folder.chmod(0o700)
        except OSError as error:
            hint = "work in a folder that you may write to, on a disk with room"
            raise UserError(f"Cannot keep a rehearsal cloud in {self.folder}: {error.strerror}.", hint) from error
        if not is_ours:
            raise UserError(
                f"{self.folder} belongs to another user, who could reach whatever is rehearsed in it.",
                f"{own_again(self.folder)}\nwork in a folder of your own, or as the user whose it is".lstrip(),
            )


def write_whole(path: Path, text: str) -> None:
    """Write for this user alone, and so that a reader sees the old file or the new one, never half of it."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    with open(aside, "w", opener=lambda name, flags: os.open(name, flags | os.O_NOFOLLOW, 0o600)) as file:
        file.write(text)
    aside.replace(path)


def read_json(path: Path) -> dict[str, Any] | None:
    try:
        value = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return None
    return value if isinstance(value, dict) else None
