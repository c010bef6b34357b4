"""The training image: what goes into it, and what it can do once built."""

import ast
import json
import os
import re
import shutil
from pathlib import Path

import pytest

from infra.job import docker_image
from tests.image.conftest import Docker

PROJECT = Path(__file__).resolve().parents[2]
DOCKERFILE = (PROJECT / "Dockerfile").read_text()

SMALL_TRAINING = """
import mxnet as mx, numpy as np
from mxnet import autograd, gluon
np.bool(1)  # scripts of MXNet's own day say this
net = gluon.nn.Dense(1)
net.initialize()
trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1})
for _ in range(50):
    x = mx.nd.random.normal(shape=(16, 2))
    with autograd.record():
        loss = gluon.loss.L2Loss()(net(x), 2 * x[:, 0] - 3 * x[:, 1])
    loss.backward()
    trainer.step(16)
print([round(float(w), 1) for w in net.weight.data()[0].asnumpy()])
import cv2, d2l, pandas, scipy, sklearn, tqdm  # scripts of that day import these
vision = gluon.data.vision
print(len(vision.MNIST(train=False)), len(vision.FashionMNIST(train=False)))
"""


def test_only_the_locks_the_import_hook_and_what_builds_horovod_go_into_the_image() -> None:
    """A run brings its code: were code copied, every change of it would build the image again."""
    trained_in = DOCKERFILE.partition("\n# --- serve")[0]  # the image that serves has its code in it
    copied = set(re.findall(r"^(?:COPY|ADD) (?!--from)(\S+) ", trained_in, re.MULTILINE))
    named = {path.relative_to(PROJECT).as_posix() for path in docker_image.ingredients()}
    hook = {path for path in named if path.startswith("training/mxnet_hook/")}

    horovod = {path for path in named if path.startswith("scripts/horovod/")}

    assert named - hook - horovod == {"Dockerfile", *copied} - {"training/mxnet_hook", "scripts/horovod"} - hook
    assert {path.removeprefix("training/mxnet_hook/") for path in hook} >= {"__init__.py", "gluon_rig_mxnet_hook.pth"}


def test_laptop_and_image_hold_the_same_packages_for_programs() -> None:
    """In one version each, NumPy apart; what a program imports here it can import there."""
    laptop, there = (
        dict(re.findall(r"^([\w.-]+)==(\S+)", (PROJECT / f"requirements/{name}.txt").read_text(), re.MULTILINE))
        for name in ("laptop", "image-python")
    )
    asked = re.findall(r"^([\w.-]+)", (PROJECT / "requirements/training.in").read_text(), re.MULTILINE)
    same = {name: laptop[name] for name in asked if name not in ("ipykernel", "requests")}

    # Parts of ipython since its version 9, and of importlib-metadata since its version 10.
    assert set(there) - set(laptop) <= {"ipython-pygments-lexers", "lazy-importer"}
    assert same == {name: there[name] for name in same}


def test_every_package_in_the_image_is_pinned_by_checksum() -> None:
    for lock in sorted((PROJECT / "requirements").glob("image-*.txt")):
        packages = re.findall(
            r"^\w\S*==\S+ \\\n((?:    --hash=sha256:[0-9a-f]{64}.*\n)+)", lock.read_text(), re.MULTILINE
        )
        assert len(packages) == len(re.findall(r"^\w", lock.read_text(), re.MULTILINE)) > 0, lock.name
    installs = re.findall(r"pip install .*", DOCKERFILE)
    assert installs
    assert all("--require-hashes" in line and "--no-deps" in line for line in installs)


def test_the_image_starts_as_no_root_and_without_health_checks() -> None:
    stages = re.split(r"\nFROM \S+ AS ", DOCKERFILE)[1:]
    said = {stage.split()[0]: re.findall(r"^(?:USER|HEALTHCHECK) .*", stage, re.MULTILINE) for stage in stages}

    assert {name: said[name] for name in ("cpu", "gpu")} == {"cpu": ["USER trainer"], "gpu": ["USER trainer"]}


@pytest.mark.exhaustive
@pytest.mark.docker
def test_any_user_of_the_host_can_train_in_it(docker: Docker, cpu_image: str) -> None:
    printed = docker(
        "run", "--rm", "--network", "none", "--user", "4321:8765", "--env", "MXNET_HOME=/tmp/mxnet", cpu_image,
        "python", "-c", SMALL_TRAINING,
    )  # fmt: skip

    assert printed.splitlines() == ["[2.0, -3.0]", "10000 10000"]


@pytest.mark.docker
def test_scripts_find_the_python_of_the_image_by_each_of_its_names(docker: Docker, cpu_image: str) -> None:
    """`python3 kit/recorder.py` and `#!/usr/bin/env python3` must meet the Python that has MXNet."""
    found = docker("run", "--rm", "--network", "none", cpu_image, "which", "python", "python3", "pip")

    assert found.split() == ["/opt/venv/bin/python", "/opt/venv/bin/python3", "/opt/venv/bin/pip"]


@pytest.mark.docker
def test_what_runs_import_is_compiled_in_the_image(docker: Docker, cpu_image: str) -> None:
    """No process of a run can keep what it compiles: each would compile MXNet and NumPy anew, for three seconds."""
    look = """if True:
        import os, sys
        import cv2, d2l.mxnet, horovod.mxnet, matplotlib.figure, mxnet, onnx, onnxruntime, pandas, sklearn, tensorboard
        paths = [getattr(module, "__cached__", None) or "" for module in sys.modules.values()]
        cached = [path for path in paths if path.startswith("/opt/venv/")]
        print(len(cached) > 1000, [path for path in cached if not os.path.exists(path)])
    """

    assert docker("run", "--rm", "--network", "none", cpu_image, "python", "-c", look).strip() == "True []"


@pytest.mark.docker
def test_what_a_rehearsal_names_as_absent_is_absent(docker: Docker, cpu_image: str) -> None:
    """The rehearsal knows the image by this list alone. Who imports its module is listened to."""
    listens = (PROJECT / "infra/rehearsal/shims/audit/sitecustomize.py").read_text()
    names = sorted(ast.literal_eval(re.findall(r"^ABSENT = (\{.*?\})", listens, re.MULTILINE | re.DOTALL)[0]))
    found = docker("run", "--rm", "--network", "none", cpu_image, "sh", "-c", f"which {' '.join(names)}; true")

    assert len(names) > 30
    assert found == ""


@pytest.mark.docker
def test_horovod_is_in_the_image_and_weighs_less_than_ten_megabytes(docker: Docker, cpu_image: str) -> None:
    look = "du -sk --total /opt/venv/lib/python3.11/site-packages/horovod* | tail -1 | cut -f1; which c++ cmake make"
    built = "import horovod.mxnet as hvd; print(hvd.gloo_built(), hvd.mpi_built(), hvd.nccl_built())"

    weighs = docker("run", "--rm", "--network", "none", cpu_image, "sh", "-c", f"{look}; true").split()
    said = docker("run", "--rm", "--network", "none", cpu_image, "python", "-c", built)

    assert int(weighs[0]) < 10_000
    assert weighs[1:] == []  # what compiled it stayed behind
    assert said.split() == ["True", "False", "0"]


@pytest.mark.docker
def test_a_change_of_code_builds_nothing(docker: Docker, cpu_image: str, tmp_path: Path) -> None:
    for path in [*docker_image.ingredients(), PROJECT / ".dockerignore"]:
        copy = tmp_path / path.relative_to(PROJECT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    (tmp_path / "training/train.py").write_text("something new\n")
    base = os.environ.get("RIG_BASE_IMAGE", "")
    base_words = ["--build-arg", f"BASE={base}"] if base else []

    built = docker("build", "--quiet", "--network", "host", "--target", "cpu", *base_words, str(tmp_path)).strip()
    layers = [docker("image", "inspect", "--format", "{{json .RootFS.Layers}}", name) for name in (built, cpu_image)]

    assert layers[0] == layers[1]


@pytest.mark.docker
def test_nothing_of_the_machine_that_built_it_is_left_in_the_layers(docker: Docker, cpu_image: str) -> None:
    """No downloaded package, no package list, no build argument that turned into environment."""
    find = "find /root/.cache /var/cache/apt /var/lib/apt/lists -type f 2>/dev/null; find / -xdev -name '*.whl'"
    left = docker("run", "--rm", "--network", "none", "--user", "0", cpu_image, "sh", "-c", find).splitlines()
    environment = json.loads(docker("image", "inspect", "--format", "{{json .Config.Env}}", cpu_image))

    # Debian keeps the two wheels from which `python3 -m venv` fills a new environment.
    assert [path for path in left if not path.startswith("/usr/share/python-wheels/")] == []
    assert sorted(line.partition("=")[0] for line in environment) == sorted(
        ["PATH", "PIP_DISABLE_PIP_VERSION_CHECK", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "MPLCONFIGDIR"]
    )
