"""The losses of the steps not yet logged, how long they stay on the device, and what is no finite number."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence

from training.compat import NDArray
from training.errors import NonFiniteLoss

NOT_FINITE_HINT = (
    "take a smaller lr, or clip=1, and another --workdir; the checkpoints from before the trouble stay where they are"
)


class Losses:
    """Losses of the steps since the last log row, each of shape (1,); on the device until they are settled."""

    def __init__(self, pending: list[float]) -> None:
        self._read: list[float] = list(pending)
        self._unread: deque[NDArray] = deque()

    def add(self, loss: NDArray) -> None:
        """*loss*: the sum over a batch, shape (1,)."""
        self._unread.append(loss)

    def settle(self, in_flight: int = 0) -> int:
        """Wait for all but the newest *in_flight* steps, read their losses, and return how many those were.

        Waiting for the last of them wakes Python once, not once for each. They are read one by one: measured on the
        CPU, 8 microseconds each, where an operator that joins them costs 55 each.
        """
        ready = max(0, len(self._unread) - in_flight)
        if ready:
            self._unread[ready - 1].wait_to_read()
        self._read += [float(self._unread.popleft().asscalar()) for _ in range(ready)]
        return ready

    def take_due(self, step: int, interval: int) -> Iterator[tuple[int, list[float]]]:
        """What belongs to each multiple of *interval* that is settled; *step*: the run's step now.

        Raises NonFiniteLoss naming the first bad step, after what came before it was given.
        """
        settled = step - len(self._unread)
        done = settled - len(self._read)
        while (end := (done // interval + 1) * interval) <= settled:
            _require_finite(self._read[: end - done], end, step)
            taken, self._read = self._read[: end - done], self._read[end - done :]
            yield end, taken
            done = end

    def rest(self, step: int) -> list[float]:
        """Those that are settled and that no row has yet; *step*: the last one settled. Raises NonFiniteLoss."""
        _require_finite(self._read, step, step)
        return list(self._read)

    def clear(self) -> None:
        self._read = []
        self._unread.clear()


class InFlightWindow:
    """How far Python runs ahead of the device: far enough to keep it busy, never more than some seconds.

    On the CPU each wait costs about 10 ms, however many steps it is for: Python comes back to cores that are all taken.
    Without a limit, a wish to stop or a loss that is not finite would be noticed when minutes of queued steps are done.
    So the stride, in steps, is fitted to the time that its steps take (docs/decisions/0006-waiting.md).
    """

    LEAST_S, MOST_S = 0.5, 1.5

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self.stride = 1
        self._now = now
        self.begin()

    def begin(self) -> None:
        self._steps, self._since = 0, self._now()

    @property
    def has_just_begun(self) -> bool:
        """Whether no step was taken since the last reading."""
        return self._steps == 0

    def is_due(self) -> bool:
        """Once per step: whether the steps of the stride before this one are to be waited for now."""
        self._steps += 1
        return self._steps >= self.stride

    def fit(self, steps: int) -> None:
        """Fit the stride to the time that *steps* steps took, which were waited for just now.

        They are another number than the stride where the stride was changed before them.
        """
        if steps:
            stride_s = (self._now() - self._since) * self.stride / steps
            if stride_s < self.LEAST_S:
                self.stride *= 2
            elif stride_s > self.MOST_S:
                self.stride = max(1, self.stride // 2)
        self.begin()


def _require_finite(values: Sequence[float], last: int, now: int) -> None:
    """*values*: losses of the steps that end with *last*."""
    for step, value in enumerate(values, last - len(values) + 1):
        if not math.isfinite(value):
            raise NonFiniteLoss(
                f"The loss became {value} at step {step} (noticed at step {now}).",
                NOT_FINITE_HINT,
            )
