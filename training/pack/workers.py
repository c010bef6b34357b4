"""The passes of packing on several processes of this computer, placed by Dask: a lost one loses its task alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from training.errors import BadData, BadInput
from training.pack.pack import Part, Run
from training.prognostics.unit_logs import Faults

INSTALL = "pip install distributed, or leave --workers away"


def side_by_side(workers: int) -> Run:
    """Raises BadInput where Dask is not installed."""
    try:
        import distributed
    except ModuleNotFoundError as error:
        raise BadInput("--workers needs Dask, which is not installed", INSTALL) from error
    dask: Any = distributed  # its functions have no types

    def run(parts: Sequence[Part], done: Callable[[int], None]) -> None:
        if not parts:
            return
        faults = Faults()
        with (
            dask.LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None) as cluster,
            dask.Client(cluster) as client,
        ):
            futures = [client.submit(_do, part, pure=False) for part in parts]
            for number, future in enumerate(dask.as_completed(futures), start=1):
                cause, hint = future.result() or ("", "")
                with faults.gathered():
                    if cause:
                        raise BadData(cause, hint)
                done(number)
        faults.refuse()

    return run


def _do(part: Part) -> tuple[str, str] | None:
    """What was wrong with the data, as words: an error of our own does not travel between processes."""
    try:
        part()
    except BadData as error:
        return error.cause, error.hint
    return None
