"""The workers that train one net together: Horovod's, where the launcher started several; else this process alone.

Each worker sees a clock, its own signals and its own files. What follows from those goes through here: it is agreed
upon (`agree`), comes from the first worker (`from_first`), or is done by one alone (`leads`, `writes`). Everything else
is computed by all workers from the same numbers, at the same step.
"""

from __future__ import annotations

import os
import sys
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from training.compat import NDArray, mx
from training.errors import BadData, BadInput, LostOthers, WorkersDiffer

Arrays = dict[str, NDArray]
Options = Mapping[str, Any]
# What Horovod 0.28.1 and what it stands on say when another worker has gone, is cut off, or answers no more.
_SIGNS_OF_LOSS = ("Horovod has been shut down", "gloo", "ncclUnhandled", "NCCL error", "HorovodInternalError")


class Wishes(NamedTuple):
    """What one worker wants before the next step: to stop, and by which signal it was asked to; a checkpoint; how many
    steps there are to be between two readings of the loss."""

    stop: bool
    signal_name: str
    save: bool
    stride: int


class Alone:
    """One worker: nobody to wait for. Also what several have in common with it."""

    rank, size, local_rank = 0, 1, 0

    @property
    def leads(self) -> bool:
        """Whether this worker writes what a run leaves, and speaks."""
        return self.rank == 0

    @property
    def writes(self) -> bool:
        """Whether this worker writes checkpoints: one on each machine, so that none is lost with a machine."""
        return self.local_rank == 0

    def share(self, batch: int) -> int:
        """This worker's examples of a batch of *batch*."""
        return batch

    def require_shares(self, batch: int, examples: int) -> None:
        """Raises BadInput where batches of *batch*, of *examples* in all, cannot be shared equally."""

    def cut(self, order: np.ndarray[Any, Any], batch: int) -> np.ndarray[Any, Any]:
        """Of *order*, int64 (n,), the part that this worker learns from: its share of each batch, one after the other.

        So the batches of many workers are those of one.
        """
        return order

    def trainer(self, parameters: Sequence[Any], optimizer: str, options: Options, kvstore: str | None) -> Any:
        """A gluon.Trainer that sums the gradients of all workers."""
        return mx.gluon.Trainer(parameters, optimizer, dict(options), kvstore=kvstore, update_on_kvstore=False)

    def total(self, loss: NDArray) -> NDArray:
        """*loss*, shape (1,), summed over all workers; not yet computed."""
        return loss

    def agree(self, mine: Wishes, *, settled: bool) -> Wishes:
        """What all workers do before their next step. *settled*: the losses were read just now."""
        return mine

    def from_first(self, thing: Any) -> Any:
        """The first worker's *thing*, whatever this one has."""
        return thing

    def newest(self, step: int) -> int:
        """The rank of the worker with the highest *step*; each worker calls it with its own, -1 for none."""
        return 0

    def from_one(self, rank: int, arrays: Mapping[str, NDArray], state: Any) -> tuple[Arrays, Any]:
        """What worker *rank* has, arrays of any shape and a plain state; the others give nothing."""
        return dict(arrays), state

    def spread(self, arrays: Mapping[str, NDArray]) -> None:
        """Make *arrays* those of the first worker."""

    def require_equal(self, arrays: Mapping[str, NDArray], step: int) -> None:
        """Raises WorkersDiffer where *arrays*, of any shape, are not the same to the bit on all workers."""

    def require_same_data(self, identity: Mapping[str, str]) -> None:
        """Raises BadData, naming the worker, where another one's data is other data."""

    def concatenate(self, part: NDArray) -> NDArray:
        """The workers' parts (n_i, ...) after one another, in the order of their ranks."""
        return part

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Raises LostOthers when what stands inside fails because another worker has gone."""
        yield

    def leave(self) -> None:
        """Wait for all that was begun; after this nothing is asked of the others."""


class Together(Alone):
    """Several workers, by Horovod (https://horovod.readthedocs.io/en/stable/mxnet.html)."""

    def __init__(self) -> None:
        import horovod.mxnet as hvd

        hvd.init()
        self._hvd = hvd
        self.rank, self.size, self.local_rank = hvd.rank(), hvd.size(), hvd.local_rank()
        self._loss: NDArray = None
        self._calls = 0

    def share(self, batch: int) -> int:
        return batch // self.size

    def require_shares(self, batch: int, examples: int) -> None:
        if examples < self.size:
            raise BadInput(f"There are {examples} examples for {self.size} workers.", f"{examples} workers can")
        if batch % self.size:
            below = batch - batch % self.size
            can = [f"batch_size={near}" for near in (below, below + self.size) if 0 < near <= examples]
            raise BadInput(
                f"A batch of {batch} cannot be shared equally among {self.size} workers.", f"{' or '.join(can)} can"
            )

    def cut(self, order: np.ndarray[Any, Any], batch: int) -> np.ndarray[Any, Any]:
        batches = order[: len(order) // batch * batch].reshape(-1, self.size, self.share(batch))
        return np.ascontiguousarray(batches[:, self.rank]).ravel()

    def trainer(self, parameters: Sequence[Any], optimizer: str, options: Options, kvstore: str | None) -> Any:
        if optimizer == "sgld":
            raise BadInput("optimizer=sgld draws noise of its own in each worker.", "take another, or one worker")
        # Horovod's trainer sorts a dict by name: numbers keep the order of the net.
        numbered = {f"{number:06}": parameter for number, parameter in enumerate(parameters)}
        self.spread({name: p.data() for name, p in numbered.items()})
        return self._hvd.DistributedTrainer(numbered, optimizer, dict(options))

    def total(self, loss: NDArray) -> NDArray:
        # One array for all steps: two sums of one name must not be under way at once, and MXNet keeps the order of what
        # writes to one array.
        if self._loss is None or self._loss.context != loss.context:
            self._loss = mx.nd.zeros(loss.shape, ctx=loss.context)
        self._loss[:] = loss
        self._hvd.allreduce_(self._loss, average=False, name="loss", priority=-10_000)
        return self._loss.copy()

    def agree(self, mine: Wishes, *, settled: bool) -> Wishes:
        """One worker's wish to stop is everyone's; for the rest the first one's clock counts."""
        if not settled:
            return mine._replace(stop=False, save=False)
        said = [Wishes(*one) for one in self._gather(tuple(mine))]
        stopped = next((one for one in said if one.stop), said[0])
        return said[0]._replace(stop=stopped.stop, signal_name=stopped.signal_name)

    def from_first(self, thing: Any) -> Any:
        return self._hvd.broadcast_object(thing, root_rank=0, name=self._new_name("from_first"))

    def newest(self, step: int) -> int:
        steps = self._gather(step)
        return steps.index(max(steps))

    def from_one(self, rank: int, arrays: Mapping[str, NDArray], state: Any) -> tuple[Arrays, Any]:
        table = {name: (array.shape, np.dtype(array.dtype).str) for name, array in arrays.items()}
        name = self._new_name("from_one")
        table, state = self._hvd.broadcast_object((table, state), root_rank=rank, name=name)
        got = dict(arrays) or {key: mx.nd.empty(shape, dtype=dtype) for key, (shape, dtype) in table.items()}
        for key, array in got.items():
            self._hvd.broadcast_(array, root_rank=rank, name=f"{name}.{key}")
        return got, state

    def spread(self, arrays: Mapping[str, NDArray]) -> None:
        name = self._new_name("spread")
        for key, array in arrays.items():
            self._hvd.broadcast_(array, root_rank=0, name=f"{name}.{key}")

    def require_equal(self, arrays: Mapping[str, NDArray], step: int) -> None:
        found = 0
        for name in sorted(arrays):
            found = zlib.crc32(arrays[name].asnumpy().tobytes(), found)
        if others := self._unlike_first(found):
            raise WorkersDiffer(
                f"After step {step} the weights of {others} are not those of the first worker; nothing was saved.",
                "the checkpoints from before stay; a machine that computes wrongly is the usual reason",
            )

    def require_same_data(self, identity: Mapping[str, str]) -> None:
        if others := self._unlike_first(dict(identity)):
            raise BadData(
                f"{others} has other data than the first worker, which has {'; '.join(identity.values())}.",
                "bring the same data to every machine",
            )

    def concatenate(self, part: NDArray) -> NDArray:
        return self._hvd.allgather(part, name=self._new_name("concatenate"))

    @contextmanager
    def watched(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # MXNetError, RuntimeError, HorovodInternalError: only the words tell
            if not any(sign in f"{type(error).__name__}: {error}" for sign in _SIGNS_OF_LOSS):
                raise
            raise LostOthers("Another worker of this run has gone, or answers no more.") from error

    def leave(self) -> None:
        mx.nd.waitall()
        self._hvd.shutdown()

    def _unlike_first(self, mine: Any) -> str:
        """The workers whose *mine* is not the first one's, in words."""
        said = self._gather((1 + int(os.environ.get("RIG_NODE", "0")), mine))
        return ", ".join(f"worker {rank} (node {node})" for rank, (node, one) in enumerate(said) if one != said[0][1])

    def _gather(self, mine: Any) -> list[Any]:
        return list(self._hvd.allgather_object(mine, name=self._new_name("gather")))

    def _new_name(self, name: str) -> str:
        """The first worker does not wait for the others: a second broadcast of the same name would meet the first one,
        fail unseen, and leave them waiting for ever."""
        self._calls += 1
        return f"{name}.{self._calls}"


@cache
def here() -> Alone:
    """This process's group; the first call joins it. Raises BadInput where Horovod is wanted and missing."""
    if int(os.environ.get("HOROVOD_SIZE", "1")) == 1:
        return Alone()
    try:
        return Together()
    except ImportError as error:
        raise BadInput(
            f"Several workers were started, and Horovod cannot be used here ({error}).",
            "`make extra-horovod` builds it for this computer, once",
        ) from error


def end_at_once(exit_code: int) -> None:
    """Without MXNet's own farewell, which asks the others once more, and aborts when they are gone."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(exit_code)
