"""Launch: access, instance, safeguards, then wait for SSH, Docker and the GPU."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from infra import budget
from infra.aws.access.key_pair import local_key
from infra.aws.account.ensure_access import ensure_access
from infra.aws.autostop import safeguards
from infra.aws.client.rollback import Rollback, rollback_on_failure
from infra.aws.instances.ami import Image
from infra.aws.instances.instance import Instance, find_nodes
from infra.aws.instances.launch import ensure_running, preflight
from infra.aws.instances.launch_request import LaunchRequest, attempts
from infra.aws.instances.lifecycle import require_up, start_all, stop_all
from infra.aws.instances.placement_group import ensure_placement_group
from infra.aws.offers.quota import require as require_quota
from infra.errors import UserError
from infra.guard.safeguard import together
from infra.guard.user_data import user_data
from infra.host.facts import Facts
from infra.host.local_programs import require
from infra.host.ready import wait_until_ready
from infra.host.target import require_sayable
from infra.names import DEADLINE_TAG, IDLE_TAG, RESULTS_FETCHED_TAG, STARTED_TAG
from infra.settings import Settings
from infra.workflows.clocks import tell_clocks
from infra.workflows.context import Rig, open_host
from infra.workflows.ensure_image import wants_gpu
from infra.workflows.nodes import Together, on_each
from infra.workflows.plan import Plan, make_plan
from infra.workflows.results import fresh_mark, nothing_left, tag_if_aws_answers
from infra.workflows.ssh_config import refresh_entry
from infra.workflows.stop import disarm, terminate

Announce = Callable[[Plan], None]
"""Shows a plan before it is carried out, where nobody is asked."""


@dataclass(frozen=True)
class Ready:
    """A machine of the rig that answers."""

    instance: Instance
    facts: Facts


def launch(rig: Rig, plan: Plan) -> list[Ready]:
    """Carry *plan* out: the rig's machines run, their safeguards are armed, and SSH, Docker and the GPU answer.

    Whatever fails on the way, Ctrl-C too: what this launch began is taken back whole, or named.
    """
    require("ssh")
    require_sayable(rig.key, rig.known_hosts)
    plan = affordable(plan)
    there = plan.existing.nodes
    if there and plan.running:
        for one in there:
            _require_deadline(one)
    with rollback_on_failure(rig.tell) as rollback:
        resting = any(one.state in ("stopped", "stopping") for one in there)
        if resting or not there:
            # First in, last out: the safeguards go after the machine that they watch.
            rollback.later("its safeguards", lambda: disarm(rig))
        request = _prepare_request(rig, plan, rollback)
        if resting:  # before it starts: the schedule of its last deadline may be about to fire
            _arm(rig, there, lambda one: plan.promise.deadline)
        nodes = ensure_running(rig.account, request, rollback=rollback, seen=plan.existing.instances)
        if not resting:
            _arm(rig, nodes, _require_deadline)
        ready = _wait_for_all(rig, nodes)
        tell_clocks(rig, [(one.instance, one.facts) for one in ready])
        on_each(rig, [one.instance for one in ready if nothing_left(one.facts)], tag_if_aws_answers)
        refresh_entry(rig, nodes)
    return ready


def _wait_for_all(rig: Rig, nodes: Sequence[Instance]) -> list[Ready]:
    rig.tell(
        f"Waiting until {nodes[0].address if len(nodes) == 1 else f'all {len(nodes)}'} answer{'s' * (len(nodes) == 1)}"
    )
    there_now = Together(rig.tell, len(nodes), "answer")
    return on_each(rig, nodes, lambda rig, node: _wait_until_ready(rig, node, there_now))


def _wait_until_ready(rig: Rig, instance: Instance, there_now: Together) -> Ready:
    def look() -> None:
        require_up(rig.session, instance)
        there_now.wait_for(instance.node)

    with open_host(rig, instance) as host:
        facts = wait_until_ready(host, gpu=wants_gpu(rig, instance), tell=rig.tell, look=look)
    there_now.one_more()
    return Ready(instance, facts)


def launch_again(rig: Rig, announce: Announce) -> None:
    """After AWS took a spot instance back, or a guard stopped it: the same plan, with a new deadline. One that runs
    stays as it is."""
    found = find_nodes(rig.session, rig.name)
    if found and len(found) < found[0].nodes:
        rig = _clear_rest(rig, found)
        found = ()
    if not found or any(one.state != "running" for one in found):
        plan = make_plan(rig)
        announce(plan)
        launch(rig, plan)


def _clear_rest(rig: Rig, left: Sequence[Instance]) -> Rig:
    """Of a group that has lost a machine: bring home what is there, and end it; the rig with the wish for a whole one.

    A machine that rests is started for that, with an hour to do it in; its safeguards have that hour, too.
    """
    first = left[0]
    rig.tell(f"Of the group {rig.name} {len(left)} of {first.nodes} machines are there; making a whole one")
    if any(one.state in ("stopped", "stopping") for one in left):
        _wake_rest(rig, left)
    terminate(rig, lose_results=False)
    idle = rig.settings.idle
    if idle == Settings.idle and first.idle_minutes is not None:  # NODES, whose default is shorter, was not said again
        idle = int(first.idle_minutes)
    asked = rig.settings.but(nodes=first.nodes, type=(first.type,), gpu_mem=0.0, idle=idle)
    return replace(rig, settings=asked)


def _wake_rest(rig: Rig, left: Sequence[Instance]) -> None:
    """Start what rests of *left*, with every safeguard an hour away. Where one does not come, all rest again."""
    deadline = rig.now() + timedelta(hours=1)
    with rollback_on_failure(rig.tell) as rollback:
        rollback.later("its safeguards", lambda: disarm(rig))
        rollback.later(f"the start of {rig.name}", lambda: stop_all(rig.account, find_nodes(rig.session, rig.name)))
        _arm(rig, left, lambda one: deadline)
        _wait_for_all(rig, start_all(rig.account, left, {DEADLINE_TAG: budget.tag(deadline)}))


def _require_deadline(instance: Instance) -> datetime:
    """Its deadline. Raises UserError for one that runs without, for somebody changed or took away its tag."""
    if instance.deadline is None:
        what = "; ".join(instance.unreadable) or f"{DEADLINE_TAG} is absent; `rig extend --by 1h` writes a new one"
        raise UserError(f"{instance.id} runs without a deadline that can be read.", what)
    return instance.deadline


def _arm(rig: Rig, nodes: Sequence[Instance], deadline_of: Callable[[Instance], datetime]) -> None:
    for line in together(on_each(rig, nodes, lambda rig, one: safeguards.arm(rig.session, one, deadline_of(one)))):
        rig.tell(line)


def affordable(plan: Plan) -> Plan:
    """*plan*, with the offers that the account's quota allows. Raises QuotaTooSmall of the first when none is left.

    A rig that exists needs no room: a stopped instance's type is asked of AWS when it starts.
    """
    if plan.existing.instance is not None:
        return plan
    short = {offer for offer, quota in plan.quotas.items() if quota and quota.enough is False}
    allowed = {offer: promise for offer, promise in plan.promises.items() if offer not in short}
    if not allowed:
        require_quota(plan.quotas[plan.best])
    return replace(plan, promises=allowed)


def dry_run(rig: Rig, plan: Plan) -> None:
    """Let AWS say whether the launch is permitted; makes nothing. Raises NotAllowed."""
    group = plan.existing.group
    key_name = local_key(rig.key).pair_name(rig.name) if plan.existing.key_known else ""
    known = group.id if group and key_name else ""
    preflight(rig.session, _phrase_request(rig, affordable(plan), known, key_name))


def _prepare_request(rig: Rig, plan: Plan, rollback: Rollback) -> LaunchRequest:
    """Make what the instance needs around it, and phrase the request."""
    access = ensure_access(rig.account, rig.name, local_key(rig.key), plan.existing, rollback, nodes=plan.nodes)
    request = _phrase_request(rig, plan, access.group_id, access.key_name)
    if plan.existing.nodes or not any(attempt.close for attempt in attempts(request)):
        return request
    return replace(request, placement_group=ensure_placement_group(rig.account, rig.name, rollback))


def _phrase_request(rig: Rig, plan: Plan, group_id: str, key_name: str) -> LaunchRequest:
    settings, image = rig.settings, plan.existing.image
    deadlines = {offer: budget.tag(promise.deadline) for offer, promise in plan.promises.items()}
    new = {STARTED_TAG: "launch", RESULTS_FETCHED_TAG: "launch"}
    mark = fresh_mark("a start")  # of a machine that rests; a new one's disk is empty
    return LaunchRequest(
        name=rig.name,
        image=image,
        offers=plan.offers,
        disk_gib=plan.disk_gib,
        key_name=key_name,
        group_id=group_id,
        user_data=_phrase_user_data(rig, image, plan) if image else b"",
        tags={DEADLINE_TAG: deadlines[plan.best], IDLE_TAG: f"{plan.idle_minutes:g}", STARTED_TAG: mark},
        offer_tags={offer: {DEADLINE_TAG: deadline, **new} for offer, deadline in deadlines.items()},
        nodes=plan.nodes,
        whole=plan.whole,
        placement=settings.placement,
        wait_s=settings.wait_minutes * 60,
        instance_profile=settings.instance_profile,
    )


def _phrase_user_data(rig: Rig, image: Image, plan: Plan) -> bytes:
    settings = rig.settings
    return user_data(
        # Nobody knows yet which offer it becomes, and a budget buys the dearest one the fewest hours.
        hours=min(promise.hours for promise in plan.promises.values()),
        idle_minutes=settings.idle,
        launched_at=rig.now(),
        login_user=image.user,
        keep_results=plan.best.spot,
        bucket=settings.bucket,
    )
