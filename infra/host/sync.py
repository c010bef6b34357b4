"""Moves folders between this computer and the host: rsync where both ends have it, one tar stream where not."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tarfile
from functools import cache
from pathlib import Path

from infra.console import Tell
from infra.errors import RigError, WorldError
from infra.host import commands
from infra.host.connection import DROPPED, GREETING, Host, dropped, local_process, lost
from infra.host.selection import Selection

_STDERR = 2
# rsync(1), EXIT VALUES: the ways in which not the files but the connection is at fault.
_CONNECTION_LOST = {10, 12, 20, 30, 35, DROPPED}


def push_code(host: Host, chosen: Selection, destination: str, *, rsync_there: bool) -> None:
    """Make *destination* on the host equal to what was *chosen*."""
    if rsync_there and rsync_here():
        _finish(host, commands.rsync_push(host.target, chosen.folder, destination), stdin=_as_rsync_rules(chosen))
    else:
        _stream_up(host, chosen, destination)


def push_data(host: Host, chosen: Selection, destination: str, *, rsync_there: bool, tell: Tell) -> None:
    """Copy a data folder. With rsync an interrupted copy goes on where it stopped; a tar stream starts anew."""
    if rsync_there and rsync_here():
        line = commands.rsync_data(host.target, chosen.folder, destination)
        _finish(host, line, stdin=_as_rsync_rules(chosen), progress=True)
    else:
        tell("rsync is missing on one side: the data goes as one stream and cannot be resumed.")
        _stream_up(host, chosen, destination)


def push_text(host: Host, text: str, destination: str) -> None:
    """Write the file *destination* on the host, whole or not at all. A command line would hold 128 KiB at most."""
    aside = f"{destination}.part"
    lines = (["mkdir", "-p", destination.rpartition("/")[0]], ["tee", aside], ["mv", aside, destination])
    process = host.stream(*lines, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    said = process.communicate(text.encode(errors="surrogateescape"))[1].decode(errors="replace").strip()
    if process.returncode:
        raise _failed(host, process.returncode, said)


def _as_rsync_rules(chosen: Selection) -> bytes:
    """Anchored, literal rsync rules, each ended by a zero byte: a name may hold blanks, stars and line ends.

    What stays here is left alone there ("-"), but for secrets ("H"): one that was sent before it was known goes.
    """
    return b"".join(
        (b"H /" if chosen.holds_secret(path) else b"- /") + os.fsencode(_literal(path)) + b"\0" for path in chosen.left
    )


def _literal(path: str) -> str:
    # Only a pattern with a wildcard in it has its backslashes read as escapes (rsync(1), "PATTERN MATCHING RULES").
    if not any(mark in path for mark in "*?["):
        return path
    return "".join("\\" + letter if letter in "*?[\\" else letter for letter in path)


def pull(host: Host, source: str, destination: Path, *, rsync_there: bool) -> None:
    """Bring the folder *source* home into *destination*; may be repeated while files still grow."""
    destination.mkdir(parents=True, exist_ok=True)
    if rsync_there and rsync_here():
        _finish(host, commands.rsync_pull(host.target, source, destination))
    else:
        _stream_down(host, source, destination)


@cache
def rsync_here() -> bool:
    """Whether this computer's rsync is the real one: macOS ships one that lacks what is needed."""
    if not shutil.which("rsync"):
        return False
    version = subprocess.run(["rsync", "--version"], capture_output=True, text=True).stdout
    found = re.match(r"rsync\s+version\s+v?(\d+)\.(\d+)", version)
    return found is not None and (int(found[1]), int(found[2])) >= (3, 1)


def _finish(host: Host, line: list[str], *, stdin: bytes | None = None, progress: bool = False) -> None:
    process = local_process(
        line,
        stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
        stdout=_STDERR if progress else subprocess.DEVNULL,  # progress is no product
        stderr=subprocess.PIPE,
    )
    _, said = process.communicate(stdin)
    if process.returncode:
        raise _failed(host, process.returncode, said.decode(errors="replace").strip())


def _failed(host: Host, exit_code: int, said: str) -> RigError:
    full = "No space left" in said  # rsync's other end then sees no more than a broken stream
    if exit_code in _CONNECTION_LOST and not full:
        return lost(host.target, said or f"exit code {exit_code}")
    hint = "free some space there, or launch with a larger disk_gib" if full else ""
    return WorldError(f"Copying to or from {host.target} failed (exit code {exit_code}): {said}", hint)


def _stream_up(host: Host, chosen: Selection, destination: str) -> None:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    process = host.stream(*commands.unpack(destination), **pipes)
    assert process.stdin is not None
    try:
        with tarfile.open(fileobj=process.stdin, mode="w|", dereference=False) as tar:
            for path in (*chosen.empty, *chosen.sent):
                tar.add(chosen.folder / path, arcname=path, recursive=False)
    except BrokenPipeError:
        pass  # the other end says why, below
    except OSError as error:  # it has vanished, shrunk, or may not be read; half a stream must not be taken for a whole
        process.kill()
        process.communicate()
        raise WorldError(
            f"{chosen.folder} could not be sent: {error}", "mend that, and run the command again"
        ) from error
    said = process.communicate()[1].decode(errors="replace").strip()
    if process.returncode:
        raise _failed(host, process.returncode, said)


def _stream_down(host: Host, source: str, destination: Path) -> None:
    process = host.stream(["echo", GREETING], commands.pack(source), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    for line in process.stdout:
        if line.rstrip().endswith(GREETING.encode()):
            break
    cut = ""
    try:
        with tarfile.open(fileobj=process.stdout, mode="r|") as tar:
            for member in tar:
                _extract(tar, member, destination)
    except (tarfile.ReadError, EOFError) as error:
        cut = f"the stream was cut: {error}"
    said = process.communicate()[1].decode(errors="replace").strip()
    if process.returncode:
        raise _failed(host, process.returncode, said or cut)
    if cut:
        raise dropped(host.target, cut)


def _extract(tar: tarfile.TarFile, member: tarfile.TarInfo, destination: Path) -> None:
    """Whole or absent, never outside *destination*, never over a newer file of the person's."""
    here = destination / member.name
    if not here.resolve().is_relative_to(destination.resolve()) or not (member.isfile() or member.isdir()):
        return
    if member.isdir():
        here.mkdir(parents=True, exist_ok=True)
        return
    if here.exists() and here.stat().st_mtime > member.mtime + 1:
        return
    here.parent.mkdir(parents=True, exist_ok=True)
    aside = here.with_name(here.name + ".part")
    content = tar.extractfile(member)
    assert content is not None
    with aside.open("wb") as file:
        shutil.copyfileobj(content, file)
    os.utime(aside, (member.mtime, member.mtime))
    aside.replace(here)
