"""What git says of a project's files. `.gitignore` has rules nobody should write twice, so git itself is asked."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from infra.errors import WorldError

RIGIGNORE = ".rigignore"
_NO_REPOSITORY = "not a git repository"


@dataclass(frozen=True)
class Listing:
    """*files*: what git tracks or does not ignore, links included. *folders*: untracked ones, empty ones too.

    *above*: a repository further up that ignores all of this folder, and so has no say about it.
    """

    files: tuple[str, ...]
    folders: tuple[str, ...] = ()
    above: str = ""


def git_is_here() -> bool:
    return shutil.which("git") is not None


def list_project(code: Path) -> Listing:
    """All that git would keep of *code* (absolute): the repository's own word, and that of each repository in it.

    A folder that is no repository, or that a repository above it ignores whole, is taken as a project of its own.
    """
    if not git_is_here():
        return list_all(code)
    try:
        found = _list(code, {})
    except _NotARepository:
        return _list_on_its_own(code)
    if found.files or (code / ".git").exists():
        return found
    above = _git(code, "rev-parse", "--show-toplevel").decode(errors="replace").strip()
    alone = _list_on_its_own(code)
    return Listing(alone.files, alone.folders, above=above if alone.files else "")


def list_all(folder: Path) -> Listing:
    """Every file and link below *folder*, whatever git says; .git itself is no part of it."""
    return Listing(tuple(_walk(folder)), folders=("",))


def list_ignored(code: Path) -> list[str]:
    """The files of *code* itself that git ignores; those of repositories in it are not among them."""
    words = ("ls-files", "-z", "--others", "--ignored", "--exclude-standard")
    try:
        return _split(_git(code, *words))
    except _NotARepository:
        with _empty_repository(code) as lent:
            return _split(_git(code, *words, lent=lent))


def ask_rigignore(code: Path, paths: Sequence[str]) -> dict[str, str]:
    """The pattern of .rigignore that decides about each of *paths*, for those that one decides about.

    A repository with no file in it is asked, so that no .gitignore has a say; its one rule file is ours.
    """
    if not (code / RIGIGNORE).is_file() or not git_is_here():
        return {}
    with tempfile.TemporaryDirectory() as nowhere, _empty_repository(Path(nowhere)) as lent:
        rules = ("-c", f"core.excludesFile={code / RIGIGNORE}")
        asked = b"".join(os.fsencode(path) + b"\0" for path in paths)
        words = (*rules, "check-ignore", "--stdin", "-z", "--verbose", "--no-index")
        said = _split(_git(Path(nowhere), *words, lent=lent, stdin=asked, fine=(0, 1)))
    # Four fields each: the file of rules, the line, the pattern, the path.
    return dict(zip(said[3::4], said[2::4], strict=True))


def _list(folder: Path, lent: Mapping[str, str]) -> Listing:
    kept = _split(_git(folder, "ls-files", "-z", "--cached", "--others", "--exclude-standard", lent=lent))
    untracked = _split(_git(folder, "ls-files", "-z", "--others", "--directory", "--exclude-standard", lent=lent))
    files: dict[str, None] = {}
    folders = [path for path in untracked if path.endswith("/")]
    for path in kept:
        inner = f"{folder}/{path}"  # no Path: there may be 100,000 of them
        if not os.path.isdir(inner) or os.path.islink(inner):
            files[path] = None
        elif os.path.exists(f"{inner}/.git"):  # a repository in the repository: a submodule, or a clone
            name, below = path.rstrip("/"), list_project(Path(inner))
            files.update(dict.fromkeys(f"{name}/{one}" for one in below.files))
            folders += [f"{name}/{one}" for one in below.folders]
    return Listing(tuple(files), tuple(folders))


def _list_on_its_own(code: Path) -> Listing:
    with _empty_repository(code) as lent:
        return _list(code, lent)


@contextlib.contextmanager
def _empty_repository(tree: Path) -> Iterator[dict[str, str]]:
    """An empty repository elsewhere lends its rules to *tree*, which is not touched."""
    with tempfile.TemporaryDirectory() as folder:
        lent = {"GIT_DIR": f"{folder}/git", "GIT_WORK_TREE": str(tree)}
        _git(tree, "init", "--quiet", "--template=", lent=lent)
        yield lent


class _NotARepository(Exception):
    """Found out by the first question itself: each start of git is a part of what a sync takes."""


def _git(
    folder: Path, *words: str, lent: Mapping[str, str] | None = None, stdin: bytes = b"", fine: Sequence[int] = (0,)
) -> bytes:
    done = subprocess.run(
        ["git", *words], cwd=folder, input=stdin, capture_output=True, env={**_environment(), **(lent or {})}
    )
    if done.returncode in fine:
        return done.stdout
    said = done.stderr.decode(errors="replace").strip()
    if _NO_REPOSITORY in said and not lent:
        raise _NotARepository(said)
    raise WorldError(
        f"git cannot say what .gitignore leaves out, so nothing was sent: {said}", f"git -C {folder} status"
    )


def _environment() -> dict[str, str]:
    """In a hook git hands down which repository it is at work in (GIT_DIR, GIT_INDEX_FILE): another one, perhaps."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_") or "CONFIG" in name}
    return {**own, "LC_ALL": "C"}  # its answer is looked into for English words


def _split(output: bytes) -> list[str]:
    return [os.fsdecode(part) for part in output.split(b"\0") if part]


def _walk(folder: Path) -> Iterator[str]:
    for here, folders, files in os.walk(folder):
        links = [name for name in folders if os.path.islink(os.path.join(here, name))]
        folders[:] = [name for name in folders if name != ".git" and name not in links]
        at = os.path.relpath(here, folder)
        yield from (name if at == "." else f"{at}/{name}" for name in (*files, *links) if name != ".git")
