"""Write the files of a made-up bearing rig, for docs/sensors.md: `python bearings.py FOLDER`.

As the loggers of such rigs write them: a folder for each run to failure, in it a file every ten minutes, named by when
it was written, with 0.15 s of vibration at 2 kHz in two directions, and no names for the columns. In its
last third a bearing has a flake: few samples tell of it, the spread and the kurtosis of all do.
"""

import random
import sys
from datetime import datetime, timedelta
from pathlib import Path

SAMPLES = 300
EVERY = timedelta(minutes=10)
ONSET = 0.65
"""The share of its life after which a bearing has its flake."""


def samples(wear: float, chance: random.Random) -> str:
    def strike() -> float:
        return chance.gauss(0, 0.6 * wear) if chance.random() < 0.05 * wear else 0.0

    lines = [f"{chance.gauss(0, 0.1) + strike():.3f}\t{chance.gauss(0, 0.12):.3f}" for _ in range(SAMPLES)]
    return "\n".join([*lines, ""])


def write_run(folder: Path, begin: datetime, chance: random.Random) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    life = chance.randint(40, 70)
    for number in range(life):
        name = (begin + number * EVERY).strftime("%Y.%m.%d.%H.%M.%S")
        wear = max(0.0, (number / life - ONSET) / (1 - ONSET))
        (folder / name).write_text(samples(wear, chance))


if __name__ == "__main__":
    chance = random.Random(4)
    for number in range(1, 17):
        kind = "rig" if number <= 12 else "later"
        write_run(Path(sys.argv[1]) / f"{kind}{number:02}", datetime(2024, 1, 1) + timedelta(days=number), chance)
