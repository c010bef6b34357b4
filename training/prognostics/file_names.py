"""What a file's name and folders say of all its rows: whose they are, when they were measured, how the unit was run.

    path = "{bearing}/{time}"           1st_test/2003.10.22.12.06.24
    path = "engine={engine}/*"          engine=5/part-0.parquet
    path = "FD001_unit{unit}.csv"       FD001_unit3.csv

A place in braces is a column, the same in each row of the file. "*" is any part of a name. As many folders as the
pattern has are looked at; an ending that says how a file is written may be left out.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Final

from training.errors import BadData

SUFFIXES: Final = (".csv", ".tsv", ".txt", ".parquet", ".xlsx", ".xlsm", ".jsonl", ".ndjson")
PACKED: Final = ("", ".gz", ".zst", ".bz2", ".zip")
ENDINGS: Final = tuple(suffix + packed for suffix in SUFFIXES for packed in PACKED)

_UNSEEN: Final = dict.fromkeys((0x200B, 0x2060, 0xFEFF))
_PART: Final = re.compile(r"\{([^{}/]*)\}|\*")


def one_form(name: str) -> str:
    """*name* with each letter like ö in one sign, and without signs of no width: some computers write an o and two
    points, and both look alike.
    """
    return name if name.isascii() else unicodedata.normalize("NFC", name).translate(_UNSEEN)


def files_below(folder: Path) -> list[Path]:
    """All files in *folder* and in its folders, also those that links lead to, but for hidden ones and what other
    programs leave beside the data.
    """
    found, been = list[Path](), {os.path.realpath(folder)}
    for here, folders, names in os.walk(folder, followlinks=True):
        real = {name: os.path.realpath(os.path.join(here, name)) for name in folders if not is_clutter(name)}
        folders[:] = sorted(name for name, one in real.items() if one not in been)  # a link may lead back
        been.update(real.values())
        found += [path for name in names if not is_clutter(name) and (path := Path(here, name)).is_file()]
    return found


def is_clutter(name: str) -> bool:
    """What no user means by "all files": hidden ones, and what Windows, macOS, Excel and Spark leave in folders."""
    return name.startswith((".", "~$")) or name.lower() in (
        "thumbs.db",
        "desktop.ini",
        "icon\r",
        "__macosx",
        "_delta_log",
        "_spark_metadata",
    )


def logs_among(files: Iterable[Path]) -> list[Path]:
    """Those whose names end as a log's do."""
    return [path for path in files if path.name.lower().endswith(ENDINGS)]


def names_in_path(pattern: str) -> tuple[str, ...]:
    """The columns that *pattern* makes, in its order."""
    return tuple(found[1] for found in _PART.finditer(pattern) if found[1] is not None)


def path_problems(pattern: str) -> list[str]:
    """What is wrong with *pattern*, for the message about the whole description."""
    names, bare = names_in_path(pattern), _PART.sub("", pattern)
    found = []
    if not names:
        found.append('path: has no place in braces, like "{unit}/{time}"')
    if "{" in bare or "}" in bare or not all(name.strip() for name in names):
        found.append('path: each place is a name between braces, like "{unit}/{time}"')
    if len(set(names)) < len(names):
        found.append("path: one place is named twice")
    if re.search(r"[}*][{*]", pattern):
        found.append("path: between two places there must be a letter that tells where one ends")
    if pattern.startswith(("/", "~", "s3:")) or "//" in pattern or {".", ".."} & set(pattern.split("/")):
        found.append("path: is the end of each file's path: a few folders and the name, without a beginning")
    return found


def words_in_path(file: Path | str, pattern: str) -> dict[str, str]:
    """What each place of *pattern* is in the path of *file*; nothing where there is no pattern. Raises BadData where it
    does not fit, or in two ways.
    """
    if not pattern:
        return {}
    found = find_words(file, pattern)
    if found is None:
        raise BadData(
            f'{file}: its path is not like path = "{pattern}"',
            "Take the file out of the description, or fix the pattern; * stands for any part of a name.",
        )
    return found


def find_words(file: Path | str, pattern: str) -> dict[str, str] | None:
    """As words_in_path; None where *pattern* does not fit. Raises BadData where it fits in two ways."""
    end = _end_of(file, pattern.count("/") + 1)
    return words_like(without_ending(end), pattern, str(file)) or words_like(end, pattern, str(file))


def words_like(text: str, pattern: str, where: str) -> dict[str, str] | None:
    """What each place of *pattern* is in *text*, whole; None where it does not fit. Raises BadData, which says *where*,
    where it fits in two ways.
    """
    first, last = (regex.fullmatch(text) for regex in _regexes(pattern))
    if not first or not last:
        return None
    if first.groups() != last.groups():
        one, other = (", ".join(found.groups()) for found in (first, last))
        raise BadData(
            f'{where}: "{pattern}" can be read in two ways: {one}; or {other}',
            "Put more of the names into the pattern, so that each place has one end.",
        )
    return dict(zip(names_in_path(pattern), first.groups(), strict=True))


def _end_of(file: Path | str, parts: int) -> str:
    # Where the file lies on this computer: its name alone may have been given. What is in a bucket says all.
    whole = file if isinstance(file, Path) and str(file).startswith("s3:") else Path(os.path.abspath(file))
    return one_form("/".join(whole.parts[-parts:]))


def without_ending(name: str) -> str:
    found = next((ending for ending in sorted(ENDINGS, key=len, reverse=True) if name.lower().endswith(ending)), "")
    return name[: len(name) - len(found)]


@lru_cache(maxsize=64)
def _regexes(pattern: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """*pattern* with places as short as they can be, and as long: where both find the same there is no other way."""
    return _regex(pattern, "?"), _regex(pattern, "")


def _regex(pattern: str, short: str) -> re.Pattern[str]:
    written, at = [], 0
    for found in _PART.finditer(pattern):
        place = f"[^/]*{short}" if found[1] is None else f"([^/]+{short})"
        written += [re.escape(pattern[at : found.start()]), place]
        at = found.end()
    return re.compile("".join([*written, re.escape(pattern[at:])]))
