"""What the learner has done so far: one small file beside the scripts, written whole or not at all."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

from training.errors import BadInput, TrainingError
from training.lessons.catalog import LESSONS, Lesson

FILE = ".progress.json"
LONGEST_PAUSE_S = 30 * 60
"""A longer time between two looks at a lesson was spent with something else."""


@dataclass(frozen=True)
class Standing:
    """Of one lesson. Times are seconds since 1970; *solved_at* 0: not yet."""

    opened_at: float = 0
    last_at: float = 0
    attempts: int = 0
    seconds: float = 0
    solved_at: float = 0
    solution_shown: bool = False

    def seen(self, now: float) -> Standing:
        """The lesson was worked on until *now*."""
        spent = max(0.0, now - self.last_at) if self.last_at else 0.0
        counted = spent if spent <= LONGEST_PAUSE_S and not self.solved_at else 0.0
        return replace(self, opened_at=self.opened_at or now, last_at=now, seconds=self.seconds + counted)

    def checked(self, now: float, *, right: bool) -> Standing:
        after = replace(self.seen(now), attempts=self.attempts + 1)
        return replace(after, solved_at=self.solved_at or (now if right else 0))

    @property
    def minutes(self) -> int:
        return round(self.seconds / 60)


@dataclass(frozen=True)
class Progress:
    folder: Path
    standings: dict[int, Standing]

    def of(self, lesson: Lesson) -> Standing:
        return self.standings.get(lesson.number, Standing())

    def with_(self, lesson: Lesson, standing: Standing) -> Progress:
        return Progress(self.folder, {**self.standings, lesson.number: standing})

    def next(self) -> Lesson | None:
        """The first lesson that is not done."""
        return next((lesson for lesson in LESSONS if not self.of(lesson).solved_at), None)

    def save(self) -> None:
        said = {str(number): asdict(standing) for number, standing in sorted(self.standings.items())}
        write_whole(self.folder / FILE, json.dumps(said, indent=1) + "\n")


def now() -> float:
    return datetime.now(timezone.utc).timestamp()


def read(folder: Path) -> Progress:
    """Raises BadInput for a file that is not ours any more."""
    path = folder / FILE
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        return Progress(folder, {int(number): Standing(**standing) for number, standing in said.items()})
    except FileNotFoundError:
        return Progress(folder, {})
    except (ValueError, TypeError, AttributeError) as error:
        raise BadInput(
            f"{path} cannot be read: {str(error)[:100]}",
            "move it away: the progress is then counted anew, and your scripts stay as they are",
        ) from error


def write_whole(path: Path, text: str) -> None:
    """Aside, then renamed: a laptop that dies here leaves the old file."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_name(f".{path.name}.{os.getpid()}.part")
        aside.write_text(text, encoding="utf-8")
        aside.replace(path)
    except OSError as error:
        raise TrainingError(f"{path} cannot be written: {error.strerror or error}.") from error
