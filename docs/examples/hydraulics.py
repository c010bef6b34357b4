"""Writes a made-up hydraulic rig: `python docs/examples/hydraulics.py FOLDER [CYCLES]`.

Each cycle is a minute at a fixed load profile. Six channels, at 10, 2 and 1 samples a second, a file each, a row a
cycle; profile.csv holds the states of four parts. A weak cooler lets the oil get hot; a slow valve delays and rounds
the steps of the pressure; a leaking pump loses flow and takes more power; a soft accumulator lets the pressure
swing. The machine also warms up and its sensors drift, and some samples are missing. The states change every six
cycles. `later/` holds cycles of another day.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np

STATES = {
    "cooler": ("3", "20", "100"),
    "valve": ("73", "80", "90", "100"),
    "pump": ("0", "1", "2"),
    "accumulator": ("90", "100", "115", "130"),
}
SECONDS = 60


def cycle(states: dict[str, int], warmth: float, drift: float, random: np.random.RandomState) -> dict[str, np.ndarray]:
    """One minute: every channel at its own rate."""
    t = np.arange(SECONDS * 10) / 10
    wanted = 110.0 + 40 * ((t > 10) & (t < 25)) + 20 * ((t > 35) & (t < 50))
    lag = (4.0, 2.2, 1.1, 0.4)[states["valve"]]
    pressure = np.empty_like(t)
    now = wanted[0]
    for place, aim in enumerate(wanted):
        now += (aim - now) * min(1.0, 0.1 / lag)
        pressure[place] = now
    step = np.minimum(np.abs(t - 10), np.minimum(np.abs(t - 25), np.abs(t - 35)))
    swing = (8.0, 5.0, 2.5, 0.8)[states["accumulator"]]
    pressure = pressure + swing * np.sin(2 * np.pi * 0.7 * t) * np.exp(-step / 15) + 0.3 * drift
    leak = (0.0, 0.5, 1.1)[states["pump"]]
    flow = 9.0 - leak - 0.012 * (pressure - 110)
    power = 2300 + 5.0 * (pressure - 110) + 90 * leak
    cooled = (0.25, 0.6, 1.0)[states["cooler"]]
    oil = 38 + 14 * (1 - cooled) + 3 * warmth + 0.02 * t
    return {
        "pressure": pressure + random.normal(0, 0.6, t.size),
        "flow": flow[::5] + random.normal(0, 0.15, t.size // 5),
        "power": power[::5] + random.normal(0, 25, t.size // 5),
        "oil_temperature": oil[::10] + random.normal(0, 0.4, SECONDS),
        "cooling_power": (2.2 * cooled + 0.1 * warmth) * np.ones(SECONDS) + random.normal(0, 0.12, SECONDS),
        "vibration": 0.6 + 0.05 * leak + random.normal(0, 0.03, SECONDS),
    }


def write(folder: Path, cycles: int, seed: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.RandomState(seed)
    rows: dict[str, list[list[str]]] = {}
    labels: list[list[str]] = []
    while len(labels) < cycles:
        states = {part: random.randint(len(names)) for part, names in STATES.items()}
        for _ in range(min(random.randint(4, 9), cycles - len(labels))):
            number = len(labels)
            measured = cycle(states, 1 - np.exp(-number / 60), np.sin(number / 90), random)
            for channel, samples in measured.items():
                gone = random.rand(samples.size) < 0.002
                rows.setdefault(channel, []).append(
                    ["" if g else f"{x:.3f}" for g, x in zip(gone, samples, strict=True)]
                )
            labels.append([STATES[part][state] for part, state in states.items()])
    for channel, lines in rows.items():
        with (folder / f"{channel}.csv").open("w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(lines)
    with (folder / "profile.csv").open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([list(STATES), *labels])


if __name__ == "__main__":
    place, count = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 600
    write(place, count, seed=1)
    write(place / "later", max(1, count // 5), seed=2)
