"""`python -m training drift TABLE`: which machines have changed most since their records began. No failure is needed.

    python -m training drift fleet.toml
    python -m training drift fleet.toml --stretch 200 --beginning 0.3 > drift.csv

Prints CSV, the most changed machine first: how many rows it has; how far its last stretch of rows is from its own
beginning, in usual distances; the chance that another machine's beginning is as far from itself (never below one in as
many as there are machines); the channel that has changed most, and by how many usual changes.

This is drift, not damage: a new sensor or another duty look the same. Look at the machines on top, and note what you
find; after a few failures `sensors` learns from them. In TABLE, `runs_to_failure = false` says that nothing failed.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from pathlib import Path

from training.config import Parser
from training.console import plain
from training.errors import BadInput
from training.prognostics.drift import fleet_drift
from training.prognostics.log_schema import read_description
from training.prognostics.read_log import read_log

HEADER = ("unit", "rows", "score", "chance", "channel", "change")


def main(words: Sequence[str]) -> int:
    """Exit code 0. Raises TrainingError."""
    asked = _parser().parse_args(words)
    if asked.stretch < 1 or not 0 < asked.beginning < 1:
        raise BadInput("--stretch must be at least 1, and --beginning between 0 and 1", "--help says what they mean")
    log = read_log(read_description(asked.table))
    for line in log.said:
        print(plain(line), file=sys.stderr)
    units = [*log.train, *log.test]
    told = fleet_drift(units, log.columns.features, stretch=asked.stretch, beginning=asked.beginning, carry=asked.carry)
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(HEADER)
    for one in told:
        writer.writerow(
            (one.unit, one.rows, f"{one.score:.2f}", f"{one.chance:.3f}", one.channel, f"{one.change:+.1f}")
        )
    left_out = len(units) - len(told)
    if left_out:
        print(f"{left_out:,} of {len(units):,} units have too few rows, and are left out", file=sys.stderr)
    return 0


def _parser() -> Parser:
    parser = Parser.of("drift", __doc__)
    parser.add_argument("table", type=Path, metavar="TABLE", help="the TOML file that describes the log")
    parser.add_argument("--stretch", type=int, default=50, metavar="ROWS", help="rows that make one mean; 50")
    parser.add_argument(
        "--beginning",
        type=float,
        default=0.5,
        metavar="SHARE",
        help="of each record, its beginning; 0.5",
    )
    parser.add_argument("--carry", type=int, default=20, metavar="ROWS", help="how long a missing value stands; 20")
    return parser
