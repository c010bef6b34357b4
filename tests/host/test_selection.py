"""What is sent is what git would keep, less what is ours and secrets; rsync and tar send the same."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
import tempfile
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.errors import WorldError
from infra.host import command_lines, push
from infra.host.selection import Selection, remarks, select_all, select_code, select_data
from infra.host.target import Target
from tests.host.nearby import needs_rsync

needs_git = pytest.mark.skipif(not shutil.which("git"), reason="git is missing: sudo apt install git")
pytestmark = needs_git


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own: what git ignores everywhere, and what was looked into before, must not be this person's."""
    found = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(found))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    return found


def git(folder: Path, *words: str) -> str:
    identity = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "protocol.file.allow=always")
    return subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True, text=True).stdout


def grow(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def said(chosen: Selection) -> str:
    return "\n".join(remarks(chosen))


PART = st.sampled_from(
    ["a", "b c", "ü", "runs", "out", "venv", "x*", "[y]", "back\\slash", "-dash", "new\nline", "build"]
)
PATH = st.lists(PART, min_size=1, max_size=4).map("/".join)
NAMED = st.sampled_from(["a", "b c", "*", "runs", "out/", "x\\*", "a/*", "**/ü"])
RULE = st.tuples(st.sampled_from(["", "!", "/"]), NAMED).map("".join)


@st.composite
def trees(draw: st.DrawFn) -> tuple[list[str], dict[str, list[str]], list[str]]:
    """Files, the .gitignore of some folders, and which of the files are tracked."""
    files = draw(st.lists(PATH, min_size=1, max_size=12, unique=True))
    rules = draw(
        st.dictionaries(st.sampled_from(["", "a", "runs", "out"]), st.lists(RULE, min_size=1, max_size=3), max_size=3)
    )
    return files, rules, draw(st.lists(st.sampled_from(files), max_size=3))


def plant(folder: Path, files: list[str], rules: dict[str, list[str]]) -> None:
    for place, lines in rules.items():
        if not (folder / place).is_file():
            (folder / place).mkdir(exist_ok=True, parents=True)
            (folder / place / ".gitignore").write_text("\n".join(lines) + "\n")
    for name in files:
        path = folder / name
        if path.is_dir() or any(parent.is_file() for parent in path.parents):
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)


def arrived_by_rsync(chosen: Selection, there: Path, target: Target) -> None:
    line = command_lines.rsync_push(target, chosen.folder, "x", ["true"])
    words = [*line[: line.index("--rsync-path")], f"{chosen.folder}/", f"{there}/"]
    subprocess.run(words, input=push.names_of(chosen), check=True)


def arrived_by_tar(chosen: Selection, there: Path) -> None:
    packed = BytesIO()
    with tarfile.open(fileobj=packed, mode="w|") as tar:
        for path in (*chosen.empty, *chosen.sent):
            tar.add(chosen.folder / path, arcname=path, recursive=False)
    subprocess.run(["tar", "-xf", "-", "-C", there], input=packed.getvalue(), check=True)


def tree(folder: Path) -> dict[str, str]:
    found = {}
    for path in folder.rglob("*"):
        name = str(path.relative_to(folder))
        found[name] = os.readlink(path) if path.is_symlink() else "" if path.is_dir() else path.read_text()
    return found


@needs_rsync
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(planted=trees(), repository=st.booleans())
def test_what_arrives_is_what_git_lists_by_rsync_as_by_tar(
    planted: tuple[list[str], dict[str, list[str]], list[str]], repository: bool
) -> None:
    files, rules, tracked = planted
    target = Target(identity="i", address="h", port=1, user="u", key=Path("k"), known_hosts=Path("h"))
    with tempfile.TemporaryDirectory() as made:
        code, by_rsync, by_tar = (Path(made) / name for name in ("code", "rsync", "tar"))
        for folder in (code, by_rsync, by_tar):
            folder.mkdir()
        git(code, "init", "-q")
        plant(code, files, rules)
        for name in tracked if repository else []:
            if (code / name).is_file():
                git(code, "add", "-f", "--", f":(literal){name}")
        listed = set(git(code, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")) - {""}
        if not repository:
            shutil.rmtree(code / ".git")
        chosen = select_code(code)
        arrived_by_rsync(chosen, by_rsync, target)
        arrived_by_tar(chosen, by_tar)

        assert set(chosen.sent) == {name for name in listed if name.split("/")[0] != "runs" or name == "runs"}
        assert tree(by_rsync) == tree(by_tar)
        assert {name for name in tree(by_tar) if (by_tar / name).is_file()} == set(chosen.sent)


def test_each_repository_in_the_project_has_its_own_say(tmp_path: Path) -> None:
    other = grow(tmp_path / "other", {"sub.py": "", ".gitignore": "*.log\n"})
    git(other, "init", "-q")
    git(other, "add", "-A")
    git(other, "commit", "-qm", "x")
    code = grow(tmp_path / "code", {"a.py": "", "clone/b.py": "", "clone/b.tmp": "", "clone/.gitignore": "*.tmp\n"})
    for folder in (code, code / "clone"):
        git(folder, "init", "-q")
    (code / "clone" / ".git" / "info").mkdir(exist_ok=True)
    (code / "clone" / ".git" / "info" / "exclude").write_text("private.py\n")
    grow(code, {"clone/private.py": ""})
    git(code / "clone", "add", "b.py")
    git(code / "clone", "commit", "-qm", "x")
    git(code, "submodule", "add", "-q", str(other), "sub")
    grow(code, {"sub/x.log": "", "sub/new.py": ""})

    assert set(select_code(code).sent) == {
        "a.py", ".gitmodules", "clone/b.py", "clone/.gitignore", "sub/sub.py", "sub/.gitignore", "sub/new.py",
    }  # fmt: skip


def test_info_exclude_and_the_rules_for_all_projects_hold_in_a_worktree_too(tmp_path: Path, home: Path) -> None:
    grow(home, {".config/git/ignore": "*.everywhere\n"})
    main = grow(tmp_path / "main", {"a.py": ""})
    git(main, "init", "-q")
    git(main, "add", "a.py")
    git(main, "commit", "-qm", "x")
    (main / ".git" / "info").mkdir(exist_ok=True)
    (main / ".git" / "info" / "exclude").write_text("*.mine\n")
    git(main, "worktree", "add", "-q", str(tmp_path / "tree"))
    code = grow(tmp_path / "tree", {"x.mine": "", "y.everywhere": "", "z.py": ""})

    assert set(select_code(code).sent) == {"a.py", "z.py"}


def test_a_repository_above_that_ignores_all_has_no_say_and_that_is_said(home: Path) -> None:
    git(grow(home, {".gitignore": "*\n"}), "init", "-q")
    code = grow(home / "car", {"train.py": "", "junk.log": "", ".gitignore": "*.log\n"})

    chosen = select_code(code)

    assert set(chosen.sent) == {"train.py", ".gitignore"}
    assert f"The repository in {home} ignores this folder" in said(chosen)


def test_a_hook_of_another_repository_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git(grow(tmp_path / "other", {"o.py": ""}), "init", "-q")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other" / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "nowhere"))

    assert select_code(grow(tmp_path / "code", {"a.py": ""})).sent == ("a.py",)


@pytest.mark.parametrize("name", ["car", "a:b", "-n", "--help", "$(touch evil)", "it's", "new\nline", " blank "])
def test_a_project_may_lie_anywhere_and_need_not_be_a_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    grow(tmp_path / name, {"train.py": "", "x.log": "", ".gitignore": "*.log\n"})
    monkeypatch.chdir(tmp_path)

    assert set(select_code(Path(name)).sent) == {"train.py", ".gitignore"}


def test_only_what_is_ours_at_the_top_stays_and_folders_called_so_further_down_are_sent(tmp_path: Path) -> None:
    mine = ["mypkg/runs/a.py", "mypkg/.rig/b", "out/c.txt", "mypkg/rig.toml", "venv/no_environment.py"]
    ours = ["runs/old/weights", ".rig/known_hosts", "rig.toml", "env/pyvenv.cfg", "env/bin/python", ".git/config"]

    assert set(select_code(grow(tmp_path, dict.fromkeys([*mine, *ours], ""))).sent) == set(mine)


def test_links_that_lead_out_are_named_and_others_go_as_they_are(tmp_path: Path) -> None:
    code = grow(tmp_path / "code", {"a/b.py": ""})
    (tmp_path / "outside").write_text("")
    links = {"good": "a/b.py", "a/up": "../a", "broken": "nothing", "out": "../outside", "absolute": str(code / "a"),
             "by detour": "../code/a", "a/farther": "../../outside"}  # fmt: skip
    for name, goal in links.items():
        (code / name).symlink_to(goal)
    (code / "through").symlink_to("out")

    chosen = select_code(code)

    assert set(chosen.sent) == {"a/b.py", "good", "a/up", "broken"}
    assert set(chosen.links) == {"out", "absolute", "by detour", "a/farther", "through"}
    assert "lead out of the folder: " in said(chosen)
    assert "out -> ../outside" in said(chosen)


def test_empty_folders_go_too_unless_git_ignores_them(tmp_path: Path) -> None:
    code = grow(tmp_path, {"a.py": "", ".gitignore": "cache/\n"})
    for name in ("checkpoints/deep", "cache"):
        (code / name).mkdir(parents=True)

    assert set(select_code(code).empty) == {"checkpoints", "checkpoints/deep"}


def test_rigignore_has_the_last_word_on_files_it_names(tmp_path: Path) -> None:
    names = ["a.py", "weights.params", "other.params", ".env", "b.env", "talk.mp4"]
    code = grow(tmp_path, dict.fromkeys(names, ""))
    grow(code, {".gitignore": "*.params\n", ".rigignore": "*.mp4\n!*.env\n!weights.params\n!.env\n"})

    chosen = select_code(code)

    assert set(chosen.sent) == {"a.py", "weights.params", ".env", ".gitignore", ".rigignore"}
    assert set(chosen.secrets) == {"b.env"}  # a wildcard lets no secret out


def test_what_a_program_may_look_for_in_vain_is_named_and_caches_are_not(tmp_path: Path) -> None:
    code = grow(
        tmp_path, {"a.py": "", "data/x.csv": "", "__pycache__/a.pyc": "", ".gitignore": "data/\n__pycache__/\n"}
    )

    assert said(select_code(code)) == "Left here, as .gitignore or .rigignore says: data/"


def test_what_cannot_be_sent_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(grow(tmp_path, {"a.py": ""}) / "pipe")

    assert select_code(tmp_path).sent == ("a.py",)
    assert select_data(tmp_path).sent == ("a.py",)


def test_git_that_cannot_answer_stops_the_sync_with_its_reason(tmp_path: Path) -> None:
    git(grow(tmp_path, {"a.py": ""}), "init", "-q")
    (tmp_path / ".git" / "index").write_text("no index")

    with pytest.raises(WorldError, match=r"so nothing was sent: .*index"):
        select_code(tmp_path)


def test_of_data_all_goes_but_secrets_and_of_a_run_all(tmp_path: Path) -> None:
    folder = grow(tmp_path, {"x.csv": "1", "a.log": "", ".gitignore": "*.log\n", "private.key": "", "deep/.env": ""})

    assert set(select_data(folder).sent) == {"x.csv", "a.log", ".gitignore"}
    assert set(select_all(folder).sent) == {"x.csv", "a.log", ".gitignore", "private.key", "deep/.env"}


def test_without_git_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = grow(tmp_path / "code", {"a.py": "", "x.log": "", ".gitignore": "*.log\n", ".env": ""})
    monkeypatch.setenv("PATH", str(tmp_path))

    chosen = select_code(code)

    assert set(chosen.sent) == {"a.py", "x.log", ".gitignore"}
    assert said(chosen).startswith("git is not on this computer, so .gitignore and .rigignore are not read")
