"""Sends folders to the host: rsync where both ends have it, one tar stream where not.

Both are told each file that goes, by name: one that is made after the choice, and so was not looked into for secrets,
stays here. What is written between the look and the copy is looked into once more when all is there; a secret is taken
away again.
"""

from __future__ import annotations

import base64
import binascii
import os
import subprocess
import tarfile
import tempfile
import zlib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Final

from infra.console import Tell
from infra.errors import UserError, WorldError
from infra.host import command_lines
from infra.host.carry import rsync_here
from infra.host.connection import Host
from infra.host.copy_failure import VANISHED, explain_failure
from infra.host.foreign import make_printable
from infra.host.listing import names
from infra.host.local_programs import local_process
from infra.host.selection import Selection, folders_of, say_secrets

_STDERR: Final = 2


def push_code(host: Host, chosen: Selection, destination: str, *, rsync_there: bool) -> None:
    """Make *destination* on the host equal to what was *chosen*, but for what has been removed since: editors and other
    programs leave files for a moment, and these are no part of a project. Raises UserError where a secret was written
    meanwhile."""
    if rsync_there and rsync_here():
        line = command_lines.rsync_push(host.target, chosen.folder, destination, list_names(destination))
        there = _read_names(host, destination, _copy(host, line, chosen))
        _remove(host, destination, _list_surplus(there, chosen))
    else:
        _stream_up(host, chosen, destination)
    _take_back_secrets(host, chosen, destination)


def push_packed(host: Host, packed: bytes, destination: str) -> None:
    """Lay *packed*, which is a `Selection.packed`, into *destination* on the host, where nothing is yet. Nothing is
    reckoned for this host alone, neither here nor there. What a broken line cut off `push_code` goes on with."""
    _give(host, command_lines.unpack_first(destination), packed)


def push_data(
    host: Host, chosen: Selection, destination: str, *, rsync_there: bool, tell: Tell, progress: bool = True
) -> None:
    """Copy a data folder. With rsync an interrupted copy goes on where it stopped; a tar stream starts anew.

    *progress*: rsync's own line is shown; of several copies at once, of one alone. Raises UserError as `push_code`.
    """
    if rsync_there and rsync_here():
        line = command_lines.rsync_data(host.target, chosen.folder, destination)
        _copy(host, line, chosen, progress=progress)
    else:
        tell("rsync is missing on one side: the data goes as one stream and cannot be resumed.")
        _stream_up(host, chosen, destination)
    _take_back_secrets(host, chosen, destination)


def push_text(host: Host, text: str, destination: str) -> None:
    """Write the file *destination* on the host, whole or not at all. A command line would hold 128 KiB at most."""
    aside = f"{destination}.part"
    lines = (["mkdir", "-p", destination.rpartition("/")[0]], ["tee", aside], ["mv", aside, destination])
    _give(host, lines, text.encode(errors="surrogateescape"))


def _give(host: Host, lines: Sequence[Sequence[str]], given: bytes) -> None:
    """Run *lines* on the host with *given* on their standard input."""
    process = host.stream(*lines, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    said = process.communicate(given)[1].decode(errors="replace").strip()
    if process.returncode:
        raise explain_failure(host, process.returncode, said)


def _copy(host: Host, line: list[str], chosen: Selection, *, progress: bool = False) -> bytes:
    """Let rsync copy; what the host was asked beside, and answered (see `list_names`)."""
    with tempfile.TemporaryFile() as named, tempfile.TemporaryFile() as complaint:
        named.write(names_of(chosen))
        named.seek(0)
        out = _STDERR if progress else subprocess.DEVNULL  # progress is no product
        exit_code = local_process(line, stdin=named, stdout=out, stderr=complaint).wait()
        complaint.seek(0)
        before, _, rest = complaint.read(_MOST_SAID).partition(_BEGIN)
    listed, end, after = rest.partition(_END)
    if exit_code not in (0, VANISHED):
        raise explain_failure(host, exit_code, (before + after).decode(errors="replace").strip())
    return listed if end else b""


def names_of(chosen: Selection) -> bytes:
    """As rsync reads them; without the "./" a name that begins with # would be a comment."""
    return names(f"./{path}" for path in (*chosen.empty, *chosen.sent))


_BEGIN, _END, _NO_FOLDER = b"gluon-rig: there is\n", b"gluon-rig: and no more\n", b"no such folder\n"
_LIST: Final = (
    "exec 3>&2 2>/dev/null; { echo gluon-rig: there is; "
    'if cd "$1"; then find . -mindepth 1 -print0 | gzip -1 | base64; else echo no such folder; fi; '
    "echo gluon-rig: and no more; } >&3"
)
_MOST_SAID, _LONGEST_LIST = 1 << 26, 1 << 28


def list_names(folder: str) -> list[str]:
    """Ask for all that is below *folder* there, on standard error, and packed: there may be 100,000 names of fifty
    bytes. It goes with rsync's own command: a question of its own would be one more way to each machine and back."""
    return ["sh", "-c", _LIST, "sh", folder]


def _read_names(host: Host, folder: str, listed: bytes) -> list[str]:
    if listed == _NO_FOLDER:
        return []
    unpacker = zlib.decompressobj(wbits=31)  # gzip's
    try:
        names_there = unpacker.decompress(base64.b64decode(listed), _LONGEST_LIST)
        if not unpacker.eof:
            raise ValueError("it has no end")
    except (binascii.Error, zlib.error, ValueError) as error:
        cause = f"{host.target} does not say what lies in {folder}: {make_printable(str(error))}"
        raise WorldError(cause, "`rig ssh` opens a shell there") from None
    return [os.fsdecode(name.removeprefix(b"./")) for name in names_there.split(b"\0") if name]


def _list_surplus(there: Iterable[str], chosen: Selection) -> list[str]:
    """What was sent once and is no part of *chosen* any more. What stays here is left alone there, but for secrets: one
    that was sent before it was known goes."""
    goes = {*chosen.sent, *chosen.empty, *folders_of(chosen.sent), *folders_of(chosen.empty)}
    surplus = [path for path in there if path not in goes]
    if not surplus:
        return []
    alone = {path.rstrip("/") for path in chosen.left if not chosen.holds_secret(path)}
    return [path for path in surplus if alone.isdisjoint([path, *folders_of([path])])]


def _remove(host: Host, folder: str, paths: Iterable[str]) -> None:
    if given := names(f"./{path}" for path in paths):
        _give(host, (["cd", folder], ["xargs", "-0", "rm", "-rf", "--"]), given)


def _take_back_secrets(host: Host, chosen: Selection, destination: str) -> None:
    secrets = chosen.find_new_secrets()
    if secrets:
        _remove(host, destination, secrets)
        raise UserError(
            f"Written while they were copied, and now they hold keys or passwords: {say_secrets(secrets)}. "
            "They were on the instance for a moment, and are removed there again.",
            "run the command again: what holds a secret stays here",
        )


def _stream_up(host: Host, chosen: Selection, destination: str) -> None:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    process = host.stream(*command_lines.unpack(destination), **pipes)
    assert process.stdin is not None
    try:
        with tarfile.open(fileobj=process.stdin, mode="w|", dereference=False) as tar:
            for path in (*chosen.empty, *chosen.sent):
                with suppress(FileNotFoundError):  # raised before anything of it is in the stream
                    tar.add(chosen.folder / path, arcname=path, recursive=False)
    except BrokenPipeError:
        pass  # the other end says why, below
    except OSError as error:  # it has shrunk, or may not be read; half a stream must not be taken for a whole
        process.kill()
        process.communicate()
        raise WorldError(
            f"{chosen.folder} could not be sent: {error}", "fix that, and run the command again"
        ) from error
    said = process.communicate()[1].decode(errors="replace").strip()
    if process.returncode:
        raise explain_failure(host, process.returncode, said)
