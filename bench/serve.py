"""How fast a server of forecasts is, beside the bare net; how late its answers are; whether it keeps its memory.

    python bench/serve.py --run runs/turbofan --minutes 2

The server has one core, this program another. Rates are rows per second of the server's processor time, so other
programs on the machine count little; the floor is the same net in onnxruntime on windows that lie ready, on one core,
taking turns with the server. Every answer is compared with that of a whole log forecast at once.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

import numpy as np
import psutil

from training.prognostics.preparation import Preparation
from training.serve.backends import open_onnx
from training.serve.body import Body, read_body
from training.serve.forecaster import WINDOWS_AT_ONCE, Forecaster
from training.workdir.model_folder import Model, open_model

BATCH, UNITS, ROUNDS = 500, 20, 5
PER_SECOND = 50
WRONG = 1e-6


class Served:
    """A server on the first core, and a connection to it that stays open."""

    def __init__(self, run: Path, state: Path) -> None:
        line = [sys.executable, "-m", "training", "serve", "--run", str(run), "--state", str(state)]
        self.process = subprocess.Popen(line, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        os.sched_setaffinity(self.process.pid, {min(os.sched_getaffinity(0))})
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().strip().removeprefix("http://")
        for thread in psutil.Process(self.process.pid).threads():
            os.sched_setaffinity(thread.id, {min(os.sched_getaffinity(0))})
        self._connection = http.client.HTTPConnection(self.address, timeout=60)

    def send(self, rows: str) -> list[dict[str, Any]]:
        self._connection.request("POST", "/units", rows, {"content-type": "text/csv"})
        answer = self._connection.getresponse()
        content = answer.read()
        assert answer.status == 200, content[:300]
        told: list[dict[str, Any]] = json.loads(content)["forecasts"]
        return told

    def cpu_s(self) -> float:
        times = psutil.Process(self.process.pid).cpu_times()
        return float(times.user + times.system)

    def memory_mb(self) -> float:
        return float(psutil.Process(self.process.pid).memory_info().rss / 1e6)

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


class Log:
    """Rows of many units without end, made up around the means of training, in the form of the training log."""

    def __init__(self, prepared: Preparation) -> None:
        self.prepared, self.columns = prepared, prepared.columns
        self._random, self._hour = random.Random(7), 0
        every = (self.columns.unit, self.columns.time, *self.columns.channels, *self.columns.conditions)
        self.names = list(self.columns.header or every)

    def rows(self, count: int) -> str:
        between = self.columns.separator or " "
        lines = [between.join(row) for row in self._rows(count)]
        head = [] if self.columns.header else [between.join(self.names)]
        return "\n".join([*head, *lines]) + "\n"

    def _rows(self, count: int) -> Iterator[list[str]]:
        scaling, columns = self.prepared.scaling, self.columns
        means = {
            columns.features[place]: (scaling.mean[0][n], scaling.spread[0][n]) for n, place in enumerate(scaling.kept)
        }
        settings = dict(zip(columns.conditions, scaling.centres[0].tolist(), strict=True))
        for number in range(count):
            if number % UNITS == 0:
                self._hour += 1
            row = {name: f"{self._random.gauss(*means.get(name, (0, 1))):.4f}" for name in columns.channels}
            row |= {name: str(value) for name, value in settings.items()}
            row |= {columns.unit: f"unit {number % UNITS}".replace(" ", "-"), columns.time: str(self._hour)}
            yield [row.get(name, "0") for name in self.names]


def floor_rate(net: Any, prepared: Preparation) -> float:
    """Windows a second of processor time, of the bare net on windows that lie ready."""
    X = np.random.rand(WINDOWS_AT_ONCE, prepared.window, len(prepared.scaling.kept)).astype(np.float32)
    begun, count = time.process_time(), 0
    while time.process_time() - begun < 1.0:
        net(X)
        count += len(X)
    return count / (time.process_time() - begun)


def served_rate(server: Served, log: Log, told: list[Any], sent: list[str]) -> float:
    begun, count = server.cpu_s(), 0
    while server.cpu_s() - begun < 1.0:
        sent.append(log.rows(BATCH))
        told += server.send(sent[-1])
        count += BATCH
    return count / (server.cpu_s() - begun)


def latencies_ms(server: Served, log: Log, seconds: float, told: list[Any], sent: list[str]) -> list[float]:
    """Of one row each, sent at fixed moments: a late answer delays no other's beginning from being counted."""
    found, begun = [], time.perf_counter()
    for number in range(int(seconds * PER_SECOND)):
        due = begun + number / PER_SECOND
        time.sleep(max(0.0, due - time.perf_counter()))
        sent.append(log.rows(1))
        told += server.send(sent[-1])
        found.append(1000 * (time.perf_counter() - due))
    return found


def to_disk_ms(folder: Path, times: int = 100) -> list[float]:
    """What a request cannot be quicker than: a hundred bytes added to a file, and on the disk."""
    found = []
    with (folder / "bare").open("ab") as file:
        for _ in range(times):
            begun = time.perf_counter()
            file.write(b"x" * 100)
            file.flush()
            os.fsync(file.fileno())
            found.append(1000 * (time.perf_counter() - begun))
    return sorted(found)


def count_wrong(model: Model, net: Any, sent: list[str], told: list[Any]) -> int:
    """Answers that differ from those of one forecaster that nobody interrupted."""
    prepared = Preparation.from_json(model.description.preparation)
    forecaster, at, wrong = Forecaster(prepared, net), 0, 0
    for rows in sent:
        arrived = read_body(Body(rows.encode(), "text/csv"), prepared.columns)
        expected = forecaster.forecast(arrived.rows).probability
        given = [one["probability"] for one in told[at : at + len(expected)]]
        at += len(expected)
        wrong += sum(abs(a - b) > WRONG for a, b in zip(given, expected.tolist(), strict=True))
    return wrong + abs(at - len(told))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--run", type=Path, required=True, help="a finished run of turbofan or sensors")
    parser.add_argument("--minutes", type=float, default=1.0, help="of 50 requests a second")
    asked = parser.parse_args()
    model = open_model(asked.run)
    prepared, net = Preparation.from_json(model.description.preparation), open_onnx(model.onnx)
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))} if (os.cpu_count() or 1) > 1 else os.sched_getaffinity(0))
    told: list[Any] = []
    sent: list[str] = []
    with tempfile.TemporaryDirectory() as state:
        server = Served(asked.run.resolve(), Path(state))
        log = Log(prepared)
        sent.append(log.rows(BATCH))
        told += server.send(sent[-1])
        rounds = [(floor_rate(net, prepared), served_rate(server, log, told, sent)) for _ in range(ROUNDS)]
        ratios = sorted(served / floor for floor, served in rounds)
        floor, served = (statistics.median(rates) for rates in zip(*rounds, strict=True))
        print(f"bare net {floor:,.0f} windows/s, server {served:,.0f} rows/s of processor time, batches of {BATCH}")
        print(f"server / bare net {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})")
        before = server.memory_mb()
        found = sorted(latencies_ms(server, log, 60 * asked.minutes, told, sent))
        middle, late = found[len(found) // 2], found[int(len(found) * 0.99)]
        print(f"{PER_SECOND} requests/s for {asked.minutes:g} min: median {middle:.1f} ms, p99 {late:.1f} ms")
        bare = to_disk_ms(Path(state))
        print(f"the disk alone: median {bare[len(bare) // 2]:.1f} ms, p99 {bare[int(len(bare) * 0.99)]:.1f} ms")
        print(f"memory {before:.1f} MB, then {server.memory_mb():.1f} MB")
        code = server.end()
        again = Served(asked.run.resolve(), Path(state))
        kept = json.loads(_get(again, "/units?limit=1000"))
        lost = len(told) - sum(one["count"] for one in kept["units"])
        again.end()
    print(f"{len(told):,} answers, {count_wrong(model, net, sent, told)} wrong; SIGTERM: exit {code}, {lost} rows lost")
    return 0


def _get(server: Served, path: str) -> bytes:
    connection = http.client.HTTPConnection(server.address, timeout=60)
    connection.request("GET", path)
    return connection.getresponse().read()


if __name__ == "__main__":
    sys.exit(main())
