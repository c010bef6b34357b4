"""The training image: named by what it is made of, built on the host only when that name is absent."""

from __future__ import annotations

import contextlib
import hashlib
import io
import re
import subprocess
import tarfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from infra.errors import WorldError
from infra.host.connection import DROPPED, Host, explain_loss
from infra.kit_files import ROOT
from infra.names import IMAGE_LABEL, KIT


def ingredients(project: Path = ROOT) -> list[Path]:
    """The files that decide the image: a run brings its code along, so a change of code builds nothing."""
    hook = sorted(path for path in (project / "training" / "mxnet_hook").glob("*.p*") if path.is_file())
    horovod = sorted(path for path in (project / "scripts" / "horovod").rglob("*") if path.is_file())
    return [project / "Dockerfile", *sorted((project / "requirements").glob("image-*.txt")), *hook, *horovod]


def tag(flavour: str, base_image: str = "", project: Path = ROOT) -> str:
    """The image's name for *flavour* "gpu" or "cpu": equal content, equal name, on every machine."""
    digest = hashlib.sha256(base_image.encode())
    for path in ingredients(project):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return f"{KIT}:{flavour}-{digest.hexdigest()[:12]}"


def docker_build(docker: Sequence[str], image: str, *, flavour: str, build_args: Mapping[str, str]) -> list[str]:
    """Build from a context on standard input: nothing needs to lie on the host first."""
    return [
        *docker, "build", "--tag", image, "--target", flavour, "--label", f"{IMAGE_LABEL}={flavour}",
        *(word for name, value in sorted(build_args.items()) for word in ("--build-arg", f"{name}={value}")),
        "-",
    ]  # fmt: skip


def context(project: Path = ROOT) -> bytes:
    packed = io.BytesIO()
    # Docker tells a tar from a Dockerfile by its first bytes, and does not know the PAX header.
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for path in ingredients(project):
            tar.add(path, arcname=str(path.relative_to(project)))
    return packed.getvalue()


# MXNet 1.9.1 works with the NumPy it stands beside, and with few others: what a script asks for must not move them.
_OWN_DOCKERFILE = """\
FROM {kit}
USER root
COPY requirements.txt /opt/requirements/own.txt
RUN pip freeze | grep --ignore-case --extended-regexp '^(mxnet|numpy)' > /opt/requirements/fixed.txt; \\
    pip install --no-cache-dir --constraint /opt/requirements/fixed.txt -r /opt/requirements/own.txt
USER trainer
"""


def own_tag(kit: str, requirements: str) -> str:
    """The name of *kit* with a script's own *requirements* on top; the kit's own name when it has none."""
    return f"{kit}-{hashlib.sha256(requirements.encode()).hexdigest()[:8]}" if requirements else kit


def docker_build_own(docker: Sequence[str], image: str) -> list[str]:
    return [*docker, "build", "--tag", image, "--label", f"{IMAGE_LABEL}=own", "-"]


def own_context(kit: str, requirements: str) -> bytes:
    files = {"Dockerfile": _OWN_DOCKERFILE.format(kit=kit), "requirements.txt": requirements}
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    return packed.getvalue()


def docker_pull(docker: Sequence[str], image: str) -> list[str]:
    return [*docker, "pull", image]


def in_registry(registry: str, image: str) -> str:
    """ "1234.dkr.ecr.us-east-1.amazonaws.com/gluon-rig" and "gluon-rig:gpu-12ab" -> ".../gluon-rig:gpu-12ab"."""
    return f"{registry.rstrip('/')}:{image.rpartition(':')[2]}"


# Names of layers tell a reader nothing; the log has them.
_DIGEST: Final = re.compile(r"\bsha256:[0-9a-f]{12,}")


def make(
    host: Host,
    *lines: Sequence[str],
    context: bytes = b"",
    log: Path,
    show: Callable[[str], None],
) -> None:
    """Run the lines that make an image on the host, each word of theirs shown, and kept in *log*.

    *context* goes to standard input. Finished layers stay if the line drops, so it may be repeated.
    """
    process = host.stream(*lines, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert process.stdin is not None
    assert process.stdout is not None
    with contextlib.suppress(BrokenPipeError):  # the other end says why, below
        process.stdin.write(context)
        process.stdin.close()
    log.parent.mkdir(parents=True, exist_ok=True)
    last = ""
    with log.open("w") as kept:
        for raw in process.stdout:
            line = raw.decode(errors="replace").rstrip()
            kept.write(line + "\n")
            if not _DIGEST.search(line):
                show(line)
            last = line or last
    code = process.wait()
    if code == DROPPED:
        raise explain_loss(host.target, last)
    if code:
        full = "\nfree some space there, or launch with a larger disk_gib" if "no space left" in last.lower() else ""
        raise WorldError(f"The training image could not be made: {last}", f"the whole log: {log}{full}")
