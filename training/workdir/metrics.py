"""metrics.jsonl: one JSON row per reading, appended as the run goes, cut back to the checkpoint when it is resumed."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from training.errors import name_full_disk
from training.workdir.atomic import replace_text

Row = dict[str, Any]


class MetricsFile:
    """Rows hold "step" (steps done so far, whole run), "epoch" (from 1) and the numbers read there."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, row: Row) -> None:
        with name_full_disk(self.path, "a row of metrics"), self.path.open("a") as file:
            file.write(json.dumps({key: _plain(value) for key, value in row.items()}) + "\n")

    def rows(self) -> list[Row]:
        """All whole rows; a last line that a crash cut short is left out."""
        return list(_whole(self.path.read_text().splitlines())) if self.path.exists() else []

    def cut_back(self, step: int) -> None:
        """Drop what was written after *step*: the resumed run writes it again."""
        if not self.path.exists():
            return
        kept = [row for row in self.rows() if row["step"] <= step]
        replace_text(self.path, "".join(json.dumps(row) + "\n" for row in kept), "the metrics")


def _whole(lines: Iterable[str]) -> Iterable[Row]:
    for line in lines:
        try:
            yield json.loads(line)
        except ValueError:
            return


def _plain(value: Any) -> Any:
    """JSON has no NaN or infinity; readers other than Python's would stumble."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
