"""Text as people's editors save it: UTF-8 with or without a mark, or UTF-16, which Windows calls "Unicode"."""

from __future__ import annotations

import codecs
from pathlib import Path

from infra.errors import BadSettings

_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def read_text(path: Path) -> str:
    """The text of *path*. Raises BadSettings, which names the file and what is wrong with it."""
    try:
        raw = path.read_bytes()
        return raw.decode(next((name for mark, name in _MARKS if raw.startswith(mark)), "utf-8"))
    except OSError as error:
        raise BadSettings(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BadSettings(f"{path} is not UTF-8: {error}", "save it as UTF-8, and try again") from error
