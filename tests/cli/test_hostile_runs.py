"""Runs whose folders, files, notes and logs hold anything: each table and page shows them as text, or not at all."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as some

from infra import console
from tests.sizes import size, tried
from tests.test_any_command_line import World, type_line

EVIL = some.sampled_from([
    "\x1b]52;c;eA==\x07", "\x1b[2J", "\x9b31m", "\u202egnp.exe", "\u2066", "</script><script>alert(1)</script>", "a\nb",
    "<img src=x onerror=alert(1)>", "{{DATA}}", "\x00", "\ud800", "&lt;", "'\"", "ok", "", "a" * 3000, "\r", "\u2028",
])  # fmt: skip
NUMBER = some.floats() | some.integers() | some.sampled_from([10**400, -1e308, 1e308, 5e-324, True])
ANY = some.recursive(
    some.none() | NUMBER | EVIL,
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(EVIL, inner, max_size=3),
    max_leaves=5,
)
WORDS = (
    "by job score metric higher_is_better samples_per_s device scores reason epochs best_epoch exit_code command "
    "signal seconds seconds_before started ended usd_per_hour instance_type pretended oom_kills results step epoch "
    "loss lr valid_loss train_loss settings config"
)
KNOWN = WORDS.split()
OBJECT = some.dictionaries(some.sampled_from(KNOWN), ANY | NUMBER, max_size=6)
OURS = OBJECT.map(lambda found: {**found, "by": "gluon-rig"})
CONTENT = some.one_of(
    OURS.map(lambda found: json.dumps(found).encode()),
    some.lists(OBJECT, max_size=4).map(lambda rows: b"\n".join(json.dumps(row).encode() for row in rows)),
    EVIL.map(lambda text: text.encode(errors="surrogatepass")),
    some.binary(max_size=12),
)
FILES = (
    "exit.json",
    "summary.json",
    "metrics.jsonl",
    "config.json",
    "job.json",
    "train.log",
    "MANIFEST.sha256",
    "report.html",
)
FOLDERS = some.dictionaries(some.sampled_from(FILES), CONTENT, max_size=6)
NAMES = some.one_of(
    some.just("20261126-055903-lenet-650d"),
    EVIL.map(lambda text: "20261126-055903-" + re.sub("[/\0\ud800]", "", text)[:60] + "-650d"),
    EVIL.map(lambda text: re.sub("[/\0\ud800]", "", text)[:60]),
).filter(lambda name: name not in ("", ".", ".."))
NOTE = some.fixed_dictionaries({"text": EVIL, "tags": some.lists(EVIL, max_size=2)}) | ANY
NOTES = NOTE.map(lambda found: json.dumps(found).encode()) | some.binary(max_size=9)
OBEYED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
DATA = re.compile(r'<script type="application/json"[^>]*>(.*?)</script>', re.DOTALL)
LINES = (["runs"], ["compare"], ["dashboard"], ["cost"])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@settings(
    max_examples=size(25, 1_000), deadline=None, phases=[Phase.explicit, Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
@given(runs=some.dictionaries(NAMES, some.tuples(FOLDERS, NOTES), min_size=1, max_size=3))
def test_whatever_runs_hold_they_are_shown_as_text(
    folder: Path, runs: dict[str, tuple[dict[str, bytes], bytes]]
) -> None:
    tried()
    shutil.rmtree(folder / "runs", ignore_errors=True)
    (folder / "runs" / ".notes").mkdir(parents=True)
    for name, (files, note) in runs.items():
        (folder / "runs" / name).mkdir()
        (folder / "runs" / ".notes" / f"{name}.json").write_bytes(note)
        for file, content in files.items():
            (folder / "runs" / name / file).write_bytes(content)
    for line in LINES:
        code, said = type_line(line, World(FileNotFoundError(2, "No such file")), {}, b"")

        assert code in (0, 1, 2), said
        assert "fault in rig" not in said, said + (folder / ".rig" / "crash.log").read_text()
        assert not OBEYED.search(said), line
    page = folder / "runs" / "dashboard.html"
    if page.exists():
        (data,) = DATA.findall(page.read_text())
        json.loads(data, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
        assert "<script>alert" not in page.read_text()
    console._lost.clear()
