"""Print, as one JSON object, what the kit needs to know of the host. Runs on the instance; changes nothing.

python3 host_facts.py [IMAGE...]

home, uid, gid, memory_bytes   of the login user and the machine
docker      the words that reach the engine: ["docker"], ["sudo", "docker"], or [] when neither answers
images      those of the asked images that are here
gpus        names, as nvidia-smi gives them
rsync       whether rsync is installed
beginning   runs that somebody starts at this moment: the folder is there, the container not yet
notebooks   whether there is a folder of notebooks
visited     whether a user was led to a shell here
code        whether there is code from an earlier copy
strays      files below the home folder that have been written since, but for hidden ones and the kit's own
runs        every other run on this disk: name, state (running, ended, lost, unknown), exit_code, oom, signal, started,
            ended, sealed, fetched
guard_silent_s   seconds since the guard last wrote what it sees; null when it never did
ended       why the guard last switched this machine off, if it did
now         seconds since 1970, by the clock of this machine
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

BEGINNING_S = 120
LONGEST_JSON = 1 << 20
STRAYS_NAMED = 20
RUN_LABEL = "gluon-rig.run"
# Whether the AMI's login user is in the docker group is not documented, so both ways are tried.
WAYS = (["docker"], ["sudo", "-n", "docker"])
GUARD = Path(os.environ.get("RIG_ROOT", "") + "/run/gluon-rig/status.json")
ENDED = Path(os.environ.get("RIG_ROOT", "") + "/var/lib/gluon-rig/ended.json")


def main(images: list[str]) -> int:
    home = Path.home()
    with ThreadPoolExecutor() as side_by_side:  # each question to Docker takes as long as all the rest
        cards = side_by_side.submit(gpus)
        here = side_by_side.submit(images_here, images)
        docker, states = engine()
        runs = run_folders(home / "rig" / "runs")
        containers = describe_containers(docker, states, runs) if states is not None else None
        facts = {
            "home": str(home),
            "uid": os.getuid(),
            "gid": os.getgid(),
            "memory_bytes": memory_bytes(),
            "docker": docker,
            "images": here.result(),
            "gpus": cards.result(),
            "rsync": shutil.which("rsync") is not None,
            "beginning": [folder.name for folder in runs if just_beginning(folder, containers)],
            "notebooks": (home / "rig" / "notebooks").is_dir(),
            "visited": (home / "rig" / "visited").is_dir(),
            "code": any((home / "rig" / "code").glob("*")),
            "strays": strays(home),
            "runs": [run_facts(folder, containers) for folder in runs if not just_beginning(folder, containers)],
            "guard_silent_s": age_s(GUARD),
            "ended": read_json(ENDED),
            "now": time.time(),
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


def engine() -> tuple[list[str], dict[str, str] | None]:
    """The words that reach Docker, and the state of each run's container by its run; no words when it is silent."""
    label = ["ps", "--all", "--filter", f"label={RUN_LABEL}", "--format", "{{.Names}} {{.State}}"]
    for words in WAYS:
        listed = ask([*words, *label])
        if listed is not None:
            rows = (line.rpartition(" ") for line in listed.split("\n") if line.startswith("rig-"))
            return words, {name[len("rig-") :]: state for name, _, state in rows}
    return [], None


def images_here(asked: list[str]) -> list[str]:
    """Those of the asked images that are here. Names and tags in one answer, for whichever way reaches Docker."""
    if not asked:
        return []
    for words in WAYS:
        listed = ask([*words, "image", "ls", "--format", "{{.Repository}}:{{.Tag}}"])
        if listed is not None:
            return [image for image in asked if image in listed.splitlines()]
    return []


def describe_containers(docker: list[str], states: dict[str, str], runs: list[Path]) -> dict[str, dict[str, object]]:
    """Docker's State of each run's container. Asked in full only where the run's own record does not say it all."""
    found: dict[str, dict[str, object]] = {
        run: {"Running": state in ("running", "paused", "restarting")} for run, state in states.items()
    }
    unclear = [run.name for run in runs if run.name in found and record_of(run) is None]
    for run in unclear:  # one by one: a container removed in this moment must not hide the others
        text = ask([*docker, "inspect", "--format", "{{json .State}}", f"rig-{run}"])
        state = as_object(text or "")
        if state is not None:
            found[run] = state
    return found


def age_s(path: Path) -> float | None:
    try:
        return max(0.0, time.time() - path.stat().st_mtime)
    except OSError:
        return None


def memory_bytes() -> int:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        return 0


def gpus() -> list[str]:
    return (ask(["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]) or "").splitlines()


def run_folders(runs: Path) -> list[Path]:
    return sorted(path for path in runs.iterdir() if path.is_dir() and path.name[0] != ".") if runs.is_dir() else []


def run_facts(folder: Path, containers: dict[str, dict[str, object]] | None) -> dict[str, object]:
    recorded = record_of(folder)
    container = (containers or {}).get(folder.name, {})
    state = state_of(recorded, containers, folder.name)
    return {
        "name": folder.name,
        "state": state,
        "exit_code": exit_code(recorded, container) if state == "ended" else None,
        "oom": bool(container.get("OOMKilled") or (recorded or {}).get("oom_kills")),
        "signal": word(recorded, "signal") or "",
        "started": word(recorded, "started") or word(container, "StartedAt"),
        "ended": word(recorded, "ended") or (word(container, "FinishedAt") if state == "ended" else None),
        "sealed": (folder / "MANIFEST.sha256").is_file(),
        "fetched": state != "running" and is_fetched(folder),
        "part": part_of(folder),
        "waiting": state == "running" and is_waiting(folder),
    }


def is_waiting(folder: Path) -> bool:
    """Whether its ticket in the queue says so (turn.py)."""
    for ticket in (folder.parent.parent / "queue").glob(f"*-{folder.name}"):
        with contextlib.suppress(OSError):
            return ticket.read_text() == "waits"
    return False


def part_of(folder: Path) -> str:
    """A word for what the run has written so far: one that has gone on since has another record, or a longer log."""
    record, size = b"", 0
    with contextlib.suppress(OSError):
        record = (folder / "exit.json").read_bytes()
    with contextlib.suppress(OSError):
        size = (folder / "train.log").stat().st_size
    return hashlib.sha256(record + f" {size}".encode()).hexdigest()[:32]


def is_fetched(folder: Path) -> bool:
    return (folder.parent.parent / "fetched" / folder.name / part_of(folder)).is_dir()


def strays(home: Path) -> list[str]:
    """What a user left outside of the kit's folders, some of it if there is much. ctime: no program sets it back."""
    try:
        since = (home / "rig" / "visited").stat().st_ctime
    except OSError:
        return []
    found: list[str] = []
    for place, folders, files in os.walk(home):
        top = Path(place) == home
        folders[:] = [name for name in folders if not (name.startswith(".") or (top and name == "rig"))]
        for path in (Path(place) / name for name in files if not name.startswith(".")):
            with contextlib.suppress(OSError):
                if path.lstat().st_ctime > since:
                    found.append(str(path.relative_to(home)))
        if len(found) > STRAYS_NAMED:
            break
    return [name.encode(errors="replace").decode() for name in sorted(found)[:STRAYS_NAMED]]


def just_beginning(folder: Path, containers: dict[str, dict[str, object]] | None) -> bool:
    """Somebody has made the folder a moment ago, or goes on with an old one, and is about to start the container."""
    if containers is None or folder.name in containers or is_fetched(folder):
        return False
    if (age_s(folder.parent.parent / "starting" / folder.name) or BEGINNING_S) < BEGINNING_S:
        return True
    has_begun = (folder / "train.log").exists() or record_of(folder) is not None
    return not has_begun and (age_s(folder) or 0) < BEGINNING_S


def state_of(recorded: object, containers: dict[str, dict[str, object]] | None, run: str) -> str:
    """A silent engine must never make a run that goes on look as if it had ended."""
    if containers is not None and containers.get(run, {}).get("Running"):
        return "running"
    if recorded is not None:
        return "ended"
    if containers is None:
        return "unknown"
    return "ended" if run in containers else "lost"


def exit_code(recorded: dict[str, object] | None, container: dict[str, object]) -> object:
    """The recorder's own word first: a container killed while it sealed still ran its job to the end."""
    if recorded and isinstance(recorded.get("exit_code"), int):
        return recorded["exit_code"]
    # 255 is what Docker writes beside a container that went down with the machine; the recorder never returns it.
    code = container.get("ExitCode")
    return None if code == 255 else code


def record_of(folder: Path) -> dict[str, object] | None:
    """What the recorder wrote of the run's end; a file of that name by the program itself is none."""
    found = read_json(folder / "exit.json")
    return found if found and found.get("by") == "gluon-rig" and isinstance(found.get("exit_code"), int) else None


def word(said: dict[str, object] | None, name: str) -> str | None:
    """A text of *said*; a job may have written anything into exit.json."""
    value = (said or {}).get(name)
    return value if isinstance(value, str) else None


def read_json(path: Path) -> dict[str, object] | None:
    """The object in *path*; None for none. A fifo of that name is not waited for, a heap of data not read."""
    try:
        found = path.stat()
        return as_object(path.read_text()) if stat.S_ISREG(found.st_mode) and found.st_size < LONGEST_JSON else None
    except (OSError, ValueError):
        return None


def as_object(text: str) -> dict[str, object] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
