"""What cannot work is said in one sentence with the next step, and leaves nothing behind in the account."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from infra.errors import RigError
from infra.rehearsal import client
from tests.workflows.user import Person


@pytest.fixture(scope="module")
def visitor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    """One cloud for all: nothing here succeeds, so nothing is left over for the next."""
    folder = tmp_path_factory.mktemp("refusals")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RIG_", "AWS_"))}
    person = Person(folder, {**kept, "RIG_CLOUD": "rehearsal", "RIG_ENGINE": "process", "HOME": str(folder)})
    person.types("rehearsal", "up")
    yield person
    with suppress(RigError):
        client.down(folder)


REFUSALS = {
    "a name with a slip": (
        [], ["launch", "--type", "g4dn.xlrge"], 2,
        ["EC2 offers no type g4dn.xlrge in us-east-1", "instead of g4dn.xlrge: g4dn.xlarge"],
    ),
    "no code for the GPU": (
        [], ["launch", "--type", "p5.48xlarge"], 2,
        ["GPUs of compute capability 9.0 (H100)", "mxnet-cu117 1.9.1 has code for", "instead of p5.48xlarge:"],
    ),
    "an ARM machine": ([], ["launch", "--type", "g5g.xlarge"], 2, ["g5g.xlarge", "instead of g5g.xlarge:"]),
    "two wrong types at once": (
        [], ["launch", "--type", "g5g.xlarge,p5.48xlarge"], 2, ["instead of g5g.xlarge", "instead of p5.48xlarge"],
    ),
    "nothing fits": ([], ["launch", "--gpu-mem", "4000"], 2, ["has 1 GPU(s) of 4000 GiB", "ANY_REGION=1"]),
    "a new account": (
        ["quota", "0"], ["launch"], 2,
        [
            "4 vCPUs needed, 0 granted, 0 in use. Nothing was started.",
            "aws service-quotas request-service-quota-increase --service-code ec2 --quota-code L-DB2E81BA "
            "--desired-value 4 --region us-east-1",
        ],
    ),
    "a new account, spot": (["quota", "0"], ["launch", "--spot"], 2, ["All G and VT Spot Instance Requests"]),
    "no machine anywhere": (
        ["capacity"], ["launch", "--type", "g4dn.xlarge,g6.xlarge"], 1,
        ["no free machine", "g4dn.xlarge in us-east-1a", "g6.xlarge", "WAIT_MINUTES=30"],
    ),
    "a budget for seconds": (
        [], ["launch", "--budget", "0.01"], 2, ["A budget of $0.010 is too small", "BUDGET=0.14 or more"],
    ),
    "an image that is not there": ([], ["launch", "--ami", "ami-0123456789abcdef0"], 2, ["ami-0123456789abcdef0"]),
    "nothing to follow": ([], ["logs"], 2, ["There is no instance of the rig 'rig'", "`rig launch` rents one"]),
    "nothing to train on": ([], ["train", "remote", "--cmd", "ls"], 2, ["There is no instance of the rig 'rig'"]),
    "nothing to start": ([], ["start"], 2, ["There is no instance of the rig 'rig'"]),
    "nothing to stop": ([], ["stop"], 0, ["nothing costs money"]),
    "a fault nobody knows": ([], ["rehearsal", "fault", "earthquake"], 2, ["capacity [--zone us-east-1a]"]),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal_says_cause_and_next_step_and_leaves_nothing(visitor: Person, name: str) -> None:
    fault, words, code, sentences = REFUSALS[name]
    if fault:
        visitor.types("rehearsal", "fault", " ".join(fault))
    try:
        visitor.types(*words, code=code)
        said = visitor.said
    finally:
        visitor.types("rehearsal", "fault", "clear")

    assert [sentence for sentence in sentences if sentence not in said] == []
    assert visitor.living() == []
    ours = [{"Name": "tag-key", "Values": ["gluon-rig:owner"]}]
    assert visitor.ask("ec2").describe_security_groups(Filters=ours)["SecurityGroups"] == []
    assert visitor.ask("ec2").describe_key_pairs(Filters=ours)["KeyPairs"] == []


def test_without_ssh_nothing_is_rented(visitor: Person, tmp_path: Path) -> None:
    bare = Person(visitor.folder, {**visitor.environment, "PATH": str(tmp_path)})

    bare.types("launch", code=2)

    assert "The program ssh is not on this computer" in bare.said
    assert "apt install openssh-client" in bare.said
    assert visitor.living() == []


def test_aws_that_throttles_is_borne_with(visitor: Person) -> None:
    visitor.types("rehearsal", "fault", "throttle", "0.2")
    try:
        visitor.types("launch", "--type", "t3.micro")
    finally:
        visitor.types("rehearsal", "fault", "clear")

    assert len(visitor.living()) == 1
    visitor.types("terminate")
    assert visitor.living() == []


def test_one_zone_without_machines_is_no_obstacle(visitor: Person) -> None:
    visitor.types("rehearsal", "fault", "capacity", "--zone", "us-east-1a")
    try:
        visitor.types("launch")
    finally:
        visitor.types("rehearsal", "fault", "clear")

    (instance,) = visitor.living()
    assert instance["Placement"]["AvailabilityZone"] != "us-east-1a"
    visitor.types("terminate")
