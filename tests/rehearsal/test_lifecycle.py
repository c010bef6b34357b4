"""An instance's life as EC2 shows it, and what is left of its processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.names import SSH_PORT_TAG
from infra.rehearsal import processes

BOOTHOOK = """#cloud-boothook
#!/bin/sh
echo boot >> "${RIG_ROOT}/hooks"
"""
SERVICE = """[Service]
ExecStart=/bin/sh -c 'echo up >> ${RIG_ROOT}/ups; exec sleep 304'
Restart=always
RestartSec=50ms
Environment=GREETING=hello
[Install]
WantedBy=multi-user.target
"""


def code_of(call: Any, **wish: Any) -> str:
    with pytest.raises(ClientError) as refused:
        call(**wish)
    return str(refused.value.response["Error"]["Code"])


def living(box: Any) -> list[int]:
    return processes.carrying(f"RIG_INSTANCE_ID={box.id}")


def test_a_whole_life_passes_through_every_state_and_ends_every_process(rehearsal: Any, until: Any) -> None:
    """A state that passes by itself is read from the answer that begins it: a later look may find the next one."""
    box = rehearsal.launch(UserData=BOOTHOOK)
    box.ready()
    first_port, first_launch = box.port, box.see()["LaunchTime"]
    box.say("setsid sleep 303 </dev/null >/dev/null 2>&1 & echo kept > notes")
    assert living(box)

    (stopping,) = rehearsal.ec2.stop_instances(InstanceIds=[box.id])["StoppingInstances"]
    box.wait("stopped")
    stopped = box.see()
    assert not living(box)
    # LaunchTime has whole seconds, and all of the above may fit into one.
    until(lambda: datetime.now(timezone.utc) >= first_launch + timedelta(seconds=1))
    (starting,) = rehearsal.ec2.start_instances(InstanceIds=[box.id])["StartingInstances"]
    box.ready()
    again = box.see()

    assert [change["CurrentState"]["Name"] for change in (stopping, starting)] == ["stopping", "pending"]
    assert "PublicIpAddress" not in stopped
    assert SSH_PORT_TAG not in {tag["Key"] for tag in stopped.get("Tags", [])}
    assert (box.port != first_port, again["LaunchTime"] > first_launch) == (True, True)
    assert box.say("cat notes; cat $RIG_ROOT/hooks") == "kept\nboot\nboot"

    (ending,) = rehearsal.ec2.terminate_instances(InstanceIds=[box.id])["TerminatingInstances"]
    assert ending["CurrentState"]["Name"] == "shutting-down"
    box.wait("terminated")
    assert (living(box), box.folder.exists()) == ([], False)
    assert code_of(rehearsal.ec2.start_instances, InstanceIds=[box.id]) == "IncorrectInstanceState"
    assert code_of(rehearsal.ec2.stop_instances, InstanceIds=[box.id]) == "IncorrectInstanceState"


@pytest.mark.parametrize(
    ("behaviour", "command", "end"),
    [("stop", "sudo systemctl poweroff", "stopped"), ("terminate", "sudo shutdown -P now", "terminated")],
)
def test_power_off_inside_ends_it_as_its_shutdown_behaviour_says(
    rehearsal: Any, behaviour: str, command: str, end: str
) -> None:
    box = rehearsal.launch().ready()
    rehearsal.ec2.modify_instance_attribute(InstanceId=box.id, InstanceInitiatedShutdownBehavior={"Value": behaviour})

    box.ssh(command)

    assert box.wait(end).see()["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown"


def test_halt_does_not_end_the_bill(rehearsal: Any) -> None:
    box = rehearsal.launch().ready()

    hung = subprocess.Popen([*box.ssh_words(), "ubuntu@127.0.0.1", "sudo halt; sleep 100"], stdin=subprocess.DEVNULL)
    with pytest.raises(subprocess.TimeoutExpired):
        hung.wait(2)
    hung.kill()
    hung.wait()

    assert box.state == "running"
    rehearsal.ec2.terminate_instances(InstanceIds=[box.id])
    box.wait("terminated")


def test_a_script_runs_at_the_first_boot_only_and_a_reboot_keeps_the_address(rehearsal: Any, until: Any) -> None:
    box = rehearsal.launch(UserData="#!/bin/sh\necho once >> ${RIG_ROOT}/scripts\n").ready()
    until(lambda: "finished" in rehearsal.ec2.get_console_output(InstanceId=box.id)["Output"])
    port = box.port

    box.ssh("sudo reboot")
    until(lambda: not living(box))
    box.ready()

    assert (box.port, box.say("cat $RIG_ROOT/scripts")) == (port, "once")


def test_a_service_comes_back_when_killed_and_after_a_reboot_but_not_when_stopped(box: Any, until: Any) -> None:
    unit = SERVICE.replace("${RIG_ROOT}", str(box.folder / "root"))
    (box.folder / "root/etc/systemd/system/guard.service").write_text(unit)
    ups = box.folder / "root" / "ups"

    box.say("sudo systemctl daemon-reload && sudo systemctl enable --now guard")
    until(lambda: ups.exists() and ups.read_text().count("up") == 1)
    (pid,) = processes.carrying(f"RIG_UNIT=guard.service@{box.id}")
    assert "GREETING=hello" in Path(f"/proc/{pid}/environ").read_text().split("\0")
    os.kill(pid, signal.SIGKILL)
    until(lambda: ups.read_text().count("up") == 2)

    assert box.say("systemctl is-active guard") == "active"
    box.say("sudo systemctl stop guard")
    assert box.ssh("systemctl is-active guard").stdout == b"inactive\n"
    assert ups.read_text().count("up") == 2


def test_the_same_client_token_launches_once(rehearsal: Any) -> None:
    wish = rehearsal.wish(ClientToken="attempt-1")

    first, again = (rehearsal.ec2.run_instances(**wish)["Instances"][0]["InstanceId"] for _ in range(2))

    assert first == again
    other = {**wish, "InstanceType": "g5.xlarge"}
    assert code_of(rehearsal.ec2.run_instances, **other) == "IdempotentParameterMismatch"
    rehearsal.ec2.terminate_instances(InstanceIds=[first])


def test_aws_s_own_command_line_sees_the_same(rehearsal: Any, box: Any) -> None:
    aws = Path(sys.executable).with_name("aws")
    if not aws.exists():
        pytest.skip("awscli is not installed: pip install awscli")
    query = "Reservations[].Instances[].[InstanceId,State.Name,PublicIpAddress]"

    said = subprocess.run(
        [aws, "ec2", "describe-instances", "--instance-ids", box.id, "--query", query, "--output", "json"],
        env={**os.environ, "AWS_ENDPOINT_URL": rehearsal.cloud.endpoint_url, "AWS_ACCESS_KEY_ID": "rehearsal",
             "AWS_SECRET_ACCESS_KEY": rehearsal.cloud.secret, "AWS_DEFAULT_REGION": "us-east-1"},
        capture_output=True, check=True,
    )  # fmt: skip

    assert json.loads(said.stdout) == [[box.id, "running", "127.0.0.1"]]


def test_metadata_answers_version_2_only(box: Any) -> None:
    box.rehearsal.ec2.create_tags(Resources=[box.id], Tags=[{"Key": "gluon-rig:x", "Value": "seen at once"}])

    paths = ["instance-id", "instance-type", "placement/availability-zone", "tags/instance/gluon-rig:x", "nothing"]

    assert [box.metadata(path) for path in paths] == [
        (200, box.id), (200, "g4dn.xlarge"), (200, "us-east-1a"), (200, "seen at once"), (404, ""),
    ]  # fmt: skip
    assert box.metadata("instance-id", token="") == (401, "")


def test_an_image_made_of_an_instance_brings_its_disk_but_not_its_identity(rehearsal: Any) -> None:
    first = rehearsal.launch().ready()
    first.say("echo prepared > notes && docker build --tag gluon-rig:baked - < /dev/null")
    image = rehearsal.ec2.create_image(InstanceId=first.id, Name="baked")["ImageId"]

    second = rehearsal.launch(ImageId=image).ready()

    assert second.say("cat notes && docker image inspect --format '{{.Os}}' gluon-rig:baked") == "prepared\nlinux"
    keys = {box.say("cat $RIG_ROOT/etc/ssh/ssh_host_ed25519_key") for box in (first, second)}
    assert len(keys) == 2
    rehearsal.ec2.terminate_instances(InstanceIds=[first.id, second.id])
