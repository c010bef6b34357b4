"""A lost connection is no failure yet: the same step is tried again, and only then is it said to have failed."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from infra.console import Tell
from infra.errors import HostUnreachable, KeyRefused

T = TypeVar("T")
PAUSES_S = (1.0, 2.0, 4.0, 8.0)


def persistently(step: Callable[[], T], *, tell: Tell, sleep: Callable[[float], None] = time.sleep) -> T:
    """Return what *step* returns; tried again after each of PAUSES_S while the connection breaks.

    *step* must be safe to repeat. Raises its last HostUnreachable; KeyRefused at once, for no pause fixes a key.
    """
    for number, pause_s in enumerate(PAUSES_S, 1):
        try:
            return step()
        except KeyRefused:
            raise
        except HostUnreachable as error:
            tell(f"{error.cause} Trying again ({number} of {len(PAUSES_S)}) ...")
            sleep(pause_s)
    return step()
