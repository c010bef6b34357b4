"""A host without a network: `ssh` is a program that runs its line here; rsync and tar are still the real ones."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from infra.host.carry import rsync_here
from infra.host.connection import Host
from infra.host.target import Target

# A laptop may lack it, and the kit then copies by tar; .ci/run installs it, and fails where a test was skipped.
needs_rsync = pytest.mark.skipif(not rsync_here(), reason="rsync is missing: sudo apt install rsync")

SSH = """#!/bin/sh
while :; do case $1 in -o|-F|-S) shift 2 ;; -*) shift ;; *) break ;; esac; done
shift
exec sh -c "$*"
"""


@contextmanager
def nearby_host(folder: Path) -> Iterator[Host]:
    programs = folder / "programs"
    programs.mkdir(exist_ok=True)
    (programs / "ssh").write_text(SSH)
    (programs / "ssh").chmod(0o755)
    before = os.environ["PATH"]
    os.environ["PATH"] = f"{programs}:{before}"
    try:
        yield Host(
            Target(
                identity="i-0near", address="near", port=22, user="me", key=folder / "key", known_hosts=folder / "known"
            )
        )
    finally:
        os.environ["PATH"] = before
