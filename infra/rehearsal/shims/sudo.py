"""`sudo` on an instance: the login user may do all, and all runs as the user who runs the rehearsal."""

from __future__ import annotations

import os
import sys

VALUED = {"-u", "-g", "-h", "-p", "-C", "-D", "-R", "-T", "-r", "-t", "-U", "--user", "--group"}


def main(name: str, words: list[str]) -> int:
    rest = list(words)
    while rest and rest[0].startswith("-"):
        option = rest.pop(0)
        if option in ("-i", "-s", "--login", "--shell"):
            rest = rest or [os.environ.get("SHELL", "/bin/sh")]
        if option in VALUED:
            rest.pop(0)
        if option == "--":
            break
    while rest and "=" in rest[0] and rest[0].partition("=")[0].isidentifier():
        key, _, value = rest.pop(0).partition("=")
        os.environ[key] = value
    if not rest:
        return 0
    try:
        os.execvp(rest[0], rest)
    except FileNotFoundError:
        print(f"sudo: {rest[0]}: command not found", file=sys.stderr)
        return 1
