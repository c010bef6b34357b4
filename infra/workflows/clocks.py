"""Machines whose clock is minutes off: no verdict or safeguard goes by it, but the times that they write down do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from infra.aws.instances.instance import Instance
from infra.budget import duration
from infra.host.facts import Facts
from infra.workflows.context import Rig

FAR_OFF_S: Final = 60.0
_MOST_S: Final = 100 * 365 * 86400.0  # beyond it nobody counts
_CONSEQUENCE: Final = "and so are the times in its logs and records; no verdict and no safeguard goes by them"
_SET: Final = "`sudo chronyc makestep` or `sudo timedatectl set-ntp true` sets it"


def tell_clocks(rig: Rig, answered: Sequence[tuple[Instance, Facts]]) -> None:
    for line in describe_clocks(answered):
        rig.tell(line)


def describe_clocks(answered: Sequence[tuple[Instance, Facts]]) -> Iterator[str]:
    """Name each machine whose clock is more than FAR_OFF_S off, by how much, and what sets it right. Where several
    agree with one another, it is this computer that is off."""
    ahead = [facts.clock_ahead_s for _, facts in answered]
    if len(ahead) > 1 and min(map(abs, ahead)) > FAR_OFF_S and max(ahead) - min(ahead) <= FAR_OFF_S:
        yield (
            f"The clocks of all {len(ahead)} machines are {_say(ahead[0])} this computer's, so most likely it is this "
            f"computer's that is wrong: {_SET} on Linux."
        )
        return
    for (node, _), by in zip(answered, ahead, strict=True):
        if abs(by) > FAR_OFF_S:
            where = f"`rig ssh --node {node.rank + 1}`" if node.nodes > 1 else "`rig ssh`"
            yield f"The clock of {node.node} is {_say(by)} this computer's, {_CONSEQUENCE}. {where}: there {_SET}."


def _say(by: float) -> str:
    return f"{duration(min(abs(by), _MOST_S))} {'ahead of' if by > 0 else 'behind'}"
