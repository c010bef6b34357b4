"""`who` and `loginctl list-sessions`: who is logged in over SSH. `who` sees terminals only, loginctl sees all."""

from __future__ import annotations

import os
import sys


def main(name: str, words: list[str]) -> int:
    rows = list_sessions(os.environ["RIG_ROOT"] + "/run/sessions")
    if name == "who":
        for _, terminal, login, address in rows:
            if terminal != "-":
                print(f"{login:8} {terminal:12} 1970-01-01 00:00 ({address})")
        return 0
    return _loginctl(words, rows)


def list_sessions(path: str) -> list[list[str]]:
    try:
        with open(path) as file:
            return [line.split() for line in file]
    except FileNotFoundError:
        return []


def _loginctl(words: list[str], rows: list[list[str]]) -> int:
    verbs = [word for word in words if not word.startswith("-")]
    if verbs[:1] not in ([], ["list-sessions"]):
        print(f"loginctl: the rehearsal has no `loginctl {verbs[0]}`", file=sys.stderr)
        return 1
    if any(word in ("--output=json", "-ojson", "json", "--json=short") for word in words):
        import json  # few ask for this

        print(json.dumps([{"session": number, "uid": os.getuid(), "user": login, "seat": None, "tty": terminal}
                          for number, terminal, login, _ in rows]))  # fmt: skip
        return 0
    for number, terminal, login, _ in rows:
        print(f"{number:>7} {os.getuid()} {login} - {terminal}")
    if "--no-legend" not in words:
        print(f"\n{len(rows)} sessions listed.")
    return 0
