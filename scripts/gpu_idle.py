"""Print what the guard sees of the GPUs, at rest and under load: `python -m scripts.gpu_idle` on a machine with one.

The guard switches a machine off when it sees no use. This shows, with the guard's own code, what it would see:

    python -m scripts.gpu_idle                        one line every five seconds, for a minute
    python -m scripts.gpu_idle --seconds 600          longer: start a training beside it, and end it again
    python -m scripts.gpu_idle --record t4_at_rest    also keep both answers, as tests/remote/guard/nvidia_smi does

Exit status 1 if nvidia-smi gave no answer that the guard can read.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from infra.remote.guard import gpu

EVERY_S = 5.0
TIMEOUT_S = 20.0  # as the guard's


def main(arguments: Sequence[str]) -> int:
    wish = _parse(arguments)
    until = time.monotonic() + wish.seconds
    readable = False
    while True:
        answers = [ask(query) for query in (gpu.UTILISATION, gpu.PROCESSES)]
        if wish.record:
            Path(f"{wish.record}.txt").write_text("--\n".join(f"exit {code}\n{said}" for code, said in answers))
        readable |= all(code == 0 for code, _ in answers)
        print(line(*answers), flush=True)
        if time.monotonic() >= until:
            return 0 if readable else 1
        time.sleep(EVERY_S)


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Print what the guard sees of the GPUs.")
    parser.add_argument("--seconds", type=float, default=60, help="how long; 0: once")
    parser.add_argument("--record", metavar="NAME", default="", help="write the last two answers to NAME.txt")
    return parser.parse_args(arguments)


def ask(query: Sequence[str]) -> tuple[int, str]:
    """Exit status and output; 127 and 124 where the guard would see a program that is not there, or hangs."""
    try:
        done = subprocess.run(query, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=TIMEOUT_S)
    except FileNotFoundError:
        return 127, ""
    except subprocess.TimeoutExpired:
        return 124, ""
    return done.returncode, done.stdout.decode(errors="replace")


def line(utilisation: tuple[int, str], processes: tuple[int, str]) -> str:
    seen = gpu.signs(*(said if code == 0 else None for code, said in (utilisation, processes)))
    raw = " | ".join(f"exit {code}: {'; '.join(said.splitlines()) or '-'}" for code, said in (utilisation, processes))
    return f"{time.strftime('%H:%M:%S')}  {'IN USE: ' + '; '.join(seen) if seen else 'idle'}   ({raw})"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
