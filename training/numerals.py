"""Numbers in foreign text, read in one way at every door: a cell of a log, a path, a key of the command line.

Python's own int() and float() take more for a number than who wrote it meant: 1_000, and the digits of every script.
"""

from __future__ import annotations

import re
from typing import Final

_DECIMAL: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$")
_NO_DIGITS: Final = re.compile(r"[+-]?(?:inf|infinity|nan)$", re.IGNORECASE)
"""No numbers either, but what programs print for one; each door says itself what it makes of them."""
_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,18}$")


def read_decimal(text: str) -> float:
    """The number that *text* is, blanks around it left out. Raises ValueError."""
    if not is_decimal(text):
        raise ValueError(f"'{text.strip()}' is not a number")
    return float(text)


def read_whole(text: str) -> int:
    """The whole number that *text* is, blanks around it left out. Raises ValueError."""
    text = text.strip()
    if not _WHOLE.match(text):
        raise ValueError(f"'{text}' is not a whole number")
    return int(text)


def is_decimal(text: str) -> bool:
    text = text.strip()
    return bool(_DECIMAL.match(text) or _NO_DIGITS.match(text))


def are_plain(text: str) -> bool:
    """Whether *text*, many numbers put together, holds none of the letters that Python alone takes for a number's."""
    return text.isascii() and "_" not in text


def is_number_to_python(text: str) -> bool:
    """Whether Python alone takes *text* for a number."""
    try:
        float(text)
    except ValueError:
        return False
    return not is_decimal(text)
