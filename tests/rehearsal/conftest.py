"""One rehearsal cloud for all of these tests, and the few verbs they speak with it: plain boto3 and plain OpenSSH."""

from __future__ import annotations

import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import boto3
import pytest
from botocore.config import Config

from infra.names import SSH_PORT_TAG
from infra.rehearsal import client

T = TypeVar("T")
AMI_PARAMETER = "/aws/service/deeplearning/ami/x86_64/base-with-single-cuda-ubuntu-22.04/latest/ami-id"


def wait_until(ask: Callable[[], T], timeout_s: float = 120.0) -> T:
    """Return the first true answer of *ask*; fail when none comes in time."""
    deadline = time.monotonic() + timeout_s
    while not (answer := ask()):
        assert time.monotonic() < deadline, f"waited {timeout_s} s in vain"
        time.sleep(0.02)
    return answer


@dataclass
class Box:
    """One instance, as a user with the AWS command line and ssh sees it."""

    rehearsal: Rehearsal
    id: str

    def see(self) -> dict[str, Any]:
        found = self.rehearsal.ec2.describe_instances(InstanceIds=[self.id])
        return dict(found["Reservations"][0]["Instances"][0])

    @property
    def state(self) -> str:
        return str(self.see()["State"]["Name"])

    @property
    def port(self) -> int:
        return int({tag["Key"]: tag["Value"] for tag in self.see()["Tags"]}[SSH_PORT_TAG])

    @property
    def folder(self) -> Path:
        return self.rehearsal.project / ".rig" / "rehearsal" / "instances" / self.id

    def wait(self, state: str) -> Box:
        wait_until(lambda: self.state == state)
        return self

    def ready(self) -> Box:
        """Running, and SSH answers."""
        self.wait("running")
        wait_until(lambda: self.ssh("true").returncode == 0)
        return self

    def ssh_words(self, *options: str) -> list[str]:
        fixed = {
            "BatchMode": "yes", "StrictHostKeyChecking": "no", "UserKnownHostsFile": "/dev/null", "LogLevel": "ERROR",
            "IdentitiesOnly": "yes", "IdentityFile": str(self.rehearsal.key), "Port": str(self.port),
        }  # fmt: skip
        return ["ssh", "-F", "none", *(w for k, v in fixed.items() for w in ("-o", f"{k}={v}")), *options]

    def ssh(self, command: str, *options: str, **kwargs: Any) -> subprocess.CompletedProcess[bytes]:
        words = [*self.ssh_words(*options), "ubuntu@127.0.0.1", command]
        return subprocess.run(
            words, capture_output=True, check=False, timeout=300, **{"stdin": subprocess.DEVNULL, **kwargs}
        )

    def metadata(self, path: str, token: str | None = None) -> tuple[int, str]:
        """What the metadata service answers: status and text. *token*: a new one unless given."""
        base = self.say("echo $AWS_EC2_METADATA_SERVICE_ENDPOINT") + "/latest"
        put = urllib.request.Request(
            f"{base}/api/token", method="PUT", headers={"X-aws-ec2-metadata-token-ttl-seconds": "60"}
        )
        token = urllib.request.urlopen(put, timeout=300).read().decode() if token is None else token
        ask = urllib.request.Request(f"{base}/meta-data/{path}", headers={"X-aws-ec2-metadata-token": token})
        try:
            with urllib.request.urlopen(ask, timeout=300) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, ""

    def say(self, command: str) -> str:
        done = self.ssh(command)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode().strip()


@dataclass
class Rehearsal:
    project: Path
    cloud: client.Cloud
    key: Path
    clients: dict[str, Any] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        if service not in self.clients:
            open_client: Any = boto3.client  # its stubs know a client by its literal name only
            self.clients[service] = open_client(
                service, region_name="us-east-1", endpoint_url=self.cloud.endpoint_url, aws_access_key_id="rehearsal",
                aws_secret_access_key=self.cloud.secret, config=Config(retries={"total_max_attempts": 1}),
            )  # fmt: skip
        return self.clients[service]

    @property
    def ec2(self) -> Any:
        return self.client("ec2")

    @property
    def ami(self) -> str:
        return str(self.client("ssm").get_parameter(Name=AMI_PARAMETER)["Parameter"]["Value"])

    def wish(self, **changes: Any) -> dict[str, Any]:
        wish = {"ImageId": self.ami, "InstanceType": "g4dn.xlarge", "KeyName": "tests", "MinCount": 1, "MaxCount": 1}
        return {key: value for key, value in {**wish, **changes}.items() if value is not None}

    def launch(self, **changes: Any) -> Box:
        return Box(self, self.ec2.run_instances(**self.wish(**changes))["Instances"][0]["InstanceId"])


def begin_rehearsal(project: Path) -> Rehearsal:
    key = project / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    rehearsal = Rehearsal(project, client.ensure_running(project, print, engine="process"), key)
    rehearsal.ec2.import_key_pair(KeyName="tests", PublicKeyMaterial=key.with_suffix(".pub").read_bytes())
    return rehearsal


@pytest.fixture(scope="session")
def begin() -> Callable[[Path], Rehearsal]:
    return begin_rehearsal


@pytest.fixture(scope="session")
def until() -> Callable[..., Any]:
    return wait_until


@pytest.fixture(scope="session")
def rehearsal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsal]:
    project = tmp_path_factory.mktemp("rehearsal")
    yield begin_rehearsal(project)
    client.down(project)


@pytest.fixture(scope="session")
def box(rehearsal: Rehearsal) -> Box:
    """An instance that all tests may use, and none may stop."""
    return rehearsal.launch().ready()
