"""Where a host is and how it proves who it is."""

from __future__ import annotations

import fcntl
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from infra.console import Tell
from infra.errors import UserError
from infra.host.foreign import make_printable


@dataclass(frozen=True, kw_only=True)
class Target:
    """An SSH endpoint. *identity* (the instance id) names its host key: the address changes at each start, the key
    stays on the root disk, so the key is pinned to the id and not to the address."""

    identity: str
    address: str
    port: int
    user: str
    key: Path
    known_hosts: Path

    def __post_init__(self) -> None:
        require_sayable(self.key, self.known_hosts)

    @property
    def control_path(self) -> Path:
        """The socket of the shared OpenSSH connection. Short, for a socket's name may have 104 bytes on macOS."""
        mark = hashlib.sha256(f"{self.identity} {self.address} {self.port} {self.key}".encode()).hexdigest()[:16]
        return control_folder() / mark

    @contextmanager
    def one_at_a_time(self, tell: Tell) -> Iterator[None]:
        """While held, no other command of this computer changes the code on the host: two runs may be started at once,
        and each must get the code it was typed beside."""
        mark = hashlib.sha256(self.identity.encode()).hexdigest()[:16]
        with (control_folder() / f"{mark}.lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                tell("Another command on this computer is sending code or data there; this one waits for it")
                fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def __str__(self) -> str:
        return f"{self.user}@{self.address}:{self.port}"


def require_sayable(*paths: Path) -> None:
    """Raises UserError for one that no option of OpenSSH can hold: in quotes, for it may have blanks, but with none
    inside (ssh_config(5))."""
    for path in paths:
        if found := set(str(path)) & {'"', "\n", "\r", "\0"}:
            what = "a quotation mark" if '"' in found else "a line end"
            raise UserError(
                f"{make_printable(str(path))}: OpenSSH takes no path with {what} in it.",
                "give the folder another name, or work in another one",
            )


def control_folder() -> Path:
    """A folder that only this user can enter: whoever can open the socket can use the connection.

    In /tmp another user may have made it first, and it cannot be removed then: so there is a second one at home.
    """
    first, second = _TMP / f"gluon-rig-{os.getuid()}", Path.home() / ".cache" / "gluon-rig" / "ssh"
    for folder in (first, second):
        if len(os.fsencode(folder)) <= _LONGEST and _is_ours_alone(folder):
            return folder
    raise UserError(
        f"{first} is open to other users of this computer, or theirs, so SSH connections cannot be shared safely in "
        f"it; nor can they in {second}.",
        f"remove it: rm -r {first}\nor, if that is not permitted, set HOME to a folder of your own with a short name",
    )


_TMP = Path("/tmp")
_LONGEST = 60  # bytes; the socket's own name and what OpenSSH adds while it makes it take 35 of 104


def _is_ours_alone(folder: Path) -> bool:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
    except OSError:  # read-only, a full disk, another user's folder, a file
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077
