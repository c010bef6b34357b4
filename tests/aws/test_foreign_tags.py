"""Whatever somebody wrote into our tags, every command about money works, and reckons with what AWS says now."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from infra import budget, cli
from infra.aws.client.session import Session
from infra.aws.client.tags import as_tags, own_tags
from infra.aws.instances.instance import Instance, find
from infra.errors import HostUnreachable
from infra.host import retry
from infra.names import DEADLINE_TAG, HOST_KEY_TAG, IDLE_TAG, NAME_TAG, RESULTS_FETCHED_TAG, SSH_PORT_TAG, STARTED_TAG
from infra.workflows import context as way_in
from tests.aws import samples
from tests.aws.pretend_account import moto_instance
from tests.aws.samples import MICRO, NAME

OURS = (DEADLINE_TAG, RESULTS_FETCHED_TAG, HOST_KEY_TAG, IDLE_TAG, SSH_PORT_TAG, STARTED_TAG)
VALUES = (
    "", " ", "0", "-1", "1e999", "nan", "inf", "None", "yes", "²", "٣", "65536", "9" * 20, "a\nb",
    "2026-11-20", "2026-11-20T20:00:00", "20:00", "tomorrow", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "1e308",
    "2026-11-20T20:00:00+99:99", "ssh-ed25519 AAAA", "ssh-ed25519", "ssh-ed25519 AAAA AAAA", "ssh-rsa AAAA\n* ssh-dss",
)  # fmt: skip
# XML, in which EC2 answers, has no place for control characters.
anything = st.sampled_from(VALUES) | st.text(st.characters(exclude_categories=["C"]), max_size=40)
tags = st.fixed_dictionaries({}, optional=dict.fromkeys(OURS, anything))
COMMANDS = (
    ("status",), ("status", "--json"), ("cost",), ("plan",), ("launch", "--yes"), ("logs",), ("pull",),
    ("train", "remote", "--cmd", "ls"), ("extend", "1h", "--yes"), ("stop",), ("start", "--yes"), ("terminate",),
)  # fmt: skip


@pytest.fixture
def account(aws: Session, clock, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Session:
    """A rig whose tags anybody may change, a second one that is as it should be, and no host that answers."""

    def silent(*_: object) -> str:
        raise HostUnreachable("Nobody answers.")

    samples.launch(aws, clock)
    seen = find(aws, NAME)
    assert seen is not None
    moto_instance(seen.id).key_name = "a pair of the user's own"  # a key made elsewhere would end most commands early
    ec2 = aws.client("ec2")
    (good,) = ec2.run_instances(ImageId=seen.image_id, InstanceType=MICRO.machine.name, MinCount=1, MaxCount=1)[
        "Instances"
    ]
    deadline = datetime.now(timezone.utc) + timedelta(hours=2)
    fine = {**own_tags("good"), DEADLINE_TAG: budget.tag(deadline), IDLE_TAG: "20"}
    ec2.create_tags(Resources=[good["InstanceId"]], Tags=as_tags(fine))
    monkeypatch.setattr(way_in, "_source", lambda *_: "")
    monkeypatch.setattr(way_in, "host_key", silent)
    monkeypatch.setattr("infra.aws.account.discovery.my_address", lambda *_: f"{samples.HOME}/32")
    monkeypatch.setattr(retry, "PAUSES_S", ())
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return aws


def retag(aws: Session, instance_id: str, wanted: dict[str, str]) -> None:
    ec2 = aws.client("ec2")
    ec2.delete_tags(Resources=[instance_id], Tags=[{"Key": key} for key in OURS])
    ec2.create_tags(Resources=[instance_id], Tags=as_tags(wanted))


@settings(max_examples=2, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(wanted=tags)
@example(
    wanted={DEADLINE_TAG: "2026-11-20", IDLE_TAG: "", SSH_PORT_TAG: "²", HOST_KEY_TAG: "x", RESULTS_FETCHED_TAG: "nan"}
)
@example(wanted={DEADLINE_TAG: "9999-12-31T23:59:59Z"})
@example(wanted={})
def test_every_command_works_on_any_tags_and_one_bad_rig_hides_no_other(account, capsys, wanted):
    ec2, instance = account.client("ec2"), find(account, NAME)
    assert instance is not None
    for command in COMMANDS:
        retag(account, instance.id, wanted)
        ec2.start_instances(InstanceIds=[instance.id])

        code = cli.main(command)

        out, err = capsys.readouterr()
        assert code in (0, 1, 2), (command, out, err)
        assert "fault in rig itself" not in err, (command, err)
        if command == ("stop",):
            assert "Not everything is home" in err
            assert find(account, NAME).state == "stopped"
        if command == ("status", "--json"):
            rigs = {one["name"]: one for one in json.loads(out)}
            assert set(rigs) == {NAME, "good"}
            assert rigs["good"]["usd_worst"] == pytest.approx(0.036, abs=0.002)
            assert rigs[NAME]["usd_per_hour"] == pytest.approx(0.0104 + 0.005 + 60 * 0.08 / 672)
        if command[0] == "extend":
            left = find(account, NAME).deadline - datetime.now(timezone.utc)
            assert left > timedelta(minutes=59)
            assert code == 0
    assert find(account, NAME) is not None, "nothing came home, so nothing is deleted"


@given(st.text(max_size=40))
@example("9999-12-31T23:59:59Z")
@example("2026-11-20")
def test_a_deadline_is_read_or_it_is_named_and_counts_as_passed(text):
    now = datetime(2026, 11, 20, 16, tzinfo=timezone.utc)
    one = Instance(
        id="i-1",
        state="running",
        type="t3.micro",
        zone="",
        launched_at=now,
        image_id="",
        tags={DEADLINE_TAG: text, NAME_TAG: NAME},
    )

    if one.deadline is None:
        assert f"{DEADLINE_TAG} = {text!r} is no time: it counts as passed" in one.unreadable[0]
    else:
        assert budget.usd_worst(
            budget.HourlyCost(usd_instance_per_hour=1, usd_disk_per_month=0, usd_address_per_hour=0),
            started_at=now,
            deadline=one.deadline + timedelta(hours=720),
        )


def test_a_budget_is_reckoned_for_the_type_that_the_machine_is_now(account, capsys):
    """Stopped, changed to a type of 300 times the price by the call that a hint recommends, started with BUDGET=1."""
    ec2, instance = account.client("ec2"), find(account, NAME)
    ec2.stop_instances(InstanceIds=[instance.id])
    ec2.modify_instance_attribute(InstanceId=instance.id, InstanceType={"Value": "g5.xlarge"})

    assert cli.main(["plan", "--budget", "1"]) == 0

    out = capsys.readouterr().out
    assert "$1.0181/h with its disk and address" in out, out
    assert ", set by budget" in out
    assert "at most  $1.00" in out
    off_by = datetime.strptime(out.split("off by")[1].split("(")[0].strip(), "%Y-%m-%d %H:%M UTC")
    left = off_by.replace(tzinfo=timezone.utc) - datetime.now(timezone.utc)
    assert left < timedelta(minutes=48), "an hour less the twelve minutes that switching off may take"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["plan", "--hours", "1e9"], "must be at least 0.05, and 720 at most"),
        (["plan", "--hours", "inf"], "must be at least 0.05, and 720 at most"),
        (["plan", "--hours", "nan"], "must be at least 0.05, and 720 at most"),
        (["plan", "--hours", "-1"], "must be at least 0.05, and 720 at most"),
        (["plan", "--budget", "1e308"], "must be at least 0, and 100,000 at most"),
        (["plan", "--budget", "nan"], "must be at least 0"),
        (["plan", "--idle", "9" * 5000], "not a whole number"),
        (["plan", "--disk-gib", "1" + "0" * 30], "must be at least 1, and 65,536 at most"),
        (["extend", "9999999h"], "is too long: 720h at most"),
        (["extend", "9" * 400 + "h"], "is too long: 720h at most"),
        (["extend", "²"], "is not a time"),
        (["extend", "²h"], "is not a time"),
        (["extend", "-1h"], "one argument too many"),
    ],
)
def test_what_no_clock_takes_is_refused_before_aws_is_asked(calls, aws, capsys, monkeypatch, tmp_path, words, said):
    monkeypatch.chdir(tmp_path)

    assert cli.main(words) == 2

    err = capsys.readouterr().err
    assert said in err
    assert "fault in rig itself" not in err
    assert calls == []


def test_an_extension_beyond_a_week_is_asked_twice_and_beyond_thirty_days_refused(account, capsys, monkeypatch):
    deadline = datetime.now(timezone.utc) + timedelta(days=5)
    instance = find(account, NAME)
    retag(account, instance.id, {DEADLINE_TAG: budget.tag(deadline)})
    answers = iter(["y\n", "n\n", "y\n"])
    monkeypatch.setattr("sys.stdin.readline", lambda: next(answers), raising=False)

    assert cli.main(["extend", "72h"]) == 2
    assert "8 days from now. Really?" in capsys.readouterr().err
    assert cli.main(["extend", "1h"]) == 0
    assert "Really?" not in capsys.readouterr().err
    assert cli.main(["extend", "720h", "--yes"]) == 2
    assert "no deadline may be more than 720 hours away" in capsys.readouterr().err


def test_a_price_that_nobody_knows_is_called_unknown_and_nothing_else_suffers(account, capsys, monkeypatch):
    monkeypatch.setattr("infra.aws.instances.hourly_cost.on_demand", lambda *_: {})

    assert cli.main(["status"]) == 0
    assert "unknown, for nobody knows the price of this type" in capsys.readouterr().out
    assert cli.main(["extend", "1h", "--yes"]) == 0


def test_a_spot_price_that_nobody_tells_is_the_full_one(account, answer):
    from infra.aws.instances.hourly_cost import price_of

    answer(account, "ec2", "DescribeSpotPriceHistory", code="UnauthorizedOperation")
    instance = find(account, NAME)

    price = price_of(account, Instance(**{**vars(instance), "spot": True}))

    assert price.usd_instance_per_hour == price.usd_instance_most_per_hour == 0.0104


def test_a_schedule_that_somebody_changed_is_named(account):
    from infra.aws.autostop import schedule

    with pytest.MonkeyPatch.context() as patch:
        scheduler = account.client("scheduler")
        patch.setattr(scheduler, "get_schedule", lambda **_: {"ScheduleExpression": "rate(1 hour)", "State": "ENABLED"})
        assert "its time reads 'rate(1 hour)'" in str(schedule.read_safeguard(account, find(account, NAME)))
