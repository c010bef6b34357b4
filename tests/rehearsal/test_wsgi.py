"""The layer in front of moto, asked by boto3 over a real socket."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from infra.rehearsal.clock import Clock
from infra.rehearsal.cloud.wsgi import Journal, Layer, Patches
from infra.rehearsal.startup_proxy import serve


def test_a_fault_of_the_pretend_cloud_is_told_in_the_words_of_the_service_that_was_asked(tmp_path: Path) -> None:
    def fault(*_: Any) -> None:
        raise KeyError("a volume nobody made")

    journal = tmp_path / "calls.jsonl"
    layer = Layer(
        moto=fault,
        patches=Patches(checks={("ec2", "DescribeVolumes"): (fault,)}),
        backend_of=lambda _: None,
        journal=Journal(journal, Clock()),
    )
    door = socket.create_server(("127.0.0.1", 0))
    serve(layer, door)
    ec2 = boto3.client(
        "ec2",
        region_name="us-east-1",
        endpoint_url=f"http://127.0.0.1:{door.getsockname()[1]}",
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )

    with pytest.raises(ClientError, match=r"InternalError.*the rehearsal failed: KeyError.'a volume nobody made'"):
        ec2.describe_volumes()
    assert {json.loads(row)["status"] for row in journal.read_text().splitlines()} == {500}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is always full is there on Linux only")
def test_a_call_is_answered_where_its_row_finds_no_room() -> None:
    """Else `stop` on a full disk would be told of "a web page, status 500"."""
    journal = Journal(Path("/dev/full"), Clock())
    call: Any = SimpleNamespace(service="ec2", operation="StopInstances", region="us-east-1", dry_run=False)

    with journal.entry(call) as entry:
        entry.status = 200
