"""The training image: named by what it is made of, built on the host only when that name is absent."""

from __future__ import annotations

import hashlib
import io
import subprocess
import tarfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from infra.errors import WorldError
from infra.host.connection import DROPPED, Host, lost
from infra.names import IMAGE_LABEL, KIT

PROJECT = Path(__file__).resolve().parents[2]


def ingredients(project: Path = PROJECT) -> list[Path]:
    """The files that decide the image: code is mounted, never copied, so a change of code builds nothing."""
    return [project / "Dockerfile", *sorted((project / "requirements").glob("image-*.txt"))]


def tag(flavour: str, base_image: str = "", project: Path = PROJECT) -> str:
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


def context(project: Path = PROJECT) -> bytes:
    packed = io.BytesIO()
    # Docker tells a tar from a Dockerfile by its first bytes, and does not know the PAX header.
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for path in ingredients(project):
            tar.add(path, arcname=str(path.relative_to(project)))
    return packed.getvalue()


def build(
    host: Host,
    docker: Sequence[str],
    image: str,
    *,
    flavour: str,
    build_args: Mapping[str, str],
    log: Path,
    show: Callable[[str], None],
) -> None:
    """Build *image* on the host, each line shown and kept in *log*. Finished layers stay if the line drops."""
    process = host.stream(
        docker_build(docker, image, flavour=flavour, build_args=build_args),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(context())
    process.stdin.close()
    log.parent.mkdir(parents=True, exist_ok=True)
    last = ""
    with log.open("w") as kept:
        for raw in process.stdout:
            line = raw.decode(errors="replace").rstrip()
            kept.write(line + "\n")
            show(line)
            last = line or last
    code = process.wait()
    if code == DROPPED:
        raise lost(host.target, last)
    if code:
        raise WorldError(f"The training image could not be built: {last}", f"the whole build log: {log}")
