"""TensorBoard's event files, written by TensorBoard's own writer where that package is installed."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from training.errors import name_full_disk
from training.mxnet_hook.rarely_needed import without
from training.workdir.metrics import Row

_NOT_CURVES = ("step",)
# It opens s3:// and other addresses by these where it finds them. Ours is a folder, and they take more than half of its
# import, which is a tenth of a short run.
_FOR_ADDRESSES = frozenset({"boto3", "botocore", "fsspec"})


def _writer_class() -> Any:
    try:
        with without(_FOR_ADDRESSES):
            from tensorboard.summary.writer.event_file_writer import EventFileWriter
    except ImportError:
        return None
    return EventFileWriter


class EventLog:
    """Scalars as they come. A resumed run writes its file anew from metrics.jsonl, so that no step is there twice."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._writer: Any = None

    def begin(self, rows: Sequence[Row]) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        writer = _writer_class()
        if writer is None:
            return
        self._writer = writer(str(self.folder), flush_secs=5)
        for row in rows:
            self.add(row)

    def add(self, row: Row) -> None:
        if self._writer is None:
            return
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary

        values = [
            Summary.Value(tag=name.replace("valid_", "valid/"), simple_value=float(value))
            for name, value in row.items()
            if name not in _NOT_CURVES and value is not None
        ]
        with name_full_disk(self.folder, "TensorBoard's events"):
            self._writer.add_event(Event(step=row["step"], wall_time=time.time(), summary=Summary(value=values)))

    def close(self) -> None:
        if self._writer is not None:
            with name_full_disk(self.folder, "TensorBoard's events"):
                self._writer.close()
