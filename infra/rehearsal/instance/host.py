"""What the SSH side must know of the instance it runs on."""

from __future__ import annotations

from typing import Protocol

from infra.rehearsal.instance.disk import Disk


class Host(Protocol):
    """What the SSH server must know of the instance it runs on."""

    @property
    def disk(self) -> Disk: ...

    @property
    def login(self) -> str: ...

    def environment(self) -> dict[str, str]: ...

    def started(self, pid: int) -> None: ...

    def delay_s(self) -> float:
        """How much later than sent each byte from the client arrives."""
