"""Makes standard input the controlling terminal of this session and becomes the given command."""

from __future__ import annotations

import fcntl
import os
import termios


def main(name: str, words: list[str]) -> int:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    os.execvp(words[0], words)
