"""Kill, freeze and cut off one of two workers of a real training run, again and again: who ends when, and who is named.

    python bench/worker_failures.py [--times 20] [killed frozen cut]

`cut` needs Linux and root: each node then lives in a network namespace of its own, and the link of one is taken down.
A run that does not end within its limit, ends with exit code 0, names nobody or leaves a process fails the bench.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psutil

PROJECT = Path(__file__).resolve().parents[1]
LAUNCHER = PROJECT / "infra/remote/workers.py"
LIMITS_S = {"killed": 10.0, "frozen": 45.0, "cut": 45.0}
FIRST = "10.77.0.1:29500"


def launch(folder: Path, *words: str, before: Sequence[str] = ()) -> subprocess.Popen[str]:
    job = ["-m", "training", "linear", "--workdir", str(folder), "num_epochs=1000000", "device=cpu"]
    line = [*before, sys.executable, str(LAUNCHER), *words, "--", sys.executable, *job]
    environ = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        line, cwd=PROJECT, env=environ, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        start_new_session=True,
    )  # fmt: skip


def wait_until_it_trains(folder: Path) -> None:
    ends_at = time.monotonic() + 180
    while not list(folder.glob("checkpoints/*.ckpt")):
        if time.monotonic() > ends_at:
            raise TimeoutError(f"no checkpoint in {folder}")
        time.sleep(0.1)
    time.sleep(random.uniform(0, 1))  # the moment of the failure


def workers(launcher: subprocess.Popen[str]) -> list[psutil.Process]:
    """By rank; the launcher of a node in a namespace is the same process after `ip netns exec`."""
    found = psutil.Process(launcher.pid).children(recursive=True)
    return sorted((one for one in found if "training" in one.cmdline()), key=rank)


def rank(one: psutil.Process) -> int:
    return int(one.environ().get("HOROVOD_RANK", "-1"))


def end(launchers: Sequence[subprocess.Popen[str]], began: float, limit_s: float) -> tuple[float, list[str]]:
    """Seconds until all have ended, and the last line of each. Raises AssertionError for what must not be."""
    lines = []
    for launcher in launchers:
        try:
            said, _ = launcher.communicate(timeout=max(1.0, 4 * limit_s - (time.monotonic() - began)))
        except subprocess.TimeoutExpired:
            os.killpg(launcher.pid, signal.SIGKILL)
            raise AssertionError("it hangs") from None
        lines.append(said.splitlines()[-1])
        assert launcher.returncode not in (0, None), said
        assert "; the run ends everywhere" in lines[-1], said
    return time.monotonic() - began, lines


def harm(what: str) -> tuple[float, list[str]]:
    number = {"killed": signal.SIGKILL, "frozen": signal.SIGSTOP}[what]
    with tempfile.TemporaryDirectory() as folder:
        launcher = launch(Path(folder) / "run", "--workers", "2")
        wait_until_it_trains(Path(folder) / "run")
        there = workers(launcher)
        victim = random.randrange(2)
        began = time.monotonic()
        there[victim].send_signal(number)
        seconds, lines = end([launcher], began, LIMITS_S[what])
        assert f"worker {victim} " in lines[0], lines
        assert not any(one.is_running() for one in there), "a worker is left"
    return seconds, lines


def cut() -> tuple[float, list[str]]:
    with tempfile.TemporaryDirectory() as folder, two_networks():
        nodes = [
            launch(
                Path(folder) / str(node), "--nodes", "2", "--node", str(node), "--first", FIRST,
                before=["ip", "netns", "exec", f"rig-bench{node + 1}"],
            )
            for node in range(2)
        ]  # fmt: skip
        wait_until_it_trains(Path(folder) / "0")
        there = [worker for node in nodes for worker in workers(node)]
        began = time.monotonic()
        ip("netns", "exec", "rig-bench0", "ip", "link", "set", "rigb2", "down")
        seconds, lines = end(nodes, began, LIMITS_S["cut"])
        assert "node 2 has not been heard of" in lines[0], lines
        assert "node 1 has not been heard of" in lines[1], lines
        assert not any(one.is_running() for one in there), "a worker is left"
    return seconds, lines


@contextmanager
def two_networks() -> Iterator[None]:
    """Two namespaces, 10.77.0.1 and .2, on a bridge in a third: nothing of this computer's own network changes."""
    names = [f"rig-bench{number}" for number in range(3)]
    for name in names:
        ip("netns", "add", name)
    try:
        inside = ("netns", "exec", names[0], "ip", "link")
        ip(*inside, "add", "rigbr", "type", "bridge")
        ip(*inside, "set", "rigbr", "up")
        for number, name in enumerate(names[1:], 1):
            ip("link", "add", f"rigb{number}", "netns", names[0], "type", "veth", "peer", "name", "eth0", "netns", name)
            ip(*inside, "set", f"rigb{number}", "master", "rigbr", "up")
            ip("netns", "exec", name, "ip", "addr", "add", f"10.77.0.{number}/24", "dev", "eth0")
            for device in ("eth0", "lo"):
                ip("netns", "exec", name, "ip", "link", "set", device, "up")
        yield
    finally:
        for name in names:
            ip("netns", "del", name)


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("kinds", nargs="*", default=list(LIMITS_S))
    options = parser.parse_args()
    failed = 0
    for kind in options.kinds:
        once = cut if kind == "cut" else partial(harm, kind)
        took = []
        for number in range(options.times):
            try:
                seconds, lines = once()
                took.append(seconds)
                print(f"{kind} {number + 1:2} {seconds:6.1f} s  {' | '.join(lines)}", flush=True)
            except (AssertionError, TimeoutError) as error:
                print(f"{kind} {number + 1:2} FAILED: {error}", flush=True)
        late = sum(seconds > LIMITS_S[kind] for seconds in took)
        failed += options.times - len(took) + late
        if took:
            print(
                f"{kind}: {len(took)} of {options.times} ended and named; median {statistics.median(took):.1f} s, "
                f"longest {max(took):.1f} s, limit {LIMITS_S[kind]:g} s",
                flush=True,
            )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
