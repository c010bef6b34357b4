"""Which files are secrets by the names that tools give them. Pure: nothing is opened here.

Letter case does not count, nor does what an editor, a browser or a careful person adds to a copy: `.env~`,
`id_rsa.bak`, `accessKeys (1).csv`, `.credentials.json.swp`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import translate
from functools import cache, lru_cache
from importlib.resources import files
from typing import Final

# "name", "*.ext", "folder/name", "folder/" (with all in it). {data} stands for the endings of files of plain data.
_TABLE: Final = files("infra.host").joinpath("data/secret_names.txt")
_DATA: Final = (".json", ".json5", ".yaml", ".yml", ".toml", ".ini", ".cfg", ".conf", ".txt", ".csv", ".xml", ".plist",
                ".properties", ".env", ".db", ".sqlite", ".xlsx", ".docx")  # fmt: skip
# Programs and pages about a thing are not the thing; what is written in them is looked into all the same.
_CODE: Final = re.compile(
    r"\.(?:py[xi]?|ipynb|[ch]|cc|cpp|hpp|cu|js|ts|go|rs|java|r|jl|lua|rb|pl|sh|md|rst|html?|css)$"
)
# Made to be shown: `.env.example`, `sample.tfvars`. And the public half of a key.
_FOR_SHOW: Final = re.compile(r"(?:^|[-_.])(?:example|sample|template|tmpl|tpl|dist|schema)(?:[-_.]|$)|\.pub$")
_COPY: Final = re.compile(
    r"(?:~|#|\.(?:bak|backup|bkp|old|orig|save|saved|copy|tmp|sw[a-z]|dpkg-\w+|rpm\w+|gz|xz|bz2|zst|zip|tar|tgz|7z|rar|\d{1,8})"
    r"|[-_ ](?:bak|backup|old|orig|copy))$"
)
_NUMBERED: Final = re.compile(r" ?\(\d+\)| - copy| copy(?: \d+)?(?=\.|$)")


def is_secret(path: str) -> bool:
    """Whether the file or link *path* (relative, with slashes) is a secret by its name or by a folder it lies in."""
    *folders, name = path.lower().split("/")
    if _lies_in_secret_folder("/".join(folders)):
        return True
    return any(_matches(name, ()) or (folders and _matches(name, tuple(folders[-2:]))) for name in spellings(name))


@lru_cache(maxsize=4096)
def spellings(name: str) -> tuple[str, ...]:
    """*name* as it stands, and without what copies of a file are called by; none for what is no secret by its name."""
    found = [name]
    while (shorter := _COPY.sub("", _NUMBERED.sub("", found[-1].lstrip("#")))) not in ("", found[-1]):
        found.append(shorter)
    # vim's .NAME.swp and Emacs's .#NAME stand for NAME; a name may begin with a dot of its own.
    found += [spelling.lstrip(".#") for spelling in found if spelling != name or name.startswith(".#")]
    return tuple(one for one in found if not _CODE.search(one) and not _FOR_SHOW.search(one))


@lru_cache(maxsize=4096)
def _matches(name: str, folders: tuple[str, ...]) -> bool:
    """*name* alone, or with the folders it lies in: those patterns that have a slash."""
    if not folders:
        return name in _tables().names or bool(_tables().patterns.fullmatch(name))
    return any(bool(_tables().deep.fullmatch("/".join([*folders[start:], name]))) for start in range(len(folders)))


@lru_cache(maxsize=4096)
def _lies_in_secret_folder(folder: str) -> bool:
    parts = folder.split("/")
    return any(
        bool(_tables().folders.fullmatch("/".join(parts[start:end])))
        for end in range(1, len(parts) + 1)
        for start in range(max(0, end - 2), end)
    )


@dataclass(frozen=True)
class _Tables:
    """The table by shape, for speed: plain names, names with wildcards, names with a folder before them, folders."""

    names: frozenset[str]
    patterns: re.Pattern[str]
    deep: re.Pattern[str]
    folders: re.Pattern[str]


@cache
def patterns() -> tuple[str, ...]:
    """The patterns of the table as they stand there."""
    lines = _TABLE.read_text(encoding="utf-8").splitlines()
    return tuple(line for line in lines if line and not line.startswith("#"))


@cache
def _tables() -> _Tables:
    each = [one for pattern in patterns() for one in _spell_out(pattern)]
    names = [pattern for pattern in each if "/" not in pattern]
    plain = frozenset(name for name in names if not _has_wildcard(name))
    return _Tables(
        names=plain,
        patterns=_any_of([name for name in names if name not in plain]),
        deep=_any_of([pattern for pattern in each if "/" in pattern[:-1] and not pattern.endswith("/")]),
        folders=_any_of([pattern[:-1] for pattern in each if pattern.endswith("/")]),
    )


def _spell_out(pattern: str) -> list[str]:
    return [pattern.replace("{data}", ending) for ending in _DATA] if "{data}" in pattern else [pattern]


def _has_wildcard(pattern: str) -> bool:
    return any(mark in pattern for mark in "*?[")


def _any_of(patterns: list[str]) -> re.Pattern[str]:
    return re.compile("|".join(translate(pattern) for pattern in patterns))
