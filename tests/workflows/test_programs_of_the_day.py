"""Programs in the ways in which people wrote them for MXNet 1.x, unmodified: here, and on an instance, judged alike.

They stand in `programs/`. Where they write, beside themselves or in the folder they were called from, is their own
affair: what they wrote is here where it was written, or comes home from the instance.
"""

from __future__ import annotations

import random
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.sizes import size
from tests.workflows.user import Person

PROGRAMS = Path(__file__).with_name("programs")


@dataclass(frozen=True)
class Program:
    script: str
    home: tuple[str, ...] = ()
    """What it leaves: beside itself, below ~/ or, of a run that nobody watches, below the run's folder (run/)."""
    args: str = ""
    code: int = 0
    said: str = ""
    never: tuple[str, ...] = ()
    """What must not come home."""
    line: str = ""
    """How it is called, where that is no script alone."""


EVERY = (
    Program("symbolic_mlp.py", ("mlp-symbol.json", "mlp-0001.params", "mlp-0003.params"), said="predicted (56, 2)"),
    Program(
        "gluon_vision.py",
        ("fashion.log", "params/fashion-0001.params"),
        args="--hybridize --epochs 1 -j 2",
        said="accuracy=",
        never=("*idx*-ubyte*",),
    ),
    Program("word_lm/train.py", ("word_lm/model.params", "word_lm/vocab.txt"), said="perplexity", never=("train.txt",)),
    Program("linear_nd.py", ("losses.csv", "losses.png", "linear.ndarray"), said="epoch 4"),
    Program(
        "progress_board.py",
        ("ckpt/dense-0002.params", "ckpt/dense-0003.params", "ckpt/dense.states"),
        said="done: dense-0002.params",
        never=("dense-0000.params", "dense-0001.params"),
    ),
    Program("packaged/train.py", ("results/small-symbol.json", "results/scores.json"), said="loss"),
    Program("records.py", ("records/small.rec", "records/shell.txt"), said="version 1.9.1", never=("scratch.txt",)),
    Program("estimator.py", ("handler/est-epoch2batch18.params",), code=4, said="never above two"),
    Program("d2l_chapter/chapter_3_softmax.py", ("loss of chapter 3.svg",), said="test acc", never=("*idx*-ubyte*",)),
    Program(
        "ssd/train.py",
        ("ssd/train_list.rec", "ssd/ssd.log", "ssd/net.gv", "ssd/model/ssd-0002.states", "ssd/model/latest.params"),
        said="rec (2, 3, 24, 24)",
        never=("cat*.png",),
    ),
    Program(
        "bucketing.py",
        ("lm-0002.params", "lm-symbol.json"),
        args="--num-hidden 8 --model-prefix lm 'corpora/short text.txt' --note '$HOME is; here'",
        said="note '$HOME is; here'",
    ),
    Program("sparse_rows.py", ("sparse-0003.states", "metric.pkl"), said="row_sparse [1 2]", never=("train.libsvm",)),
    Program("custom_ops.py", ("custom.nd",), code=1, said="all of it went well, says a message"),
    Program("deep_numpy.py", ("model_out/net-0000.params", "model_out/run.yml"), args="fit -- --x", said="'--', '--x'"),
    Program(
        "tower/tools/train_tower.py",
        tuple(f"tower/experiments/tower (first try)/{name}" for name in ("trainer.states", "überblick.txt")),
        said="3 checkpoints",
    ),
    Program("shared_batches.py", ("done.txt",), said="[1, 4, 9]"),
    Program(
        "gearnet",
        tuple(f"gearnet/models/{name}" for name in ("gearnet-symbol.json", "gearnet-0002.params", "labels.json")),
        line="cd gearnet && PYTHONPATH=src python3 -m gearnet fit --epochs 2 < options.json",
        said="gearnet epoch 1 loss",
        never=("points.csv", "options.json"),
    ),
    Program(
        "folds.py", ("folds.tsv", "folds/0/w.nd", "folds/1/score.json"), said="fold 2 ended with 1", never=("folds/2",)
    ),
    Program(
        "wanderer.py",
        ("~/turbine results/net.params", "~/turbine results/list.txt", "~/.turbinerc"),
        said="in turbine results ['list.txt', 'net.params']",
    ),
    Program(
        "windows.py",
        ("work/images/loss.png", "work/checkpoints/best", "run/figures/figure-001.png", "run/figures/figure-002.png"),
        said="closed True",
        never=("work/tmp", "figure-003.png"),
    ),
    Program("fork_loader.py", ("seen.nd", "loader.log", "record.f32"), said="seen 192"),
    Program("minutely.py", ("ckpt/last", "ckpt/step-00030.json", "curve.tsv"), said="step 40/40", never=("run.pid",)),
)
NOTEBOOK = Program("Untitled 1.ipynb", ("line.png", "notebook.params", "notebook.txt"))
FEW = [EVERY[5], EVERY[7]]
ELSEWHERE = [one for one in EVERY if one.line or one.code or any(name.startswith(("~/", "run/")) for name in one.home)]
"""What the rehearsal's own containers could do otherwise than Docker's: other folders, other lines, other endings."""


def run(person: Person, program: Program, *place: str) -> dict[str, Path]:
    """Run it; the folders that answer to that of the code, to ~ and to that of the run."""
    before = set(runs(person))
    args = ("--args", program.args) if program.args else ()
    what = ("--cmd", program.line) if program.line else ("--script", program.script)

    person.types("train", *place, *what, *args, code=1 if program.code else 0)

    (folder,) = set(runs(person)) - before
    if program.code:
        assert f"failed with exit code {program.code}" in person.said
    assert program.said in (folder / "train.log").read_text()
    if place:
        return {"": folder / "written", "~": folder, "run": folder}
    return {"": person.folder, "~": Path(person.environment["HOME"]), "run": folder}


def runs(person: Person) -> list[Path]:
    folder = person.folder / "runs"
    return [path for path in folder.iterdir() if path.is_dir() and path.name[:1].isdigit()] if folder.exists() else []


def check(person: Person, programs: list[Program], *place: str) -> None:
    pytest.importorskip("mxnet")
    shutil.copytree(PROGRAMS, person.folder, symlinks=True, dirs_exist_ok=True)
    code = {path.relative_to(person.folder) for path in person.folder.rglob("*") if path.is_file()}
    for program in programs:
        folders = run(person, program, *place)
        home = folders[""]

        assert [name for name in program.home if not _place(folders, name).exists()] == [], program.script
        for pattern in program.never:
            came = {path.relative_to(home) for path in home.rglob(pattern)} - (set() if place else code)
            assert came == set(), (program.script, came)
    if place:
        came = {
            path.relative_to(folder / "written") for folder in runs(person) for path in folder.rglob("written/**/*")
        }
        assert came & code == set(), "the code itself is no result"


def _place(folders: dict[str, Path], name: str) -> Path:
    top, _, rest = name.partition("/")
    return folders[top] / rest if top in folders else folders[""] / name


def test_a_few_of_them_on_an_instance(person: Person) -> None:
    person.types("launch")
    check(person, FEW, "remote")


@pytest.mark.exhaustive
def test_those_that_write_elsewhere_or_fail_on_an_instance(person: Person) -> None:
    person.types("launch")
    check(person, [*ELSEWHERE, NOTEBOOK], "remote")


@pytest.mark.exhaustive
def test_any_of_them_here(person: Person) -> None:
    """Each of them runs in the image; here a half of them, another one each time."""
    check(person, size(random.sample(EVERY, len(EVERY) // 2), [*EVERY, NOTEBOOK]))


@pytest.mark.exhaustive
@pytest.mark.docker
def test_all_of_them_in_the_image(docker: Person) -> None:
    docker.types("launch", "--type", "t3.large")
    check(docker, [*EVERY, NOTEBOOK], "remote")
