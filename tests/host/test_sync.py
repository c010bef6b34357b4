"""Folders cross a real SSH connection: what goes, what stays, what is deleted, what comes back."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import pytest

from infra.console import tell
from infra.errors import UserError, WorldError
from infra.host.carry import rsync_here
from infra.host.connection import Host
from infra.host.packing import pack
from infra.host.push import push_code, push_data, push_packed
from infra.host.selection import select_code, select_data
from infra.host.sync import pull
from tests.host.nearby import needs_rsync
from tests.host.ssh_server import Server

NAMES = [
    "plain.py",
    "with blank.py",
    "with'quote.py",
    "ünïcödé/日本.py",
    "star*[x].py",
    "deep/er/module.py",
    "back\\slash.py",
]
SECRETS = [
    ".env",
    ".env.local",
    "key.pem",
    "id_ed25519",
    "sub/.aws/credentials",
    ".ssh/id_rsa",
    "service.key",
    ".netrc",
]


@pytest.fixture(params=["rsync", "tar"])
def rsync_there(request: pytest.FixtureRequest) -> bool:
    if request.param == "rsync" and not rsync_here():
        pytest.skip("rsync is missing: sudo apt install rsync")
    return bool(request.param == "rsync")


@pytest.fixture
def code(tmp_path: Path) -> Path:
    folder = tmp_path / "my project"
    for name in [
        *NAMES,
        *SECRETS,
        "junk/big.bin",
        "junk/keep.txt",
        "out.log",
        "runs/old/weights",
        "literal*.tmp",
        "literalX.tmp",
    ]:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"I am {name}")
    (folder / "link").symlink_to("plain.py")
    (folder / "folder link").symlink_to("deep")
    (folder / ".gitignore").write_text("*.log\njunk/*\n!junk/keep.txt\nliteral[*].tmp\n")
    return folder


def tree(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): os.readlink(path) if path.is_symlink() else path.read_text()
        for path in folder.rglob("*")
        if path.is_file() or path.is_symlink()
    }


@pytest.mark.parametrize("repository", [True, False])
def test_what_git_keeps_arrives_and_secrets_caches_and_ignored_files_never_leave(
    host: Host, code: Path, tmp_path: Path, rsync_there: bool, repository: bool
) -> None:
    if repository:
        subprocess.run(["git", "init", "-q"], cwd=code, check=True)
    there = tmp_path / "there"
    there.mkdir()

    push_code(host, select_code(code), str(there), rsync_there=rsync_there)

    expected = {name: f"I am {name}" for name in [*NAMES, "junk/keep.txt", "literalX.tmp"]}
    expected |= {"link": "plain.py", "folder link": "deep", ".gitignore": (code / ".gitignore").read_text()}
    assert tree(there) == expected


def whole_tree(folder: Path) -> dict[str, tuple[object, ...]]:
    """All that rsync looks at: kind and rights, when it was written, target or content."""
    found = {}
    for path in (folder, *folder.rglob("*")):
        state = path.lstat()
        says = os.readlink(path) if path.is_symlink() else path.read_text() if path.is_file() else ""
        found[str(path.relative_to(folder))] = (oct(state.st_mode), int(state.st_mtime), says)
    return found


@needs_rsync
def test_the_packed_first_copy_is_what_rsync_would_have_made(host: Host, code: Path, tmp_path: Path) -> None:
    (code / "deep" / "hollow").mkdir()
    for number, path in enumerate(path for path in code.rglob("*") if not path.is_symlink()):
        path.chmod(0o700 | (0o777 * number % 0o100) if path.is_dir() else 0o400 | (0o1057 * number % 0o1000))
        os.utime(path, (1e9, 1e9 - 1e8 * number))  # some before 1970
    os.link(code / "plain.py", code / "second name.py")
    chosen = select_code(code)
    assert chosen.packed is not None

    push_packed(host, chosen.packed, str(tmp_path / "packed"))
    push_code(host, chosen, str(tmp_path / "by rsync"), rsync_there=True)

    assert whole_tree(tmp_path / "packed") == whole_tree(tmp_path / "by rsync")


def test_a_disk_that_is_full_for_the_first_copy_is_named_once_and_not_for_each_file(host: Host, tmp_path: Path) -> None:
    """As GNU tar says it: a line for each file, and goes on."""
    for number in range(40):
        (tmp_path / "code" / f"{number}").mkdir(parents=True)
        (tmp_path / "code" / f"{number}" / "module.py").write_text("x" * 4096)
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32k", "none", str(small)], capture_output=True).returncode:
        pytest.skip("Nobody but root may make a disk that is full.")
    try:
        chosen = select_code(tmp_path / "code")
        assert chosen.packed is not None
        with pytest.raises(WorldError, match="No space left on device") as failed:
            push_packed(host, chosen.packed, str(small))
    finally:
        subprocess.run(["umount", "--lazy", str(small)], check=True)

    assert len(str(failed.value).splitlines()) < 12
    assert "launch with a larger disk_gib" in failed.value.hint


def test_a_project_is_packed_once_however_many_ask_for_it(monkeypatch: pytest.MonkeyPatch, code: Path) -> None:
    asked = threading.Barrier(8)
    made = []

    def slowly(*_: object) -> bytes:
        made.append(1)
        time.sleep(0.05)  # long enough for all the others to come
        return b"packed"

    def ask() -> bytes | None:
        asked.wait()
        return chosen.packed

    monkeypatch.setattr("infra.host.selection.pack", slowly)
    chosen = select_code(code)
    with ThreadPoolExecutor(8) as pool:
        answers = [one.result() for one in [pool.submit(ask) for _ in range(8)]]

    assert (answers, made) == ([b"packed"] * 8, [1])


def test_what_is_too_much_for_one_stream_or_cannot_be_read_is_left_to_rsync(code: Path) -> None:
    assert pack(code, ["plain.py", "back\\slash.py"], most_bytes=30) is None
    assert pack(code, ["plain.py", "back\\slash.py"], most_bytes=31) is not None
    assert pack(code, ["plain.py", "deep/er/module.py/no folder"]) is None


def test_what_is_gone_here_goes_there_and_nothing_outside_the_code_folder_is_touched(
    host: Host, code: Path, tmp_path: Path, rsync_there: bool
) -> None:
    there = tmp_path / "home" / "code"
    there.mkdir(parents=True)
    beside = tmp_path / "home" / "runs"
    beside.mkdir()
    (beside / "weights").write_text("precious")
    push_code(host, select_code(code), str(there), rsync_there=rsync_there)

    (code / "plain.py").unlink()
    (code / "link").unlink()
    push_code(host, select_code(code), str(there), rsync_there=rsync_there)

    assert "plain.py" not in tree(there)
    assert "deep/er/module.py" in tree(there)
    assert (beside / "weights").read_text() == "precious"


def test_rigignore_leaves_out_even_what_git_tracks(host: Host, code: Path, tmp_path: Path, rsync_there: bool) -> None:
    (code / ".rigignore").write_text("deep/\n")
    subprocess.run(["git", "init", "-q"], cwd=code, check=True)
    subprocess.run(["git", "add", "deep/er/module.py"], cwd=code, check=True)
    there = tmp_path / "there"
    there.mkdir()

    push_code(host, select_code(code), str(there), rsync_there=rsync_there)

    assert not [name for name in tree(there) if name.startswith("deep/")]


@needs_rsync
def test_data_goes_once_and_is_never_deleted_there(host: Host, tmp_path: Path) -> None:
    data, there = tmp_path / "data", tmp_path / "there"
    data.mkdir()
    (data / "log.csv").write_text("1,2,3")
    there.mkdir()
    (there / "other.csv").write_text("kept")

    push_data(host, select_data(data), str(there), rsync_there=True, tell=tell)

    assert tree(there) == {"log.csv": "1,2,3", "other.csv": "kept"}


def test_a_missing_folder_on_the_host_is_an_error_with_its_name(host: Host, tmp_path: Path, rsync_there: bool) -> None:
    with pytest.raises(WorldError, match="no/such/folder"):
        pull(host, "/no/such/folder", tmp_path / "home", rsync_there=rsync_there)


def test_what_is_removed_between_the_choice_and_the_copy_is_no_part_of_the_code(
    host: Host, code: Path, tmp_path: Path, rsync_there: bool
) -> None:
    chosen = select_code(code)
    (code / "plain.py").unlink()

    push_code(host, chosen, str(tmp_path / "there"), rsync_there=rsync_there)

    assert set(tree(tmp_path / "there")) >= {*NAMES} - {"plain.py"}
    assert "plain.py" not in tree(tmp_path / "there")


CHOOSE = {"code": select_code, "data": select_data}
SEND = {"code": push_code, "data": partial(push_data, tell=tell, progress=False)}


class Typist(threading.Thread):
    """Makes files in every folder of *code*, until told to stop."""

    def __init__(self, code: Path) -> None:
        super().__init__()
        self._folders = [code, *(path for path in code.rglob("*") if path.is_dir() and not path.is_symlink())]
        self._is_over = threading.Event()
        self.made = 0

    def run(self) -> None:
        for self.made in itertools.count(1):
            (self._folders[self.made % len(self._folders)] / f"new {self.made}.py").write_text(f"KEY = {self.made}")
            if self._is_over.wait(0.002):
                return

    def __enter__(self) -> Typist:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self.join()


@pytest.mark.parametrize("kind", CHOOSE)
def test_a_file_that_appears_at_any_moment_was_looked_into_or_is_not_sent(
    host: Host, code: Path, tmp_path: Path, rsync_there: bool, kind: str
) -> None:
    there = tmp_path / "there"
    there.mkdir()
    with Typist(code) as typist:
        chosen = CHOOSE[kind](code)
        before = typist.made
        for _ in range(2):
            SEND[kind](host, chosen, str(there), rsync_there=rsync_there)
        made = typist.made

    assert made > before, "there were some to be sent"
    assert set(tree(there)) == set(chosen.sent)


@pytest.mark.parametrize("name", ["plain.py", "link"])
@pytest.mark.parametrize("kind", CHOOSE)
def test_a_secret_that_is_written_while_its_file_is_copied_is_taken_away_again_and_said(
    monkeypatch: pytest.MonkeyPatch, host: Host, code: Path, tmp_path: Path, rsync_there: bool, kind: str, name: str
) -> None:
    there = tmp_path / "there"
    there.mkdir()
    chosen = CHOOSE[kind](code)
    (code / name).unlink()
    (code / name).write_text(f'aws_access_key_id = "{"AKIA" + "QYLPMN5HFIQR7XYA"}"\n')
    (code / "a&b.py").write_text("written anew, and no secret")

    with pytest.raises(UserError, match=rf"{name} \(line 1: .*removed there again"):
        SEND[kind](host, chosen, str(there), rsync_there=rsync_there)

    assert set(tree(there)) == {*chosen.sent} - {name}


def test_a_secret_that_is_written_before_its_project_is_packed_is_never_sent(code: Path) -> None:
    chosen = select_code(code)
    (code / "plain.py").write_text(f'aws_access_key_id = "{"AKIA" + "QYLPMN5HFIQR7XYA"}"\n')

    with pytest.raises(UserError, match=r"plain.py \(line 1: .*Nothing was sent"):
        _ = chosen.packed


@needs_rsync
def test_a_host_that_does_not_say_what_is_there_is_no_empty_one(
    host: Host, server: Server, code: Path, tmp_path: Path
) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "old.py").write_text("old")
    broken = server.home / "broken"
    broken.mkdir()
    (broken / "base64").write_text("#!/bin/sh\nexit 1\n")
    (broken / "base64").chmod(0o755)
    (server.home / ".environment").write_text(f"export PATH={broken}:$PATH\n")
    try:
        with pytest.raises(WorldError, match="does not say what lies in"):
            push_code(host, select_code(code), str(tmp_path / "there"), rsync_there=True)
    finally:
        (server.home / ".environment").write_text("")


@needs_rsync
def test_what_stays_here_is_left_alone_there_but_for_a_secret_that_was_sent_once(
    host: Host, code: Path, tmp_path: Path
) -> None:
    there = tmp_path / "there"
    push_code(host, select_code(code), str(there), rsync_there=True)
    (there / "old folder" / "deep").mkdir(parents=True)
    made_there = ["old folder/deep/a\nb", "junk/made there.bin", "run.log", "deep/x.pyc", "plain.py2", "deep/er/.env"]
    for name in made_there:
        (there / name).parent.mkdir(exist_ok=True, parents=True)
        (there / name).write_text("made there")
    for name in ["junk/made there.bin", "run.log"]:  # which git ignores here, too
        (code / name).parent.mkdir(exist_ok=True)
        (code / name).write_text("ours")
    (code / "deep" / "er" / ".env").write_text("PASSWORD=x")

    push_code(host, select_code(code), str(there), rsync_there=True)

    assert [name for name in made_there if (there / name).exists()] == ["junk/made there.bin", "run.log"]
    assert not (there / "old folder").exists()
    assert (there / "run.log").read_text() == "made there"


@pytest.mark.parametrize(("said", "is_fine"), [(24, True), (23, False)])
def test_of_a_file_that_vanishes_while_rsync_copies_nothing_is_lost(
    monkeypatch: pytest.MonkeyPatch, host: Host, code: Path, tmp_path: Path, said: int, is_fine: bool
) -> None:
    """rsync(1): 24 is "partial transfer due to vanished source files", 23 one due to an error."""
    real = shutil.which("rsync")
    if real is None:
        pytest.skip("rsync is missing: sudo apt install rsync")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "rsync").write_text(f'#!/bin/sh\n"{real}" "$@" && exit {said}\n')
    (tmp_path / "bin" / "rsync").chmod(0o755)
    chosen = select_code(code)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)

    with nullcontext() if is_fine else pytest.raises(WorldError, match="exit code 23"):
        push_code(host, chosen, str(tmp_path / "there"), rsync_there=True)

    assert {*NAMES} <= set(tree(tmp_path / "there"))


@pytest.fixture
def no_git(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    binaries = tmp_path / "bin"
    binaries.mkdir()
    for program in ("ssh", "rsync", "sh"):
        found = shutil.which(program)
        if found:
            (binaries / program).symlink_to(found)
    monkeypatch.setenv("PATH", str(binaries))


def test_without_git_the_secrets_still_stay(no_git: Callable[[], None], host: Host, code: Path, tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.mkdir()

    push_code(host, select_code(code), str(there), rsync_there=False)

    assert not set(tree(there)) & set(SECRETS)
    assert "plain.py" in tree(there)
