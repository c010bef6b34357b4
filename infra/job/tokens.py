"""A token for a program on the host that answers over HTTP, in a file that Docker reads its environment from."""

from __future__ import annotations

from typing import Final

# Drawn over there, so that it stands on no command line: those can be read by every user of a computer.
_DRAW: Final = 'umask 077; printf "%s=%s" "$1" "$(od -An -tx1 -N24 /dev/urandom | tr -d " \\n")" >"$0"'


def draw_token(name: str, file: str) -> list[str]:
    """Write NAME=48 hexadecimal digits into *file*, which nobody else may read."""
    return ["sh", "-c", _DRAW, file, name]
