"""runs/dashboard.html: complete in itself, and whatever a run is called or says stays text."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest

from infra.cli import main
from infra.job.notes import write_note

HOSTILE = (
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<!--<script>",
    "{{SCRIPT}}",
    "javascript:alert(1)",
    "\u2028\u202e' \" & \ud800",
)


class Seen(HTMLParser):
    """The tags of a page, its links, and the text of each script."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.scripts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "action")]

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1] == "script" and data.strip():
            self.scripts.append(data)


@pytest.fixture
def dashboard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Any:
    monkeypatch.chdir(tmp_path)

    def make() -> tuple[str, str]:
        assert main(["dashboard"]) == 0
        path = capfd.readouterr().out.strip()
        return path, Path(path).read_text(encoding="utf-8")

    return make


def run(name: str, **settings: str) -> None:
    folder = Path("runs", name)
    folder.mkdir(parents=True)
    end = {"by": "gluon-rig", "command": list(settings.values()), "exit_code": 0, "started": "2026-11-20T15:53:01",
           "seconds": 3600, "usd_per_hour": 0.5}  # fmt: skip
    Path(folder, "exit.json").write_text(json.dumps(end))
    Path(folder, "report.html").touch()
    Path(folder, "config.json").write_text(json.dumps(settings))
    Path(folder, "metrics.jsonl").write_text(
        "".join(json.dumps({"step": i, key: i}) + "\n" for i in (1, 2) for key in settings)
    )


def data(seen: Seen) -> Any:
    return json.loads(seen.scripts[0])


def test_hostile_names_settings_and_logs_stay_text(dashboard: Any) -> None:
    run("20261120-155301-plain-1", lr="0.1")
    plain = Seen(dashboard()[1])
    for number, word in enumerate(HOSTILE):
        run(f"20261120-155302-{word.replace('/', '|')}-{number}".encode(errors="replace").decode(), **{word: word})

    run(os.fsdecode(b"20261120-155303-\xff&#-1"))

    _, page = dashboard()

    seen = Seen(page)
    assert seen.tags == plain.tags
    assert seen.links == plain.links == ["#compared"]
    assert len(seen.scripts) == 2
    links = [one["report"] for one in data(seen)["runs"]]
    assert links[-1] == "./20261120-155303-%FF%26%23-1/report.html"
    assert all(Path("runs", os.fsdecode(unquote_to_bytes(link))).is_file() for link in links)
    told = {key: value for one in data(seen)["runs"] for key, value in one["settings"].items()}
    assert {told[word] for word in HOSTILE} == set(HOSTILE)


def test_the_page_loads_nothing_and_lets_no_other_script_run(dashboard: Any) -> None:
    run("20261120-155301-plain-1", lr="0.1")

    _, page = dashboard()

    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)
    assert policy is not None
    own = base64.b64encode(hashlib.sha256(Seen(page).scripts[1].encode()).digest()).decode()
    assert policy[1] == f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{own}'"
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", page)


def test_each_run_stands_there_with_its_money_and_its_note(dashboard: Any) -> None:
    run("20261120-155301-plain-1", lr="0.1")
    write_note(Path("runs", "20261120-155301-plain-1"), text="the </script> one", tags=["good"])

    path, page = dashboard()

    (one,) = data(Seen(page))["runs"]
    assert one["note"] == "#good the </script> one"
    assert path == "runs/dashboard.html"
    assert (one["name"], one["usd"], one["pretended"]) == ("20261120-155301-plain-1", 0.5, False)
    assert [left.name for left in Path("runs").iterdir() if left.is_file()] == ["dashboard.html"]


def test_without_a_run_there_is_nothing_to_show(tmp_path: Path, monkeypatch: Any, capfd: Any) -> None:
    monkeypatch.chdir(tmp_path)

    assert main(["dashboard"]) == 0

    assert "There is no run in runs yet" in capfd.readouterr().err
    assert not Path("runs").exists()
