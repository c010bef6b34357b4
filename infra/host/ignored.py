"""What stays on the laptop. `.gitignore` has rules nobody should write twice, negation above all, so git is asked."""

from __future__ import annotations

import contextlib
import fnmatch
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from infra.errors import WorldError
from infra.host.commands import LEFT_HERE, SECRETS

RIGIGNORE = ".rigignore"


def ignored_paths(code: Path) -> list[str]:
    """The paths below *code*, relative to it, that `.gitignore` and `.rigignore` leave out; folders end in "/".

    Without git on this computer only `SECRETS` and `LEFT_HERE` are left out.
    """
    if not shutil.which("git"):
        return []
    with contextlib.suppress(_NotARepository):
        return _ask(code, environment=None)
    # Not a repository: an empty one elsewhere lends its rules, and the project is not touched.
    with tempfile.TemporaryDirectory() as folder:
        empty = {"GIT_DIR": f"{folder}/git", "GIT_WORK_TREE": str(code)}
        subprocess.run(["git", "init", "--quiet"], env={**os.environ, **empty}, check=True, stdout=subprocess.DEVNULL)
        try:
            return _ask(code, environment=empty)
        except _NotARepository as error:
            raise WorldError(
                f"git cannot say what .gitignore leaves out, so nothing was sent: {error}", f"git -C {code} status"
            ) from error


class _NotARepository(Exception):
    """git's exit code 128. Found out by the first question itself: each start of git is a part of what a sync takes."""


def _ask(code: Path, environment: dict[str, str] | None) -> list[str]:
    untracked = ("ls-files", "-z", "--others", "--ignored", "--directory")
    paths = _split(_git(code, *untracked, "--exclude-standard", environment=environment))
    if (code / RIGIGNORE).is_file():
        rules = f"--exclude-from={RIGIGNORE}"
        paths += _split(_git(code, *untracked, rules, environment=environment))
        # What git tracks can still be useless on the host: videos, slides.
        paths += _split(_git(code, "ls-files", "-z", "--cached", "--ignored", rules, environment=environment))
    return sorted(set(paths))


def _git(code: Path, *words: str, environment: dict[str, str] | None = None) -> bytes:
    done = subprocess.run(["git", *words], cwd=code, capture_output=True, env={**os.environ, **(environment or {})})
    if done.returncode:
        raise _NotARepository(done.stderr.decode(errors="replace"))
    return done.stdout


def _split(output: bytes) -> list[str]:
    return [os.fsdecode(part) for part in output.split(b"\0") if part]


def as_rsync_rules(paths: list[str]) -> bytes:
    """Anchored, literal rsync patterns, each ended by a zero byte: a name may hold blanks, stars and line ends."""
    return b"".join(os.fsencode("/" + _literal(path)) + b"\0" for path in paths)


def _literal(path: str) -> str:
    # Only a pattern with a wildcard in it has its backslashes read as escapes (rsync(1), "PATTERN MATCHING RULES").
    if not any(mark in path for mark in "*?["):
        return path
    return "".join("\\" + letter if letter in "*?[\\" else letter for letter in path)


def kept_files(code: Path, ignored: list[str]) -> Iterator[Path]:
    """Every file and link below *code* that may leave the laptop, for the tar stream; the same choice as rsync's."""
    left_out = set(ignored)
    for folder, folders, files in os.walk(code):
        here = Path(folder).relative_to(code)
        links = [name for name in folders if (Path(folder) / name).is_symlink()]
        folders[:] = [
            name for name in sorted(folders) if name not in links and not _stays(here / name, left_out, is_folder=True)
        ]
        yield from (here / name for name in sorted(files + links) if not _stays(here / name, left_out, is_folder=False))


def _stays(path: Path, left_out: set[str], *, is_folder: bool) -> bool:
    text = path.as_posix()
    if (text + "/" if is_folder else text) in left_out:
        return True
    return any(_matches(path, pattern, is_folder) for pattern in (*SECRETS, *LEFT_HERE))


def _matches(path: Path, pattern: str, is_folder: bool) -> bool:
    """rsync's meaning of the few shapes used in SECRETS and LEFT_HERE: "name", "name/", "*.ext", "folder/name"."""
    if pattern.endswith("/") and not is_folder:
        return False
    parts = pattern.rstrip("/").split("/")
    return len(path.parts) >= len(parts) and all(
        fnmatch.fnmatchcase(part, wanted) for part, wanted in zip(path.parts[-len(parts) :], parts, strict=True)
    )
