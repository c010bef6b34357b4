"""Kills a fleet at every step it takes on the disk, and looks at what is left: `python dying_fleet.py RUN FOLDER`.

Each life is a process of its own, killed with SIGKILL at its n-th call that changes the disk; a write is cut in half.
What was answered before must be there after it, and the requests from the first unanswered one on must get the answers
of a fleet that nobody killed. Prints how many deaths it went through.
"""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from training.serve import store as store_module
from training.serve.body import Body
from training.serve.fleet import Fleet
from training.serve.forecaster import Forecaster
from training.serve.predict import read_preparation
from training.serve.store import Store

store_module.ENTRIES, store_module.REST = 3, 0.0
HOURS = 7
_rename = pathlib.Path.rename
STEPS = [(os, "write"), (os, "fsync"), (os, "truncate"), (pathlib.Path, "rename"), (pathlib.Path, "unlink"),
         (pathlib.Path, "mkdir"), (shutil, "rmtree"), (os, "open")]  # fmt: skip


def net(X: Any) -> Any:
    sums = np.asarray(X).sum(axis=(1, 2), keepdims=False)
    return np.stack([sums, sums / 10], axis=1)


def requests() -> list[Body]:
    rows = [f"{unit},{hour},1,{hour / 9:.3f},{50 + hour},3" for hour in range(1, HOURS + 1) for unit in ("A", "B")]
    head = "machine,time,load,vibration,oil_temperature,motor_current"
    return [Body("\n".join([head, *rows[at : at + 2]]).encode(), "text/csv") for at in range(0, len(rows), 2)]


def opened(prepared: Any, folder: Path) -> Fleet:
    fleet = Fleet(Forecaster(prepared, net), Store(folder), 10)
    fleet.restore("the model")
    return fleet


def live(prepared: Any, folder: Path, told: Path) -> None:
    """Answer what is not answered yet, and note each answer, as a sender would that got it."""
    fleet = opened(prepared, folder)
    answered = json.loads(told.read_text()) if told.exists() else []
    assert sum(unit.count for unit in fleet.units.values()) >= 2 * len(answered), "an answered row is lost"
    for body in requests()[len(answered) :]:
        answer = fleet.add(body)
        answered.append([answer.times, answer.probability, answer.life, answer.rows])
        note(told, json.dumps(answered))
    fleet.close()


def note(told: Path, text: str) -> None:
    """The sender's own notes are not what is tried here."""
    aside = told.with_suffix(".aside")
    aside.write_text(text)
    _rename(aside, told)


def die_at(step: int) -> None:
    left = [step]

    def counted(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def instead(*arguments: Any, **options: Any) -> Any:
            left[0] -= 1
            if left[0] == 0:
                if name == "write":
                    call(arguments[0], bytes(arguments[1])[: len(arguments[1]) // 2])
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*arguments, **options)

        return instead

    for place, name in STEPS:
        setattr(place, name, counted(name, getattr(place, name)))
    import training.serve.journal as journal

    journal._to_disk = counted("fdatasync", journal._to_disk)


def main(run: Path, folder: Path) -> int:
    prepared = read_preparation(run)
    live(prepared, folder / "unbroken", folder / "unbroken.json")
    expected = json.loads((folder / "unbroken.json").read_text())
    deaths = 0
    for step in range(1, 10_000):
        home, told = folder / f"{step}", folder / f"{step}.json"
        child = os.fork()
        if not child:
            die_at(step)
            live(prepared, home, told)
            os._exit(0)
        if os.waitpid(child, 0)[1] == 0:
            break
        deaths += 1
        live(prepared, home, told)
        assert json.loads(told.read_text()) == expected, f"other answers after a death at step {step}"
        again = opened(prepared, home)
        assert {name: unit.count for name, unit in again.units.items()} == {"A": HOURS, "B": HOURS}, step
        again.close()
    print(deaths)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
