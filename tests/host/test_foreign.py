"""Whatever a host answers, nothing outside the runs folder changes, and no traceback reaches anybody."""

from __future__ import annotations

import io
import json
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.errors import RigError
from infra.host import carry, listing
from infra.host.connection import Host
from infra.host.facts import Facts, RunFacts, parse
from infra.host.foreign import make_printable, run_name
from infra.host.target import Target
from infra.job import artifacts
from infra.job.run_folders import point_latest
from tests.sizes import size, tried

EVIL = st.sampled_from([
    "../../x", "..", ".", "", "/etc/x", "a/../../x", "latest", "-rf", ".ssh", "a\0b", "a\nb",
    "\x1b]52;c;eA==\x07", "\ud800", "ok", "20261120-155301-lenet-3f2a", "d", "d/w", "d/../../x", "a\\b", "C:\\x",
    "n" * 300, "e\u0301", "MANIFEST.sha256",
])  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | EVIL | st.sampled_from([1 << 80, -1, 1e308]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(EVIL, inner, max_size=3),
    max_leaves=6,
)
RUN: dict[str, Any] = {
    "name": "r1", "state": "ended", "exit_code": 0, "oom": False, "signal": "", "started": None, "ended": None,
    "sealed": True, "fetched": False,
}  # fmt: skip
FACTS: dict[str, Any] = {
    "home": "/home/u", "uid": 1, "gid": 1, "memory_bytes": 1, "docker": ["docker"], "images": [], "gpus": [],
    "rsync": False, "runs": [RUN], "guard_silent_s": None, "ended": None, "beginning": [],
    "notebooks": False, "visited": False, "strays": [], "code": False,
}  # fmt: skip


def spoilt(good: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """*good* with some of its values replaced by anything."""
    return st.dictionaries(st.sampled_from(list(good)), JSON, max_size=2).map(lambda bad: {**good, **bad})


@settings(max_examples=size(100, 10_000), deadline=None)
@given(said=spoilt(FACTS), runs=st.lists(spoilt(RUN) | JSON, max_size=3))
def test_facts_are_harmless_or_refused(said: dict[str, Any], runs: list[Any]) -> None:
    tried()
    facts, refusal = None, ""
    try:
        facts = parse({**said, "runs": runs})
    except ValueError as error:
        refusal = str(error)

    assert make_printable(refusal) == refusal
    if facts is None:
        return
    assert facts.docker in ((), ("docker",), ("sudo", "-n", "docker"))
    assert all(
        run_name(one.name) == one.name and one.state in ("running", "ended", "lost", "unknown") for one in facts.runs
    )
    assert len(facts.runs) + len(facts.nameless) == len(runs), "no run is dropped in silence"
    assert all(text.isprintable() for text in [*facts.nameless, *facts.gpus, *(one.signal for one in facts.runs)])


ENTRY = st.fixed_dictionaries({
    "path": EVIL | JSON, "kind": st.sampled_from(["file", "file", "link", "folder", "unread", "other", "sealed", None]),
    "size": st.sampled_from([4, 0, -1, 1 << 80, None]), "mtime_ns": st.sampled_from([0, 1 << 62, -5, "x"]),
    "ctime_ns": st.just(1), "executable": st.booleans(), "target": EVIL, "trouble": EVIL, "line": EVIL,
})  # fmt: skip
ENTRIES = ENTRY.map(lambda said: json.dumps(said).encode())
MEMBER = st.tuples(st.sampled_from(["0", "1", "0torn", "../x", "/x", "99"]), st.sampled_from(list(b"0125")), EVIL)


def packed(members: list[tuple[str, int, str]], cut: int) -> bytes:
    """A tar of files, hard links, links and folders whose names and targets are anybody's."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, kind, target in members:
            member = tarfile.TarInfo(name)
            member.type, member.linkname = bytes([kind]), target.replace("\ud800", "").replace("\0", "")
            member.size = 4 if kind == ord("0") else 0
            tar.addfile(member, io.BytesIO(b"evil"))
    return out.getvalue()[: len(out.getvalue()) - cut]


def everything(folder: Path) -> dict[Path, bytes]:
    return {
        path: path.read_bytes() if path.is_file() else b""
        for path in folder.rglob("*")
        if not path.is_relative_to(folder / "project" / "runs")
    }


@settings(max_examples=size(100, 5_000), deadline=None)
@given(
    run=spoilt(RUN), answer=st.lists(st.binary(max_size=9) | ENTRIES, max_size=5),
    sums=st.binary(max_size=140), members=st.lists(MEMBER, max_size=4), cut=st.sampled_from([0, 0, 700, 10_000]),
)  # fmt: skip
def test_no_answer_changes_anything_outside_the_runs_folder(
    run: dict[str, Any], answer: list[bytes], sums: bytes, members: list[tuple[str, int, str]], cut: int
) -> None:
    tried()
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        folder = Path(name)
        (folder / "project" / "runs" / "other").mkdir(parents=True)
        (folder / "x").write_text("the user's own")
        (folder / "project" / "x").write_text("the user's own")
        before = everything(folder)
        patch.setattr(listing, "answer_of", lambda *_, **__: sums)
        patch.setattr(listing, "lines_of", lambda *_: (line for line in b"\n".join(answer).split(b"\n")))
        patch.setattr(carry, "listening", lambda host, line, given=b"": canned(packed(members, cut)))
        patch.setattr("infra.host.retry.PAUSES_S", ())
        host = Silent(Target(identity="i", address="a", port=1, user="u", key=folder, known_hosts=folder))

        facts = parse({**FACTS, "runs": [run]})
        for one in facts.runs:
            bring(host, facts, one, folder / "project")

        assert everything(folder) == before


def bring(host: Host, facts: Facts, one: RunFacts, project: Path) -> None:
    with suppress(RigError):
        artifacts.fetch(host, facts, one, project / "runs", tell=lambda _: None)
        point_latest(project / "runs")


@contextmanager
def canned(stream: bytes) -> Iterator[tuple[bytes, IO[bytes]]]:
    yield b"", io.BytesIO(stream)


class Silent(Host):
    def ask(self, *_: Any, **__: Any) -> Any: ...


@given(JSON)
def test_a_record_that_a_job_wrote_over_is_read_for_what_is_of_its_kind(said: Any) -> None:
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "exit.json").write_text(json.dumps({"exit_code": said, "seconds": said, "ended": said}))

        one, end = artifacts.read_recorded(Path(name)), artifacts.ending(Path(name))

    assert one.exit_code is None or isinstance(one.exit_code, int)
    assert float(end.get("seconds", 0.0)) >= 0
