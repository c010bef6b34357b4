"""The end of a rig: the instance with its disk, then the group and the key pairs that only it used."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from infra.aws.access.key_pair import delete_key_pair, find_key_pairs
from infra.aws.access.security_group import delete_group, find_group
from infra.aws.client.account import Account
from infra.aws.instances.instance import list_instances
from infra.aws.instances.lifecycle import terminate_all
from infra.aws.instances.placement_group import delete_placement_group
from infra.errors import NothingToDo


def end_rig(account: Account, name: str) -> list[str]:
    """Remove everything of the rig *name* and answer what was removed; NothingToDo when nothing is left.

    Looks for each thing by itself, so that it also finishes what a killed `terminate` began.
    """
    session = account.session
    with ThreadPoolExecutor(max_workers=3) as side_by_side:
        seen = side_by_side.submit(list_instances, session, name)
        group = side_by_side.submit(find_group, session, name)
        pairs = side_by_side.submit(find_key_pairs, session, name)
    # Also one that is already shutting down: the group can go only after it.
    begun = [one for one in seen.result() if one.state != "terminated"]
    if begun:
        terminate_all(account, begun)
    for volume in (volume for one in begun for volume in one.lasting_volume_ids):
        account.tell(f"{volume} stays, and costs money: somebody told EC2 to keep it; `rig sweep` can remove it")
    removed = [instance.id for instance in begun]
    firewall = group.result()
    # Before the security group goes: its rule is what tells a later command that there may be a placement group.
    if firewall and firewall.among_own and delete_placement_group(account, name):
        removed.append(f"placement group of {name}")
    if firewall and delete_group(account, name):
        removed.append(f"security group of {name}")
    for pair in pairs.result():
        delete_key_pair(session, pair)
        removed.append(f"key pair {pair}")
    if not removed:
        raise NothingToDo(f"There is nothing of {name} in {session.region}")
    return removed
