"""Every error a run can end with. Each says the cause, names the thing, and gives the next step.

TrainingError           exit 1   the world failed: disk full, loss not finite
├── BadInput            exit 2   the user can fix it: a key, a data set, a work folder
│   ├── BadData
│   └── BadCheckpoint            damaged, foreign, or of another configuration
├── NonFiniteLoss
├── DiskFull
├── WorkersDiffer                the weights of a run's workers are not the same any more
└── LostOthers          exit 75  another worker of the run has gone; the launcher knows whose fault it was
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

LONGEST_LINE: Final = 1_000
"""Letters: what is quoted from a file may be as long as the file."""


class TrainingError(Exception):
    """*cause* says what happened to which thing; *hint* says what to do next, one line per step."""

    exit_code = 1

    def __init__(self, cause: str, hint: str = "") -> None:
        super().__init__(cause)
        self.cause = cause
        self.hint = hint

    def __str__(self) -> str:
        said = [*self.cause.splitlines(), *(f"  -> {line}" for line in self.hint.splitlines())]
        return "\n".join(line if len(line) <= LONGEST_LINE else f"{line[:LONGEST_LINE]} ..." for line in said)


class BadInput(TrainingError):
    exit_code = 2


class BadData(BadInput):
    pass


class BadCheckpoint(BadInput):
    pass


class NonFiniteLoss(TrainingError):
    pass


class DiskFull(TrainingError):
    pass


class WorkersDiffer(TrainingError):
    pass


class LostOthers(TrainingError):
    exit_code = 75  # infra/remote/workers.py takes it for no failure of this worker's own


@contextmanager
def name_full_disk(path: Path, what: str) -> Iterator[None]:
    """Turn "no space left" (also by a quota or a limit) into DiskFull, which names the file and what is lost."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        raise DiskFull(
            f"The disk is full: {what} could not be written to {path}.",
            "free some space and start it again in the same work folder (rig train --resume RUN): it goes on from the "
            "last whole checkpoint",
        ) from error
