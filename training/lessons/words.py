"""What to type for a command of the kit, in the words of who typed the last one: make's or rig's."""

from __future__ import annotations

import os
from typing import Final

CALLED_BY: Final = "GLUON_RIG_CALLED_BY"
"""The Makefile says "make"."""


def to_type(command: str, **options: object) -> str:
    """to_type("lesson-check", n=3): `make lesson-check N=3`, or `rig lesson-check 3`"""
    if os.environ.get(CALLED_BY) == "make":
        words = ["make", command, *(f"{name.upper()}={value}" for name, value in options.items())]
    else:
        words = [
            "rig",
            command,
            *(str(value) if name == "n" else f"--{name}={value}" for name, value in options.items()),
        ]
    return f"`{' '.join(words)}`"
