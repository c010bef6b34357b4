"""User-data: the script that arms the guard, with the guard inside.

It is a cloud-boothook, the earliest thing cloud-init runs, at every boot; packed with gzip, because plain it would be
larger than EC2 takes. https://cloudinit.readthedocs.io/en/latest/explanation/format.html
"""

from __future__ import annotations

import gzip
import json
import shlex
from datetime import datetime
from importlib.resources import files
from typing import Final

from infra.names import DEADLINE_TAG, IDLE_TAG, KIT_DIR, RUN_LABEL, RUNS_DIR
from infra.remote.guard.shutdown import NOTHING_TO_COPY

# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html
MOST_BYTES: Final = 16384
# What the guard needs at most to wind down (`remote.guard.shutdown`), and some; safeguard 3 fires ten minutes
# past the deadline.
BACKSTOP_LATE_S: Final = 480
START: Final = "from guard.agent import main\n\nmain()\n"
UNITS: Final = ("gluon-rig-guard.service", "gluon-rig-backstop.service", "gluon-rig-backstop.timer")
END: Final = "END_OF_GLUON_RIG_FILE"


def user_data(
    *,
    hours: float,
    idle_minutes: int,
    launched_at: datetime,
    login_user: str = "ubuntu",
    keep_results: bool = False,
    bucket: str = "",
) -> bytes:
    """The user-data of one launch; the same arguments give the same bytes, as a ClientToken demands.

    *hours* from launch to deadline, which hold when the tags cannot be read. *keep_results*: powering off destroys
    the disk (one-time spot), so results that are not home count as use. *bucket*: "s3://bucket/prefix", where the
    runs are copied before the machine goes off; the instance needs a role that may write there.
    Raises ValueError if the result is larger than EC2 takes.
    """
    config = {
        "deadline_tag": DEADLINE_TAG,
        "idle_tag": IDLE_TAG,
        "run_label": RUN_LABEL,
        "hours": hours,
        "idle_minutes": idle_minutes,
        "launched_at": launched_at.timestamp(),
        "keep_results": keep_results,
    }
    packed = gzip.compress(boothook(config, login_user=login_user, bucket=bucket).encode(), compresslevel=9, mtime=0)
    if len(packed) > MOST_BYTES:
        raise ValueError(f"user-data has {len(packed)} bytes; EC2 takes {MOST_BYTES}")
    return packed


def boothook(config: dict[str, object], *, login_user: str, bucket: str) -> str:
    """The script as the instance runs it; every file of the guard stands in it as plain text."""
    hours = float(str(config["hours"]))
    backstop = _fill(_file("backstop.sh"), PROMISED_S=str(int(hours * 3600)), LATE_S=str(BACKSTOP_LATE_S))
    program = {
        f"guard/{path.name}": path.read_text(encoding="utf-8")
        for path in sorted(files("infra.remote.guard").iterdir(), key=lambda path: path.name)
        if path.name.endswith(".py")
    }
    members = {"start_guard.py": START, "backstop.sh": backstop, **{unit: _file(unit) for unit in UNITS}, **program}
    parts = [_write(f"$opt/{name}", text) for name, text in members.items()]
    parts.append(_write("$etc/guard.json", json.dumps(config, sort_keys=True) + "\n"))
    return _fill(_file("boothook.sh"), LOGIN=login_user, FILES="\n".join([*parts, _hook(bucket)]))


def _write(path: str, text: str) -> str:
    """Shell lines that write *text* to *path* as it stands."""
    return f"cat >\"{path}\" <<'{END}'\n{text}{END}"


def _hook(bucket: str) -> str:
    """What the guard runs before it switches off: the last copy of the results, if a bucket is known by then."""
    hook = _fill(
        _file("before-off.sh"),
        KIT_DIR=KIT_DIR,
        RUNS_DIR=RUNS_DIR,
        NOTHING_TO_COPY=str(NOTHING_TO_COPY),
        BUCKET=shlex.quote(bucket.rstrip("/")),
    )
    return _write("$etc/before-off", hook) + '\nchmod 755 "$etc/before-off"'


def _fill(template: str, **values: str) -> str:
    for name, value in values.items():
        template = template.replace(f"@{name}@", value)
    return template


def _file(name: str) -> str:
    return files("infra.remote.guard").joinpath("files").joinpath(name).read_text(encoding="utf-8")
