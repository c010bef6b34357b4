"""Brings a run home, as it is now or whole: by rsync where both ends have it, else as one tar stream."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from infra.errors import WorldError, own_again
from infra.host.carry import by_rsync, by_stream, rsync_here
from infra.host.connection import Host
from infra.host.foreign import make_printable
from infra.host.landing import Landing
from infra.host.ledger import DISK_ERRORS, in_batches
from infra.host.listing import File, Listing, list_ended_run, list_run

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
            if not landing.changed and next(_list_unlisted(listing, now), None) is None:
                break
        else:
            landing.left.update((path, "it changes there again and again") for path in _list_unlisted(listing, now))
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


def _list_unlisted(listing: Listing, now: Listing) -> Iterator[str]:
    """The links, folders, fifos and so on that are there *now* and are not in *listing*."""
    yield from (path for path, target in now.links.items() if listing.links.get(path) != target)
    yield from (path for path in now.folders if path not in listing.folders)
    yield from (path for path in now.others if path not in listing.others)


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
