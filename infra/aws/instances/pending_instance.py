"""An instance that this launch is making, so that it can be taken back, even when the answer never came."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from infra.aws.client.account import Account
from infra.aws.instances.instance import Instance, list_instances, oldest_alive, parse_instance
from infra.aws.instances.launch_request import Attempt
from infra.aws.instances.lifecycle import terminate
from infra.aws.instances.retry import passes, retry
from infra.errors import AwsFailed, NothingToDo, RigError

# How long EC2 may take to show an instance that it has made:
# https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html
SHOWN_S: Final = 20.0


@dataclass
class PendingInstance:
    """*token*: of the request that is on its way; "" when every request was answered. *instance*: what we made."""

    account: Account
    name: str
    token: str = ""
    instance: Instance | None = None

    def make(self, attempt: Attempt, words: dict[str, Any]) -> Instance:
        """Ask EC2 for it in these *words*: the one place where a machine is rented."""
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
        self.instance, self.token = parse_instance(answer["Instances"][0]), ""
        return self.instance

    def wait_for_earlier(self) -> Instance | None:
        """What an earlier launch made, as soon as EC2 shows it; None if it has ended since."""
        for _ in self.account.clock.ticks(for_s=SHOWN_S, every_s=2.0):
            alive = oldest_alive(list_instances(self.account.session, self.name))
            if alive:
                return alive
        return None

    def discard(self) -> None:
        """Terminate what was made. Raises AwsFailed when it cannot be known whether anything was."""
        if not self.instance and not self.token:
            raise NothingToDo(f"No instance of {self.name} was made")
        terminate(self.account, self.instance or self._wait_for_own())
        self.instance, self.token = None, ""

    def _wait_for_own(self) -> Instance:
        for _ in self.account.clock.ticks(for_s=SHOWN_S, every_s=2.0):
            for one in list_instances(self.account.session, self.name):
                if one.token == self.token:
                    return one
        raise AwsFailed(
            "a request for an instance was on its way when this ended, and EC2 shows none (yet)",
            "`rig status` in a minute shows whether there is one",
        )
