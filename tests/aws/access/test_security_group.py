from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as some

from infra.aws.access.security_group import Group, admit_only, delete_group, ensure_group, find_group, my_address
from infra.aws.client.account import Account
from infra.aws.client.rollback import Rollback
from infra.aws.client.session import Session
from infra.errors import AwsFailed, NotAllowed, UserError
from tests.aws.samples import NAME

HOME, CAFE, HOME_V6 = "203.0.113.7/32", "198.51.100.20/32", "2001:db8::7/128"
SSH_FROM_HOME = ("tcp", 22, 22, HOME)


@pytest.fixture
def group(aws, clock, tell) -> Group:
    return ensure_group(Account(aws, tell, clock), NAME, None, Rollback(tell))


@pytest.mark.parametrize(
    ("answer", "source"),
    [("203.0.113.7\n", HOME), ("2001:db8::7\n", HOME_V6), ("2001:0DB8:0000::0007", HOME_V6)],
)
def test_my_address_is_a_range_of_one(aws, answer, source):
    assert my_address(aws, lambda: answer) == source


@pytest.mark.parametrize("answer", ["", "<html>captive portal</html>", "203.0.113.0/24"])
def test_a_service_that_answers_no_address_opens_nothing(aws, answer):
    with pytest.raises(AwsFailed, match="Cannot find out this computer's public address"):
        my_address(aws, lambda: answer)


def test_an_unreachable_service_is_named(aws):
    def offline() -> str:
        raise OSError("Network is unreachable")

    with pytest.raises(AwsFailed, match=r"checkip\.amazonaws\.com does not answer \(Network is unreachable\)"):
        my_address(aws, offline)


def test_in_the_rehearsal_the_address_is_this_computer():
    assert my_address(Session(region="us-east-1", endpoint_url="http://127.0.0.1:9"), lambda: "x") == "127.0.0.1/32"


def test_a_new_group_has_no_rule_and_is_found_again_by_its_tags(aws, group):
    assert group.rules == ()
    assert find_group(aws, NAME) == group
    assert find_group(aws, "another") is None


def test_a_group_that_exists_already_is_adopted(aws, clock, tell, group):
    assert ensure_group(Account(aws, tell, clock), NAME, None, Rollback(tell)) == group


def test_a_foreign_group_of_our_name_is_left_alone(aws, clock, tell):
    aws.client("ec2").create_security_group(GroupName="gluon-rig-rig", Description="somebody's")

    with pytest.raises(
        UserError, match=r"The security group gluon-rig-rig \(sg-\w+\) in us-east-1 was not made by this"
    ):
        ensure_group(Account(aws, tell, clock), NAME, None, Rollback(tell))


def test_only_my_address_may_knock(aws, group, said, tell):
    admit_only(Account(aws, tell), group, HOME)

    assert find_group(aws, NAME).rules == (SSH_FROM_HOME,)
    assert said == [f"Opening SSH (port 22) to {HOME} only"]


def test_a_rule_that_is_there_already_is_left_alone(aws, group, calls, tell):
    admit_only(Account(aws, tell), group, HOME)
    calls.clear()

    admit_only(Account(aws, tell), find_group(aws, NAME), HOME)

    assert calls == ["ec2:DescribeSecurityGroups"]


def test_a_rule_that_another_launch_made_meanwhile_is_a_success(aws, group, tell):
    admit_only(Account(aws, tell), group, HOME)

    admit_only(Account(aws, tell), group, HOME)

    assert find_group(aws, NAME).rules == (SSH_FROM_HOME,)


def test_the_new_address_is_let_in_before_the_old_one_is_shut_out(aws, group, calls, said, tell):
    admit_only(Account(aws, tell), group, HOME)
    calls.clear()

    admit_only(Account(aws, tell), replace(group, rules=(SSH_FROM_HOME,)), CAFE)

    assert find_group(aws, NAME).rules == (("tcp", 22, 22, CAFE),)
    assert calls[:2] == ["ec2:AuthorizeSecurityGroupIngress", "ec2:RevokeSecurityGroupIngress"]
    assert said[-1] == f"Closing what was open before: port 22 to {HOME}"


rules = some.sampled_from(
    [
        ("tcp", 22, 22, "0.0.0.0/0"),
        ("tcp", 22, 22, "::/0"),
        ("tcp", 8888, 8888, HOME),
        ("udp", 60000, 61000, CAFE),
        ("-1", -1, -1, "10.0.0.0/8"),
        ("tcp", 22, 22, HOME_V6),
        SSH_FROM_HOME,
    ]
)


@given(some.lists(rules, unique=True), some.sampled_from([HOME, CAFE, HOME_V6]))
def test_whatever_was_open_before_in_the_end_one_rule_stands(before, source):
    """A small group that follows EC2's arithmetic: moto would need a second per example."""
    ec2 = FakeGroup()
    ec2.rules = set(before)

    admit_only(Account(ec2, lambda line: None), Group("sg-1", tuple(before)), source)

    assert ec2.rules == {("tcp", 22, 22, source)}


class FakeGroup(Session):
    def __init__(self) -> None:
        super().__init__(region="us-east-1")
        self.rules: set[tuple[str, int, int, str]] = set()

    def client(self, *_, **__):
        return self

    def authorize_security_group_ingress(self, *, GroupId, IpPermissions):
        self.rules |= set(map(flat, IpPermissions))

    def revoke_security_group_ingress(self, *, GroupId, IpPermissions):
        gone = set(map(flat, IpPermissions))
        assert gone <= self.rules
        self.rules -= gone


def flat(permission):
    ranges = permission.get("IpRanges") or permission.get("Ipv6Ranges")
    source = ranges[0].get("CidrIp") or ranges[0].get("CidrIpv6")
    return permission["IpProtocol"], permission.get("FromPort", -1), permission.get("ToPort", -1), source


def test_a_group_in_use_is_waited_for(aws, tell, clock, group, answer):
    answer(aws, "ec2", "DeleteSecurityGroup", code="DependencyViolation", times=3)

    assert delete_group(Account(aws, tell, clock), NAME) is True
    assert clock.now() == 15.0
    assert find_group(aws, NAME) is None


def test_a_group_that_stays_in_use_is_named(aws, tell, clock, group, answer):
    answer(aws, "ec2", "DeleteSecurityGroup", code="DependencyViolation", message="has a dependent object")

    with pytest.raises(AwsFailed, match=rf"Cannot delete security group {group.id}: something still uses it"):
        delete_group(Account(aws, tell, clock), NAME)


def test_deleting_a_group_that_is_not_there_says_so_calmly(aws, tell, clock):
    assert delete_group(Account(aws, tell, clock), NAME) is False


def test_a_group_that_may_not_be_made_names_the_permission(aws, clock, tell, answer):
    answer(
        aws,
        "ec2",
        "CreateSecurityGroup",
        code="UnauthorizedOperation",
        message="not authorized to perform: ec2:CreateSecurityGroup on it",
    )

    with pytest.raises(NotAllowed, match="your AWS user may not do ec2:CreateSecurityGroup"):
        ensure_group(Account(aws, tell, clock), NAME, None, Rollback(tell))
