"""Write the log of made-up gearboxes for docs/sensors.md: `python gearboxes.py FOLDER`.

Forty machines send a row each hour until they fail or the log ends; four more, in later.csv, are for judging. Wear
grows ever faster, at a pace of each machine's own; vibration and oil temperature follow it, load disturbs both, and
sensors drop out.
"""

import csv
import random
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

HEADER = ["machine", "time", "load", "vibration", "oil_temperature", "motor_current", "failed_at"]
BEGIN = datetime(2024, 3, 1, tzinfo=timezone.utc)
DROPPED = 0.02


def rows(machine: str, chance: random.Random) -> Iterator[list[str]]:
    life_h = chance.randint(150, 400)
    seen_h = life_h if chance.random() < 0.85 else chance.randint(100, life_h - 1)
    begin = BEGIN + timedelta(hours=chance.randint(0, 500))
    failed_at = (begin + timedelta(hours=life_h)).isoformat() if seen_h == life_h else ""
    rough = chance.gauss(1.0, 0.1)
    for hour in range(seen_h + 1):
        load = chance.choice([1, 2, 3])
        values = measured(wear=(hour / life_h) ** 3, load=load, rough=rough, chance=chance)
        cells = ["" if chance.random() < DROPPED else f"{value:.3f}" for value in values]
        yield [machine, (begin + timedelta(hours=hour)).isoformat(), str(load), *cells, failed_at]


def measured(*, wear: float, load: int, rough: float, chance: random.Random) -> list[float]:
    vibration = rough * (1.0 + 0.3 * load) + 1.5 * wear + chance.gauss(0, 0.15)
    oil_temperature = 45.0 + 8.0 * load + 12.0 * wear + chance.gauss(0, 2.0)
    motor_current = 3.0 * load + 0.4 * wear + chance.gauss(0, 0.3)
    return [vibration, oil_temperature, motor_current]


def write(path: Path, machines: list[str], chance: random.Random) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        for machine in machines:
            writer.writerows(rows(machine, chance))


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    chance = random.Random(7)
    write(folder / "spring.csv", [f"G{number:02}" for number in range(1, 21)], chance)
    write(folder / "summer.csv", [f"G{number:02}" for number in range(21, 41)], chance)
    write(folder / "later.csv", [f"G{number:02}" for number in range(41, 45)], chance)
