"""A Host entry in OpenSSH's words: VS Code Remote-SSH, Emacs, vim, scp and git reach the instance by name."""

from __future__ import annotations

import os
from pathlib import Path

from infra.errors import UserError
from infra.host.command_lines import RMATE_PORT
from infra.host.target import Target
from infra.remote.workspace import writing_whole


def entry(alias: str, target: Target) -> str:
    """As strict as the kit itself: the pinned key under the instance's id, one identity, nothing asked."""
    rows = {
        "HostName": target.address,
        "Port": str(target.port),
        "User": target.user,
        "IdentityFile": quote(target.key),
        "IdentitiesOnly": "yes",
        "UserKnownHostsFile": quote(target.known_hosts),
        "HostKeyAlias": target.identity,
        "HostKeyAlgorithms": "ssh-ed25519",
        "StrictHostKeyChecking": "yes",
        "UpdateHostKeys": "no",
        "ServerAliveInterval": "15",
        "RemoteForward": f"{RMATE_PORT} localhost:{RMATE_PORT}",
        "ExitOnForwardFailure": "no",
        "LogLevel": "ERROR",  # a second shell cannot have rmate's port too, and need not say so
    }
    lines = [f"    {name} {value}" for name, value in rows.items()]
    return "\n".join([f"# {target.identity}; written by `rig ssh-config`, kept up to date by launch and start",
                      f"Host {alias}", *lines, ""])  # fmt: skip


def quote(path: Path) -> str:
    return '"' + str(path.absolute()).replace("%", "%%") + '"'


def write(path: Path, text: str) -> None:
    """Whole or not at all, and for the user alone: OpenSSH refuses a file that others may change.

    Raises OSError, which names *path*.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        # Aside under a name with a dot: what a killed rig leaves is passed over by the * of the Include; half an entry
        # would end every ssh.
        with writing_whole(path) as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(text.encode("utf-8", "surrogateescape"))
    except OSError as error:
        error.filename = str(path)  # a full disk names no file
        raise


def include_line(folder: Path) -> str:
    return f'Include {quote(folder)[:-1]}/*"'


def install_include(config: Path, folder: Path) -> bool:
    """Put the Include at the top of *config* (~/.ssh/config), once; whether that was needed.

    At the top, because after a Host line it would hold for that host alone. Everything else stays as it is; a link to
    a file kept elsewhere (dotfiles) stays a link.
    """
    line = include_line(folder)
    real = Path(os.path.realpath(config))
    try:
        text = _as_it_stands(real) if real.exists() else ""
        if line in text.splitlines():
            return False
        mode = real.stat().st_mode & 0o777 if real.exists() else 0o600
        write(real, f"{line}\n{text}")
        real.chmod(mode)
    except OSError as error:  # dotfiles that a tool keeps read-only, a folder in its place
        raise UserError(f"{config} cannot be changed: {error.strerror}", f"put this line at its top: {line}") from error
    return True


def _as_it_stands(path: Path) -> str:
    """Every byte, also of a letter that is no UTF-8, and line ends as they are: none of it is ours to change."""
    with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
        return file.read()
