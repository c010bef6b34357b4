"""Text as it comes from people: a number they typed; a file as their editor saved it, in UTF-8 with or without a mark,
or in UTF-16, which Windows calls "Unicode"."""

from __future__ import annotations

import codecs
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from infra.errors import BadSettings

_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def whole_number(text: str, *, most: int) -> int | None:
    """The number from 0 to *most* that *text* is, in plain digits; None for anything else, however long it is."""
    plain = text.isascii() and text.isdecimal() and len(text) <= len(str(most))
    return int(text) if plain and int(text) <= most else None


def read_text(path: Path) -> str:
    """The text of *path*. Raises BadSettings, which names the file and what is wrong with it."""
    try:
        return _decode(path, "strict")
    except UnicodeDecodeError as error:
        raise BadSettings(f"{path} is not UTF-8: {error}", "save it as UTF-8, and try again") from error


REPLACED: Final = "\ufffd"


def read_what_is_text(path: Path) -> str:
    """As `read_text`, with REPLACED for what is not UTF-8."""
    return _decode(path, "replace")


def _decode(path: Path, errors: str) -> str:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise BadSettings(f"{path} cannot be read: {error.strerror}") from error
    return raw.decode(next((name for mark, name in _MARKS if raw.startswith(mark)), "utf-8"), errors)


def parse_toml(text: str) -> Mapping[str, Any]:
    """Raises ValueError if it is none."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        found: Mapping[str, Any] = tomllib.loads(text)
    except RecursionError as error:  # a thousand brackets
        raise ValueError(str(error)) from None
    return found
