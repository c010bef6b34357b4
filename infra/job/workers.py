"""The line that starts several workers of one run, on one machine or on several (infra/remote/workers.py)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec

from infra.errors import BadSettings, UserError
from infra.remote.workers import EVERYWHERE
from infra.settings import MOST_NODES
from infra.text import whole_number

PROGRAM = "workers.py"
ONE_PER_GPU = "gpus"
_ALONE = ("", "1")
MOST = 256  # on one machine; the largest has 896 cores
_BLAME = re.compile(rf"^gluon-rig: .*?\bnode ([1-9]\d?)\b.*; {EVERYWHERE}$".encode(), re.MULTILINE)


@dataclass(frozen=True)
class Place:
    """One node among others. *first*: "ADDRESS:PORT" of node 0."""

    nodes: int = 1
    node: int = 0
    first: str = ""

    @property
    def words(self) -> list[str]:
        """As the launcher and `python -m training pack` take them; none for one machine."""
        said = {"--nodes": str(self.nodes), "--node": str(self.node), "--first": self.first}
        return [word for pair in said.items() for word in pair] if self.nodes > 1 else []


def read_workers(text: str) -> str:
    """What `workers` says: a number, or "gpus" for one on each GPU; empty for none. Raises BadSettings."""
    if text in ("", ONE_PER_GPU) or whole_number(text, most=MOST):
        return text
    raise BadSettings(
        f"workers = {text[:20]!r}: not a number from 1 to {MOST}, nor gpus.",
        "WORKERS=2, or WORKERS=gpus for one on each GPU",
    )


def in_workers(command: Sequence[str], program: str, workers: str, place: Place | None = None) -> list[str]:
    """*command* as the launcher at *program* runs it; unchanged for one worker on one machine.

    *workers*: how many on this machine, as `read_workers` has it.
    """
    place = place or Place()
    if workers in _ALONE and place.nodes == 1:
        return list(command)
    return ["python3", program, "--workers", workers or "1", *place.words, "--", *command]


def without_launcher(command: Sequence[str]) -> list[str]:
    """What each worker ran, of a command as the recorder wrote it down."""
    launched = len(command) > 1 and command[1].rpartition("/")[2] == PROGRAM and "--" in command
    return list(command[command.index("--") + 1 :]) if launched else list(command)


def nodes_of(command: Sequence[str]) -> int:
    """On how many machines the run was, of a command as the recorder wrote it down."""
    own = command[: command.index("--")] if "--" in command else []
    said = own[own.index("--nodes") + 1 : own.index("--nodes") + 2] if "--nodes" in own else []
    return (whole_number(said[0], most=MOST_NODES) if said else None) or 1


def blamed_rank(log: bytes) -> int | None:
    """The rank of the machine that the launcher named as the reason for the end of all, by the end of any one's *log*;
    None where it names none. No clock is asked: those of several machines may differ, and a second holds many ends."""
    named = _BLAME.findall(log)
    return int(named[-1]) - 1 if named else None


def require_horovod(workers: str) -> None:
    """Raises UserError where several workers are wanted on this computer, and nothing that starts them is here."""
    if workers not in _ALONE and find_spec("horovod") is None:
        raise UserError(
            "Several workers need Horovod, and it is not built on this computer.",
            "`make extra-horovod` builds it, once (two minutes on two cores, and a C++ compiler)\n"
            "the training image has it: `rig train remote` needs nothing",
        )
