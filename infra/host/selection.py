"""Which files of a folder are sent, and what is said about those that stay. The one choice for rsync and tar alike."""

from __future__ import annotations

import dataclasses
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from threading import Lock

from infra.errors import UserError
from infra.host.exclude import RIGIGNORE, Listing, ask_rigignore, git_is_here, list_all, list_ignored, list_project
from infra.host.packing import pack
from infra.host.secret_names import is_secret
from infra.host.secret_scan import Looked, look_into
from infra.host.shared_answer import SharedAnswer

# What is looked into for secrets is small. A notebook with its pictures is not so small.
_MOST_CODE_BYTES, _MOST_DATA_BYTES = 8 << 20, 1 << 20
_SHOWN = 20
_PACKING = Lock()


# Nobody misses these; all else that git ignores is named, for a program may want it.
_MISSED_BY_NOBODY = re.compile(
    r"(?:.*/)?(?:\.git|__pycache__|.*\.egg-info|\.(?:mypy|ruff|pytest)_cache|\.hypothesis|\.ipynb_checkpoints|\.?venv"
    r"|node_modules|build|dist|\.tox|\.nox|\.idea|\.vscode|\.DS_Store|.*\.py[co])/?"
)


@dataclass(frozen=True)
class Selection:
    """*sent*: the files and links below *folder* that may leave this computer; *empty*: empty folders that go, too.

    *secrets*: what is kept back, by path, and why. *links*: those that lead out of the folder. *above*: see Listing.
    *looked*: what was looked into for secrets.
    """

    folder: Path
    sent: tuple[str, ...]
    empty: tuple[str, ...] = ()
    secrets: Mapping[str, str] = field(default_factory=dict)
    links: tuple[str, ...] = ()
    above: str = ""
    looked: Looked | None = field(default=None, compare=False)
    _look: SharedAnswer[dict[str, str]] = field(default_factory=SharedAnswer, init=False, compare=False, repr=False)

    @cached_property
    def left(self) -> tuple[str, ...]:
        """All that stays, relative to *folder*; of folders that stay whole only the name, with a "/" at its end."""
        sent, entered = frozenset(self.sent), folders_of(self.sent).union(self.empty)
        return tuple(_list_left(self.folder, "", sent, entered))

    @property
    def packed(self) -> bytes | None:
        """All that goes, as one packed stream (see `pack`): made by the first who asks, for all who ask. Raises
        UserError where a secret was written since the choice."""
        with _PACKING:
            return self._packed

    @cached_property
    def _packed(self) -> bytes | None:
        folders = folders_of(self.sent).union(folders_of(self.empty), self.empty)
        packed = pack(self.folder, [".", *sorted(folders), *self.sent])
        if secrets := self.find_new_secrets():
            raise UserError(
                f"Written since all was looked into, and now they hold keys or passwords: {say_secrets(secrets)}. "
                "Nothing was sent.",
                "run the command again: what holds a secret stays here",
            )
        return packed

    def without(self, folder: str) -> Selection:
        """All but what lies in *folder*."""
        kept = (tuple(path for path in some if not path.startswith(f"{folder}/")) for some in (self.sent, self.empty))
        sent, empty = kept
        return dataclasses.replace(self, sent=sent, empty=empty)

    def find_new_secrets(self) -> dict[str, str]:
        """Of what is *sent*: what has been written since it was looked into, and holds a secret now. One look is for
        all who ask for it while another goes on."""
        return self._look.get(self._look_again)

    def _look_again(self) -> dict[str, str]:
        found = self.looked.look_again() if self.looked else {}
        sent = frozenset(self.sent) if found else frozenset()
        return {path: why for path, why in found.items() if path in sent}

    def holds_secret(self, path: str) -> bool:
        """Whether *path*, as it stands in *left*, is a secret or a folder with one in it."""
        return path.rstrip("/") in self._around_secrets

    @cached_property
    def _around_secrets(self) -> frozenset[str]:
        return folders_of(self.secrets).union(self.secrets)


def select_code(code: Path) -> Selection:
    """What of a project is sent: what git would keep, less what is ours, secrets, and links that lead out of it.

    `.rigignore` has the last word. A line `!name` there, without wildcards, sends what would stay: such a line is
    written for that one file, and not to let a whole folder in again.
    """
    code = code.resolve()
    listing = list_project(code)
    files = [path for path in _without_environments(listing.files) if not _is_ours(path)]
    folders = tuple(path for path in listing.folders if not _is_ours(path))
    return _select(code, dataclasses.replace(listing, files=tuple(files), folders=folders), most_bytes=_MOST_CODE_BYTES)


def select_data(folder: Path) -> Selection:
    """What of a data folder is sent: all but secrets and links that lead out of it. Git has no say there."""
    folder = folder.resolve()
    return _select(folder, list_all(folder), most_bytes=_MOST_DATA_BYTES)


def select_all(folder: Path) -> Selection:
    """All of a run's folder: it was there before, and must go back whole."""
    folder = folder.resolve()
    return Selection(folder, list_all(folder).files, tuple(_empty_folders(folder, [""])))


def _select(folder: Path, listing: Listing, *, most_bytes: int) -> Selection:
    verdicts = ask_rigignore(folder, [*listing.files, *_let_in(folder)])
    wanted = {path for path, pattern in verdicts.items() if pattern.startswith("!") and not set(pattern) & set("*?[")}
    unwanted = {path for path, pattern in verdicts.items() if not pattern.startswith("!")}
    found = sorted({*listing.files, *wanted} - unwanted)
    kinds = {path: mode for path in found if (mode := _mode(f"{folder}/{path}"))}
    links = tuple(path for path, mode in kinds.items() if stat.S_ISLNK(mode) and _leads_out(folder, path))
    secrets = {path: "its name" for path in kinds if path not in wanted and is_secret(path)}
    files = [path for path, mode in kinds.items() if stat.S_ISREG(mode) and path not in secrets and path not in wanted]
    inside = [path for path, mode in kinds.items() if stat.S_ISLNK(mode) and path not in links]
    looked = look_into(folder, files, most_bytes=most_bytes, may_become_files=inside)
    secrets |= looked.secrets
    return Selection(
        folder,
        sent=tuple(path for path in kinds if path not in secrets and path not in links),
        empty=tuple(_empty_folders(folder, listing.folders)),
        secrets=secrets,
        links=links,
        above=listing.above,
        looked=looked,
    )


def _let_in(folder: Path) -> list[str]:
    """What git ignores, if .rigignore has a line that might send it all the same."""
    rules = folder / RIGIGNORE
    has_exceptions = rules.is_file() and any(line.startswith(b"!") for line in rules.read_bytes().splitlines())
    return list_ignored(folder) if has_exceptions and git_is_here() else []


def _is_ours(path: str) -> bool:
    """Of use on this computer alone. At the top of the project only: further down such a name is the user's own."""
    return path == "rig.toml" or path.startswith((".rig/", ".pulling/", "runs/"))


def _without_environments(paths: Sequence[str]) -> Iterator[str]:
    """Without virtual environments that nobody told git to ignore: their programs run on this computer alone."""
    tops = tuple(path.removesuffix("pyvenv.cfg") for path in paths if path.endswith("/pyvenv.cfg"))
    return (path for path in paths if not path.startswith(tops)) if tops else iter(paths)


def _mode(path: str) -> int:
    """What kind of file is there; 0 for what cannot be sent: it is gone, or a pipe, a socket, a device."""
    try:
        mode = os.lstat(path).st_mode
    except OSError:
        return 0
    return mode if stat.S_ISREG(mode) or stat.S_ISLNK(mode) else 0


def _leads_out(folder: Path, link: str) -> bool:
    """Whether *link* would lead nowhere on the host. Any absolute path does: the host's folders have other names."""
    target = os.readlink(folder / link)
    by_words = os.path.normpath(os.path.join(os.path.dirname(link), target))
    followed = os.path.realpath(folder / link)
    inside = followed == str(folder) or followed.startswith(f"{folder}/")
    return os.path.isabs(target) or by_words.split("/")[0] == ".." or not inside


def say_secrets(secrets: Mapping[str, str]) -> str:
    return ", ".join(f"{path} ({why})" for path, why in secrets.items())


def folders_of(paths: Iterable[str]) -> frozenset[str]:
    """All folders that lead to *paths*."""
    found: set[str] = set()
    for path in paths:
        while (path := path.rpartition("/")[0]) and path not in found:
            found.add(path)
    return frozenset(found)


def _list_left(folder: Path, at: str, sent: frozenset[str], entered: frozenset[str]) -> Iterator[str]:
    for path, entry in _entries(folder, at):
        if not entry.is_dir(follow_symlinks=False):
            yield from () if path in sent else (path,)
        elif path in entered:
            yield from _list_left(folder, path, sent, entered)
        else:
            yield path + "/"


def _empty_folders(folder: Path, tops: Iterable[str]) -> Iterator[str]:
    """The folders from *tops* down in which there is no file: a program may want to write there."""
    for top in tops:
        yield from _hollow(folder, top.rstrip("/"))[1]


def _hollow(folder: Path, at: str) -> tuple[bool, list[str]]:
    """Whether folder *at* holds no file, and the folders from there down that do not."""
    found: list[str] = []
    hollow = True
    for path, entry in _entries(folder, at):
        if entry.is_dir(follow_symlinks=False) and entry.name != b".git":
            below_too, below = _hollow(folder, path)
            hollow, found = hollow and below_too, found + below
        else:
            hollow = False
    return hollow, [*found, at] if hollow and at else found


def _entries(folder: Path, at: str) -> Iterator[tuple[str, os.DirEntry[bytes]]]:
    """Bytes, for a name need not be UTF-8. What may not be read has nothing in it for us."""
    with suppress(PermissionError), os.scandir(os.fsencode(folder / at)) as entries:
        for entry in entries:
            name = os.fsdecode(entry.name)
            yield (f"{at}/{name}" if at else name), entry


def remarks(chosen: Selection) -> Iterator[str]:
    """What a user should know of what stays: which secrets, which links, and what a program may look for in vain."""
    if chosen.above:
        yield f"The repository in {chosen.above} ignores this folder, so it is taken as a project of its own."
    if not git_is_here() and ((chosen.folder / ".gitignore").exists() or (chosen.folder / RIGIGNORE).exists()):
        yield "git is not on this computer, so .gitignore and .rigignore are not read: all but secrets is sent."
    if chosen.secrets:
        yield "Kept back, for they hold keys or passwords, or are called so: " + _some(
            f"{path} ({why})" for path, why in chosen.secrets.items()
        )
        yield f"To send one all the same, write its name into {RIGIGNORE}: !{next(iter(chosen.secrets))}"
    if chosen.links:
        yield "Not sent, for these links lead out of the folder: " + _some(
            f"{link} -> {os.readlink(chosen.folder / link)}" for link in chosen.links
        )
    missed = sorted(path for path in chosen.left if _may_be_missed(path, chosen))
    if missed:
        yield f"Left here, as .gitignore or {RIGIGNORE} says: " + _some(missed)


def _may_be_missed(path: str, chosen: Selection) -> bool:
    said_already = chosen.holds_secret(path) or path in chosen.links or _is_ours(path)
    return not said_already and not _MISSED_BY_NOBODY.fullmatch(path)


def _some(names: Iterable[str]) -> str:
    named = list(names)
    more = f" and {len(named) - _SHOWN} more" if len(named) > _SHOWN else ""
    return ", ".join(named[:_SHOWN]) + more
