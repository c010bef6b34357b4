"""docs/rehearsal.md repeats what the code says; here the two are compared."""

from __future__ import annotations

import re
from pathlib import Path

from infra.rehearsal.faults import USAGE

PROJECT = Path(__file__).resolve().parents[2]
PAGE = (PROJECT / "docs" / "rehearsal.md").read_text()


def test_every_fault_stands_in_the_documentation_and_no_other() -> None:
    section = PAGE.split("## Trouble on demand")[1].split("\n## ")[0]
    documented = set(re.findall(r"^\| `([\w-]+)", section, re.MULTILINE))

    assert documented | {"clear"} == set(USAGE)


def test_every_file_the_page_names_is_there_and_every_mend_is_named() -> None:
    mended = PAGE.split("## What is mended in moto")[1].split("\n## ")[0]
    named = set(re.findall(r"`(cloud/\w+\.py|watch\.py)`", mended))
    plumbing = {"__init__", "answers", "backends", "calls", "layer", "parts", "server"}

    there = {path.stem for path in (PROJECT / "infra/rehearsal/cloud").glob("*.py")}

    assert {Path(name).stem for name in named} - {"backends", "watch"} == there - plumbing
