"""Moves folders between this computer and the host: rsync where both ends have it, one tar stream where not."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from infra.console import Tell
from infra.errors import WorldError, own_again
from infra.host import command_lines
from infra.host.carry import by_rsync, by_stream
from infra.host.connection import Host, local_process
from infra.host.copy_failure import VANISHED, explain_failure
from infra.host.foreign import make_printable
from infra.host.landing import Landing
from infra.host.ledger import DISK_ERRORS, in_batches
from infra.host.listing import File, Listing, list_ended_run, list_run
from infra.host.selection import Selection

_STDERR = 2
_ROUNDS = 3  # of a run that is over, and whose files somebody still changes
_NAMED = 1000
_LATER = "it is still being written, and comes when the run has ended"


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """*left*: what has not come, and should have; *notes*: what came otherwise than it was there. Name -> why, of the
    first thousand; how many more there are of each. *manifest*: where what it names is all of a run that is over, it
    lies there and waits to be put down (`seal`)."""

    left: Mapping[str, str] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)
    more_left: int = 0
    more_notes: int = 0
    manifest: Path | None = None


def push_code(host: Host, chosen: Selection, destination: str, *, rsync_there: bool) -> None:
    """Make *destination* on the host equal to what was *chosen*, but for what has been removed since: editors and other
    programs leave files for a moment, and these are no part of a project."""
    if rsync_there and rsync_here():
        _finish(host, command_lines.rsync_push(host.target, chosen.folder, destination), stdin=_as_rsync_rules(chosen))
    else:
        _stream_up(host, chosen, destination)


def push_packed(host: Host, packed: bytes, destination: str) -> None:
    """Lay code that is *packed* (`Selection.packed`) into *destination* on the host, where nothing is yet. Nothing is
    reckoned for this host alone, neither here nor there. What a broken line cut off `push_code` goes on with."""
    _finish(host, command_lines.ssh(host.target, *command_lines.unpack_first(destination)), stdin=packed)


def push_data(
    host: Host, chosen: Selection, destination: str, *, rsync_there: bool, tell: Tell, progress: bool = True
) -> None:
    """Copy a data folder. With rsync an interrupted copy goes on where it stopped; a tar stream starts anew.

    *progress*: rsync's own line is shown; of several copies at once, of one alone.
    """
    if rsync_there and rsync_here():
        line = command_lines.rsync_data(host.target, chosen.folder, destination)
        _finish(host, line, stdin=_as_rsync_rules(chosen), progress=progress)
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
        raise explain_failure(host, process.returncode, said)


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


def pull(host: Host, source: str, home: Path, *, rsync_there: bool) -> Arrival:
    """Bring what is there now of the run in *source*; may be repeated while files still grow.

    A file that vanishes meanwhile is no loss: the next pull sees what became of it.
    """
    with _disk_errors_explained(home), Landing(home) as landing:
        if landing.is_whole():
            return Arrival()
        listing = list_run(host, source, landing.ledger)
        _bring(host, source, _without_half_written(listing, landing), landing, rsync_there)
        _make(listing, landing)
        if landing.is_whole():  # another pull has been quicker
            return Arrival()
        for path in landing.changed:
            landing.left.pop(path, None)
        return _arrival(listing, landing)


def pull_ended(host: Host, source: str, home: Path, *, rsync_there: bool) -> Arrival:
    """Bring all of a folder in which nobody writes any more, each file with the SHA-256 it has there."""
    with _disk_errors_explained(home), Landing(home) as landing:
        for _ in range(_ROUNDS):
            listing = list_ended_run(host, source, landing.ledger, doubted=landing.start_over())
            landing.retire_manifest(listing.files)
            _bring(host, source, listing.files, landing, rsync_there)
            now = list_run(host, source, landing.ledger)
            for file in _list_written_since(listing, now):
                landing.miss(file, "it was written when all had been listed")
            if not landing.changed and _names_all_but_files(listing, now):
                break
        landing.note_places(listing.files)
        _make(listing, landing)
        arrival = _arrival(listing, landing)
        return arrival if arrival.left else replace(arrival, manifest=landing.write_manifest(listing.files))


def seal(home: Path, arrival: Arrival) -> None:
    """Everything has come: say so in *home*, with the run's manifest."""
    assert arrival.manifest is not None
    with _disk_errors_explained(home), Landing(home) as landing:
        landing.seal(arrival.manifest)


def reopen(home: Path) -> None:
    """The run goes on again: *home* is whole no more, and what is in it may be replaced."""
    with _disk_errors_explained(home), Landing(home) as landing:
        landing.retire_manifest()


def remember(home: Path) -> None:
    """What is in *home* goes to the host: what comes back changed is that very work, and may replace it."""
    with _disk_errors_explained(home), Landing(home) as landing:
        landing.remember()


def forget(home: Path) -> None:
    """What is in *home* is the user's own again."""
    with _disk_errors_explained(home), Landing(home) as landing:
        landing.forget()


def _list_written_since(listing: Listing, now: Listing) -> Iterator[File]:
    """By size and time alone: what its owner may not read was given other rights for us, which is no writing."""
    for file in now.files:
        known = listing.files.find(file.path)
        if (known is None or known.written != file.written) and file.path not in listing.pending:
            yield file


def _names_all_but_files(listing: Listing, now: Listing) -> bool:
    """Whether *listing* has every link, folder, fifo and so on that is there *now*."""
    return (
        all(listing.links.get(path) == target for path, target in now.links.items())
        and all(path in listing.folders for path in now.folders)
        and all(path in listing.others for path in now.others)
    )


def _is_half_written(path: str) -> bool:
    """By the names that our training loop, and much else, gives to what is written aside and then renamed."""
    return path.endswith(".part") or any(part.startswith((".aside-", ".gluon-rig-")) for part in path.split("/"))


def _without_half_written(listing: Listing, landing: Landing) -> Iterator[File]:
    for file in listing.files:
        if _is_half_written(file.path):
            landing.notes[file.path] = _LATER
        else:
            yield file


def _arrival(listing: Listing, landing: Landing) -> Arrival:
    left, notes = listing.pending, listing.others
    left.update(landing.left)
    notes.update(landing.notes)
    return Arrival(
        left=_first(left), more_left=max(0, len(left) - _NAMED),
        notes=_first(notes), more_notes=max(0, len(notes) - _NAMED),
    )  # fmt: skip


def _first(why: Mapping[str, str]) -> dict[str, str]:
    return {make_printable(path): reason for path, reason in itertools.islice(why.items(), _NAMED)}


def _bring(host: Host, source: str, files: Iterable[File], landing: Landing, rsync_there: bool) -> None:
    ways = [by_rsync, by_stream] if rsync_there and rsync_here() else [by_stream]
    with landing.arriving() as arriving:
        for lacking in in_batches(file for file in files if landing.lacks(file)):
            for way in ways:
                if lacking:
                    way(host, source, lacking, landing, arriving)
                lacking = [file for file in lacking if file.path not in landing.changed and landing.lacks(file)]
            _miss_in_silence(lacking, landing)


def _miss_in_silence(files: list[File], landing: Landing) -> None:
    """Of which nobody has said why they did not come."""
    for file in files:
        if file.path not in landing.left:
            landing.miss(file, "it was not to be had when its turn came")


def _make(listing: Listing, landing: Landing) -> None:
    """What has no bytes to wait for. Links last: what they lead to is there then."""
    for folder in listing.folders:
        landing.make_folder(folder)
    for path, target in listing.links.items():
        landing.make_link(path, os.fsdecode(target))


@contextmanager
def _disk_errors_explained(home: Path) -> Iterator[None]:
    try:
        yield
    except DISK_ERRORS as error:
        raise WorldError(
            f"Results cannot be written to {home}: {make_printable(getattr(error, 'strerror', None) or str(error))}.",
            "\n".join(filter(None, [own_again(home), "fix that, then `rig pull`; nothing on the host was lost"])),
        ) from error


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
    if process.returncode not in (0, VANISHED):
        raise explain_failure(host, process.returncode, said.decode(errors="replace").strip())


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
