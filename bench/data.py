"""The data path of sensor logs against PyArrow reading the same file: CPU seconds and memory, as ratios in one run.

    python bench/data.py                        300,000 rows of 20 channels, three rounds
    python bench/data.py --rows 3000000         a CSV of half a gigabyte
    python bench/data.py --rows 10000000 --rounds 1 pack stream
    TMPDIR=/big python bench/data.py --rows 100000000 --rounds 1 pack stream    takes 35 GB of disk there

Each measurement is a process of its own; contenders take turns, and the median counts. CPU seconds are those between
the imports and the end, of all threads; memory is the most the process ever held, its imports too.

bare_csv, bare_parquet: PyArrow's streaming read, no column kept
csv, parquet:           the job `sensors` until its data stands ready to train on
pack:                   the CSV into a packed folder
stream:                 one epoch of windows out of the packed folder, without a net
predict:                forecasts for the rows of the CSV, by a net that answers at once
predict_net:            the same by a net of the default size, a recurrent layer of fifty units over fifty rows
follow:                 by that net, `predict --follow`: how long after a row was written its forecast is printed
"""

from __future__ import annotations

import argparse
import importlib
import io
import json
import os
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

CHANNELS = tuple(f"c{number}" for number in range(20))
UNITS = 100
ROWS_OF_UNIT = 100_000
"""At the most: a longer log is of more machines, as a longer log is."""
FOLLOW = "follow"
ROWS_AT_ONCE = 100_000
"""That are made up together."""
ROWS_OF_FILE = 10_000_000
DISK_BYTES = 350
"""What a row takes: as CSV, dealt out in between, and packed."""
IMPORTED = (
    *("numpy.ma", "numpy.random", "pyarrow", "pyarrow.compute", "pyarrow.csv", "pyarrow.parquet"),
    *("training.jobs.sensors", "training.pack.main", "training.serve.predict"),
)


def units_of(rows: int) -> int:
    return max(UNITS, -(-rows // ROWS_OF_UNIT))


def make_log(folder: Path, rows: int, kinds: Collection[str] = ("csv", "parquet")) -> None:
    """Machines that wear out, as CSV and as Parquet, a part of a machine at a time: of any size in constant memory."""
    refuse_small_disk(folder, rows)
    done = 0
    with ExitStack() as files:
        writers: list[Callable[[Any], None]] = []
        for table in some_rows(rows):
            if done % ROWS_OF_FILE < len(table):
                files.close()
                number = done // ROWS_OF_FILE
                writers = [WRITERS[kind](files, folder / f"log-{number:03}.{kind}") for kind in kinds]
            for write in writers:
                write(table)
            done += len(table)
    for kind in kinds:
        (folder / f"{kind}.toml").write_text(
            f'files = ["log-*.{kind}"]\nunit = "unit"\ntime = "time"\nfails_at = "failed"\n'
            f"channels = {list(CHANNELS)}\n"
        )


def refuse_small_disk(folder: Path, rows: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < rows * DISK_BYTES:
        raise SystemExit(
            f"{rows:,} rows take {rows * DISK_BYTES / 1e9:.0f} GB, and {folder} has {free / 1e9:.0f}: "
            f"--rows {free // DISK_BYTES // 1_000_000 * 1_000_000}, or another TMPDIR"
        )


def logs(folder: Path, kind: str) -> list[Path]:
    return sorted(folder.glob(f"log-*.{kind}"))


def some_rows(rows: int) -> Iterator[Any]:
    import pyarrow as pa

    units = units_of(rows)
    random, each = np.random.RandomState(0), rows // units
    for unit in range(units):
        last = np.zeros(len(CHANNELS))
        for begin in range(0, each, ROWS_AT_ONCE):
            time = np.arange(begin, min(begin + ROWS_AT_ONCE, each))
            walk = last + random.standard_normal((len(time), len(CHANNELS))).cumsum(axis=0)
            last, values = walk[-1], (walk / 10 + 20).round(3)
            parts = {"unit": [f"U{unit}"] * len(time), "time": time, "failed": np.full(len(time), each)}
            yield pa.table({**parts, **dict(zip(CHANNELS, values.T, strict=True))})


def write_csv(files: ExitStack, path: Path) -> Callable[[Any], None]:
    from pyarrow import csv

    out = files.enter_context(path.open("wb"))
    return lambda table: csv.write_csv(table, out, csv.WriteOptions(include_header=out.tell() == 0))


def write_parquet(files: ExitStack, path: Path) -> Callable[[Any], None]:
    from pyarrow import parquet

    schema = next(some_rows(UNITS)).schema
    writer = files.enter_context(parquet.ParquetWriter(path, schema))
    return lambda table: writer.write_table(table)


WRITERS = {"csv": write_csv, "parquet": write_parquet}


def bare_csv(folder: Path) -> int:
    from pyarrow import csv

    readers = (csv.open_csv(file, csv.ReadOptions(use_threads=False)) for file in logs(folder, "csv"))
    return sum(len(batch) for reader in readers for batch in reader)


def bare_parquet(folder: Path) -> int:
    from pyarrow import parquet

    files = (parquet.ParquetFile(file) for file in logs(folder, "parquet"))
    return sum(len(batch) for file in files for batch in file.iter_batches(use_threads=False))


def ready(table: Path, *words: str) -> Any:
    from training.config import parse
    from training.jobs import sensors

    with redirect_stdout(io.StringIO()):
        return sensors.data(parse(sensors.Config, [f"table={table}", *words]))


def ours_csv(folder: Path) -> int:
    return len(ready(folder / "csv.toml").train)


def ours_parquet(folder: Path) -> int:
    return len(ready(folder / "parquet.toml").train)


def pack(folder: Path) -> int:
    from training.pack.main import main

    shutil.rmtree(folder / "packed", ignore_errors=True)
    with redirect_stdout(io.StringIO()):
        return main([str(folder / "csv.toml"), str(folder / "packed")])


def stream(folder: Path) -> int:
    data = ready(folder / "packed", "stream=yes")
    batches = data.train.X.stream.epoch(seed=0, epoch=0, batch=64, begin=0)
    return sum(len(y) for _, y in batches)


def predict(folder: Path) -> int:
    return _predict(folder, lambda X: np.zeros((len(X), 2), dtype=np.float32))


def predict_net(folder: Path) -> int:
    from training.serve.backends import open_net

    return _predict(folder, open_net(folder / "run", "onnx"))


def _predict(folder: Path, net: Any) -> int:
    from training.serve.forecaster import Forecaster
    from training.serve.predict import _arriving, read_preparation, serve

    asked = argparse.Namespace(files=[str(file) for file in logs(folder, "csv")], follow=False)
    forecaster = Forecaster(read_preparation(folder / "run"), net)
    with open(os.devnull, "w") as nowhere:
        return serve(forecaster, _arriving(asked, forecaster), nowhere)


def make_run(folder: Path) -> None:
    """What `predict` needs of a run: how it prepared its rows, and a net of the default size that learned nothing."""
    from training.compat import mx
    from training.jobs.sensors import Config
    from training.prognostics.forecast_net import life_net
    from training.prognostics.questions import Questions
    from training.workdir.export import export_onnx, export_symbol

    run, small = folder / "run", folder / "small"
    for one in (run, small):
        one.mkdir()
    make_log(small, 100 * UNITS)
    kept = dict(ready(small / "csv.toml").keep)
    (run / "data.json").write_text(json.dumps({"keep": kept}, default=str))
    config, channels = Config(), len(kept["scaling"]["kept"])
    net = life_net(config, channels, Questions(config.horizons, ()))
    X = mx.nd.zeros((8, config.window, channels))
    net.initialize()
    export_symbol(net, X, run)
    export_onnx(net, X, run)


def follow_ms(folder: Path, rows: int = 300) -> list[float]:
    """How long each of some rows waits for its forecast, sorted."""
    lines = logs(folder, "csv")[0].read_text().splitlines(keepends=True)
    log, found = folder / "followed.csv", []
    log.write_text("".join(lines[:2]))
    words = ["predict", "--run", str(folder / "run"), "--follow", str(log)]
    with (
        subprocess.Popen(
            [sys.executable, "-m", "training", *words], stdout=subprocess.PIPE, text=True, cwd=PROJECT
        ) as process,
        log.open("a") as growing,
    ):
        assert process.stdout is not None
        process.stdout.readline(), process.stdout.readline()
        for line in lines[2 : 2 + rows]:
            growing.write(line)
            growing.flush()
            begun = time.perf_counter()
            process.stdout.readline()
            found.append(1000 * (time.perf_counter() - begun))
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
    return sorted(found)


CONTENDERS: dict[str, Callable[[Path], int]] = {
    "bare_csv": bare_csv,
    "csv": ours_csv,
    "bare_parquet": bare_parquet,
    "parquet": ours_parquet,
    "pack": pack,
    "stream": stream,
    "predict": predict,
    "predict_net": predict_net,
}


def measure(name: str, folder: Path) -> dict[str, float]:
    """One contender in a process of its own."""
    line = [sys.executable, __file__, "--measure", name, str(folder)]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{done.stdout}{done.stderr}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def measured(name: str, folder: Path) -> dict[str, float]:
    for module in IMPORTED:
        importlib.import_module(module)  # before the clock runs: how long an import takes is no figure of reading
    begun = time.process_time()
    count = CONTENDERS[name](folder)
    seconds = time.process_time() - begun
    return {"cpu_s": seconds, "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "count": count}


def compare(rows: int, rounds: int, names: list[str]) -> None:
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as place:
        folder = Path(place)
        make_log(folder, rows, {"csv", *(name.removeprefix("bare_") for name in names if "parquet" in name)})
        prepare_needs(folder, names)
        found: dict[str, list[dict[str, float]]] = {name: [] for name in names if name != FOLLOW}
        for _ in range(rounds):
            for name in found:
                found[name].append(measure(name, folder))
        report(rows, folder, found)
        if FOLLOW in names:
            waits = follow_ms(folder)
            print(f"a followed row: median {waits[len(waits) // 2]:.0f} ms, p99 {waits[int(0.99 * len(waits))]:.0f} ms")


def prepare_needs(folder: Path, names: list[str]) -> None:
    """What some contenders need of others: a packed folder, what a run keeps of its data."""
    if "stream" in names and "pack" not in names:
        measure("pack", folder)
    if {"predict", "predict_net", FOLLOW} & set(names):
        make_run(folder)


def report(rows: int, folder: Path, found: dict[str, list[dict[str, float]]]) -> None:
    size = sum(file.stat().st_size for file in logs(folder, "csv")) / 1e6
    print(f"{rows:,} rows, {len(CHANNELS)} channels, {units_of(rows):,} units, {size:,.0f} MB of CSV; medians")
    print(f"{'':14}{'CPU s':>10}{'rows/CPU s':>14}{'MB':>8}   against the bare read")
    middle = {
        name: {key: statistics.median(one[key] for one in all_) for key in all_[0]} for name, all_ in found.items()
    }
    for name, one in middle.items():
        bare = middle.get(f"bare_{name}")
        ratio = f"{one['cpu_s'] / bare['cpu_s']:.2f} x" if bare else ""
        print(f"{name:14}{one['cpu_s']:10.2f}{rows / one['cpu_s']:14,.0f}{one['mb']:8,.0f}   {ratio}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=300_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--measure", nargs=2, metavar=("NAME", "DIR"), help=argparse.SUPPRESS)
    parser.add_argument("names", nargs="*", help=f"some of {', '.join([*CONTENDERS, FOLLOW])}")
    asked = parser.parse_args()
    if asked.measure:
        print(json.dumps(measured(asked.measure[0], Path(asked.measure[1]))))
        return
    unknown = set(asked.names) - {*CONTENDERS, FOLLOW}
    if unknown:
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    compare(asked.rows, asked.rounds, asked.names or [*CONTENDERS, FOLLOW])


if __name__ == "__main__":
    main()
