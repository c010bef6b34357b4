"""Credentials in the person's environment reach no part of an instance: not its user-data, its tags, a command line
there, the environment of a job, or anything that comes home."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path

from infra.rehearsal import processes
from tests.cli.test_canaries import PLANTED
from tests.workflows.user import Person, eventually

LOOK = """\
import os, pathlib, time
run = pathlib.Path(os.environ["RIG_RUN_DIR"])
(run / "environment").write_text(repr(sorted(os.environ.items())))
print(sorted(os.environ.items()), flush=True)
while not (run / "go").exists():
    time.sleep(0.05)
"""


def command_lines() -> str:
    lines = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(place.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:  # it has ended meanwhile
            continue
    return "\n".join(lines)


def test_no_credential_of_the_laptop_reaches_an_instance(person: Person) -> None:
    (person.folder / "look.py").write_text(LOOK)
    planted = replace(person, environment={**person.environment, **PLANTED})
    planted.types("launch")
    planted.types("train", "remote", "--script", "look.py", "--detach")
    (instance,) = person.living()
    there = person.folder / ".rig/rehearsal/instances" / instance["InstanceId"]
    (written,) = eventually(lambda: list(there.glob("home/rig/runs/*/environment")), "the job's word")
    seen = command_lines() + written.read_text() + json.dumps(instance["Tags"])
    attribute = person.ask("ec2").describe_instance_attribute(InstanceId=instance["InstanceId"], Attribute="userData")
    seen += base64.b64decode(attribute["UserData"]["Value"]).decode(errors="replace")
    environments = [
        Path(f"/proc/{pid}/environ") for pid in processes.carrying(f"RIG_INSTANCE_ID={instance['InstanceId']}")
    ]
    seen += "".join(place.read_bytes().decode(errors="replace") for place in environments if place.exists())
    (written.parent / "go").touch()
    planted.types("stop")
    home = "".join(p.read_text(errors="replace") for p in (person.folder / "runs").rglob("*") if p.is_file())

    assert [name for name, value in PLANTED.items() if value in seen] == []
    assert [name for name, value in PLANTED.items() if value in home] == []
