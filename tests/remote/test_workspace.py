"""A run's own copy of the code, and what comes home of what it wrote there."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.remote.recorder import MANIFEST, seal
from infra.remote.sender import NO_RESULTS, things
from infra.remote.workspace import OURS, gather, main, prepare


@pytest.fixture
def code(tmp_path: Path) -> Path:
    code = tmp_path / "code"
    (code / "pkg").mkdir(parents=True)
    (code / "train.py").write_text("print(1)")
    (code / "pkg" / "table.csv").write_text("a,b")
    (code / "link").symlink_to("train.py")
    return code


def written(run: Path) -> dict[str, str]:
    root = run / "written"
    return {str(path.relative_to(root)): path.read_text() for path in root.rglob("*") if path.is_file()}


def test_what_a_run_writes_beside_its_code_is_among_its_results_and_the_code_is_not(code: Path, tmp_path: Path) -> None:
    run = tmp_path / "runs" / "r1"
    prepare(code, run)
    here = run / ".code"

    (here / "checkpoints").mkdir()
    (here / "checkpoints" / "net.params").write_text("weights")
    with (here / "pkg" / "table.csv").open("a") as table:
        table.write("\n1,2")
    (here / "out" / "notes.txt").write_text("for ./out")
    (here / "__pycache__").mkdir()
    (here / "__pycache__" / "x.pyc").write_text("a cache")
    gather(run)

    assert written(run) == {"checkpoints/net.params": "weights", "pkg/table.csv": "a,b\n1,2"}
    assert (run / "out" / "notes.txt").read_text() == "for ./out"
    assert (code / "pkg" / "table.csv").read_text() == "a,b"  # a write reaches nobody else's code


def test_a_file_has_one_content_under_both_names_and_costs_its_disk_once(code: Path, tmp_path: Path) -> None:
    prepare(code, tmp_path)
    weights = tmp_path / ".code" / "net.params"
    weights.write_text("epoch 1")
    gather(tmp_path)

    weights.write_text("epoch 2")  # written over in place: no look needed
    assert written(tmp_path) == {"net.params": "epoch 2"}
    assert weights.samefile(tmp_path / "written" / "net.params")

    (tmp_path / ".code" / "new").write_text("epoch 3")
    (tmp_path / ".code" / "new").replace(weights)  # written aside and renamed
    gather(tmp_path)
    assert written(tmp_path) == {"net.params": "epoch 3"}

    weights.unlink()  # the disk must get back what the run gives up
    gather(tmp_path)
    assert written(tmp_path) == {}


def test_a_resumed_run_finds_what_its_first_part_wrote_and_loses_none_of_it(code: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    prepare(code, run)
    (run / ".code" / "net.params").write_text("epoch 7")  # and then the machine went down: nobody looked
    (code / "train.py").write_text("print(2)")

    for _ in range(2):  # a line that broke makes the kit repeat it
        prepare(code, run)

    assert (run / ".code" / "net.params").read_text() == "epoch 7"
    assert (run / ".code" / "train.py").read_text() == "print(2)"
    assert written(run) == {"net.params": "epoch 7"}


def test_a_copy_that_was_not_finished_takes_nothing_away(code: Path, tmp_path: Path) -> None:
    prepare(code, tmp_path)
    (tmp_path / ".code" / "net.params").write_text("epoch 7")
    gather(tmp_path)
    (tmp_path / ".code.json").unlink()  # killed while the copy was made anew
    (tmp_path / ".code" / "net.params").unlink()

    gather(tmp_path)
    prepare(code, tmp_path)

    assert (tmp_path / ".code" / "net.params").read_text() == "epoch 7"


def test_folders_come_too_and_what_changes_its_kind_is_what_it_has_become(code: Path, tmp_path: Path) -> None:
    prepare(code, tmp_path)
    here, home = tmp_path / ".code", tmp_path / "written"
    (here / "empty" / "deep").mkdir(parents=True)
    (here / "x").write_text("a file")
    gather(tmp_path)
    assert sorted(path.name for path in home.rglob("*")) == ["deep", "empty", "x"], "and none of the code's own"

    (here / "x").unlink()
    (here / "x").mkdir()
    (here / "x" / "y").write_text("in a folder")
    assert gather(tmp_path) == []
    assert written(tmp_path) == {"x/y": "in a folder"}

    shutil.rmtree(here / "x")
    (here / "x").write_text("a file again")
    (here / "empty" / "deep").rmdir()
    (here / "empty").rmdir()
    (here / "empty").symlink_to("pkg")
    assert gather(tmp_path) == []
    assert written(tmp_path) == {"x": "a file again"}
    assert (home / "empty").is_symlink()

    (here / "empty").unlink()
    (here / "empty").mkdir()
    assert gather(tmp_path) == []
    assert (home / "empty").is_dir()
    assert not (home / "empty").is_symlink()
    prepare(code, tmp_path)
    assert (here / "empty").is_dir(), "a resumed run finds it again"


def test_a_projects_own_out_folder_stays_what_it_is(code: Path, tmp_path: Path) -> None:
    (code / "out").mkdir()
    (code / "out" / "config.json").write_text("{}")

    prepare(code, tmp_path)
    (tmp_path / ".code" / "out" / "result.json").write_text("1")
    gather(tmp_path)

    assert (tmp_path / ".code" / "out" / "config.json").read_text() == "{}"
    assert written(tmp_path) == {"out/result.json": "1"}


def test_a_disk_that_takes_no_copy_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "no such code"), str(tmp_path / "run")]) == 1
    assert "The code could not be copied: [Errno 2] No such file" in capsys.readouterr().err


NAMES = st.binary(min_size=1, max_size=12).filter(lambda name: b"/" not in name and b"\0" not in name)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=st.sets(NAMES.filter(lambda name: name not in (b".", b"..", b"out")), max_size=6), data=st.data())
def test_every_name_and_every_order_of_writing_ends_with_the_same_files(
    names: set[bytes], data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    base = tmp_path_factory.mktemp("w")
    (base / "code").mkdir()
    prepare(base / "code", base / "run")
    root = os.fsencode(base / "run" / ".code")
    for name in data.draw(st.lists(st.sampled_from(sorted(names)), max_size=12)) if names else []:
        path = os.path.join(root, name)
        if os.path.exists(path) and data.draw(st.booleans()):
            os.unlink(path)
        else:
            with open(path, "ab") as file:
                file.write(name)
        if data.draw(st.booleans()):
            gather(base / "run")
    gather(base / "run")

    mirror = os.path.join(os.fsencode(base / "run"), b"written")
    there = {name for name in os.listdir(root) if name != b"out"}
    assert set(os.listdir(mirror) if os.path.isdir(mirror) else []) == there


def test_what_cannot_come_is_named_and_its_copy_is_not_taken_away(code: Path, tmp_path: Path) -> None:
    prepare(code, tmp_path)
    (tmp_path / ".code" / "net.params").write_text("epoch 7")
    (tmp_path / "written").write_text("a file of the run's stands where the folder would")

    assert "written" in gather(tmp_path)[0]
    with pytest.raises(OSError, match="what the run wrote before would be lost"):
        prepare(code, tmp_path)
    assert (tmp_path / ".code" / "net.params").read_text() == "epoch 7"


def test_the_copy_is_neither_sealed_nor_sent(code: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    prepare(code, run)
    (run / ".code" / "net.params").write_text("epoch 7")

    seal(run)

    assert tuple(os.fsencode(name) for name in OURS) == NO_RESULTS
    assert [line.split("  ")[1] for line in (run / MANIFEST).read_text().splitlines()] == ["written/net.params"]
    sent = {str(thing["path"]) for thing in things(os.fsencode(run), over=True)}
    assert sent == {MANIFEST, "out", "written", "written/net.params"}
