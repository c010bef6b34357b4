"""How a finished `turbofan` run forecasts engines of which only the last rows are known.

    python bench/midlife.py runs/turbofan data=DIR

Each test engine is judged at the last row of its record, as is usual, with the rows before it forgotten but a few.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

from training.prognostics.cmapss import read_subset
from training.prognostics.layout import Rows
from training.prognostics.metrics import brier, capped_rmse
from training.prognostics.windows import UnitLog
from training.serve.backends import open_net
from training.serve.forecaster import Forecaster
from training.serve.predict import read_preparation

GIVEN = (1, 5, 10, 20, 30, 50, 1000)


def last_rows(log: UnitLog, count: int) -> UnitLog:
    return replace(log, times=log.times[-count:], values=log.values[-count:], conditions=log.conditions[-count:])


def as_rows(log: UnitLog) -> Rows:
    count = len(log.times)
    times, values = log.times.astype(np.float64), log.values.astype(np.float32)
    return Rows([log.unit] * count, times, values, log.conditions.astype(np.float32), np.arange(count))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("data", help="data=DIR, the folder that holds cmapss")
    asked = parser.parse_args()
    prepared, net = read_preparation(asked.run), open_net(asked.run, "auto")
    subset = json.loads((asked.run / "config.json").read_text())["subset"]
    logs = read_subset(Path(asked.data.removeprefix("data=")) / "cmapss", subset).test
    life = np.array([log.remaining[-1] for log in logs])
    print("| rows given | RMSE | Brier |\n|---|---|---|")
    for given in GIVEN:
        said = [Forecaster(prepared, net).forecast(as_rows(last_rows(log, given))) for log in logs]
        rmse = capped_rmse(np.array([one.life[-1] for one in said]), life, cap=prepared.cap)
        fails = brier(np.array([one.probability[-1] for one in said]), (life <= prepared.horizon).astype(float))
        print(f"| {'all' if given == max(GIVEN) else given} | {rmse:.2f} | {fails:.4f} |", flush=True)


if __name__ == "__main__":
    main()
