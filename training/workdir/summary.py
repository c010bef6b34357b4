"""summary.json: what a run came to, in a dozen keys. Whoever carries the work folder shows it as it is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from training.workdir.atomic import replace_text
from training.workdir.names import MARK, SUMMARY

DONE = "done"
INTERRUPTED = "interrupted"
FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class Summary:
    job: str
    reason: str
    """done, interrupted (a checkpoint was saved), or failed."""
    metric: str
    score: float | None
    """On the test split when done; else the best so far on the validation split."""
    higher_is_better: bool
    scores: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    samples_per_s: float = 0.0
    device: str = ""
    epochs: int = 0
    steps: int = 0
    best_epoch: int = 0
    onnx_difference: float | None = None
    message: str = ""

    def write(self, workdir: Path) -> None:
        text = json.dumps({"by": MARK, **asdict(self)}, indent=2) + "\n"
        replace_text(workdir / SUMMARY, text, "the summary")


def is_done(workdir: Path) -> bool:
    try:
        return bool(json.loads((workdir / SUMMARY).read_text()).get("reason") == DONE)
    except (OSError, ValueError, AttributeError):
        return False
