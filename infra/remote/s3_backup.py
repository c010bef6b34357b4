"""Keep copies of the runs on this instance in a bucket, so that a machine that is taken away takes no results with it.

python3 s3_backup.py --install BUCKET SECONDS   copy to s3://... every so many seconds, from now on and after each boot
python3 s3_backup.py                            the service that --install starts: copy, wait, copy
python3 s3_backup.py --once                     copy once; the guard does that before it switches the machine off
python3 s3_backup.py --restore BUCKET RUN       bring one run back from the bucket; exit code 3 when it is not there
python3 s3_backup.py --newest BUCKET            name the newest run in the bucket

Runs on the instance, on the standard library and awscli, as a systemd service: it outlives the laptop and a reboot, and
comes back when it dies. Beside the containers and not in one: with IMDSv2 and a hop limit of 1, containers cannot
reach the instance's role, and that is as it should be.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

NOT_THERE = 3
RIG = Path(__file__).resolve().parents[1]
CONFIG = RIG / "kit" / "copies.json"
SYNC = ["aws", "s3", "sync", "--only-show-errors"]
# What is ours alone: the run's copy of the code, and what we (recorder, workspace, the jobs of the kit) write aside and
# then rename. A program may call its own files anything else, `weights.part` too, and they are copied.
OURS = [".code/*", ".code.json", ".gluon-rig-*", "*/.gluon-rig-*"]
NOT_COPIED = [word for pattern in OURS for word in ("--exclude", pattern)]
UNIT = """\
[Unit]
Description=Gluon Rig copies of results
After=network-online.target
Wants=network-online.target

[Service]
User={user}
ExecStart="{python}" "{program}"
Environment="HOME={home}"
Restart=always
RestartSec=5
Nice=10

[Install]
WantedBy=multi-user.target
"""


def main(words: list[str]) -> int:
    if words[:1] == ["--install"] and len(words) == 3:
        return install(words[1], float(words[2]))
    if words[:1] == ["--restore"] and len(words) == 3:
        return restore(words[1], words[2])
    if words[:1] == ["--newest"] and len(words) == 2:
        return newest(words[1])
    if words == ["--once"]:
        return copy_all(json.loads(CONFIG.read_text())["bucket"])
    if words:
        print(__doc__, file=sys.stderr)
        return 2
    while True:  # the settings are read anew each time: --install may have changed them
        settings = json.loads(CONFIG.read_text())
        copy_all(settings["bucket"])
        time.sleep(settings["every_s"])


def copy_all(bucket: str) -> int:
    """Copy every run that is not there yet in its last form; the worst exit code."""
    folders = sorted(path for path in (RIG / "runs").glob("*") if path.is_dir() and path.name[0] != ".")
    return max((copy(folder, bucket) for folder in folders), default=0)


def copy(folder: Path, bucket: str) -> int:
    seal = read_seal(folder)  # looked at before: what is sealed by then is copied whole
    mark = RIG / "copied" / folder.name
    if seal and mark.exists() and mark.read_text() == f"{bucket} {seal}":
        return 0
    code = subprocess.call([*SYNC, *NOT_COPIED, str(folder), f"{bucket}/runs/{folder.name}"])
    if seal and code == 0:
        with suppress(OSError):  # the last copy is root's, and so is its mark; without a mark it is copied once more
            mark.parent.mkdir(exist_ok=True)
            mark.write_text(f"{bucket} {seal}")
    return code


def read_seal(folder: Path) -> str:
    """What tells this ending of a run from that of a later, resumed part; empty while it goes on."""
    try:
        found = (folder / "MANIFEST.sha256").stat()
    except FileNotFoundError:
        return ""
    return f"{found.st_mtime_ns}"


def restore(bucket: str, run: str) -> int:
    # Aside first: a run folder that is there is a run folder that is whole.
    aside = RIG / "runs" / f".{run}.part"
    code = subprocess.call([*SYNC, f"{bucket}/runs/{run}", str(aside)])
    if code:
        return code
    if not aside.is_dir() or not any(aside.iterdir()):
        return NOT_THERE
    aside.rename(RIG / "runs" / run)
    return 0


def newest(bucket: str) -> int:
    listed = subprocess.run(["aws", "s3", "ls", f"{bucket}/runs/"], capture_output=True, text=True)
    names = [line.split("PRE ")[1].strip("/ ") for line in listed.stdout.splitlines() if "PRE " in line]
    if names:
        print(max(names))  # a run's name begins with its time
    return 0 if names else NOT_THERE


def install(bucket: str, every_s: float) -> int:
    """Arm the copies, after one look whether this machine may write there. Says on stderr what is missing.

    From CONFIG on the service copies there, and the hook that user-data wrote (before-off) does before power off.
    """
    probe = CONFIG.with_suffix(".new")  # put in its place whole, and only if it works: the service reads it meanwhile
    probe.write_text(json.dumps({"bucket": bucket, "every_s": every_s}))
    asked = subprocess.run(["aws", "s3", "cp", "--only-show-errors", str(probe), f"{bucket}/.gluon-rig"],
                           capture_output=True, text=True)  # fmt: skip
    if asked.returncode:
        print(asked.stderr.strip(), file=sys.stderr)
        return asked.returncode
    probe.replace(CONFIG)
    root = Path(os.environ.get("RIG_ROOT", "") + "/")
    unit = UNIT.format(user=os.environ.get("USER", "ubuntu"), python=sys.executable, program=Path(__file__).resolve(),
                       home=Path.home())  # fmt: skip
    as_root(root / "etc" / "systemd" / "system" / "gluon-rig-copies.service", unit, "644")
    for words in (["daemon-reload"], ["enable", "gluon-rig-copies"], ["restart", "gluon-rig-copies"]):
        code = subprocess.call(["sudo", "-n", "systemctl", *words])
        if code:
            return code
    return 0


def as_root(path: Path, text: str, mode: str) -> None:
    aside = RIG / "kit" / path.name
    aside.write_text(text)
    subprocess.run(["sudo", "-n", "install", "-D", "-m", mode, str(aside), str(path)], check=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
