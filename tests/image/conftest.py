"""A Docker engine and the image for the CPU; each is missed by name, with the way to get it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable

import pytest

from infra.job import docker_image

Docker = Callable[..., str]


@pytest.fixture(scope="session")
def docker() -> Docker:
    """Runs `docker WORDS`, returns its output, and fails with what it said on stderr."""
    client = shutil.which("docker")
    if client is None or subprocess.run([client, "version"], capture_output=True, check=False).returncode:
        pytest.skip("no Docker engine answers here; https://docs.docker.com/engine/install/ says how to get one")

    def run(*words: str) -> str:
        done = subprocess.run([client, *words], capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="session")
def cpu_image(docker: Docker) -> str:
    name = docker_image.tag("cpu", os.environ.get("RIG_BASE_IMAGE", ""))
    if not docker("image", "ls", "--quiet", name):
        pytest.skip("the training image for the CPU is not built; scripts/ci/training-image cpu builds it")
    return name
