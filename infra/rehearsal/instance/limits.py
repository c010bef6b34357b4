"""Take away a process's right to make files larger, and give it back. Linux only; elsewhere nothing happens."""

from __future__ import annotations

import resource
from collections.abc import Iterable


def set_file_size(pids: Iterable[int], limit: int | None) -> None:
    """*limit* in bytes; None: no limit. Children inherit it. The hard limit stays, so it can be taken back."""
    prlimit = getattr(resource, "prlimit", None)
    if prlimit is None:
        return
    soft = resource.RLIM_INFINITY if limit is None else limit
    for pid in pids:
        try:
            prlimit(pid, resource.RLIMIT_FSIZE, (soft, resource.RLIM_INFINITY))
        except (ProcessLookupError, PermissionError, ValueError):
            continue
