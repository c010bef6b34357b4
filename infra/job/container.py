"""The Docker lines, phrased as lists of words. Nothing here runs anything.

Folders have the same paths inside the container and outside, so a path in a log can be used in a shell on the host.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from infra.host.facts import Facts
from infra.names import CODE_DIR, DATA_DIR, FETCHED_DIR, KIT_DIR, RUN_LABEL, RUNS_DIR, SNAPSHOTS_DIR

STOP_TIMEOUT_S = 60  # what a job gets between SIGTERM and SIGKILL to save its checkpoint


def container_name(run: str) -> str:
    return f"rig-{run}"


@dataclass(frozen=True, kw_only=True)
class Container:
    """All that decides the `docker run` line of one run."""

    run: str
    image: str
    command: Sequence[str]
    facts: Facts
    gpu: bool
    environment: Mapping[str, str] = field(default_factory=dict)

    def folder(self, below_home: str) -> str:
        return f"{self.facts.home}/{below_home}"

    @property
    def run_dir(self) -> str:
        return self.folder(f"{RUNS_DIR}/{self.run}")

    @property
    def code_dir(self) -> str:
        return self.folder(f"{SNAPSHOTS_DIR}/{self.run}")

    @property
    def data_dir(self) -> str:
        return self.folder(DATA_DIR)


def prepare(container: Container) -> tuple[list[str], ...]:
    """Give the run a snapshot of the code (hard links: no copy, and the next sync cannot change a running job).

    May be repeated, and clears away what an earlier part of a resumed run left.
    """
    out = f"{container.run_dir}/out"
    return (
        ["mkdir", "-p", out],
        ["rm", "-rf", container.code_dir, container.folder(f"{FETCHED_DIR}/{container.run}")],
        ["cp", "-al", container.folder(CODE_DIR), container.code_dir],
        # A script that writes into ./out writes into the run folder, though the code itself is read-only.
        ["rm", "-rf", f"{container.code_dir}/out"],
        ["ln", "-s", out, f"{container.code_dir}/out"],
    )


def undo(container: Container) -> tuple[list[str], ...]:
    """Take back what a start that failed has made. A folder with something in it, of a resumed run, stays."""
    return (
        docker_remove(container.facts.docker, container.run),
        ["rm", "-rf", container.code_dir],
        ["rm", "-d", f"{container.run_dir}/out", container.run_dir],
    )


def docker_run(container: Container) -> list[str]:
    facts = container.facts
    volumes = [
        f"{container.code_dir}:{container.code_dir}:ro",
        f"{container.folder(KIT_DIR)}:{container.folder(KIT_DIR)}:ro",
        f"{container.run_dir}:{container.run_dir}",
        f"{container.data_dir}:{container.data_dir}",
    ]
    environment = {
        "HOME": container.run_dir,
        "MPLCONFIGDIR": "/tmp/matplotlib",  # caches are no results: they stay out of HOME
        "PYTHONDONTWRITEBYTECODE": "1",  # the code is read-only
        "PYTHONUNBUFFERED": "1",  # a line is seen when it is printed
        "RIG_DATA": container.data_dir,
        "RIG_RUN": container.run,
        "RIG_RUN_DIR": container.run_dir,
        "XDG_CACHE_HOME": "/tmp/cache",
        **({"RIG_REQUIRE_GPU": "1"} if container.gpu else {}),
        **container.environment,
    }
    return [
        *facts.docker, "run", "--detach",
        "--name", container_name(container.run),
        "--label", f"{RUN_LABEL}={container.run}",
        # memlock: what the GPU reads from the host's memory by itself has to stay in place.
        *(["--gpus", "all", "--ulimit", "memlock=-1"] if container.gpu else []),
        "--shm-size", str(shared_memory_bytes(facts.memory_bytes)),
        *(["--memory", str(memory_limit_bytes(facts.memory_bytes))] if facts.memory_bytes else []),
        "--ulimit", "stack=67108864",
        "--init",  # a real PID 1: signals arrive, and dead children are buried
        "--user", f"{facts.uid}:{facts.gid}",  # no file of root's in the results
        "--stop-timeout", str(STOP_TIMEOUT_S),
        *(word for volume in volumes for word in ("--volume", volume)),
        "--workdir", container.code_dir,
        *(word for name, value in sorted(environment.items()) for word in ("--env", f"{name}={value}")),
        container.image,
        "python3", f"{container.folder(KIT_DIR)}/record.py", container.run_dir, "--", *container.command,
    ]  # fmt: skip


def shared_memory_bytes(memory_bytes: int) -> int:
    """A quarter of the memory, at least 1 GiB: MXNet's DataLoader workers hand batches over in /dev/shm, and Docker's
    64 MiB end in a hang or "Connection refused" (https://github.com/apache/mxnet/issues/13792)."""
    return max(1 << 30, memory_bytes // 4)


def memory_limit_bytes(memory_bytes: int) -> int:
    """All but 4 %, at least 256 MiB: a job that eats all it can get is ended by the kernel, and Docker knows why,
    while SSH and the guard go on. Without a limit the machine would swap itself to death, and nobody could look."""
    return memory_bytes - max(256 << 20, memory_bytes // 25)


def docker_start(docker: Sequence[str], run: str) -> list[str]:
    return [*docker, "start", container_name(run)]


def docker_remove(docker: Sequence[str], run: str) -> list[str]:
    return [*docker, "rm", container_name(run)]


def docker_logs(docker: Sequence[str], run: str, *, since: str = "") -> list[str]:
    return [*docker, "logs", "--follow", "--timestamps", *(["--since", since] if since else []), container_name(run)]


def docker_state(docker: Sequence[str], run: str) -> list[str]:
    return [*docker, "inspect", "--format", "{{json .State}}", container_name(run)]


def docker_stop(docker: Sequence[str], run: str) -> list[str]:
    return [*docker, "stop", "--time", str(STOP_TIMEOUT_S), container_name(run)]


def forget(docker: Sequence[str], home: str, run: str) -> tuple[list[str], ...]:
    """Mark a run as home and verified; its container and its snapshot of the code have done their duty."""
    snapshot = f"{home}/{SNAPSHOTS_DIR}/{run}"
    return (
        ["touch", f"{home}/{FETCHED_DIR}/{run}"],
        ["rm", "-rf", snapshot],
        docker_remove(docker, run),
    )
