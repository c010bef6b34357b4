"""Give the programs of .venv, and the path to the kit's own packages, the name this folder has now. See fix-moved."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
VENV = PROJECT / ".venv"
LONGEST = 127  # bytes that the kernel reads of a first line; it takes a blank for the end of the name
# The two forms that pip and uv write: "#!PYTHON", and "#!/bin/sh" with "'''exec' PYTHON ..." below it.
_NAMED = re.compile(rb"\A#!(?:/bin/sh\n'''exec' [\"']?)?(?P<venv>/[^\n\"']*?)/bin/python")


def main() -> None:
    named = _NAMED.match((VENV / "bin" / "rig").read_bytes())
    if named is None or named["venv"] == os.fsencode(VENV):
        return
    try:
        _call_all_by_new_name(named["venv"])
    except OSError as error:
        before = os.fsdecode(named["venv"].removesuffix(b"/.venv"))
        sys.exit(
            f"rig: this folder was {before}, and {error.filename} cannot be given its new name: {error.strerror}.\n"
            "  fix that, or give the folder its old name again"
        )


def _call_all_by_new_name(old: bytes) -> None:
    """`rig` last: while it has its old name, what was interrupted is done again."""
    for path in (VENV / "lib").glob("python*/site-packages/*.pth"):
        if path.read_bytes().strip() == old.removesuffix(b"/.venv"):
            _write(path, os.fsencode(PROJECT))
    for program in sorted((VENV / "bin").iterdir(), key=lambda one: one.name == "rig"):
        if program.is_file() and not program.is_symlink():
            _call_by_new_name(program, old)


def _call_by_new_name(program: Path, old: bytes) -> None:
    content = program.read_bytes()
    named = _NAMED.match(content)
    if named is None or named["venv"] != old:
        return
    first, _, rest = content.partition(b"\n")
    if first == b"#!/bin/sh":
        rest = os.fsencode(VENV).join(rest.split(old, 1))
    else:
        first = _first_line(first.removeprefix(b"#!" + old))
    _write(program, first + b"\n" + rest)


def _first_line(python: bytes) -> bytes:
    line = b"#!" + os.fsencode(VENV) + python
    if b" " not in line and len(line) <= LONGEST:
        return line
    return b"#!/bin/sh\n'''exec' \"" + line[2:] + b'" "$0" "$@"\n\' \'\'\''


def _write(path: Path, content: bytes) -> None:
    """A new file: a copy may share the old one's (cp --link), and two commands may do this at once."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.write_bytes(content)
    aside.chmod(path.stat().st_mode)
    aside.replace(path)


if __name__ == "__main__":
    main()
