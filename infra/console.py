"""Where words to the person go: progress to stderr, the product to stdout."""

from __future__ import annotations

import sys
from collections.abc import Callable

Tell = Callable[[str], None]
"""Says one line of progress, above the call it announces. Handed down as an argument, so that tests can listen."""


def tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
