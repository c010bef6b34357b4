"""The Docker lines and the job's own words, compared whole."""

import dataclasses
import shlex
import subprocess
import sys
from contextlib import nullcontext
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from infra.errors import BadSettings
from infra.host.facts import Facts
from infra.job import container as lines
from infra.job.container import Container
from infra.job.docker_image import docker_build, ingredients, tag
from infra.job.spec import Job, code_sent_for, command_job, existing_folder, new_run_name, script_job, training_job

FACTS = Facts(
    home="/home/ubuntu",
    uid=1000,
    gid=1001,
    memory_bytes=16 << 30,
    docker=("docker",),
    images=(),
    gpus=("Tesla T4",),
    rsync=True,
    runs=(),
    guard_silent_s=1.0,
    ended=None,
)
PROJECT = Path(__file__).parents[2]
RUN = "20261120-155301-lenet-3f2a"


@pytest.fixture
def lenet() -> Container:
    job = training_job("lenet", PROJECT, "num_epochs=3 note='a b'")
    return Container(
        run=RUN,
        image="gluon-rig:gpu-0123456789ab",
        command=job.command_in(f"/home/ubuntu/rig/runs/{RUN}", "/home/ubuntu/rig/data"),
        facts=FACTS,
        gpu=True,
        environment={"RIG_USD_PER_HOUR": "0.5380"},
    )


@pytest.mark.parametrize("name", ["-c", "my work.py", "it's.py", "$(touch evil).py", '"quoted".py', "new\nline.py"])
def test_a_script_may_be_called_anything(tmp_path: Path, name: str) -> None:
    """Python is given a file, and never an option; what the run cannot do without is known."""
    (tmp_path / name).write_text("import sys; print(sys.argv[1:])")

    job = script_job(name, tmp_path, "--n 3")

    done = subprocess.run([sys.executable, *job.command[1:]], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout == "['--n', '3']\n"
    assert job.needs == (name,)
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_requirements_are_read_as_any_editor_saves_them_and_travel_with_the_job(tmp_path: Path, encoding: str) -> None:
    text = "".join(f"package{number}==1.0  # ü\n" for number in range(12_000))
    (tmp_path / "a.py").touch()
    (tmp_path / "requirements.txt").write_text(text, encoding=encoding)

    job = script_job("a.py", tmp_path)

    assert (job.requirements, job.needs) == (text, ("a.py", "requirements.txt"))
    assert Job.from_json(job.to_json()) == job


def test_the_container_line_of_a_gpu_run(lenet: Container) -> None:
    home = "/home/ubuntu/rig"

    assert shlex.join(lines.docker_run(lenet)) == (
        f"docker run --detach --name rig-{RUN} --label gluon-rig.run={RUN} --gpus all --ulimit memlock=-1"
        " --shm-size 4294967296 --memory 16492674417 --ulimit stack=67108864 --init --user 1000:1001 --stop-timeout 60"
        f" --volume {home}/kit:{home}/kit:ro"
        f" --volume {home}/runs/{RUN}:{home}/runs/{RUN} --volume {home}/data:{home}/data"
        f" --volume {home}/queue:{home}/queue"
        f" --workdir {home}/runs/{RUN}/.code --env HOME={home}/runs/{RUN} --env IPYTHONDIR=/tmp/ipythondir"
        " --env JUPYTER_CONFIG_DIR=/tmp/jupyter_config_dir --env JUPYTER_DATA_DIR=/tmp/jupyter_data_dir"
        " --env JUPYTER_RUNTIME_DIR=/tmp/jupyter_runtime_dir --env MPLCONFIGDIR=/tmp/mplconfigdir"
        f" --env MXNET_HOME={home}/data/mxnet --env PYTHONDONTWRITEBYTECODE=1"
        f" --env PYTHONUNBUFFERED=1 --env RIG_DATA={home}/data"
        f" --env RIG_QUEUE={home}/queue --env RIG_REQUIRE_GPU=1 --env RIG_RUN={RUN}"
        f" --env RIG_RUN_DIR={home}/runs/{RUN} --env RIG_USD_PER_HOUR=0.5380"
        " --env TMPDIR=/tmp --env XDG_CACHE_HOME=/tmp/xdg_cache_home gluon-rig:gpu-0123456789ab"
        f" python3 {home}/kit/recorder.py {home}/runs/{RUN} -- python3 -m training lenet"
        f" --workdir {home}/runs/{RUN} data={home}/data num_epochs=3 'note=a b'"
    )


def test_a_cpu_run_asks_for_no_gpu_and_a_small_machine_still_gets_a_gibibyte_to_share(lenet: Container) -> None:
    small = dataclasses.replace(
        lenet, gpu=False, facts=dataclasses.replace(FACTS, memory_bytes=1 << 30, docker=("sudo", "docker"))
    )
    line = lines.docker_run(small)

    assert line[:3] == ["sudo", "docker", "run"]
    assert "--gpus" not in line
    assert "RIG_REQUIRE_GPU=1" not in line
    assert line[line.index("--shm-size") + 1] == str(1 << 30)


def test_a_run_works_on_its_own_copy_of_the_code(lenet: Container) -> None:
    home = "/home/ubuntu/rig"

    assert [shlex.join(words) for words in lines.prepare(lenet)] == [
        f"mkdir -p {home}/runs/{RUN}",
        f"rm -rf {home}/fetched/{RUN} {home}/starting/{RUN}",
        f"mkdir -p {home}/starting/{RUN}",
        f"python3 {home}/kit/workspace.py {home}/code {home}/runs/{RUN}",
    ]


def test_following_judging_stopping_and_forgetting_a_run() -> None:
    docker = ("docker",)
    found = [
        lines.docker_logs(docker, "r1"),
        lines.docker_logs(docker, "r1", since="2026-11-20T15:53:01.5Z"),
        lines.docker_last_line(docker, "r1"),
        lines.docker_state(docker, "r1"),
        lines.docker_stop(docker, "r1"),
        *lines.forget(docker, "/home/u", "r1", part="d1"),
    ]

    assert [shlex.join(words) for words in found] == [
        "docker logs --follow --timestamps rig-r1",
        "docker logs --follow --timestamps --since 2026-11-20T15:53:01.5Z rig-r1",
        "docker logs --timestamps --tail 1 rig-r1",
        "docker inspect --format '{{json .State}}' rig-r1",
        "docker stop --time 60 rig-r1",
        "mkdir -p /home/u/rig/fetched/r1/d1",
        "rm -rf /home/u/rig/runs/r1/.code.json /home/u/rig/runs/r1/.code",
        "docker rm rig-r1",
    ]


def test_the_image_is_built_from_standard_input_for_one_flavour() -> None:
    line = docker_build(("docker",), "gluon-rig:cpu-1", flavour="cpu", build_args={"BASE": "debian:bookworm-slim"})

    assert shlex.join(line) == (
        "docker build --tag gluon-rig:cpu-1 --target cpu --label gluon-rig.image=cpu"
        " --build-arg BASE=debian:bookworm-slim -"
    )


def test_the_image_is_named_by_its_content_and_nothing_else(tmp_path: Path) -> None:
    for project in (tmp_path / "a", tmp_path / "b"):
        (project / "requirements").mkdir(parents=True)
        (project / "Dockerfile").write_text("FROM x")
        (project / "requirements" / "image-cpu.txt").write_text("mxnet==1.9.1")
    before = tag("cpu", project=tmp_path / "a")
    (tmp_path / "a" / "train.py").write_text("code is mounted, not copied")

    assert tag("cpu", project=tmp_path / "a") == before == tag("cpu", project=tmp_path / "b")
    assert tag("gpu", project=tmp_path / "a") != before
    assert tag("cpu", "other-base", project=tmp_path / "a") != before
    (tmp_path / "a" / "requirements" / "image-cpu.txt").write_text("mxnet==1.9.2")
    assert tag("cpu", project=tmp_path / "a") != before


def test_the_shipped_image_has_its_ingredients() -> None:
    assert {"Dockerfile", "image-cpu.txt", "image-gpu.txt"} <= {path.name for path in ingredients()}


def test_run_names_sort_by_time_within_a_second_too_and_those_of_one_moment_differ() -> None:
    moment = datetime(2026, 11, 20, 15, 53, 1, tzinfo=timezone.utc)
    job = command_job("nvidia-smi")

    names = [new_run_name(job, moment + timedelta(milliseconds=100 * n)) for n in range(10)]

    assert names[0].startswith("20261120-155301-cmd-0")
    assert names == sorted(names)
    assert len({new_run_name(job, moment) for _ in range(4)}) > 1


def test_a_script_anywhere_below_the_code_folder_runs_with_its_arguments(tmp_path: Path) -> None:
    script = tmp_path / "my work" / "train car.py"
    script.parent.mkdir()
    script.write_text("")

    job = script_job("my work/train car.py", tmp_path, "--note 'x y'")

    assert job.command_in("/run", "/data") == ["python3", "my work/train car.py", "--note", "x y"]
    assert new_run_name(job, datetime(2026, 1, 1)).startswith("20260101-000000-train-car-")


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (b"JOBS = {", "is no Python: '{' was never closed"),
        (b"JOBS = '\xff'", "is no Python: "),
        (b"JOBS = find_jobs()", ""),
        (b"JOBS = 5", ""),
        (b"JOBS = {'mine': 'x:y'}", "there is no such job"),
    ],
)
def test_a_table_of_jobs_that_cannot_be_read_is_named_and_one_made_at_run_time_is_left_to_the_instance(
    table: bytes, said: str, tmp_path: Path
) -> None:
    file = tmp_path / "training" / "jobs" / "__init__.py"
    file.parent.mkdir(parents=True)
    file.write_bytes(table)

    with pytest.raises(BadSettings, match=said) if said else nullcontext():
        training_job("lenet", tmp_path)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda code: script_job("no.py", code), "no such file"),
        (lambda code: command_job("x" * 70_000), "too long"),
        (lambda code: existing_folder("no/such", "code"), "code = 'no/such': there is no such folder"),
        (lambda code: existing_folder("~nobody-here/x", "data"), "there is no such folder"),
        (lambda code: script_job("/etc/hostname", code), "outside the code folder"),
        (lambda code: training_job("lenet", code, "note='open"), "No closing quotation"),
        (lambda code: training_job("lanet", PROJECT), "there is no such job; did you mean lenet?"),
        (lambda code: command_job("  "), "cmd is empty"),
    ],
)
def test_what_cannot_run_is_said_before_anything_is_sent(make, message: str, tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match=message):
        make(tmp_path)


def test_a_job_of_the_kit_takes_the_kits_folder_along_where_there_is_none_and_names_a_file_that_would_stay(
    tmp_path: Path,
) -> None:
    (tmp_path / "gearboxes.toml").touch()
    plain = training_job("lenet", tmp_path)

    assert code_sent_for(plain, tmp_path) == PROJECT
    assert code_sent_for(plain, PROJECT) == PROJECT
    assert code_sent_for(command_job("python3 -m training lenet"), tmp_path) == tmp_path
    with pytest.raises(BadSettings, match=r"gearboxes\.toml would not be sent"):
        code_sent_for(training_job("sensors", tmp_path, "table=gearboxes.toml"), tmp_path)
