"""The machines that this launch is making, so that they can be taken back, even when the answer never came."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from infra.aws.client.account import Account
from infra.aws.instances.instance import Instance, find_nodes, list_instances, parse_instance
from infra.aws.instances.launch_request import Attempt
from infra.aws.instances.lifecycle import terminate_all
from infra.aws.instances.retry import passes, retry
from infra.errors import AwsFailed, NothingToDo, RigError

# How long EC2 may take to show an instance that it has made:
# https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html
SHOWN_S: Final = 20.0


@dataclass
class PendingInstance:
    """*token*: of the request that is on its way; "" when every request was answered. *nodes*: what we made."""

    account: Account
    name: str
    token: str = ""
    nodes: tuple[Instance, ...] = ()

    def make(self, attempt: Attempt, words: dict[str, Any]) -> tuple[Instance, ...]:
        """Ask EC2 for them in these *words*: the one place where a machine is rented."""
        self.token = words["ClientToken"]
        try:
            answer = retry(
                self.account,
                f"launch {attempt}",
                lambda ec2: ec2.run_instances(**words),
                machine=attempt.offer.machine.name,
                spot=attempt.offer.spot,
            )
        except RigError as error:
            if not passes(error):  # EC2 answered: it made nothing
                self.token = ""
            raise
        self.nodes, self.token = tuple(map(parse_instance, answer["Instances"])), ""
        return self.nodes

    def wait_for_earlier(self) -> tuple[Instance, ...]:
        """What an earlier launch made, as soon as EC2 shows all of it; empty if it has ended since."""
        return wait_until_shown(self.account, self.name)

    def discard(self) -> None:
        """Terminate what was made. Raises AwsFailed when it cannot be known whether anything was."""
        if not self.nodes and not self.token:
            raise NothingToDo(f"No instance of {self.name} was made")
        terminate_all(self.account, self.nodes or self._wait_for_own())
        self.nodes, self.token = (), ""

    def _wait_for_own(self) -> tuple[Instance, ...]:
        own: list[Instance] = []
        for _ in self.account.clock.ticks(for_s=SHOWN_S, every_s=2.0):
            own = [one for one in list_instances(self.account.session, self.name) if one.token == self.token]
            if own and len(own) >= own[0].nodes:
                break
        if not own:
            raise AwsFailed(
                "a request for an instance was on its way when this ended, and EC2 shows none (yet)",
                "`rig status` in a minute shows whether there is one",
            )
        return tuple(own)


def wait_until_shown(account: Account, name: str) -> tuple[Instance, ...]:
    """The machines of the rig *name* as soon as EC2 shows all of them; what it shows when that takes too long."""
    nodes: tuple[Instance, ...] = ()
    for _ in account.clock.ticks(for_s=SHOWN_S, every_s=2.0):
        nodes = find_nodes(account.session, name)
        if nodes and len(nodes) >= nodes[0].nodes:
            break
    return nodes
