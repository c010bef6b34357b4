"""The score each job reaches: mean and spread over seeds, beside what others published.

    python bench/scores.py                          every row below but resnet, five seeds
    python bench/scores.py --seeds 2 fd001 forda    only these
    python bench/scores.py --seeds 1 resnet         takes the better part of an hour on two cores
    python bench/scores.py data=DIR                 settings are handed to every run

Seconds are those of one run on this computer, start-up and report included: on the clock, and of CPU time.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Claim:
    """A job with settings, and what others reached on the same data, or what its card promises."""

    words: tuple[str, ...]
    published: str


CLAIMS = {
    "linear_scratch": Claim(("linear_scratch",), "0.01, the noise"),
    "linear": Claim(("linear",), "0.01, the noise"),
    "softmax_scratch": Claim(("softmax_scratch",), "0.825 the card"),
    "softmax": Claim(("softmax",), "0.825 the card"),
    "mlp_scratch": Claim(("mlp_scratch",), "0.87 the card"),
    "mlp": Claim(("mlp",), "0.87 the card"),
    "lenet": Claim(("lenet",), "0.987 the card"),
    "fd001": Claim(("turbofan",), "16.1 LSTM, 13.7 bidirectional LSTM, 12.6 DCNN"),
    "fd003": Claim(("turbofan", "subset=FD003"), "16.2 LSTM, 13.7 bidirectional LSTM, 12.6 DCNN"),
    "forda": Claim(("ford",), "0.937 ResNet, 0.914 FCN"),
    "fordb": Claim(("ford", "subset=FordB"), "0.813 ResNet, 0.772 FCN"),
    "resnet": Claim(("resnet",), "0.9125 He et al., 164 epochs"),
}
SLOW = ("resnet",)  # the better part of an hour on two cores: only when asked for by name


@dataclass(frozen=True)
class Outcome:
    summary: dict[str, Any]
    wall_s: float
    cpu_s: float


def run(words: Sequence[str], seed: int) -> Outcome:
    with tempfile.TemporaryDirectory() as workdir:
        line = [sys.executable, "-m", "training", words[0], "--workdir", workdir, f"seed={seed}", *words[1:]]
        begun, cpu = time.monotonic(), children_cpu_s()
        subprocess.run(line, cwd=PROJECT, check=True, stdout=subprocess.DEVNULL)
        took = time.monotonic() - begun
        return Outcome(json.loads(Path(workdir, "summary.json").read_text()), took, children_cpu_s() - cpu)


def children_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def row(claim: Claim, outcomes: Sequence[Outcome]) -> str:
    scores = [outcome.summary["score"] for outcome in outcomes]
    middle = statistics.mean(scores)
    spread = statistics.stdev(scores) if len(scores) > 1 else 0.0
    first = outcomes[0].summary
    briers = [outcome.summary["scores"]["brier"] for outcome in outcomes if "brier" in outcome.summary["scores"]]
    cells = [
        " ".join(claim.words),
        f"{first['metric']} {middle:.4g} ± {spread:.2g} ({min(scores):.4g} to {max(scores):.4g})",
        f"{statistics.mean(briers):.4f}" if briers else "",
        claim.published,
        f"{statistics.mean(outcome.wall_s for outcome in outcomes):.0f}",
        f"{statistics.mean(outcome.cpu_s for outcome in outcomes):.0f}",
        f"{max(outcome.summary['onnx_difference'] or 0 for outcome in outcomes):.0e}",
    ]
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("words", nargs="*", help=f"of {', '.join(CLAIMS)}; key=value for every run")
    asked = parser.parse_args()
    settings = [word for word in asked.words if "=" in word]
    chosen = [word for word in asked.words if "=" not in word] or [name for name in CLAIMS if name not in SLOW]
    print(
        "| job | test score: mean ± sd (range) | Brier | published | s | CPU s | ONNX |\n|---|---|---|---|---|---|---|"
    )
    for name in chosen:
        claim = CLAIMS[name]
        outcomes = [run([*claim.words, *settings], seed) for seed in range(asked.seeds)]
        print(row(claim, outcomes), flush=True)


if __name__ == "__main__":
    main()
