from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse

from infra.aws.account.teardown import end_rig
from infra.aws.client.account import Account
from infra.aws.instances.instance import find
from infra.aws.instances.launch import preflight
from infra.aws.instances.lifecycle import stop, terminate
from infra.aws.instances.pending_instance import PendingInstance
from infra.errors import AwsFailed, NoCapacity, NotAllowed, NothingToDo, QuotaTooSmall
from tests.aws import samples
from tests.aws.pretend_account import moto_instance
from tests.aws.responses import quotas
from tests.aws.samples import MICRO, NAME, NOTHING, census, launch_request, whole

SURVEY = {"DescribeInstances", "DescribeSecurityGroups", "DescribeKeyPairs", "DescribeSubnets", "GetParameters"}
FRESH = [
    SURVEY,
    {"DescribeImages"},
    {"ImportKeyPair", "CreateSecurityGroup"},
    {"AuthorizeSecurityGroupIngress"},
    {"RunInstances"},
    {"DescribeInstances"},
]
ONLY_START = [SURVEY, {"CreateTags"}, {"StartInstances"}, {"DescribeInstances"}]


@pytest.fixture
def rounds(aws) -> Any:
    """follow(rounds): every call of a round waits until all of that round are on their way."""
    left: list[tuple[set[str], threading.Barrier]] = []
    lock = threading.Lock()

    def on_its_way(model: Any, **_: Any) -> None:
        with lock:
            assert left, f"{model.name} comes after the last round"
            names, barrier = left[0]
            names.remove(model.name)
            if not names:
                left.pop(0)
        barrier.wait(timeout=60)  # only what has failed waits as long

    def follow(expected: list[set[str]]) -> list[tuple[set[str], threading.Barrier]]:
        left.extend((set(names), threading.Barrier(len(names))) for names in expected)
        aws.events.register("before-call", on_its_way)
        for client in aws._clients.values():
            client.meta.events.register("before-call", on_its_way)
        return left

    return follow


def test_a_fresh_launch_makes_eleven_calls_in_six_rounds(aws, clock, rounds):
    left = rounds(FRESH)

    samples.launch(aws, clock)

    assert left == []


def test_a_launch_of_a_stopped_rig_makes_eight_calls_in_four_rounds(aws, clock, tell, rounds):
    stop(Account(aws, tell, clock), samples.launch(aws, clock))
    left = rounds(ONLY_START)

    samples.launch(aws, clock)

    assert left == []


def test_a_launch_of_a_running_rig_only_looks(aws, clock, rounds, said, tell):
    running = samples.launch(aws, clock)
    left = rounds([SURVEY])

    assert samples.launch(aws, clock, tell=tell) == running
    assert left == []
    assert said == [f"rig ({running.id}) is already running"]


def test_a_stopped_rig_is_started_with_the_new_deadline(aws, clock, tell):
    first = samples.launch(aws, clock)
    stop(Account(aws, tell, clock), first)

    again = samples.launch(aws, clock, deadline="2026-11-21T08:00:00Z")

    assert (again.id, again.state) == (first.id, "running")
    assert again.deadline.isoformat() == "2026-11-21T08:00:00+00:00"


@pytest.mark.parametrize("state", ["pending", "stopping"])
def test_a_rig_on_its_way_is_waited_for(aws, clock, state):
    first = samples.launch(aws, clock)
    moto = moto_instance(first.id)
    looks = []

    def arrive(**_: Any) -> None:
        looks.append(state)
        arrived = {"pending": (16, "running"), "stopping": (80, "stopped")}[state]
        moto._state.code, moto._state.name = arrived if len(looks) == 3 else (moto._state.code, moto._state.name)

    moto._state.code, moto._state.name = 0, state
    aws.client("ec2").meta.events.register("before-call.ec2.DescribeInstances", arrive)

    again = samples.launch(aws, clock)

    assert (again.id, again.state) == (first.id, "running")
    assert census(aws) == whole()


def test_a_rig_terminated_by_hand_is_made_anew_although_its_group_is_still_there(aws, clock, tell):
    """Its token is spent: EC2 would answer with the dead instance."""
    first = samples.launch(aws, clock)
    terminate(Account(aws, tell, clock), first)

    second = samples.launch(aws, clock, deadline="2026-11-21T08:00:00Z")

    assert second.id != first.id
    assert census(aws) == whole()
    assert clock.now() == 0.0


def test_a_spent_token_of_an_instance_that_ec2_has_forgotten_costs_only_time(aws, clock, tell):
    first = samples.launch(aws, clock)
    terminate(Account(aws, tell, clock), first)
    samples.forget_ended(keep=0)

    second = samples.launch(aws, clock, deadline="2026-11-21T08:00:00Z")

    assert second.token != first.token
    assert clock.now() == 20.0


def test_an_address_that_changed_replaces_the_old_one_also_for_a_running_rig(aws, clock):
    samples.launch(aws, clock)

    samples.launch(aws, clock, address="198.51.100.20")

    assert census(aws).groups == (("198.51.100.20/32",),)


def test_capacity_is_asked_for_anywhere_then_by_zone_then_by_the_next_type(aws, clock, answer, said, tell):
    answer(aws, "ec2", "RunInstances", code="InsufficientInstanceCapacity", times=4)
    small = samples.offer("t3.small", "us-east-1c")

    got = samples.launch(aws, clock, offers=(MICRO, small), tell=tell)

    assert (got.type, got.zone) == ("t3.small", "us-east-1c")
    assert [line for line in said if "Capacity" in line] == [
        "t3.micro in any zone: InsufficientInstanceCapacity",
        "t3.micro in us-east-1a: InsufficientInstanceCapacity",
        "t3.micro in us-east-1b: InsufficientInstanceCapacity",
        "t3.small in any zone: InsufficientInstanceCapacity",
    ]


def test_a_type_that_a_zone_does_not_offer_is_asked_for_elsewhere(aws, clock, answer):
    answer(aws, "ec2", "RunInstances", code="Unsupported", times=1)

    assert samples.launch(aws, clock).zone == "us-east-1a"


def test_without_capacity_anywhere_nothing_is_left_and_the_way_out_is_told(aws, clock, answer):
    answer(aws, "ec2", "RunInstances", code="InsufficientInstanceCapacity")

    with pytest.raises(NoCapacity) as raised:
        samples.launch(aws, clock)

    assert str(raised.value) == (
        "AWS has no free machine now. Asked for: t3.micro in any zone, us-east-1a, us-east-1b. Nothing was started.\n"
        "  -> name more types (TYPE=g4dn.xlarge,g6.xlarge,g5.xlarge), wait for one (WAIT_MINUTES=30), or another region"
    )
    assert census(aws) == NOTHING
    assert clock.now() == 0.0


def test_waiting_for_capacity_asks_again_every_minute_until_one_is_free(aws, clock, answer):
    answer(aws, "ec2", "RunInstances", code="InsufficientInstanceCapacity", times=7)

    samples.launch(aws, clock, wait_s=600.0)

    assert clock.now() == 120.0


def test_waiting_for_capacity_ends_when_the_time_is_over(aws, clock, answer):
    answer(aws, "ec2", "RunInstances", code="InsufficientInstanceCapacity")

    with pytest.raises(NoCapacity):
        samples.launch(aws, clock, wait_s=150.0)

    assert clock.now() == 150.0


def test_a_quota_ends_the_launch_at_once_with_numbers_and_the_request_line(aws, clock, calls, answer):
    quotas(aws, {"L-DB2E81BA": 0.0})
    answer(aws, "ec2", "RunInstances", code="VcpuLimitExceeded", message="your current vCPU limit of 0 allows none")

    with pytest.raises(QuotaTooSmall) as raised:
        samples.launch(aws, clock, offers=(samples.offer("g4dn.xlarge", "us-east-1a"), MICRO))

    assert raised.value.exit_code == 2
    assert str(raised.value) == (
        "Cannot launch g4dn.xlarge in any zone: your account's vCPU quota in us-east-1 is too small "
        "(your current vCPU limit of 0 allows none)\n"
        'The quota "Running On-Demand G and VT instances" in us-east-1: 4 vCPUs needed, 0 granted, 0 in use. '
        "Nothing was started.\n"
        "  -> aws service-quotas request-service-quota-increase --service-code ec2 --quota-code L-DB2E81BA "
        "--desired-value 4 --region us-east-1\n"
        "  -> `rig doctor` shows needed, granted and used vCPUs, and the line that asks AWS for more\n"
        "  -> approval takes an hour to three days; another region or a CPU type (TYPE=t3.micro) needs no approval"
    )
    assert calls.count("ec2:RunInstances") == 1
    assert census(aws) == NOTHING


def test_spot_falls_back_on_demand_only_when_the_order_says_so(aws, clock, answer):
    """Then the on-demand offers stand at the end of the list."""
    spot = replace(MICRO, spot=True)
    answer(aws, "ec2", "RunInstances", code="SpotMaxPriceTooLow", when=lambda body: "spot" in str(body))

    with pytest.raises(NoCapacity):
        samples.launch(aws, clock, offers=(spot,))

    assert samples.launch(aws, clock, offers=(spot, MICRO)).spot is False


def test_throttling_is_borne_without_the_sdk(aws, clock, calls, answer):
    answer(aws, "ec2", "RunInstances", code="RequestLimitExceeded", times=2)

    samples.launch(aws, clock)

    assert calls.count("ec2:RunInstances") == 3
    assert clock.now() == 3.0


def test_a_machine_that_dies_while_booting_is_reported_with_awss_reason_and_nothing_is_left(aws, clock):
    def die(parsed: dict[str, Any], **_: Any) -> None:
        for reservation in parsed["Reservations"]:
            for one in reservation["Instances"]:
                one["State"] = {"Name": "terminated"}
                one["StateReason"] = {"Code": "Client.VolumeLimitExceeded", "Message": "Volume limit exceeded"}

    aws.client("ec2").meta.events.register("after-call.ec2.DescribeInstances", die)

    with pytest.raises(AwsFailed, match=r"i-\w+ is terminated instead of running \(Volume limit exceeded\)"):
        samples.launch(aws, clock)

    aws.client("ec2").meta.events.unregister("after-call.ec2.DescribeInstances", die)
    assert census(aws) == NOTHING


def test_what_cannot_be_undone_is_named_under_the_first_error(aws, clock, answer):
    answer(aws, "ec2", "AuthorizeSecurityGroupIngress", code="UnauthorizedOperation", message="perform: ec2:X")
    answer(aws, "ec2", "DeleteSecurityGroup", code="UnauthorizedOperation", message="perform: ec2:DeleteSecurityGroup")

    with pytest.raises(NotAllowed) as raised:
        samples.launch(aws, clock)

    assert "your AWS user may not do ec2:X" in raised.value.cause
    assert raised.value.hint.splitlines()[1:] == [
        "still there, and may cost money: security group gluon-rig-rig: Cannot delete security group "
        f"{aws.client('ec2').describe_security_groups(GroupNames=['gluon-rig-rig'])['SecurityGroups'][0]['GroupId']}: "
        "your AWS user may not do ec2:DeleteSecurityGroup",
        "`rig terminate` removes it; `rig sweep` shows everything the kit made, in all regions",
    ]


def test_a_request_without_an_answer_is_named_when_no_instance_shows(aws, clock, tell):
    pending = PendingInstance(Account(aws, tell, clock), NAME, token="on-its-way")

    with pytest.raises(AwsFailed, match="a request for an instance was on its way"):
        pending.discard()


def test_the_dry_run_asks_before_there_is_a_group_or_a_key(aws, calls):
    preflight(aws, launch_request(group_id="", key_name=""))

    assert calls == ["ec2:RunInstances"]
    assert census(aws) == NOTHING


def test_the_dry_run_names_the_missing_permission(aws, answer):
    answer(
        aws, "ec2", "RunInstances", code="UnauthorizedOperation", message="not authorized to perform: ec2:RunInstances"
    )

    with pytest.raises(NotAllowed, match=r"Cannot launch t3\.micro: your AWS user may not do ec2:RunInstances"):
        preflight(aws, launch_request(group_id="", key_name=""))


def test_ending_a_rig_that_is_not_there_is_nothing_to_do(aws, clock, tell):
    with pytest.raises(NothingToDo, match="There is nothing of rig in us-east-1"):
        end_rig(Account(aws, tell, clock), NAME)


@pytest.mark.exhaustive
def test_a_rig_is_found_in_one_call_among_a_thousand_instances(aws, calls, clock):
    mine = samples.launch(aws, clock)
    aws.client("ec2").run_instances(
        ImageId=mine.image_id,
        InstanceType="t3.nano",
        MinCount=1000,
        MaxCount=1000,
        SecurityGroupIds=[mine.group_ids[0]],
    )
    calls.clear()

    assert find(aws, NAME) == mine
    assert calls == ["ec2:DescribeInstances"]


@pytest.mark.parametrize(("code", "sent"), [("InsufficientInstanceCapacity", 3), ("VcpuLimitExceeded", 1)])
def test_the_sdk_never_repeats_a_question_about_capacity_or_quota(aws, clock, code, sent):
    """EC2 says "no machine" with HTTP 500, which the SDK takes for a hiccup: one sending per attempt, and no more."""
    quotas(aws, {"L-1216C47A": 0.0})
    error = f"<Response><Errors><Error><Code>{code}</Code><Message>no</Message></Error></Errors></Response>"
    requests = []

    def send(request: Any, **_: Any) -> AWSResponse:
        requests.append(request)
        return AWSResponse(request.url, 500, {}, Raw(error.encode()))

    for client in (aws.client("ec2", patient=False), aws.client("ec2")):
        client.meta.events.register_first("before-send.ec2.RunInstances", send)

    with pytest.raises((NoCapacity, QuotaTooSmall)):
        samples.launch(aws, clock)

    assert len(requests) == sent


class Raw:
    """As much of an HTTP body as botocore reads."""

    def __init__(self, body: bytes) -> None:
        self.body = body

    def stream(self, **_: Any) -> list[bytes]:
        return [self.body]


def test_a_start_does_not_fail_for_want_of_an_image(aws, clock, tell, answer):
    """The image is asked for in the one round, because nobody knows yet that it is not needed."""
    stop(Account(aws, tell, clock), samples.launch(aws, clock))
    answer(aws, "ssm", "GetParameters", code="InternalServerError")

    assert samples.launch(aws, clock).state == "running"
