"""The OpenSSH, rsync and tar lines, phrased as lists of words. Nothing here runs anything."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from infra.host.target import Target


def ssh_options(target: Target) -> list[str]:
    options = {
        "BatchMode": "yes",  # never ask: there may be nobody to answer
        "ConnectTimeout": "10",
        "ControlMaster": "auto",  # one connection for the whole command and the next one: half the time per step
        "ControlPath": _path(target.control_path),
        "ControlPersist": "30",  # short, for an open connection counts as a login for the idle rule
        "GlobalKnownHostsFile": "/dev/null",
        "HostKeyAlgorithms": "ssh-ed25519",  # the one that is pinned
        "HostKeyAlias": target.identity,  # the address changes at each start, the identity does not
        "IdentitiesOnly": "yes",  # an agent full of keys would use up the server's attempts
        "IdentityFile": _path(target.key),
        "LogLevel": "ERROR",
        "Port": str(target.port),
        "ServerAliveCountMax": "3",  # a dead line is noticed after 45 s
        "ServerAliveInterval": "15",
        "StrictHostKeyChecking": "yes",
        "UpdateHostKeys": "no",
        "User": target.user,
        "UserKnownHostsFile": _path(target.known_hosts),
    }
    # -F none: what stands in the user's own ssh config must not change what the kit does.
    return ["-F", "none", *(word for name, value in options.items() for word in ("-o", f"{name}={value}"))]


def _path(path: Path) -> str:
    """A path as ssh_config(5) takes it: in quotes, for it may hold blanks, and with its percent signs doubled."""
    return '"' + str(path).replace("%", "%%") + '"'


def ssh(target: Target, *commands: Sequence[str], options: Sequence[str] = ()) -> list[str]:
    """Run *commands* on the host, each only if the one before it succeeded; with none, a login shell."""
    line = ["ssh", *ssh_options(target), *options, target.address]
    return [*line, on_the_wire(*commands)] if commands else line


# A connection of its own: what is forwarded through the shared one would stay open after us. `-S` has the last word.
_ALONE = ("-S", "none")
RMATE_PORT = 52698


def shell(target: Target) -> list[str]:
    """A login shell at the user's terminal, with rmate's port led back: `rmate file` there opens it in the editor
    here (https://github.com/aurora/rmate)."""
    forward = f"{RMATE_PORT}:localhost:{RMATE_PORT}"
    return ssh(target, options=[*_ALONE, "-t", "-R", forward, "-o", "ExitOnForwardFailure=no"])


def tunnel(target: Target, *, here: int, there: int) -> list[str]:
    """Lead port *here* of this computer's loopback to port *there* of the host's; ends when it cannot."""
    forward = f"127.0.0.1:{here}:127.0.0.1:{there}"
    return ssh(target, options=[*_ALONE, "-N", "-o", "ExitOnForwardFailure=yes", "-L", forward])


def on_the_wire(*commands: Sequence[str]) -> str:
    """The one place where words become a line of shell."""
    return " && ".join(shlex.join(words) for words in commands)


def rsync_shell(target: Target) -> list[str]:
    return ["--rsh", shlex.join(["ssh", *ssh_options(target)])]


# What goes is named on standard input, each name ended by a zero byte; a folder goes without what is in it. What has
# been removed since is passed over.
_BY_NAME = ("--files-from=-", "--from0", "--ignore-missing-args")


def rsync_push(target: Target, source: Path, destination: str, first: Sequence[str]) -> list[str]:
    """Lay what standard input names of *source* into *destination* on the host; where a folder there has the name of a
    file, in its place. *first*: what the host is asked before, with the same command; it answers on standard error."""
    return [
        "rsync", "--archive", "--no-owner", "--no-group", "--force", "--compress", *_BY_NAME,
        "--rsync-path", on_the_wire(first, ["rsync"]),
        *rsync_shell(target), f"{source}/", f"{target.address}:{destination}/",
    ]  # fmt: skip


def rsync_data(target: Target, source: Path, destination: str) -> list[str]:
    """Copy a data folder: what was interrupted goes on where it stopped; data sets hardly shrink when compressed."""
    return [
        "rsync", "--archive", "--no-owner", "--no-group", "--partial", "--info=progress2", *_BY_NAME,
        *rsync_shell(target), f"{source}/", f"{target.address}:{destination}/",
    ]  # fmt: skip


def rsync_pull(target: Target, source: str, arriving: Path, known: Path | None = None) -> list[str]:
    """Bring the files of *source* that standard input names to *arriving*. What is in *known* already need not travel.

    `--ignore-times`: two files of one size and one time may still be two. `--timeout`: a disk that hangs there.
    """
    return [
        "rsync", "--times", "--chmod=ugo=rwX", "--files-from=-", "--from0", "--no-implied-dirs", "--protect-args",
        "--ignore-times", *([f"--copy-dest={known}"] if known else []), "--partial-dir=.rsync-partial", "--timeout=120",
        *rsync_shell(target), f"{target.address}:{source}/", f"{arriving}/",
    ]  # fmt: skip


def unpack_first(destination: str) -> tuple[list[str], ...]:
    """Lay the packed stream on standard input into *destination*, where nothing is yet, as rsync would: with the rights
    that files have here, and for the user who logs in."""
    return (
        ["mkdir", "-p", destination],
        ["tar", "-xzpf", "-", "--no-same-owner", "--delay-directory-restore", "-C", destination],
    )


def unpack(destination: str) -> tuple[list[str], ...]:
    """Replace *destination* by the tar stream on standard input. Aside first: a cut stream leaves the old one whole."""
    aside = f"{destination}.new"
    return (
        ["rm", "-rf", aside],
        ["mkdir", "-p", aside],
        ["tar", "-xf", "-", "-C", aside],
        ["rm", "-rf", destination],
        ["mv", aside, destination],
    )
