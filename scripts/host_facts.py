"""Print, as one JSON object, what the kit needs to know of the host. Runs on the instance; changes nothing.

python3 host_facts.py [IMAGE...]

home, uid, gid, memory_bytes, disk_free_bytes   of the login user and the machine
docker      the words that reach the engine: ["docker"], ["sudo", "docker"], or [] when neither answers
images      those of the asked images that are here
gpus        names, as nvidia-smi gives them
rsync       whether rsync is installed
runs        every run on this disk: name, state (running, ended, lost), exit_code, oom, started, ended, sealed, fetched
ended       why the guard last switched this machine off, if it did
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

RUN_LABEL = "gluon-rig.run"
ENDED = Path(os.environ.get("RIG_ROOT", "") + "/var/lib/gluon-rig/ended.json")


def main(images: list[str]) -> int:
    home = Path.home()
    docker = engine()
    containers = containers_by_run(docker)
    facts = {
        "home": str(home),
        "uid": os.getuid(),
        "gid": os.getgid(),
        "memory_bytes": memory_bytes(),
        "disk_free_bytes": shutil.disk_usage(home).free,
        "docker": docker,
        "images": [image for image in images if docker and ask([*docker, "image", "inspect", image]) is not None],
        "gpus": gpus(),
        "rsync": shutil.which("rsync") is not None,
        "runs": [run_facts(folder, containers.get(folder.name)) for folder in run_folders(home / "rig" / "runs")],
        "ended": read_json(ENDED),
    }
    print(json.dumps(facts))
    return 0


def ask(words: list[str], timeout_s: float = 20) -> str | None:
    """The command's output, or None when it failed, is not there, or hangs."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=timeout_s, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def engine() -> list[str]:
    # Whether the AMI's login user is in the docker group is not documented, so both ways are tried.
    for words in (["docker"], ["sudo", "-n", "docker"]):
        if ask([*words, "info"]) is not None:
            return words
    return []


def memory_bytes() -> int:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        return 0


def gpus() -> list[str]:
    return (ask(["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]) or "").splitlines()


def containers_by_run(docker: list[str]) -> dict[str, dict[str, object]]:
    names = (
        ask([*docker, "ps", "--all", "--filter", f"label={RUN_LABEL}", "--format", "{{.Names}}"]) if docker else None
    )
    if not names:
        return {}
    described = ask([*docker, "inspect", *names.split()])
    found = json.loads(described) if described else []
    return {container["Config"]["Labels"][RUN_LABEL]: container["State"] for container in found}


def run_folders(runs: Path) -> list[Path]:
    return sorted(path for path in runs.iterdir() if path.is_dir()) if runs.is_dir() else []


def run_facts(folder: Path, container: dict[str, object] | None) -> dict[str, object]:
    recorded = read_json(folder / "exit.json")
    running = bool(container and container.get("Running"))
    ended = not running and (recorded is not None or container is not None)
    return {
        "name": folder.name,
        "state": "running" if running else "ended" if ended else "lost",
        "exit_code": exit_code(recorded, container) if ended else None,
        "oom": bool(container and container.get("OOMKilled")),
        "started": (container or {}).get("StartedAt") or (recorded or {}).get("started"),
        "ended": (recorded or {}).get("ended") or ((container or {}).get("FinishedAt") if ended else None),
        "sealed": (folder / "MANIFEST.sha256").is_file(),
        "fetched": (folder.parent.parent / "fetched" / folder.name).exists(),
    }


def exit_code(recorded: dict[str, object] | None, container: dict[str, object] | None) -> object:
    """The recorder's own word first: a container killed while it sealed still ran its job to the end."""
    return recorded["exit_code"] if recorded else (container or {}).get("ExitCode")


def read_json(path: Path) -> dict[str, object] | None:
    try:
        value = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
