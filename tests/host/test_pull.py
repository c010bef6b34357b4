"""Whatever a run leaves comes home with its bytes, or is named: any name, kind, size and moment, both ways alike."""

from __future__ import annotations

import hashlib
import itertools
import os
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from infra.errors import RigError
from infra.host import carry, ledger, listing, manifest, programs, sync
from infra.host.connection import Host
from infra.host.foreign import make_printable
from infra.host.landing import BESIDE, Landing
from infra.host.pulled import Pulled
from infra.host.sync import Arrival, pull, pull_ended, seal
from infra.job.artifacts import list_some
from infra.remote import recorder
from tests.host.nearby import nearby_host, needs_rsync
from tests.sizes import size, tried

SPECIAL = [
    b"new\nline", b"cr\r", b"form\x0cfeed", "next\u0085line".encode(), "line\u2028sep".encode(), b"\xff\xfe", b"#x",
    b";x", b"-rf", b" ", b"a*?[b]", b"back\\slash", b"\\n", b"x.part", b".aside-1", b".rsync-partial", b"x" * 251,
    b"y" * 255, "ü".encode(), "u\u0308".encode(), b"A", b"a", b"~", b"'\"$(id)", b".part", b"exit.json", b"train.log",
    BESIDE.encode(),
]  # fmt: skip
NAMES = st.one_of(
    st.sampled_from(SPECIAL),
    st.binary(min_size=1, max_size=12).filter(lambda name: not {0, 47} & set(name) and name not in (b".", b"..")),
)
FOLDERS = st.sampled_from([b"", b"d", b"d/x.part", b"d/.aside-2/deep", b"new\nfolder", b"\xff"])
CONTENT = st.one_of(st.binary(max_size=40), st.just(bytes(3 << 20)), st.sampled_from([b"same", b"size"]))
PLAIN = st.tuples(st.just("file"), CONTENT)
LINK = st.tuples(
    st.just("link"),
    st.sampled_from([b"d", b"A", b"../..", b"/etc/passwd", b".", b"nobody", b"../../x\n", b"d/../../y"]),
)
OTHER = st.sampled_from([("fifo", b""), ("folder", b""), ("hard", b""), ("socket", b""), ("gone", b"")])
OURS = ((b"", b".code"), (b"", b".code.json"))  # the run's copy of the code has these names, and is no result
PLACES = st.tuples(FOLDERS, NAMES).filter(lambda place: place not in OURS)
THINGS = st.dictionaries(PLACES, st.one_of(PLAIN, PLAIN, LINK, OTHER), max_size=9)

# An example takes a second or two, and shrinking would ask for hundreds.
PULLS = size(6, 100)
WITHOUT_SHRINKING = (Phase.explicit, Phase.reuse, Phase.generate)
pytestmark = needs_rsync


@pytest.fixture(scope="module")
def near(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    with nearby_host(tmp_path_factory.mktemp("near")) as host, pytest.MonkeyPatch.context() as patch:
        patch.setattr(ledger, "AT_ONCE", 7)  # few files are as many as a million then
        patch.setattr(ledger, "_ROWS_AT_ONCE", 2)
        yield host


@pytest.fixture(params=["rsync", "tar"])
def rsync_there(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "rsync")


Things = dict[tuple[bytes, bytes], tuple[str, bytes]]


def write(root: Path, things: Things) -> None:
    """Make *things* below *root*, over what is there, as a program on the host would; its times are always the same."""
    for (folder, name), (kind, content) in things.items():
        path = os.path.join(os.fsencode(root), folder, name)
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            if os.path.isdir(path) and not os.path.islink(path):
                if kind == "folder":
                    continue
                shutil.rmtree(path)
            elif os.path.lexists(path):
                os.unlink(path)
            make(path, kind, content)
        except (FileExistsError, NotADirectoryError):  # a file is where its folder would be
            continue


def make(path: bytes, kind: str, content: bytes) -> None:
    if kind == "file":
        Path(os.fsdecode(path)).write_bytes(content)
        os.utime(path, (1e9, 1e9))
    elif kind == "link":
        os.symlink(content, path)
    elif kind == "folder":
        os.mkdir(path)
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "hard":
        other = os.path.join(os.path.dirname(path), b"hard link's other name")
        Path(os.fsdecode(other)).touch()
        os.link(other, path)
    elif kind == "socket" and len(path) < 100:
        socket.socket(socket.AF_UNIX).bind(path)


def tree(root: Path) -> dict[bytes, bytes]:
    """Everything below *root* but the manifest: name -> kind and content."""
    found = {}
    for folder, folders, files in os.walk(os.fsencode(root)):
        for name in [*folders, *files]:
            path = os.path.join(folder, name)
            found[os.path.relpath(path, os.fsencode(root))] = seen(path)
    found.pop(b"MANIFEST.sha256", None)
    return found


def seen(path: bytes) -> bytes:
    mode = os.lstat(path).st_mode
    if stat.S_ISLNK(mode):
        return b"link " + os.readlink(path)
    if stat.S_ISREG(mode):
        with open(path, "rb") as file:
            return b"file " + hashlib.sha256(file.read()).hexdigest().encode()
    return b"folder" if stat.S_ISDIR(mode) else b"other"


def lives(near: Host, root: Path, rsync: bool, acts: list[Things]) -> tuple[dict[bytes, bytes], Arrival, Path]:
    """One run, pulled as it goes on and again at its end, while it changes between each question and its answer."""
    there, home = root / f"there-{rsync}", root / f"runs-{rsync}" / "r1"
    there.mkdir()
    first, second, third, last = acts
    write(there, first)
    with meanwhile(lambda: write(there, second)):
        pull(near, str(there), home, rsync_there=rsync)
    write(there, third)
    recorder.seal(there)
    with meanwhile(lambda: write(there, last)):
        arrival = pull_ended(near, str(there), home, rsync_there=rsync)
    return tree(there), arrival, home


class meanwhile:
    """What happens on the host after it was asked what is there, and before any of it is sent."""

    def __init__(self, act: Callable[[], object]) -> None:
        self._act: Callable[[], object] | None = act
        self._real = sync._bring

    def __enter__(self) -> None:
        def bring(*words: object) -> None:
            if self._act:
                act, self._act = self._act, None
                act()
            self._real(*words)

        sync._bring = bring

    def __exit__(self, *_: object) -> None:
        sync._bring = self._real


@settings(max_examples=PULLS, deadline=None, suppress_health_check=list(HealthCheck), phases=WITHOUT_SHRINKING)
@given(first=THINGS, second=THINGS, third=THINGS, last=st.one_of(st.just({}), THINGS))
def test_by_rsync_and_by_tar_the_same_folder_comes_home_and_it_is_the_hosts(
    near: Host, first: Things, second: Things, third: Things, last: Things
) -> None:
    tried()
    with tempfile.TemporaryDirectory() as folder:
        homes = []
        for rsync in (True, False):
            there, arrival, home = lives(near, Path(folder), rsync, [first, second, third, last])
            homes.append(tree(home))
            assert stays_away(there, home, arrival) == []

        assert homes[0] == homes[1]


def stays_away(there: dict[bytes, bytes], home: Path, arrival: Arrival) -> list[object]:
    """What is on the host, and neither here with its bytes nor named."""
    here, named = tree(home), {*arrival.left, *arrival.notes}
    bytes_here = set(here.values())
    return [
        (name, what, here.get(name), arrival)
        for name, what in there.items()
        if here.get(name) != what
        and not (make_printable(os.fsdecode(name)) in named and (not what.startswith(b"file") or what in bytes_here))
    ]


def ended(near: Host, there: Path, home: Path, *, rsync: bool) -> Arrival:
    recorder.seal(there)
    return bring_ended(near, there, home, rsync=rsync)


def bring_ended(near: Host, there: Path, home: Path, *, rsync: bool) -> Arrival:
    arrival = pull_ended(near, str(there), home, rsync_there=rsync)
    if not arrival.left:
        seal(home, arrival)
    return arrival


def test_what_is_written_after_the_ended_run_was_listed_comes_home_too(
    near: Host, tmp_path: Path, rsync_there: bool
) -> None:
    there, home = tmp_path / "there", tmp_path / "runs" / "r1"
    there.mkdir()
    (there / "a").write_text("a")
    recorder.seal(there)

    with meanwhile(lambda: (there / "late").write_text("of a process that outlived the run")):
        assert bring_ended(near, there, home, rsync=rsync_there).left == {}

    assert tree(home) == tree(there)


def test_a_link_that_changes_in_every_round_is_not_home_and_the_run_not_whole(
    near: Host, tmp_path: Path, rsync_there: bool
) -> None:
    there, home, rounds = tmp_path / "there", tmp_path / "runs" / "r1", itertools.count()
    there.mkdir()
    (there / "a").write_text("a")
    real = sync._bring

    def bring(*words: object) -> None:
        real(*words)
        (there / "newest").unlink(missing_ok=True)
        (there / "newest").symlink_to(f"a{next(rounds)}")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sync, "_bring", bring)
        arrival = ended(near, there, home, rsync=rsync_there)

    assert arrival.left == {"newest": "it changes there again and again"}
    assert not (home / manifest.NAME).exists()
    assert bring_ended(near, there, home, rsync=rsync_there).left == {}, "and all is well when it rests"
    assert tree(home) == tree(there)


def test_what_was_written_with_an_older_time_after_a_pull_is_fetched_again(
    near: Host, tmp_path: Path, rsync_there: bool
) -> None:
    there, home = tmp_path / "run dir", tmp_path / "runs" / "r1"
    there.mkdir()
    (there / "best.params").write_bytes(b"epoch 3")
    pull(near, str(there), home, rsync_there=rsync_there)
    (there / "best.params").write_bytes(b"epoch 1")  # of one size with it, and restored with copy2
    os.utime(there / "best.params", (1e9, 1e9))

    pull(near, str(there), home, rsync_there=rsync_there)

    assert (home / "best.params").read_bytes() == b"epoch 1"
    assert ended(near, there, home, rsync=rsync_there).left == {}


def test_what_the_person_changed_here_stays_and_the_hosts_comes_beside_it(
    near: Host, tmp_path: Path, rsync_there: bool
) -> None:
    there, home = tmp_path / "there", tmp_path / "runs" / "r1"
    there.mkdir()
    (there / "notes.txt").write_text("first")
    (there / "sub").mkdir()
    (there / "sub" / "a").write_text("there")
    home.mkdir(parents=True)
    (home / "sub").symlink_to(tmp_path)  # moved to another disk, say
    pull(near, str(there), home, rsync_there=rsync_there)
    before = (home / "notes.txt").stat()
    (home / "notes.txt").write_text("mine!")  # of one size and one time with what was pulled
    os.utime(home / "notes.txt", ns=(before.st_atime_ns, before.st_mtime_ns))
    (there / "notes.txt").write_text("later")

    arrival = ended(near, there, home, rsync=rsync_there)

    assert (home / "notes.txt").read_text() == "mine!"
    assert sorted(path.read_text() for path in (home / BESIDE).iterdir()) == ["later", "there"]
    assert not (tmp_path / "a").exists()
    assert arrival.notes.keys() == {"notes.txt", "sub/a", "sub"}
    assert f"is in {BESIDE}/" in arrival.notes["notes.txt"]
    assert ended(near, there, home, rsync=rsync_there).left == {}, "and is whole, so that it holds no terminate"


def test_a_folder_that_has_the_manifests_name_holds_nothing_up(near: Host, tmp_path: Path, rsync_there: bool) -> None:
    there, home = tmp_path / "there", tmp_path / "runs" / "r1"
    (there / manifest.NAME / "deep").mkdir(parents=True)
    (there / manifest.NAME / "deep" / "a").write_text("in the way")
    (there / "b").write_text("a result")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recorder, "seal", lambda _: None)  # killed before it could make room
        arrival = ended(near, there, home, rsync=rsync_there)

    assert (home / "b").read_text() == "a result"
    assert [path.read_text() for path in (home / BESIDE).iterdir()] == ["in the way"]
    assert arrival.left == {}
    assert (home / manifest.NAME).is_file()


def test_rsync_is_never_asked_for_two_files_that_a_disk_may_take_for_one(tmp_path: Path) -> None:
    there, home, asked = tmp_path / "there", tmp_path / "runs" / "r1", list[str]()
    there.mkdir()
    for name in ("Model.params", "model.params", "caf\u00e9", "cafe\u0301", "other"):
        (there / name).write_text(name)
    real = carry.names

    def names(paths: Iterable[str]) -> bytes:
        asked.extend(paths := [*paths])
        return real(paths)

    with nearby_host(tmp_path) as near, pytest.MonkeyPatch.context() as patch:
        patch.setattr(carry, "names", names)
        ended(near, there, home, rsync=True)

    assert asked[:3] == ["./Model.params", "./cafe\u0301", "./other"]
    assert sorted(asked[3:]) == ["caf\u00e9", "model.params"], "by the stream"
    assert all((home / name).read_text() == name for name in os.listdir(there) if name != manifest.NAME)


def test_two_files_that_are_one_name_on_this_disk_both_come_home_and_it_is_said_where(
    near: Host, tmp_path: Path, rsync_there: bool
) -> None:
    """A disk that takes "A" for "a" shows what was put down as one of them under the other's name too."""
    there, home = tmp_path / "there", tmp_path / "runs" / "r1"
    there.mkdir()
    (there / "Model.params").write_text("large")
    pull(near, str(there), home, rsync_there=rsync_there)
    with Landing(home) as landing:
        (one,) = listing.list_run(near, str(there), landing.ledger).files
        aside = tmp_path / "aside"
        aside.write_text("large")
        landing.put(one, str(aside))
        os.link(home / "Model.params", home / "model.params")
        aside.write_text("small")
        landing.put(replace(one, path="model.params"), str(aside))

        assert landing.left == {}
        assert f"is in {BESIDE}/" in landing.notes["model.params"]
    assert (home / "Model.params").read_text() == "large"
    assert [path.read_text() for path in (home / BESIDE).iterdir()] == ["small"]


def test_a_number_of_ours_that_was_freed_and_used_again_is_no_other_file(
    near: Host, tmp_path: Path, rsync_there: bool
) -> None:
    """Another pull at once put its own copy over ours, and then "b" under the number that was free again."""
    there, home, aside = tmp_path / "there", tmp_path / "runs" / "r1", tmp_path / "aside"
    there.mkdir()
    (there / "a").write_text("same")
    with Landing(home) as landing:
        (one,) = listing.list_run(near, str(there), landing.ledger).files
        aside.write_text("same")
        landing.put(one, str(aside))
        (home / "a").rename(home / "b")
        (home / "a").write_text("same")
        aside.write_text("same")
        landing.put(replace(one, path="b"), str(aside))

    assert not (home / BESIDE).exists()


def test_a_run_that_goes_on_in_its_old_folder_replaces_what_came_home_of_its_first_part(
    near: Host, tmp_path: Path, rsync_there: bool
) -> None:
    there, home = tmp_path / "there", tmp_path / "runs" / "r1"
    there.mkdir()
    (there / "train.log").write_text("first\n")
    ended(near, there, home, rsync=rsync_there)
    (there / "train.log").write_text("first\nsecond\n")

    ended(near, there, home, rsync=rsync_there)

    assert tree(home) == tree(there)
    assert [path.name for path in home.parent.iterdir()] == ["r1"], "nothing of ours stays beside it"


def test_a_login_shell_that_prints_breaks_rsync_and_the_stream_brings_all(tmp_path: Path) -> None:
    there, home = tmp_path / "there", tmp_path / "runs" / "r1"
    there.mkdir()
    (there / "w").write_bytes(b"weights")
    with nearby_host(tmp_path) as host:
        ssh = tmp_path / "programs" / "ssh"
        ssh.write_text(ssh.read_text().replace("exec", "echo Welcome to this machine\nexec"))

        assert ended(host, there, home, rsync=True).left == {}

    assert (home / "w").read_bytes() == b"weights"


def test_three_pulls_at_once_do_not_disturb_each_other(near: Host, tmp_path: Path, rsync_there: bool) -> None:
    there, home = tmp_path / "there", tmp_path / "runs" / "r1"
    for n in range(12):
        (there / f"d{n % 3}").mkdir(parents=True, exist_ok=True)
        (there / f"d{n % 3}" / f"w{n}").write_bytes(os.urandom(20_000))
    with ThreadPoolExecutor(max_workers=3) as three:
        running = [three.submit(pull, near, str(there), home, rsync_there=rsync_there)]
        recorder.seal(there)
        running += [three.submit(bring_ended, near, there, home, rsync=rsync_there) for _ in range(2)]

        assert [one.result().left for one in running] == [{}, {}, {}]

    assert tree(home) == tree(there)
    with (home / manifest.NAME).open("rb") as lines:
        assert {path for path, _ in manifest.read(lines)} == {
            os.fsdecode(name) for name, what in tree(home).items() if what.startswith(b"file")
        }


def test_what_its_owner_may_not_read_is_opened_when_the_run_is_over(
    near: Host, tmp_path: Path, rsync_there: bool
) -> None:
    """As the owner would: root, who runs many a test, may read anything."""
    there = tmp_path / "there"
    (there / "closed").mkdir(parents=True)
    (there / "closed" / "w").write_text("weights")
    (there / "closed" / "w").chmod(0)
    (there / "closed").chmod(0)

    pull(near, str(there), tmp_path / "home", rsync_there=rsync_there)
    arrival = ended(near, there, tmp_path / "home", rsync=rsync_there)

    assert arrival.left == {}
    assert (tmp_path / "home" / "closed" / "w").read_text() == "weights"
    assert (tmp_path / "home" / "closed" / "w").stat().st_mode & 0o600 == 0o600


def test_a_sparse_file_comes_home_sparse_by_the_stream(near: Host, tmp_path: Path) -> None:
    there, home = tmp_path / "there", tmp_path / "runs" / "r1"
    there.mkdir()
    with (there / "huge").open("wb") as file:
        file.seek(64 << 20)
        file.write(b"end")

    pull(near, str(there), home, rsync_there=False)

    assert (home / "huge").stat().st_size == (64 << 20) + 3
    assert (home / "huge").stat().st_blocks * 512 < 8 << 20
    assert (home / "huge").read_bytes()[-3:] == b"end"


def test_results_that_another_users_folder_does_not_take_name_the_way_out(
    near: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there, home = tmp_path / "there", tmp_path / "runs" / "r1"
    there.mkdir()
    home.parent.mkdir()

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)  # root, who runs many a test, is refused nowhere
    monkeypatch.setattr(sync, "own_again", lambda path: f"sudo chown {path}")

    with pytest.raises(RigError, match="Permission denied") as refused:
        pull(near, str(there), home, rsync_there=False)

    assert refused.value.hint.splitlines()[0] == f"sudo chown {home}"


@pytest.mark.parametrize("spoil", ["runs is a file", "the run is a link"])
def test_a_place_where_nothing_can_be_put_is_an_error_with_its_name(near: Host, tmp_path: Path, spoil: str) -> None:
    there, home = tmp_path / "there", tmp_path / "runs" / "r1"
    there.mkdir()
    if spoil == "runs is a file":
        home.parent.write_text("")
    else:
        home.parent.mkdir()
        home.symlink_to(tmp_path / "elsewhere")

    with pytest.raises(RigError, match="runs/r1"):
        pull(near, str(there), home, rsync_there=False)

    assert not (tmp_path / "elsewhere").exists()


def test_a_record_that_a_full_disk_cut_in_two_loses_no_other_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the next pull would meet our own copy as the user's work."""
    record, known, write = tmp_path / "pulled.jsonl", ledger.Ledger(tmp_path), os.write
    pulled = Pulled(record, known)

    monkeypatch.setattr(os, "write", lambda file, content: write(file, content[:20]))
    with pytest.raises(OSError, match="No space left"):
        pulled.add_link("a", "cut")
    monkeypatch.undo()
    pulled.add_link("b", "whole")

    again = Pulled(record, known)
    assert [again.is_ours("a", "cut"), again.is_ours("b", "whole")] == [False, True]


def test_a_python_without_sqlite3_stops_machines_and_says_why_it_pulls_nothing(tmp_path: Path) -> None:
    """Such as one that was built where SQLite's headers were missing: the bill must end all the same."""
    program = """
import sys
sys.modules["_sqlite3"] = None
from pathlib import Path
import infra.workflows.stop
from infra.host.sync import remember
remember(Path(sys.argv[1]))
"""
    ended = subprocess.run([sys.executable, "-c", program, tmp_path / "r1"], capture_output=True, text=True)

    assert "infra.errors.UserError: " in ended.stderr
    assert f"{sys.executable} was built without sqlite3" in ended.stderr


def test_a_listing_without_an_end_is_not_heard_to_it(near: Host, tmp_path: Path, rsync_there: bool) -> None:
    there, home = tmp_path / "there", tmp_path / "runs" / "r1"
    there.mkdir()
    for number in range(20):
        (there / f"{number}").touch()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(programs, "_LONGEST_ANSWER", 1000)
        with pytest.raises(RigError, match="answers without an end"):
            pull(near, str(there), home, rsync_there=rsync_there)

    assert list(home.iterdir()) == []


def test_of_very_many_troubles_the_first_thousand_are_named_and_the_others_counted(near: Host, tmp_path: Path) -> None:
    there, home = tmp_path / "there", tmp_path / "runs" / "r1"
    there.mkdir()
    for number in range(12):
        os.mkfifo(there / f"fifo {number}")
        (there / f"{number:02}.part").touch()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sync, "_NAMED", 10)
        arrival = pull(near, str(there), home, rsync_there=False)

    assert (len(arrival.notes), arrival.more_notes) == (10, 14)
    assert list_some(arrival.notes, more=arrival.more_notes).endswith("and 14 more")
