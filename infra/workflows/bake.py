"""Make an image of the prepared instance, with the training image on it and nothing of the user's."""

from __future__ import annotations

from datetime import datetime, timezone

from infra.aws.account import bake_ami as aws
from infra.aws.instances.instance import Instance
from infra.errors import UserError
from infra.names import (
    CODE_DIR,
    DATA_DIR,
    FETCHED_DIR,
    JOBS_DIR,
    NOTEBOOKS_DIR,
    RUNS_DIR,
    STARTING_DIR,
    VISITED_DIR,
)
from infra.workflows.context import Rig, open_host, running_nodes
from infra.workflows.ensure_image import Show, prepare_on
from infra.workflows.homecoming import bring_all_home
from infra.workflows.nodes import ask_first
from infra.workflows.runs import facts_of


def _ready_to_bake(rig: Rig, node: Instance, show: Show) -> Instance:
    prepare_on(rig, node, show)
    return node


def bake(rig: Rig, show: Show) -> aws.BakedImage:
    """Build the training image, bring every run home, take the user's files off the disk, and make the AMI.

    Raises UserError while a run goes on: EC2 reboots the instance for a clean disk.
    """
    instance = ask_first(rig, running_nodes(rig, whole=False), lambda rig, one: _ready_to_bake(rig, one, show))
    with open_host(rig, instance) as host:
        facts = facts_of(rig, host)
        if facts.running:
            names = ", ".join(one.name for one in facts.running)
            raise UserError(f"{names} is still going, and the instance reboots to be baked.", "`rig logs` waits for it")
        bring_all_home(rig, instance)
        ours = (
            CODE_DIR,
            JOBS_DIR,
            RUNS_DIR,
            FETCHED_DIR,
            DATA_DIR,
            NOTEBOOKS_DIR,
            STARTING_DIR,
            VISITED_DIR,
        )
        rig.tell("Taking code, data and runs off the disk: whoever may use the image would see them")
        host.run(["rm", "-rf", *(f"{facts.home}/{folder}" for folder in ours)], timeout_s=600)
    return aws.bake(rig.account, instance, datetime.now(timezone.utc))
