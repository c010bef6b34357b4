"""The Docker lines, phrased as lists of words. Nothing here runs anything.

Folders have the same paths inside the container and outside, so a path in a log can be used in a shell on the host.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from infra.host.facts import Facts
from infra.job.metadata_fence import SLICE
from infra.names import CODE_DIR, DATA_DIR, FETCHED_DIR, KIT_DIR, QUEUE_DIR, RUN_LABEL, RUNS_DIR, STARTING_DIR
from infra.remote import workspace

# Caches and sockets are no results: they stay out of HOME.
_CACHES = (
    "IPYTHONDIR",
    "JUPYTER_CONFIG_DIR",
    "JUPYTER_DATA_DIR",
    "JUPYTER_RUNTIME_DIR",
    "MPLCONFIGDIR",
    "XDG_CACHE_HOME",
)
STOP_TIMEOUT_S = 60  # what a job gets between SIGTERM and SIGKILL to save its checkpoint


def container_name(run: str) -> str:
    return f"rig-{run}"


@dataclass(frozen=True, kw_only=True)
class Container:
    """All that decides the `docker run` line of one run.

    *hosts_entry*: "NAME:ADDRESS" of the host itself, for a node of a group: it then stands in the host's own network,
    where the engines choose their ports by themselves. *fenced*: kept from the metadata service (metadata_fence.py).
    """

    run: str
    image: str
    command: Sequence[str]
    facts: Facts
    gpu: bool
    environment: Mapping[str, str] = field(default_factory=dict)
    hosts_entry: str = ""
    fenced: bool = False

    def folder(self, below_home: str) -> str:
        return f"{self.facts.home}/{below_home}"

    @property
    def run_dir(self) -> str:
        return self.folder(f"{RUNS_DIR}/{self.run}")

    @property
    def code_dir(self) -> str:
        return f"{self.run_dir}/{workspace.COPY}"

    @property
    def data_dir(self) -> str:
        return self.folder(DATA_DIR)


def prepare(container: Container) -> tuple[list[str], ...]:
    """Give the run a copy of the code: the next sync cannot change it, and what the run writes there is its own.

    A real copy, not hard links: a write through one would change the code for every later run. May be repeated.
    """
    starting = container.folder(f"{STARTING_DIR}/{container.run}")
    program = container.folder(f"{KIT_DIR}/workspace.py")
    return (
        ["mkdir", "-p", container.run_dir],
        ["rm", "-rf", container.folder(f"{FETCHED_DIR}/{container.run}"), starting],
        ["mkdir", "-p", starting],  # made anew: its age is that of this beginning
        ["python3", program, container.folder(CODE_DIR), container.run_dir],
    )


def undo(container: Container) -> tuple[list[str], ...]:
    """Take back what a start that failed has made. A folder with something in it, of a resumed run, stays."""
    return (
        docker_remove(container.facts.docker, container.run),
        drop_copy(container.run_dir),
        ["rm", "-d", f"{container.run_dir}/{workspace.OUT}", container.run_dir],
        ["rm", "-rf", container.folder(f"{STARTING_DIR}/{container.run}")],
    )


def docker_run(container: Container) -> list[str]:
    facts = container.facts
    volumes = [
        f"{container.folder(KIT_DIR)}:{container.folder(KIT_DIR)}:ro",
        f"{container.run_dir}:{container.run_dir}",
        f"{container.data_dir}:{container.data_dir}",
        f"{container.folder(QUEUE_DIR)}:{container.folder(QUEUE_DIR)}",
    ]
    environment = {
        "HOME": container.run_dir,
        "MXNET_HOME": f"{container.data_dir}/mxnet",  # data sets and models: the next run finds them there
        **{name: f"/tmp/{name.lower()}" for name in _CACHES},
        "PYTHONDONTWRITEBYTECODE": "1",  # nor is compiled code
        "PYTHONUNBUFFERED": "1",  # a line is seen when it is printed
        "RIG_DATA": container.data_dir,
        "RIG_QUEUE": container.folder(QUEUE_DIR),
        "RIG_RUN": container.run,
        "RIG_RUN_DIR": container.run_dir,
        "TMPDIR": "/tmp",  # short: DataLoader's workers meet at a socket there, whose path may have 107 bytes
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
        # Gloo binds to what the host's name resolves to, which need not be known inside a container.
        *(["--network", "host", "--add-host", container.hosts_entry] if container.hosts_entry else []),
        *(["--cgroup-parent", SLICE] if container.fenced else []),
        *(word for volume in volumes for word in ("--volume", volume)),
        "--workdir", container.code_dir,
        *(word for name, value in sorted(environment.items()) for word in ("--env", f"{name}={value}")),
        container.image,
        "python3", f"{container.folder(KIT_DIR)}/recorder.py", container.run_dir, "--", *container.command,
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


def docker_last_line(docker: Sequence[str], run: str) -> list[str]:
    """Docker may end a followed log before a last line without its end: a container printed it and was over."""
    return [*docker, "logs", "--timestamps", "--tail", "1", container_name(run)]


def docker_state(docker: Sequence[str], run: str) -> list[str]:
    return [*docker, "inspect", "--format", "{{json .State}}", container_name(run)]


def docker_stop(docker: Sequence[str], run: str) -> list[str]:
    return [*docker, "stop", "--time", str(STOP_TIMEOUT_S), container_name(run)]


def safe(part: str) -> str:
    """It becomes a path there."""
    return part if part.isascii() and part.isalnum() else "unknown"


def drop_copy(run_dir: str) -> list[str]:
    """Its memory first: what is left of a copy must not be taken for what the run wanted (remote/workspace.py)."""
    return ["rm", "-rf", f"{run_dir}/{workspace.BEFORE}", f"{run_dir}/{workspace.COPY}"]


def forget(docker: Sequence[str], home: str, run: str, *, part: str) -> tuple[list[str], ...]:
    """Mark a run as home and verified; its container and its copy of the code have done their duty.

    *part*: the host's word for what is home. A run that has gone on since has another, and is not home.
    """
    return (
        ["mkdir", "-p", f"{home}/{FETCHED_DIR}/{run}/{safe(part)}"],
        drop_copy(f"{home}/{RUNS_DIR}/{run}"),
        docker_remove(docker, run),
    )
