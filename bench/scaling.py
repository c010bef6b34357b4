"""What several workers cost and keep: equality, milliseconds and bytes per sum, and what the seams cost one worker.

    python bench/scaling.py [--sizes 1,2,4,8]

Needs Horovod (make extra-horovod). Bytes need Linux and root: two nodes in network namespaces, counted at their
interfaces. On a machine with fewer cores than workers the times are upper bounds; bytes and equality are not.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.worker_failures import FIRST, LAUNCHER, PROJECT, two_networks

JOB = ["-m", "training", "linear", "device=cpu", "num_epochs=1", "log_interval=1", "batch_size=64", "limit=6400"]
NUMBERS = (1, 1_000, 10_000, 44_426, 270_000, 1_000_000, 6_400_000)
SUM = """
import json, os, sys, time
from pathlib import Path
import mxnet as mx, horovod.mxnet as hvd
hvd.init()
sent = Path("/sys/class/net") / os.environ["HOROVOD_GLOO_IFACE"] / "statistics/tx_bytes"
found = {}
for count in json.loads(sys.argv[1]):
    array = mx.nd.ones((count,))
    for turn in range(25):
        if turn == 5:
            began, before = time.perf_counter(), int(sent.read_text())
        hvd.allreduce_(array, average=False, name=f"sum{count}")
        array.wait_to_read()
    found[count] = ((time.perf_counter() - began) / 20 * 1e3, (int(sent.read_text()) - before) / 20)
if hvd.rank() == 0:
    print("FOUND " + json.dumps(found))
"""


def run(words: list[str], *, before: tuple[str, ...] = (), launcher: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    line = [*before, sys.executable, *([str(LAUNCHER), *launcher, "--", sys.executable] if launcher else []), *words]
    environ = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(line, cwd=PROJECT, env=environ, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def finish(process: subprocess.Popen[str]) -> str:
    said, _ = process.communicate(timeout=900)
    if process.returncode:
        raise SystemExit(said)
    return said


def losses(folder: Path) -> list[float]:
    rows = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
    return [row["loss"] for row in rows if "loss" in row]


def show_equality(sizes: list[int]) -> None:
    print("workers  steps  largest relative difference of a loss  equal to the bit")
    with tempfile.TemporaryDirectory() as name:
        for size in sizes:
            workers = ("--workers", str(size)) if size > 1 else ()
            finish(run([*JOB, "--workdir", f"{name}/{size}"], launcher=workers))
            ours, one = losses(Path(name) / str(size)), losses(Path(name) / str(sizes[0]))
            apart = max(abs(a - b) / abs(b) for a, b in zip(ours, one, strict=True))
            same = sum(a == b for a, b in zip(ours, one, strict=True))
            print(f"{size:7}  {len(ours):5}  {apart:37.1e}  {same:16}", flush=True)


def found_in(said: str) -> dict[int, tuple[float, float]]:
    line = next(line for line in said.splitlines() if line.startswith("FOUND "))
    return {int(count): tuple(row) for count, row in json.loads(line.removeprefix("FOUND ")).items()}


def show_sums(sizes: list[int]) -> None:
    """Bytes: what one of two nodes sends, against 2 (N - 1) / N times 4 bytes a number, N = 2."""
    words = ["-c", SUM, json.dumps(NUMBERS)]
    by_size = {n: found_in(finish(run(words, launcher=("--workers", str(n))))) for n in sizes if n > 1}
    counted: dict[int, tuple[float, float]] = {}
    if os.geteuid() == 0 and sys.platform.startswith("linux"):
        with two_networks():
            nodes = [
                run(words, before=("ip", "netns", "exec", f"rig-bench{node + 1}"),
                    launcher=("--nodes", "2", "--node", str(node), "--first", FIRST))
                for node in range(2)
            ]  # fmt: skip
            said = [finish(node) for node in nodes]
            counted = found_in(said[0])
    heads = "".join(f"{f'ms, {n} workers':>15}" for n in by_size)
    print(f"{'numbers':>10}{heads}{'bytes sent':>14}{'formula':>12}")
    for count in NUMBERS:
        times = "".join(f"{rows[count][0]:15.1f}" for rows in by_size.values())
        sent = f"{counted[count][1]:14,.0f}" if counted else f"{'-':>14}"
        print(f"{count:10,}{times}{sent}{4 * count:12,}", flush=True)


def show_seams() -> None:
    """What one worker pays: the calls that a step makes of its group, against a step of the fastest job."""
    import numpy as np

    from training.compat import mx
    from training.trainer.group import Alone, Wishes

    alone, loss, steps = Alone(), mx.nd.zeros((1,)), 20_000
    order = np.arange(6400)
    began = time.perf_counter()
    for _ in range(steps):
        wishes = alone.agree(Wishes(False, "", False, 1), settled=False)
        alone.total(loss)
        assert not wishes.stop
    seam_us = (time.perf_counter() - began) / steps * 1e6
    assert len(alone.cut(order, 64)) == len(order)
    with tempfile.TemporaryDirectory() as name:
        said = finish(run([*JOB[:4], "num_epochs=20", "batch_size=64", "--workdir", f"{name}/run"]))
        summary = json.loads((Path(name) / "run/summary.json").read_text())
        assert said
    step_us = 64 / summary["samples_per_s"] * 1e6
    print(
        f"seams of one worker: {seam_us:.2f} us a step, {seam_us / step_us:.2%} of a step of linear ({step_us:.0f} us)"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="1,2,4,8")
    sizes = [int(word) for word in parser.parse_args().sizes.split(",")]
    show_seams()
    show_equality(sizes)
    show_sums(sizes)
    return 0


if __name__ == "__main__":
    sys.exit(main())
