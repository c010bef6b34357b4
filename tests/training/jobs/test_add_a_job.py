"""docs/add-a-job.md, followed to the letter in a copy of the project."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[3]


def test_whoever_follows_the_page_has_a_job_that_keeps_its_promise(tmp_path: Path) -> None:
    page = (PROJECT / "docs" / "add-a-job.md").read_text()
    file_name = re.search(r"Write the file `(.+?)`", page)[1]
    table_name = re.search(r"table `JOBS` in `(.+?)`", page)[1]
    code, line = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    commands = re.findall(r"^python (-m training .*)$", page.split("```sh")[1], re.MULTILINE)
    promised = float(re.search(r"Expect ([\d.]+) ", code)[1])
    shutil.copytree(PROJECT / "training", tmp_path / "training", ignore=shutil.ignore_patterns("__pycache__"))

    (tmp_path / file_name).write_text(code)
    table = tmp_path / table_name
    table.write_text(table.read_text().replace("JOBS = {\n", "JOBS = {\n" + line))
    said = [
        subprocess.run(
            [sys.executable, *c.split()], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=True
        )
        for c in commands
    ]

    assert "radius=0.7" in said[0].stdout
    assert json.loads((tmp_path / "runs/disc/summary.json").read_text())["score"] >= promised
    assert "Confusion matrix" in (tmp_path / "runs/disc/report.html").read_text()
