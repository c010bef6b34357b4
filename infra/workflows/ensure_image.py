"""The image a run needs, on the instance: there already, pulled, or built; a script's own requirements on top."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from infra.aws.access.ecr import LOGIN_USER, ecr_host, ecr_password
from infra.aws.instances.instance import Instance
from infra.aws.offers.instance_types import holds_gpu
from infra.host.connection import Host
from infra.host.facts import Facts, ask_facts
from infra.host.retry import persistently
from infra.job import docker_image
from infra.workflows.context import Rig, open_host, running_nodes
from infra.workflows.nodes import on_each

Show = Callable[[str], None]


def wants_gpu(rig: Rig, instance: Instance) -> bool:
    """Whether this instance has a GPU, as AWS says of its type now. A pretend one has none, whatever its type says."""
    return not rig.rehearsing and holds_gpu(rig.session, instance.type)


def flavour_for(rig: Rig, instance: Instance) -> str:
    return "gpu" if wants_gpu(rig, instance) else "cpu"


def images_for(rig: Rig, instance: Instance, requirements: str = "") -> tuple[str, str]:
    """The kit's image and the run's: the same where the script brings no requirements of its own."""
    kit = docker_image.tag(flavour_for(rig, instance), rig.settings.base_image)
    if rig.settings.registry:
        kit = docker_image.in_registry(rig.settings.registry, kit)
    return kit, docker_image.own_tag(kit, requirements)


def ensure_images(rig: Rig, host: Host, facts: Facts, names: tuple[str, str], requirements: str, show: Show) -> None:
    """Make what is absent of *names* (see images_for); the run's own image stands on the kit's."""
    kit, own = names
    if own in facts.images:
        return
    if kit not in facts.images:
        _ensure_kit(rig, host, facts.docker, kit, show)
    if own != kit:
        rig.tell(f"Installing the script's requirements into the image {own} (once; they are a layer of their own)")
        context = docker_image.own_context(kit, requirements)
        _make(rig, host, docker_image.docker_build_own(facts.docker, own), context=context, show=show)


def _ensure_kit(rig: Rig, host: Host, docker: Sequence[str], kit: str, show: Show) -> None:
    if rig.settings.registry:
        rig.tell(f"Pulling the training image {kit}")
        _pull(rig, host, docker, kit, show)
        return
    rig.tell(f"Building the training image {kit} on the instance (once; code changes never rebuild it)")
    base = {"BASE": rig.settings.base_image} if rig.settings.base_image else {}
    line = docker_image.docker_build(docker, kit, flavour=kit.rpartition(":")[2].partition("-")[0], build_args=base)
    _make(rig, host, line, context=docker_image.context(), show=show)


def _pull(rig: Rig, host: Host, docker: Sequence[str], kit: str, show: Show) -> None:
    pull = docker_image.docker_pull(docker, kit)
    registry_host = ecr_host(rig.settings.registry)
    if not registry_host:
        _make(rig, host, pull, show=show)
        return
    password = ecr_password(rig.session, rig.settings.registry)
    # On standard input, so that it stands in no process list; and forgotten there when the image is there.
    login = [*docker, "login", "--username", LOGIN_USER, "--password-stdin", registry_host]
    try:
        _make(rig, host, login, pull, context=password, show=show)
    finally:
        host.ask([*docker, "logout", registry_host])


def _make(rig: Rig, host: Host, *lines: Sequence[str], context: bytes = b"", show: Show) -> None:
    # Of each machine its own: those of a group are at it at the same time, and one alone may fail.
    log = rig.project / ".rig" / f"build-{host.target.identity}.log"
    persistently(lambda: docker_image.make(host, *lines, context=context, log=log, show=show), tell=rig.tell)


def prepare(rig: Rig, show: Show) -> str:
    """See to it that the running instance, of a group each that runs, has the training image; its name."""
    nodes = running_nodes(rig, whole=False)
    heard = {nodes[0].id: show}
    return on_each(rig, nodes, lambda rig, one: prepare_on(rig, one, heard.get(one.id, _ignore)))[0]


def _ignore(line: str) -> None:
    """The first node's image is built from the same lines."""


def prepare_on(rig: Rig, instance: Instance, show: Show) -> str:
    with open_host(rig, instance) as host:
        names = images_for(rig, instance)
        facts = persistently(lambda: ask_facts(host, images=names), tell=rig.tell)
        if names[0] in facts.images:
            rig.tell(f"{names[0]} is on the instance already")
        ensure_images(rig, host, facts, names, "", show)
    return names[0]
