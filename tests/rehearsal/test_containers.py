"""`docker` on an instance of a computer without a Docker engine: the kit's own lines, with containers as processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from shlex import quote
from typing import Any

import pytest

from infra.rehearsal import processes
from infra.rehearsal.shims import docker, template
from infra.rehearsal.shims.confinement import can_confine
from infra.rehearsal.shims.supervise import CONFINED, FREE, PLAIN

RUN = "docker run --detach --init --gpus all --shm-size 1g --ulimit memlock=-1 --stop-timeout 60 --user 0:0"
PLAIN_WORDS = PLAIN + (CONFINED if can_confine() else FREE)


def test_a_run_is_followed_to_its_end_and_its_verdict_is_kept(box: Any) -> None:
    options = "--name rig-a --label gluon-rig.run=a --env GREETING=hi --volume $HOME:$HOME:ro --workdir $HOME"
    box.say(f"{RUN} {options} any:tag sh -c 'echo $GREETING from $PWD; echo trouble >&2; exit 9'")

    followed = box.ssh("docker logs --follow rig-a")
    waited = box.say("docker wait rig-a")
    state = json.loads(box.say("docker inspect --format '{{json .State}}' rig-a"))

    assert followed.stdout.decode() == f"hi from {box.folder}/home\n"
    assert followed.stderr.decode().splitlines() == [PLAIN_WORDS, "trouble"]
    assert waited == "9"
    assert (state["Running"], state["ExitCode"], state["OOMKilled"], state["Status"]) == (False, 9, False, "exited")


def test_a_container_says_what_it_opens_and_an_instance_would_not_have(box: Any, tmp_path: Path) -> None:
    mine = tmp_path / "my table.csv"
    mine.write_text("1,2")
    line = f"open({str(mine)!r}).read(); open({str(mine)!r}).read(); open('own', 'w').close(); open('own').read()"
    options = "--name rig-r --volume $HOME:$HOME --workdir $HOME --rm"

    done = box.ssh(f'docker run {options} any:tag python3 -c "{line}"')

    (said,) = done.stderr.decode().splitlines()
    assert said.startswith(f"gluon-rig: {mine} is on this computer alone: an instance would not have it.")
    assert done.returncode == 0


def test_modules_of_python_s_own_are_not_looked_at_further() -> None:
    """A run imports a thousand and more: to ask for where the links of each lead took a tenth of all that it took."""
    program = (
        "import os; asked, real = [], os.path.realpath; "
        "os.path.realpath = lambda path: asked.append(path) or real(path); "
        "import xml.dom.minidom, numpy.linalg; open('/etc/hosts').close(); print(asked)"
    )
    audited = {"PYTHONPATH": str(Path(template.__file__).with_name("audit")), "RIG_REHEARSAL_THERE": "/var/empty"}
    done = subprocess.run([sys.executable, "-c", program], env=audited, capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "['/etc/hosts']"


def test_a_container_says_which_programs_it_starts_and_the_image_has_not(box: Any) -> None:
    program = (
        "import os, subprocess as s; os.system('cd / && no_such | unzip -v; wget -V >none'); "
        "q = dict(stdout=s.DEVNULL, stderr=s.DEVNULL); s.call('make -v; true', shell=True, **q); "
        "[s.call(['sh', '-c', 'git -h'], **q) for _ in range(3)]; s.call(['true', 'gcc'])"
    )
    done = box.ssh("docker run --rm --workdir $HOME any:tag python3 -c " + quote(program))

    said = [line for line in done.stderr.decode().splitlines() if line.startswith("gluon-rig: the program")]
    assert [line.split()[3] for line in said] == ["unzip", "wget", "make", "git"]
    assert "is not in the training image: an instance would not have it." in said[0]


def test_what_an_instance_would_not_let_it_change_a_container_cannot_change_or_it_is_said(box: Any) -> None:
    # Not HOME: that may lie below /tmp, which is a container's own.
    with tempfile.TemporaryDirectory(dir="/var/tmp") as elsewhere:
        shared = f"echo 2 > /dev/shm/rig-{os.getpid()}; " if Path("/dev/shm").is_dir() else ""
        script = f"echo 1 > own; {shared}echo 3 > /dev/null; echo 4 > {elsewhere}/there"
        box.say(f"{RUN} --name rig-w --volume $HOME:$HOME --workdir $HOME any:tag sh -c '{script}'")

        code = box.say("docker wait rig-w")
        said = box.ssh("docker logs rig-w").stderr.decode()

        Path(f"/dev/shm/rig-{os.getpid()}").unlink(missing_ok=True)
        assert (box.folder / "home" / "own").read_text() == "1\n"
        written = [path.name for path in Path(elsewhere).iterdir()]
        if can_confine():
            assert (code, written) == ("2", [])
            assert "Read-only file system" in said
        else:  # no system but Linux, and not every Linux, lets a user make a mount namespace
            assert (code, written) == ("0", ["there"])
            assert FREE in said


def test_a_detached_container_survives_the_connection_and_is_found_again(box: Any, until: Any) -> None:
    script = 'for n in 1 2 3 4; do echo "line $n"; sleep 0.2; done'
    start = f"{RUN} --name rig-b --label gluon-rig.run=b any:tag sh -c '{script}' && docker logs -f rig-b"
    following = subprocess.Popen([*box.ssh_words(), "ubuntu@127.0.0.1", start], stdout=subprocess.PIPE)
    assert following.stdout
    until(lambda: b"line 1" in following.stdout.readline())
    following.send_signal(signal.SIGKILL)
    following.communicate()

    running = box.say("docker ps --filter label=gluon-rig.run --format '{{.Names}} {{.Label \"gluon-rig.run\"}}'")
    stamped = box.ssh("docker logs --follow --timestamps rig-b").stdout.decode().splitlines()
    times, lines = zip(*(line.split(" ", 1) for line in stamped), strict=True)
    later = box.ssh(f"docker logs --timestamps --since {times[2]} rig-b").stdout.decode().splitlines()

    assert "rig-b b" in running.splitlines()
    assert lines == ("line 1", "line 2", "line 3", "line 4")
    assert later == stamped[2:]
    assert list(times) == sorted(times)


@pytest.mark.parametrize(
    ("name", "trap", "code"), [("polite", "trap 'echo saved; exit 0' TERM", "0"), ("deaf", "trap '' TERM", "137")]
)
def test_stop_asks_first_and_kills_after_the_time_given(box: Any, until: Any, name: str, trap: str, code: str) -> None:
    box.say(f'{RUN} --name rig-{name} any:tag sh -c "{trap}; echo ready; while :; do sleep 0.1; done"')
    until(lambda: "ready" in box.say(f"docker logs rig-{name} 2>/dev/null"))

    box.say(f"docker stop --time 1 rig-{name}")

    assert box.say(f"docker inspect --format '{{{{.State.ExitCode}}}}' rig-{name}") == code


def test_the_end_of_the_first_process_ends_all_of_a_container(box: Any) -> None:
    box.say(f"{RUN} --name rig-c any:tag sh -c 'setsid sleep 305 & exit 0'")

    assert box.say("docker wait rig-c") == "0"
    container = box.say("docker inspect --format '{{.Id}}' rig-c")
    assert processes.carrying(f"RIG_CONTAINER_ID={container}") == []


def test_power_off_lets_a_container_save_and_a_start_finds_its_record(rehearsal: Any, until: Any) -> None:
    box = rehearsal.launch().ready()
    box.say(
        f"{RUN} --name rig-d any:tag sh -c 'trap \"echo saved >$HOME/saved; exit 0\" TERM; echo up; sleep 99 & wait'"
    )
    until(lambda: "up" in box.say("docker logs rig-d 2>/dev/null"))

    rehearsal.ec2.stop_instances(InstanceIds=[box.id])
    box.wait("stopped")
    rehearsal.ec2.start_instances(InstanceIds=[box.id])
    box.ready()

    assert box.say("cat saved; docker ps -a --format '{{.Names}} {{.Status}}'") == "saved\nrig-d Exited (0)"
    assert box.ssh("docker logs rig-d").stdout == b"up\n"


def test_an_image_is_there_once_it_was_built(box: Any) -> None:
    assert box.ssh("docker image inspect gluon-rig:cpu-1").returncode == 1

    built = box.ssh(
        "docker build --tag gluon-rig:cpu-1 --label gluon-rig.image=cpu -", input=b"x" * 500_000, stdin=None
    )

    assert built.returncode == 0
    assert b"there is no Docker engine here" in built.stdout
    label = """docker image inspect --format '{{index .Config.Labels "gluon-rig.image"}}' gluon-rig:cpu-1"""
    assert box.say(label) == "cpu"


def test_what_the_engine_refuses_is_refused_with_docker_s_codes(box: Any) -> None:
    box.say(f"{RUN} --name rig-e any:tag true")

    codes = {
        "the name is taken": box.ssh(f"{RUN} --name rig-e any:tag true").returncode,
        "no such program": box.ssh("docker run --rm any:tag no-such-program").returncode,
        "no such container": box.ssh("docker logs nobody").returncode,
        "not the kit's verb": box.ssh("docker swarm init").returncode,
        "foreground code": box.ssh("docker run --rm any:tag sh -c 'exit 4'").returncode,
        "other paths inside": box.ssh("docker run --rm -v /a:/b any:tag true").returncode,
    }

    assert codes == {
        "the name is taken": 125, "no such program": 127, "no such container": 1, "not the kit's verb": 1,
        "foreground code": 4, "other paths inside": 125,
    }  # fmt: skip


def test_a_real_engine_gets_the_same_line_without_the_gpu_and_with_the_instance_s_label() -> None:
    label, cloud = "rig-rehearsal.instance=i-1", "rig-rehearsal.cloud=/c"

    line = ["run", "--gpus", "all", "-d", "--name", "a", "image", "train", "--gpus", "2"]

    assert docker.for_real(line, "i-1", "/c") == [
        "run", "--label", label, "--label", cloud, "-d", "--name", "a", "image", "train", "--gpus", "2",
    ]  # fmt: skip
    assert docker.for_real(["ps", "-q"], "i-1", "/c") == ["ps", "--filter", f"label={label}", "-q"]
    assert docker.for_real(["logs", "x"], "i-1", "/c") == ["logs", "x"]


def test_machines_of_a_group_may_give_their_containers_the_same_name_in_one_engine() -> None:
    run = docker.for_real(["run", "--name", "rig-a", "image", "echo", "rig-a"], "i-1", "/c")

    assert run[-5:] == ["--name", "rig-a.i-1", "image", "echo", "rig-a"]
    assert docker.for_real(["stop", "--time", "60", "rig-a"], "i-1", "/c") == ["stop", "--time", "60", "rig-a.i-1"]
    assert docker.for_real(["run", "--name=rig-a", "image"], "i-1", "/c")[-2:] == ["--name=rig-a.i-1", "image"]


def test_templates_render_as_docker_s() -> None:
    row = {"Names": "a", "Labels": "k=v,l=w", "State": {"Running": True}, "Config": {"Labels": {"k": "v"}}}

    text = '{{.Names}}\\t{{.Label "l"}} {{json .State}} {{.State.Running}} {{index .Config.Labels "k"}}'

    assert template.render(text, row) == 'a\tw {"Running": true} true v'


@pytest.mark.parametrize("line", ["docker ps --all", "who", "systemctl is-active"])
def test_what_is_only_asked_loads_nothing_that_is_there_for_doing(line: str, tmp_path: Path) -> None:
    """The guards of a rehearsal ask twice a second each, and modules are most of what an answer costs."""
    program = str(Path(docker.__file__).with_name("run.py"))
    environment = {"RIG_ROOT": str(tmp_path), "RIG_INSTANCE_ID": "i-1", "RIG_REHEARSAL_CLOUD": str(tmp_path)}
    words = [sys.executable, "-ESs", "-v", program, *line.split()]  # -v: says what it imports

    asked = subprocess.run(
        words, env={**environment, "RIG_REHEARSAL_ENGINE": "process"}, capture_output=True, text=True
    )

    loaded = {row.split("'")[1] for row in asked.stderr.splitlines() if row.startswith("import '")}
    assert asked.returncode == 0
    assert "infra.rehearsal.shims" in loaded
    assert not loaded & {"ctypes", "hashlib", "socket", "urllib.request"}
    assert not loaded & {"inspect", "subprocess", "threading"} or line.startswith("systemctl")
