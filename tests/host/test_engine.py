"""The container line in a real Docker engine, over a real SSH server: what it promises is looked at inside."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.errors import JobFailed, WorldError
from infra.host.connection import Host
from infra.host.facts import Facts, ask_facts
from infra.job import artifacts, docker_image, run
from infra.job.container import Container, container_name, docker_stop
from infra.job.outcome import judge
from infra.job.spec import script_job
from infra.names import CODE_DIR, DATA_DIR, QUEUE_DIR

pytestmark = pytest.mark.docker
SOMEBODY = 12345  # a user id that is not root's, and nobody's here
RUN_NAMES = [f"engine-test-{os.getpid()}-{n}" for n in range(12)]


def docker(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["docker", *words], capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def cpu_image() -> str:
    if not shutil.which("docker") or docker("info").returncode:
        pytest.skip("no Docker engine answers: https://docs.docker.com/engine/install/")
    name = docker_image.tag("cpu", os.environ.get("RIG_BASE_IMAGE", ""))
    if docker("image", "inspect", name).returncode:
        pytest.skip("the training image for the CPU is not built; scripts/ci/training-image cpu builds it")
    return name


@pytest.fixture
def engine(host: Host, server: Any, cpu_image: str) -> Iterator[Facts]:
    """The host's facts, with a login that is not root. An engine without a bridge network lends the host's."""
    client = shutil.which("docker")
    bridge = docker("network", "ls", "--quiet", "--filter", "driver=bridge").stdout.strip()
    shim = server.home / "bin" / "docker"
    shim.parent.mkdir(exist_ok=True)
    lend = "" if bridge else 'case $1 in run|build) verb=$1; shift; set -- "$verb" --network host "$@" ;; esac\n'
    shim.write_text(f'#!/bin/sh\n{lend}exec {client} "$@"\n')
    shim.chmod(0o755)
    settings = f"export PATH={shim.parent}:$PATH DOCKER_HOST={os.environ.get('DOCKER_HOST', '')}\n"
    (server.home / ".environment").write_text(
        settings if "DOCKER_HOST" in os.environ else f"export PATH={shim.parent}:$PATH\n"
    )
    open_the_way_to(server.home)
    yield dataclasses.replace(ask_facts(host, images=[cpu_image]), uid=SOMEBODY, gid=SOMEBODY)
    docker("rm", "--force", *(container_name(name) for name in RUN_NAMES))
    (server.home / ".environment").write_text("")


def open_the_way_to(home: Path) -> None:
    """pytest's folders are closed to others, and in the container we are one of them."""
    for folder in (home, *home.parents):
        if folder.stat().st_uid == os.getuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o011)


@pytest.fixture
def launch(host: Host, engine: Facts, cpu_image: str) -> Callable[..., Container]:
    names = iter(RUN_NAMES)

    def start(*command: str, gpu: bool = False, own: str = cpu_image, **environment: str) -> Container:
        if os.getuid() != 0:
            pytest.skip("only root can prepare folders for another user id")
        container = Container(
            run=next(names), image=own, command=command, facts=engine, gpu=False, environment=environment
        )
        if gpu:
            container = dataclasses.replace(container, environment={**environment, "RIG_REQUIRE_GPU": "1"})
        out = Path(container.run_dir) / "out"
        out.mkdir(parents=True, exist_ok=True)
        for folder in (out.parent, out, Path(container.folder(QUEUE_DIR))):
            os.chown(folder, SOMEBODY, SOMEBODY)
        run.start(host, container, tell=print)
        return container

    return start


@pytest.fixture
def code(engine: Facts) -> Path:
    folder = Path(engine.home) / CODE_DIR
    shutil.rmtree(folder)
    folder.mkdir()
    return folder


def through(host: Host, container: Container, tmp_path: Path) -> tuple[list[str], Path]:
    """Follow *container* to its end and bring it home: its lines and its folder, judged."""
    lines: list[str] = []
    run.follow(lambda: host, ("docker",), container.run, lines.append, tell=print, sleep=lambda _: None)
    facts = ask_facts(host)
    (one,) = [one for one in facts.runs if one.name == container.run]
    home = artifacts.fetch(host, facts, one, tmp_path, tell=print)
    judge(one, facts.ended)
    return lines, home


GLUON_SCRIPT = """\
    # As in the Gluon tutorials: nothing in it knows where it runs.
    import mxnet as mx
    from mxnet import autograd, gluon, nd
    net = gluon.nn.Dense(1)
    net.initialize()
    trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1})
    X = nd.random.normal(shape=(64, 2)); y = nd.dot(X, nd.array([[2], [-3.4]])) + 4.2
    for epoch in range(30):
        with autograd.record():
            loss = gluon.loss.L2Loss()(net(X), y)
        loss.backward()
        trainer.step(64)
    print("loss", float(loss.mean().asscalar()))
    net.save_parameters("out/net.params")
"""


def test_an_unmodified_gluon_script_runs_and_what_it_writes_comes_home_owned_by_the_caller(
    host: Host, launch: Callable[..., Container], code: Path, tmp_path: Path
) -> None:
    (code / "my script.py").write_text(textwrap.dedent(GLUON_SCRIPT))
    job = script_job("my script.py", code)

    container = launch(*job.command)
    lines, home = through(host, container, tmp_path / "runs")

    assert lines[-1].startswith("loss ")
    assert (home / "out" / "net.params").stat().st_size > 0
    owners = {path.stat().st_uid for path in Path(container.run_dir).rglob("*")}
    assert owners == {SOMEBODY}, "no file of root's in the results"


def test_the_limits_of_the_container_line_are_real_inside(
    host: Host, launch: Callable[..., Container], engine: Facts, code: Path, tmp_path: Path
) -> None:
    look = (
        "import os, resource, shutil; print(os.getuid(), os.getgid());"
        "print(resource.getrlimit(resource.RLIMIT_STACK)[0]);"
        "print(shutil.disk_usage('/dev/shm').total); print(os.environ['HOME'] == os.environ['RIG_RUN_DIR']);"
        "print(os.access('.', os.W_OK), os.access('out', os.W_OK), os.path.isdir(os.environ['RIG_DATA']))"
    )

    lines, _ = through(host, launch("python3", "-c", look), tmp_path / "runs")

    shared = -(-max(1 << 30, engine.memory_bytes // 4) // 4096) * 4096  # in whole pages
    assert lines == [f"{SOMEBODY} {SOMEBODY}", f"{64 << 20}", str(shared), "True", "False True True"]


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("exit 3", "failed with exit code 3"),
        ("x=$(head -c 300000000 /dev/zero | tr '\\0' x); echo ${#x}", "ran out of memory"),
        ("kill -9 $$", "killed from outside"),
    ],
)
def test_three_endings_are_told_apart_by_the_real_engine(
    host: Host, launch: Callable[..., Container], engine: Facts, code: Path, tmp_path: Path,
    command: str, message: str, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("infra.job.container.memory_limit_bytes", lambda _: 64 << 20)

    with pytest.raises(JobFailed, match=message):
        through(host, launch("sh", "-c", command), tmp_path / "runs")


@pytest.mark.exhaustive
def test_docker_stop_and_docker_kill_are_not_taken_for_hunger(
    host: Host, launch: Callable[..., Container], code: Path, tmp_path: Path
) -> None:
    stopped, killed = (launch("sh", "-c", "trap 'exit 0' TERM; echo up; while :; do sleep 0.1; done") for _ in "ab")

    host.run(docker_stop(("docker",), stopped.run))
    host.run(["docker", "kill", container_name(killed.run)])

    with pytest.raises(JobFailed, match=r"asked to end before it was done .* ended with exit code 0"):
        through(host, stopped, tmp_path / "runs")
    with pytest.raises(JobFailed, match="killed from outside"):
        through(host, killed, tmp_path / "runs")
    assert (tmp_path / "runs" / killed.run / "MANIFEST.sha256").exists(), "sealed for the recorder that was killed"


def test_a_rented_gpu_that_the_container_does_not_see_ends_the_run_before_training(
    host: Host, launch: Callable[..., Container], code: Path, tmp_path: Path
) -> None:
    container = launch("touch", "out/started", gpu=True)

    with pytest.raises(JobFailed, match="exit code 1"):
        through(host, container, tmp_path / "runs")
    assert "No GPU in the container" in (tmp_path / "runs" / container.run / "train.log").read_text()
    assert not (Path(container.run_dir) / "out" / "started").exists()


def test_a_script_s_requirements_become_a_layer_of_their_own_built_once(
    host: Host, launch: Callable[..., Container], cpu_image: str, code: Path, tmp_path: Path
) -> None:
    """A requirement that is there already: whether a package index can be reached is not the question here."""
    (code / "script.py").write_text("print('ran')")
    (code / "requirements.txt").write_text("numpy  # nothing newer than MXNet can use\n")
    job = script_job("script.py", code)
    own = docker_image.own_tag(cpu_image, job.requirements)
    said: list[str] = []

    docker_image.make(
        host,
        docker_image.docker_build_own(("docker",), own),
        context=docker_image.own_context(cpu_image, job.requirements),
        log=tmp_path / "build.log",
        show=said.append,
    )
    lines, _ = through(
        host, launch("sh", "-c", "python3 script.py; cat /opt/requirements/fixed.txt", own=own), tmp_path
    )

    assert ask_facts(host, images=[own]).images == (own,), "so the next run builds nothing"
    assert any("Requirement already satisfied: numpy" in line for line in said)
    assert lines[0] == "ran"
    assert {line.split("==")[0] for line in lines[1:]} >= {"numpy"}
    docker("image", "rm", own)


def test_data_is_writable_and_the_same_path_inside_and_outside(
    host: Host, launch: Callable[..., Container], engine: Facts, code: Path, tmp_path: Path
) -> None:
    data = Path(engine.home) / DATA_DIR
    (data / "log.csv").write_text("1,2,3\n")

    lines, _ = through(host, launch("sh", "-c", "echo $RIG_DATA; cat $RIG_DATA/log.csv"), tmp_path)

    assert lines == [str(data), "1,2,3"]


def test_a_container_that_docker_refuses_to_start_leaves_nothing_behind(
    host: Host, engine: Facts, cpu_image: str, code: Path
) -> None:
    (code / "script.py").write_text("")
    deaf = dataclasses.replace(engine, docker=("docker", "--host", "unix:///nobody"))
    refused = Container(run="engine-test-refused", image=cpu_image, command=["true"], facts=deaf, gpu=False)

    with pytest.raises(WorldError, match="failed with exit code"):
        run.start(host, refused, tell=print)

    assert not Path(refused.run_dir).exists()
    assert not Path(refused.code_dir).exists()


@pytest.mark.exhaustive
def test_two_runs_at_once_each_with_the_code_of_its_start(
    host: Host, launch: Callable[..., Container], code: Path, tmp_path: Path
) -> None:
    wait = "while [ ! -e out/../go ]; do sleep 0.05; done; cat version"
    (code / "version").write_text("one")
    first = launch("sh", "-c", wait)
    # As rsync does: a new file under the old name, never into the old one.
    (code / "new").write_text("two")
    (code / "new").replace(code / "version")
    second = launch("sh", "-c", wait)

    for container in (second, first):
        (Path(container.run_dir) / "go").touch()

    assert through(host, first, tmp_path / "runs")[0] == ["one"]
    assert through(host, second, tmp_path / "runs")[0] == ["two"]
