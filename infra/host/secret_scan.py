"""Looks for keys and passwords inside small text files. The only module that imports Kingfisher.

Its rules know some 480 kinds of keys and it reads 30 MB a second (https://github.com/mongodb/kingfisher). What
they leave out, and people do write down, stands in data/rules.yaml. No network is asked: no key is tried.
What was looked into once is not looked into again while its size, times and inode stay the same.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, TypeAlias

from infra.host.ssh_config import write

_RULES: Final = files("infra.host").joinpath("data/rules.yaml")
_COVERED: Final = ("betterleaks.generic-credential-uri",)  # ours knows better what stands for a password in a manual
_BEGINNING: Final = 8000  # git, too, takes for binary what has a zero byte so early
_UNICODE_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")  # UTF-16 is full of zero bytes, and is text
_MAY_HOLD_ONE: Final = re.compile(
    r"[^\s=]{16,}|pass|pwd|secret|token|key|auth|://|\s-p|login|kennw|contrase|mot_?de|senha|wachtw", re.IGNORECASE
)
Stamp: TypeAlias = list[int]  # see _stamp
_Seen = dict[str, list[Any]]  # path -> its stamp, and what was found, "" for nothing


@dataclass(frozen=True)
class Looked:
    """What was looked into below *folder*. *secrets*: path -> what was found ("line 2: an AWS access key"). *stamps*:
    how each file was then."""

    folder: Path
    most_bytes: int
    secrets: Mapping[str, str]
    stamps: Mapping[str, Stamp]

    def look_again(self) -> dict[str, str]:
        """The secrets in those files that have been written since."""
        found = {path: self._find_new(path, stamp) for path, stamp in self.stamps.items()}
        return {path: what for path, what in found.items() if what}

    def _find_new(self, path: str, before: Stamp) -> str:
        with suppress(OSError):  # it is gone
            now = _stamp(f"{self.folder}/{path}")
            if now != before and now[0] <= self.most_bytes:
                return _look(self.folder / path)
        return ""


def look_into(folder: Path, paths: Iterable[str], *, most_bytes: int, may_become_files: Iterable[str] = ()) -> Looked:
    """Look for secrets in the regular files *paths* below *folder*. Files larger than *most_bytes* and binary files are
    not looked into; nor are *may_become_files*, which are none as yet."""
    known = _Memory(folder)
    found = {path: known.or_look(path, most_bytes) for path in paths}
    known.keep()
    for path in may_become_files:
        known.note(path)
    return Looked(folder, most_bytes, {path: what for path, what in found.items() if what}, known.stamps)


def find_in_text(text: str) -> str:
    """What secret a command line holds; empty for none. Most hold nothing that the rules need be loaded for."""
    if not _MAY_HOLD_ONE.search(text):
        return ""
    return _first(_scanner().scan(text.encode(errors="surrogateescape")))


class _Memory:
    """What was found in files that have not changed since, by the rules we still have."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
        self._file = Path.home() / ".cache" / "gluon-rig" / "looked-into" / f"{name}.json"
        self._before = self._read()
        self._now: _Seen = {}
        self.stamps: dict[str, Stamp] = {}

    def or_look(self, path: str, most_bytes: int) -> str:
        """Empty, too, for what cannot be read: whoever sends it will say why."""
        with suppress(OSError):
            stamp = self.note(path)
            if stamp[0] > most_bytes:
                return ""
            known = self._before.get(path)
            what = str(known[1]) if known and known[0] == stamp else _look(self._folder / path)
            self._now[path] = [stamp, what]
            return what
        return ""

    def note(self, path: str) -> Stamp:
        """How *path* is now."""
        stamp = self.stamps[path] = _stamp(f"{self._folder}/{path}")
        return stamp

    def keep(self) -> None:
        """A cache: what cannot be kept is looked into again next time."""
        if self._now != self._before:
            with suppress(OSError):
                write(self._file, json.dumps({"rules": _rules_id(), "seen": self._now}))

    def _read(self) -> _Seen:
        with suppress(OSError, ValueError, KeyError, TypeError):
            kept = json.loads(self._file.read_text())
            if kept["rules"] == _rules_id():
                return {path: [list(stamp), str(what)] for path, (stamp, what) in kept["seen"].items()}
        return {}


def _stamp(path: str) -> Stamp:
    found = os.lstat(path)
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]


@cache
def _rules_id() -> str:
    return version("kingfisher-secret-scanner") + hashlib.sha256(_RULES.read_bytes()).hexdigest()


def _look(path: Path) -> str:
    content = path.read_bytes()
    if b"\0" in content[:_BEGINNING] and content[:2] not in _UNICODE_MARKS:
        return ""
    return _first(_scanner().scan(content))


def _first(findings: Iterable[Any]) -> str:
    """The first finding as words, without the secret itself: the scanner has covered it already."""
    for one in findings:
        if one.visible and one.rule_id not in _COVERED:
            return f"line {one.location['line']}: {_in_words(one)}"
    return ""


def _in_words(finding: Any) -> str:
    """Our own rules have names for this; the library's are sentences, and its ids ("a.slack-bot-token") are shorter."""
    if finding.rule_id.startswith("rig."):
        return str(finding.rule_name)
    return str(re.split(r"[./]", finding.rule_id)[-1]).replace("-", " ")


@cache
def _scanner() -> Any:
    from kingfisher_sdk import Rules, Scanner

    # Compiled rules lie beside the library: it takes seconds, and another HOME must not do it anew.
    beside = Path(sys.prefix) / "var" / "kingfisher"
    place = beside if os.access(sys.prefix, os.W_OK) else None
    return Scanner(Rules([str(_RULES)], confidence="low", cache_dir=place), redact=True)
