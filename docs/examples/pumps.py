"""Write the log of made-up pumps at about one row a second, for docs/sensors.md: `python pumps.py FOLDER`.

Sixteen pumps; each half hour before a failure the bearing gets a little warmer. Oil and weather move the temperature by
more than that within minutes, so a minute of rows shows nothing and an hour does. Loggers drop rows, and pause.
"""

import csv
import random
import sys
from collections.abc import Iterator
from pathlib import Path

HEADER = ["pump", "second", "bearing", "flow", "failed_at"]
SLOW_S = 60.0
"""How long the disturbance stays on one side."""
WARNING_S = 3600.0


def rows(pump: str, chance: random.Random) -> Iterator[list[str]]:
    life_s = chance.randint(6000, 12000)
    failed_at = str(life_s) if chance.random() < 0.8 else ""
    end_s = life_s if failed_at else life_s - 4000
    second, disturbance = 0.0, 0.0
    while second < end_s:
        step = chance.choice([1.0, 1.0, 1.0, 1.1, 2.0]) if chance.random() > 0.0005 else chance.uniform(60, 400)
        second += step
        keep = max(0.0, 1.0 - step / SLOW_S)
        disturbance = keep * disturbance + (1 - keep * keep) ** 0.5 * chance.gauss(0, 4.0)
        wear = max(0.0, 1.0 - (life_s - second) / WARNING_S)
        bearing = 60.0 + disturbance + 7.0 * wear + chance.gauss(0, 1.0)
        yield [pump, f"{second:.1f}", f"{bearing:.2f}", f"{chance.gauss(30, 2):.2f}", failed_at]


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    chance = random.Random(3)
    for name, pumps in (("pumps.csv", range(1, 17)), ("later.csv", range(17, 25))):
        with (folder / name).open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(HEADER)
            for pump in pumps:
                writer.writerows(rows(f"P{pump:02}", chance))
