"""The launcher of several workers: who is named when a run ends before it is done, and with which exit code.

The programs here are Horovod's own dialect, not the kit's: any script of that kind runs below the launcher.
"""

from __future__ import annotations

import io
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from infra.job.workers import Place, in_workers, read_workers, without_launcher
from infra.remote.meeting import Cause, Slot, judge, plan
from infra.remote.workers import LOST_OTHERS, Output

PROGRAM = Path(__file__).resolve().parents[2] / "infra/remote/workers.py"
NAMES = {0: "worker 0", 1: "worker 1", 2: "worker 2"}
SCRIPT = """
import os, sys, time
if os.environ.get("HANGS") == os.environ["HOROVOD_RANK"]:
    time.sleep(600)
import mxnet as mx, horovod.mxnet as hvd
hvd.init()
ones = mx.nd.ones((4,))
for step in range(int(os.environ["STEPS"])):
    total = hvd.allreduce(ones, average=False, name="ones")
    total.wait_to_read()
    print("step", step, flush=True)
    time.sleep(0.02)
print("sum", int(total.asnumpy()[0]), "node", os.environ["RIG_NODE"], flush=True)
sys.exit(int(os.environ.get("CODE", "0")) if hvd.rank() == 1 else 0)
"""


def judged(ends: dict[int, int], *, silent: tuple[str, ...] = (), lost_for_s: float = 0.0) -> Cause | None:
    return judge(ends, NAMES, silent=silent, silence_s=20.0, lost_for_s=lost_for_s)


def test_whoever_failed_first_is_the_cause_and_not_those_who_lost_it() -> None:
    killed = Cause("worker 2 was ended by SIGKILL", 137)

    assert judged({}) is None
    assert judged({0: 0, 1: 0}) is None
    assert judged({1: 3, 2: -9}) == Cause("worker 1 ended with exit code 3", 3)
    assert judged({0: LOST_OTHERS, 2: -9, 1: LOST_OTHERS}) == killed


def test_those_who_say_nothing_when_the_others_have_noticed_are_the_cause() -> None:
    assert judged({0: LOST_OTHERS, 2: LOST_OTHERS}, lost_for_s=1) is None
    assert judged({0: LOST_OTHERS, 2: LOST_OTHERS}, lost_for_s=9) == Cause(
        "worker 1 did not answer the others any more", 1
    )
    assert judged({0: 0}, silent=("node 3",)) == Cause("node 3 has not been heard of for 20 s", 1)
    network = judged(dict.fromkeys(NAMES, LOST_OTHERS))
    assert network is not None
    assert network.exit_code == 1
    assert "the network between them broke" in network.what


def test_ranks_follow_the_nodes() -> None:
    assert plan([2, 1]) == [
        Slot("node0", rank=0, local_rank=0, cross_rank=0, size=3, local_size=2, cross_size=2),
        Slot("node0", rank=1, local_rank=1, cross_rank=0, size=3, local_size=2, cross_size=1),
        Slot("node1", rank=2, local_rank=0, cross_rank=1, size=3, local_size=1, cross_size=2),
    ]


def test_the_line_of_one_worker_is_the_command_itself() -> None:
    command = ["python3", "-m", "training", "lenet"]
    several = in_workers(command, "/kit/workers.py", "gpus", Place(nodes=4, node=2, first="10.0.0.7:29500"))

    assert in_workers(command, "/kit/workers.py", "") == in_workers(command, "/kit/workers.py", "1") == command
    assert several == [
        *("python3", "/kit/workers.py", "--workers", "gpus"),
        *("--nodes", "4", "--node", "2", "--first", "10.0.0.7:29500", "--", *command),
    ]
    assert without_launcher(several) == without_launcher(command) == command


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5", "257", "²"])
def test_a_number_of_workers_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(Exception, match="not a number from 1 to 256"):
        read_workers(text)


def start(folder: Path, *words: str, **environ: str) -> subprocess.Popen[str]:
    script = folder / "script.py"
    script.write_text(SCRIPT)
    line = [sys.executable, str(PROGRAM), *words, "--", sys.executable, str(script)]
    given = {"STEPS": "10000", "RIG_SILENCE_S": "2", **environ}
    return subprocess.Popen(
        line,
        env=os.environ | given,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def workers_of(launcher: subprocess.Popen[str]) -> list[psutil.Process]:
    """Its workers by rank, once they are under way."""
    assert launcher.stdout is not None
    while (line := launcher.stdout.readline()) and "step 2" not in line:
        pass
    return sorted(psutil.Process(launcher.pid).children(), key=lambda one: int(one.environ()["HOROVOD_RANK"]))


def test_without_horovod_it_says_how_to_get_it(tmp_path: Path) -> None:
    bare = [sys.executable, "-S", str(PROGRAM), "--", "true"]
    done = subprocess.run(bare, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, timeout=60)

    assert done.returncode == 2
    assert "make extra-horovod" in done.stderr


@pytest.fixture
def unused_port() -> int:
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return int(asked.getsockname()[1])


@pytest.fixture
def _horovod() -> None:
    pytest.importorskip("horovod", reason="Horovod is not built here; make extra-horovod builds it")


@pytest.mark.usefixtures("_horovod")
def test_a_worker_that_fails_ends_the_run_with_its_exit_code(tmp_path: Path) -> None:
    launcher = start(tmp_path, "--workers", "2", STEPS="3", CODE="7")
    said, _ = launcher.communicate(timeout=120)

    assert launcher.returncode == 7
    assert said.count("sum 2 node 0") == 2
    assert "[1] sum 2" in said
    assert said.splitlines()[-1] == "gluon-rig: worker 1 ended with exit code 7; the run ends everywhere"


def test_a_line_of_another_worker_never_stands_within_one_of_worker_0(
    capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Output, "PATIENCE_S", 60.0)
    output = Output()
    reads, writes = os.pipe()
    first = threading.Thread(target=output.pass_on, args=(os.fdopen(reads, "rb"), 0))
    other = threading.Thread(target=output.show_lines, args=(io.BytesIO(b"loss 0.4\n"), 1))
    first.start()
    tell(output, writes, b"loss")
    other.start()
    os.write(writes, b" 0.5\n")
    other.join()
    tell(output, writes, b"\r 10 %")
    output.say("the run ends")
    os.close(writes)
    first.join()

    assert capfdbinary.readouterr().out == b"loss 0.5\n[1] loss 0.4\n\r 10 %\ngluon-rig: the run ends\n"


def tell(output: Output, writes: int, text: bytes) -> None:
    """Worker 0 writes *text*, and it has been passed on."""
    os.write(writes, text)
    while output._unfinished != text:
        time.sleep(0.001)


@pytest.mark.usefixtures("_horovod")
@pytest.mark.parametrize(
    ("number", "words", "exit_code", "within_s"),
    [
        pytest.param(signal.SIGKILL, "worker 1 was ended by SIGKILL", 137, 10, id="killed"),
        pytest.param(signal.SIGSTOP, "worker 1 stands still (SIGSTOP)", 1, 45, id="frozen"),
    ],
)
def test_a_worker_that_is_killed_or_frozen_is_named_and_nobody_is_left(
    tmp_path: Path, number: signal.Signals, words: str, exit_code: int, within_s: float
) -> None:
    launcher = start(tmp_path, "--workers", "2")
    workers = workers_of(launcher)
    began = time.monotonic()
    workers[1].send_signal(number)
    said, _ = launcher.communicate(timeout=120)

    assert time.monotonic() - began < within_s
    assert launcher.returncode == exit_code
    assert said.splitlines()[-1] == f"gluon-rig: {words}; the run ends everywhere"
    assert not any(worker.is_running() for worker in workers)


@pytest.mark.usefixtures("_horovod")
@pytest.mark.exhaustive
@pytest.mark.parametrize("rank", [0, 1])
def test_a_worker_that_hangs_before_it_meets_the_others_is_named_and_not_the_one_that_waited(
    tmp_path: Path, rank: int
) -> None:
    launcher = start(tmp_path, "--workers", "2", HANGS=str(rank), HOROVOD_GLOO_TIMEOUT_SECONDS="3")
    said, _ = launcher.communicate(timeout=120)

    assert launcher.returncode == 1
    words = f"gluon-rig: worker {rank} did not answer the others any more; the run ends everywhere"
    assert said.splitlines()[-1] == words


@pytest.mark.usefixtures("_horovod")
@pytest.mark.exhaustive
def test_two_nodes_meet_and_a_node_that_is_gone_is_named_on_the_other(tmp_path: Path, unused_port: int) -> None:
    nodes = [
        start(tmp_path, "--nodes", "2", "--node", str(node), "--first", f"127.0.0.1:{unused_port}", OMP_NUM_THREADS="1")
        for node in (1, 0)
    ]
    for node in nodes:
        workers_of(node)
    os.killpg(nodes[0].pid, signal.SIGKILL)
    said, _ = nodes[1].communicate(timeout=120)
    nodes[0].communicate(timeout=120)

    assert nodes[1].returncode != 0
    assert "the run ends everywhere" in said.splitlines()[-1]
    assert "node 2" in said.splitlines()[-1] or "worker 0 (node 1) ended" in said.splitlines()[-1]


@pytest.mark.usefixtures("_horovod")
def test_a_node_that_never_comes_is_named(tmp_path: Path) -> None:
    alone = start(tmp_path, "--nodes", "3", "--node", "0", "--first", "127.0.0.1:0", RIG_MEET_S="1")
    said, _ = alone.communicate(timeout=60)

    assert alone.returncode == 1
    assert said == "gluon-rig: node 2, 3 of 3 did not come within 1 s, so nothing was begun\n"
