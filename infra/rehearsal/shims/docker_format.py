"""How containers look to a caller: the rows of `docker ps`, the records of `docker inspect`."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any, Final

from infra.rehearsal.shims.store import Container, Store

PS_HEAD: Final = "CONTAINER ID\tIMAGE\tCOMMAND\tCREATED\tSTATUS\tPORTS\tNAMES"
PS_TABLE: Final = "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.CreatedAt}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}"
IMAGES_TABLE: Final = "{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedAt}}\t{{.Size}}"
VERSION: Final = {"Client": {"Version": "29.0.0-rehearsal"}, "Server": {"Version": "29.0.0-rehearsal"}}


def state_of(container: Container) -> str:
    return "running" if container.outcome.exit_code is None else "exited"


def listed(container: Container) -> dict[str, str]:
    wish, outcome = container.wish, container.outcome
    state = "running" if outcome.exit_code is None else "exited"
    return {
        "ID": wish.id[:12], "Names": wish.name, "Image": wish.image, "Command": f'"{" ".join(wish.command)}"',
        "CreatedAt": wish.created, "State": state, "Ports": "", "RunningFor": "",
        "Status": "Up" if state == "running" else f"Exited ({outcome.exit_code})",
        "Labels": ",".join(f"{key}={value}" for key, value in wish.labels.items()),
    }  # fmt: skip


def inspected(container: Container) -> dict[str, Any]:
    wish, outcome = container.wish, container.outcome
    running = outcome.exit_code is None
    return {
        "Id": wish.id, "Name": f"/{wish.name}", "Created": wish.created, "Image": wish.image,
        "State": {
            "Status": "running" if running else "exited", "Running": running, "Paused": False, "Restarting": False,
            "OOMKilled": False, "Dead": False, "Pid": outcome.pid if running else 0,
            "ExitCode": outcome.exit_code or 0, "Error": "",
            "StartedAt": outcome.started or "0001-01-01T00:00:00Z",
            "FinishedAt": outcome.finished or "0001-01-01T00:00:00Z",
        },
        "Config": {"Image": wish.image, "Labels": wish.labels, "Cmd": wish.command, "WorkingDir": wish.folder,
                   "Env": [f"{key}={value}" for key, value in wish.environment.items()]},
        "HostConfig": {"NetworkMode": "host"},
    }  # fmt: skip


def matches(row: Mapping[str, str], text: str) -> bool:
    """Whether *row* of `docker ps` passes `--filter text`. Raises KeyError for a filter it does not know."""
    name, _, value = text.partition("=")
    if name == "label":
        labels = row["Labels"].split(",")
        return value in labels or any(label.partition("=")[0] == value for label in labels)
    if name == "name":
        return re.search(value, row["Names"]) is not None
    if name == "id":
        return row["ID"].startswith(value[:12])
    return row[{"status": "State", "ancestor": "Image"}[name]] == value


def same_image(tag: str, asked: str) -> bool:
    return tag == asked or tag.rpartition(":")[0] == asked


def since(text: str) -> str:
    """`docker logs --since`: a time, seconds since 1970, or a span such as 10m; as a text that compares with times."""
    span = re.fullmatch(r"(\d+)([smh])", text)
    if span:
        seconds = int(span[1]) * {"s": 1, "m": 60, "h": 3600}[span[2]]
        return f"{datetime.now(timezone.utc) - timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S.%f}"
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return f"{datetime.fromtimestamp(float(text), timezone.utc):%Y-%m-%dT%H:%M:%S.%f}"
    return text


def engine_info(store: Store) -> dict[str, Any]:
    states = [state_of(container) for container in store.all()]
    return {
        "ServerVersion": VERSION["Server"]["Version"], "Name": "rehearsal",
        "OperatingSystem": "rehearsal (no Docker engine)",
        "Containers": len(states), "ContainersRunning": states.count("running"), "Images": len(store.images()),
        "NCPU": os.cpu_count(), "Runtimes": {"runc": {}}, "DefaultRuntime": "runc", "Driver": "processes",
        "DockerRootDir": str(store.folder),
    }  # fmt: skip
