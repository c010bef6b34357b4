"""A user at a prompt: a folder of their own and `rig`; each line typed is a process of its own."""

from __future__ import annotations

import functools
import json
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from infra.rehearsal import client
from tests.workflows.prompt import RIG, type_line

PATIENCE_S = 600  # only what has failed waits as long


@dataclass
class Person:
    """*folder*: where they stand. Each call is a process of its own, as when a line is typed."""

    folder: Path
    environment: dict[str, str]

    def start(self, *words: str, **popen: Any) -> subprocess.Popen[str]:
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL, "text": True}
        return subprocess.Popen([str(RIG), *words], cwd=self.folder, env=self.environment, **{**pipes, **popen})

    def types(self, *words: str, code: int = 0) -> str:
        """Run `rig WORDS` to its end and return what it printed as its product."""
        ended, out, said = type_line(words, self.folder, self.environment, PATIENCE_S)
        assert ended == code, f"rig {' '.join(words)}: exit {ended}\n{out}\n{said}"
        assert "Traceback" not in said
        self.said = said
        return out

    def status(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.types("status", "--json"))
        return found

    def cloud(self) -> client.Cloud:
        found = client.find(self.folder)
        assert found is not None
        return found

    def aws(self, *words: str) -> Any:
        """The real awscli, as the user would ask the same cloud. Each question is a process: `ask` is faster."""
        environment = {
            **self.environment,
            "AWS_ENDPOINT_URL": self.cloud().endpoint_url,
            "AWS_ACCESS_KEY_ID": "rehearsal",
            "AWS_SECRET_ACCESS_KEY": self.cloud().secret,
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        line = [str(RIG.with_name("aws")), *words, "--output", "json"]
        return json.loads(subprocess.run(line, env=environment, check=True, capture_output=True, text=True).stdout)

    def ask(self, service: str) -> Any:
        """The same cloud by boto3, in this process."""
        return aws(self.cloud(), service)

    def living(self) -> list[dict[str, Any]]:
        """Every instance that AWS shows and that is not on its way out."""
        found = self.ask("ec2").describe_instances()["Reservations"]
        every = [one for reservation in found for one in reservation["Instances"]]
        return [one for one in every if one["State"]["Name"] not in ("terminated", "shutting-down")]


def aws(cloud: client.Cloud, service: str) -> Any:
    return aws_client(service, cloud.endpoint_url, cloud.secret)


@functools.cache
def aws_client(service: str, endpoint_url: str, secret: str) -> Any:
    """boto3 reads a model of some megabytes for each client, which takes longer than a question."""
    open_client: Any = boto3.client  # its stubs know a client by its literal name only
    return open_client(
        service,
        region_name="us-east-1",
        endpoint_url=endpoint_url,
        aws_access_key_id="rehearsal",
        aws_secret_access_key=secret,
    )


def eventually(condition: Callable[[], Any], what: str) -> Any:
    """Wait for a condition, never for a time."""
    until = time.monotonic() + PATIENCE_S
    while not (found := condition()):
        assert time.monotonic() < until, f"{what} did not come"
        time.sleep(0.05)
    return found


def kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate()
