"""What nvidia-smi says, read so that no version of it can surprise the guard.

Query fields: `nvidia-smi --help-query-gpu` and `--help-query-compute-apps`. A value that a driver, a card or a
virtual slice does not give stands as [N/A], N/A, [Not Supported], [Unknown Error], ERR! or [Insufficient Permissions];
nvidia-smi(1), section "GPU ATTRIBUTES". Only whole numbers are believed.
"""

from __future__ import annotations

# Two short queries of fields that every driver since R340 knows: one unknown field fails a whole query.
UTILISATION = ("nvidia-smi", "--query-gpu=index,utilization.gpu", "--format=csv,noheader,nounits")
PROCESSES = ("nvidia-smi", "--query-compute-apps=pid,used_memory", "--format=csv,noheader,nounits")

# Asking an idle GPU can itself show as a few percent when persistence mode is off.
BUSY_PERCENT = 6


def signs(utilisation: str | None, processes: str | None) -> tuple[str, ...]:
    """Signs of use, in words; empty for an idle GPU, no GPU, and an answer that makes no sense."""
    busy = [f"GPU {gpu} is {percent} % busy" for gpu, percent in percents(utilisation) if percent >= BUSY_PERCENT]
    pids = process_ids(processes)
    return tuple(busy + ([f"{len(pids)} GPU process(es)"] if pids else []))


def percents(text: str | None) -> list[tuple[int, int]]:
    """(index, percent) of each GPU that gives one."""
    pairs = [(_whole(row[0]), _whole(row[1])) for row in _rows(text) if len(row) == 2]
    return [
        (index, percent) for index, percent in pairs if index is not None and percent is not None and percent <= 100
    ]


def process_ids(text: str | None) -> list[int]:
    """Each process once, though a driver lists it once per GPU."""
    pids = [_whole(row[0]) for row in _rows(text) if len(row) == 2]
    return sorted({pid for pid in pids if pid})


def _rows(text: str | None) -> list[list[str]]:
    return [[cell.strip() for cell in line.split(",")] for line in (text or "").splitlines()]


def _whole(cell: str) -> int | None:
    return int(cell) if cell.isascii() and cell.isdigit() and len(cell) < 10 else None
