"""Train on the instance: send the code, start the container, follow it, bring the results home."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from infra.aws.instances.hourly_cost import price_of
from infra.aws.instances.instance import Instance, find
from infra.errors import AWS_IS_SHUT, BadSettings, UserError, WorldError
from infra.host.connection import Host
from infra.host.facts import Facts
from infra.host.retry import persistently
from infra.host.secret_scan import find_in_text
from infra.host.selection import Selection, remarks, select_code, select_data
from infra.host.sync import push_code, push_data, push_text
from infra.job import run, s3_backup
from infra.job.container import Container, container_name
from infra.job.spec import Job, code_sent_for, existing_folder, new_run_name
from infra.job.workers import ONE_PER_GPU, PROGRAM, in_workers
from infra.names import CODE_DIR, DATA_DIR, JOBS_DIR, KIT_DIR
from infra.workflows.context import Rig, open_host, running_instance
from infra.workflows.ensure_image import Show, ensure_images, images_for, wants_gpu
from infra.workflows.results import announce
from infra.workflows.runs import Outcome, facts_of, fetch_run, find_run

_EVERY_S, _REHEARSED_S = 60.0, 1.0  # between two copies to the bucket


def start_training(rig: Rig, job: Job, show: Show) -> str:
    """Start *job* on the instance and return the run's name. Once that is told, the laptop may go."""
    chosen = choose(rig, job)
    instance = running_instance(rig)
    with open_host(rig, instance) as host, host.target.one_at_a_time(rig.tell):
        return begin(rig, host, instance, job, new_run_name(job, rig.now()), chosen, show)


def begin(rig: Rig, host: Host, instance: Instance, job: Job, name: str, chosen: Chosen, show: Show) -> str:
    """Code, image, durable copies, container: in this order, so that nothing starts that would lack one of them."""
    code, data = chosen
    host.get_ready()
    images = images_for(rig, instance, job.requirements)
    facts = facts_of(rig, host, images=images)
    send_code(rig, host, facts, code)
    if data:
        send_data(rig, host, facts, data)
    ensure_images(rig, host, facts, images, job.requirements, show)
    if rig.settings.bucket:
        bucket = s3_backup.require_bucket(rig.settings.bucket)
        rig.tell(f"The instance copies its runs to {bucket} every minute")
        s3_backup.arm(host, facts, bucket, every_s=_REHEARSED_S if rig.rehearsing else _EVERY_S)
    persistently(lambda: push_text(host, job.to_json(), job_file(facts, name)), tell=rig.tell)
    container = container_for(rig, instance, facts, job, name, images[-1])
    rig.tell(f"Starting run {name} in container {container_name(name)}")
    run.start(host, container, announce=lambda: announce(rig, instance, f"run {name}"), tell=rig.tell)
    return name


Chosen = tuple[Selection, Selection | None]
"""What is sent of the code folder, and of the data folder if there is one."""


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
    persistently(lambda: push_code(host, chosen, there, rsync_there=facts.rsync), tell=rig.tell)


def send_data(rig: Rig, host: Host, facts: Facts, chosen: Selection) -> None:
    rig.tell(f"Copying data from {chosen.folder} (what is there already is not sent again)")
    there = f"{facts.home}/{DATA_DIR}"
    persistently(lambda: push_data(host, chosen, there, rsync_there=facts.rsync, tell=rig.tell), tell=rig.tell)


def job_file(facts: Facts, name: str) -> str:
    return f"{facts.home}/{JOBS_DIR}/{name}.json"


def container_for(rig: Rig, instance: Instance, facts: Facts, job: Job, name: str, wanted: str) -> Container:
    price = price_of(rig.session, instance)
    container = Container(
        run=name,
        image=wanted,
        command=(),
        facts=facts,
        gpu=wants_gpu(rig, instance),
        environment={
            "RIG_GIT_COMMIT": rig.commit,
            "RIG_INSTANCE_TYPE": instance.type,
            "RIG_JOB_FILE": job_file(facts, name),
            **({"RIG_PRETENDED": "1"} if rig.rehearsing else {}),
            "RIG_RESULTS": "required" if job.results else "optional",
            "RIG_USD_PER_HOUR": f"{price.usd_per_hour:.5f}" if price else "0",
        },
    )
    command = job.command_in(container.run_dir, container.data_dir)
    workers = job.workers or (ONE_PER_GPU if container.gpu and job.is_of_the_kit and "gpus=all" in command else "")
    program = container.folder(f"{KIT_DIR}/{PROGRAM}")
    return dataclasses.replace(container, command=in_workers(command, program, workers))


def follow_run(rig: Rig, name: str, show: Show) -> Instance:
    """Show the log of run *name* until it has ended; where it ran. The run needs none of this: stop it and call it
    again at will."""
    instance = running_instance(rig)
    with open_host(rig, instance) as host:
        facts = facts_of(rig, host)
        one = find_run(facts.runs, name)
        if one.state in ("running", "unknown") or not one.fetched:
            finder = HostFinder(rig, name, instance, opened=host)
            run.follow(finder.connect, facts.docker or ("docker",), name, show, tell=rig.tell)
            instance = finder.instance
    return instance


def bring_run_home(rig: Rig, name: str, known: Instance) -> Outcome:
    """Bring the results of run *name* home, and judge it. Raises JobFailed, ArtifactsMissing.

    *known*: where it ran. It is asked anew, for after a drop it may have another address; if AWS does not answer any
    more (a login lasts hours, a run may take days), the way over SSH is as it was.
    """
    try:
        instance = running_instance(rig)
    except AWS_IS_SHUT as error:
        rig.tell(f"{error.cause}. SSH needs no AWS: going on without it")
        instance = known
    with open_host(rig, instance) as host:
        host.get_ready()
        return fetch_run(rig, host, instance, name)


@dataclass
class HostFinder:
    """The way to the host while a run is followed. *opened*: a connection that nobody has used yet, taken first; after
    that the host is found anew each time, for it was lost. *told*: the user knows already that AWS does not answer."""

    rig: Rig
    run_name: str
    instance: Instance
    opened: Host | None
    told: bool = False

    def connect(self) -> Host:
        if self.opened:
            host, self.opened = self.opened, None
            return host
        self.instance = self._find()
        return open_host(self.rig, self.instance)

    def _find(self) -> Instance:
        """Where it is now; where it was, if AWS does not tell."""
        try:
            return running_instance(self.rig)
        except AWS_IS_SHUT as error:
            if not self.told:
                self.rig.tell(f"{error.cause}. SSH needs no AWS: trying {self.instance.address}, where it was")
            self.told = True
            return self.instance
        except UserError as error:
            gone = find(self.rig.session, self.rig.name) is None
            raise WorldError(
                f"While run {self.run_name} was followed, its machine {'was terminated' if gone else 'went off'}. "
                f"{error.cause}",
                _DISK_GONE if gone else "what the run saved is on the disk: `rig start`, then `rig pull`",
            ) from error


_DISK_GONE = (
    "its disk went with it: what had not come home is lost, but for copies in a bucket (BUCKET=)\n"
    "`rig launch`, then `rig train remote --resume NAME` goes on from such a copy, or from what is in runs/"
)
