"""What a run needs on its machine before it starts: code, data, image, and the line that starts it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from infra.aws.instances.hourly_cost import disks_of, prices_of
from infra.aws.instances.instance import Instance
from infra.errors import BadSettings
from infra.host.connection import Host
from infra.host.facts import Facts
from infra.host.push import push_code, push_data, push_packed, push_text
from infra.host.retry import persistently
from infra.host.secret_scan import find_in_text
from infra.host.selection import Selection, remarks, select_code, select_data
from infra.job import metadata_fence, s3_backup
from infra.job.container import Container
from infra.job.spec import Job, code_sent_for, existing_folder
from infra.job.workers import ONE_PER_GPU, PROGRAM, Place, in_workers
from infra.names import CODE_DIR, DATA_DIR, JOBS_DIR, KIT_DIR
from infra.workflows.context import Rig
from infra.workflows.ensure_image import Show, ensure_images, images_for, wants_gpu
from infra.workflows.runs import facts_of

_EVERY_S, _REHEARSED_S = 60.0, 1.0  # between two copies to the bucket

Chosen = tuple[Selection, Selection | None]
"""What is sent of the code folder, and of the data folder if there is one."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """A run as each of its machines is given it, found out once for all. *usd_per_hour*: of all of them together, 0
    where nobody knows it."""

    name: str
    job: Job
    code: Selection
    data: Selection | None
    commit: str
    usd_per_hour: float


def order_of(rig: Rig, nodes: Sequence[Instance], job: Job, name: str, chosen: Chosen) -> Order:
    prices = prices_of(rig.session, nodes, disks_of(rig.session, nodes))
    known = [prices[one.id].usd_per_hour for one in nodes if one.id in prices]
    code, data = chosen
    usd = sum(known) if len(known) == len(nodes) else 0.0
    return Order(name=name, job=job, code=code, data=data, commit=rig.commit, usd_per_hour=usd)


def choose(rig: Rig, job: Job) -> Chosen:
    """What is sent, and words about what is not. Raises BadSettings if the run could not go without what stays here."""
    folder = existing_folder(rig.settings.code, "code")
    code = select_code(code_sent_for(job, folder))
    data = select_data(existing_folder(rig.settings.data, "data")) if rig.settings.data else None
    for chosen in filter(None, (code, data)):
        for line in remarks(chosen):
            rig.tell(line)
    if found := find_in_text(" ".join(job.command)):
        rig.tell(f"The command itself seems to hold a secret ({found}); it stands in the run's record and in its log.")
    for path in job.needs:
        if path not in code.sent:
            raise _refuse_to_miss(path, code)
    return code, data


def _refuse_to_miss(path: str, code: Selection) -> BadSettings:
    why = (
        f"it seems to hold a secret ({code.secrets[path]})" if path in code.secrets else "git or .rigignore ignores it"
    )
    return BadSettings(
        f"{path} would not be sent: {why}.", f"fix that, or send it all the same with a line !{path} in .rigignore"
    )


def send_code(rig: Rig, host: Host, facts: Facts, chosen: Selection) -> None:
    rig.tell(f"Copying {chosen.folder.name}/ to the instance")
    there = f"{facts.home}/{CODE_DIR}"
    first = [] if facts.code else [chosen.packed]

    def copy() -> None:
        if first and (packed := first.pop()):
            push_packed(host, packed, there)
        else:
            push_code(host, chosen, there, rsync_there=facts.rsync)

    persistently(copy, tell=rig.tell)


def send_data(rig: Rig, host: Host, facts: Facts, chosen: Selection, place: Place) -> None:
    rig.tell(f"Copying data from {chosen.folder} (what is there already is not sent again)")
    there = f"{facts.home}/{DATA_DIR}"
    persistently(
        lambda: push_data(host, chosen, there, rsync_there=facts.rsync, tell=rig.tell, progress=not place.node),
        tell=rig.tell,
    )


def job_file(facts: Facts, name: str) -> str:
    return f"{facts.home}/{JOBS_DIR}/{name}.json"


def container_for(rig: Rig, instance: Instance, facts: Facts, order: Order, wanted: str, place: Place) -> Container:
    job = order.job
    container = Container(
        run=order.name,
        image=wanted,
        command=(),
        facts=facts,
        gpu=wants_gpu(rig, instance),
        environment={
            "RIG_GIT_COMMIT": order.commit,
            "RIG_INSTANCE_TYPE": instance.type if place.nodes == 1 else f"{place.nodes} x {instance.type}",
            "RIG_JOB_FILE": job_file(facts, order.name),
            **({"RIG_PRETENDED": "1"} if rig.rehearsing else {}),
            **({"RIG_WAITS": "1"} if job.waits else {}),
            "RIG_RESULTS": "required" if job.results else "optional",
            "RIG_USD_PER_HOUR": f"{order.usd_per_hour:.5f}" if order.usd_per_hour else "0",
        },
    )
    command = job.command_in(container.run_dir, container.data_dir, place.words)
    if job.meets_by_itself:
        return dataclasses.replace(container, command=command)
    workers = job.workers or (ONE_PER_GPU if container.gpu and job.is_of_the_kit and "gpus=all" in command else "")
    program = container.folder(f"{KIT_DIR}/{PROGRAM}")
    return dataclasses.replace(container, command=in_workers(command, program, workers, place))


def prepare(rig: Rig, host: Host, instance: Instance, order: Order, show: Show, place: Place) -> Container:
    """Code, image, durable copies: in this order, so that nothing starts that would lack one of them."""
    job = order.job
    host.get_ready()
    images = images_for(rig, instance, job.requirements)
    facts = facts_of(rig, host, images=images)
    send_code(rig, host, facts, order.code)
    if order.data:
        send_data(rig, host, facts, order.data, place)
    ensure_images(rig, host, facts, images, job.requirements, show)
    if rig.settings.bucket and not instance.rank:  # the nodes of a group would write over one another's copies
        bucket = s3_backup.require_bucket(rig.settings.bucket)
        rig.tell(f"The instance copies its runs to {bucket} every minute")
        s3_backup.arm(host, facts, bucket, every_s=_REHEARSED_S if rig.rehearsing else _EVERY_S)
    persistently(lambda: push_text(host, job.to_json(), job_file(facts, order.name)), tell=rig.tell)
    container = container_for(rig, instance, facts, order, images[-1], place)
    return container if place.nodes == 1 else _on_own_network(rig, host, instance, container)


def _on_own_network(rig: Rig, host: Host, node: Instance, container: Container) -> Container:
    """*container* as one of a group: where the others reach it, and without a way to the instance's role."""
    if not rig.rehearsing:  # a pretended machine has no kernel of its own
        host.run(*metadata_fence.put_up())
    entry = f"{host.run(['hostname']).strip()}:{node.private_address}"
    return dataclasses.replace(container, hosts_entry=entry, fenced=not rig.rehearsing)
