"""An instance that this launch is making, so that it can be taken back, even when the answer never came."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from infra.aws.client.polling import Clock
from infra.aws.client.session import Session
from infra.aws.instances.instance import Instance, sight
from infra.aws.instances.lifecycle import terminate
from infra.console import Tell
from infra.errors import AwsFailed, NothingToDo

# How long EC2 may take to show an instance that it has made:
# https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html
SHOWN_S: Final = 20.0


@dataclass
class Birth:
    """*token*: of the request that is on its way; "" when every request was answered. *instance*: what we made."""

    session: Session
    name: str
    tell: Tell
    clock: Clock
    token: str = ""
    instance: Instance | None = None

    def discard(self) -> None:
        """Terminate what was made. Raises AwsFailed when it cannot be known whether anything was."""
        if not self.instance and not self.token:
            raise NothingToDo(f"No instance of {self.name} was made")
        terminate(self.session, self.instance or self._late(), self.tell, self.clock)
        self.instance, self.token = None, ""

    def _late(self) -> Instance:
        for _ in self.clock.ticks(for_s=SHOWN_S, every_s=2.0):
            for one in sight(self.session, self.name):
                if one.token == self.token:
                    return one
        raise AwsFailed(
            "a request for an instance was on its way when this ended, and EC2 shows none (yet)",
            "`rig status` in a minute shows whether there is one",
        )
