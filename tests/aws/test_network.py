"""A network that is missing, or that nobody could reach a machine in, is named with the call that fixes it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from moto.ec2.models import ec2_backends

from infra.aws.access.network import Subnet, default_subnets, reachable_zones
from infra.aws.client.session import Session
from infra.errors import UserError

A, B = Subnet("subnet-a", "us-east-1a", public=True), Subnet("subnet-b", "us-east-1b", public=False)


def take_away_subnets(aws: Session) -> None:
    for subnet in default_subnets(aws) or ():
        aws.client("ec2").delete_subnet(SubnetId=subnet.id)


def test_an_account_as_aws_makes_it_has_a_public_subnet_in_each_zone(aws: Session) -> None:
    subnets = default_subnets(aws) or ()

    assert {"us-east-1a", "us-east-1b"} <= {one.zone for one in subnets}
    assert all(one.public for one in subnets)


def test_no_default_network_is_named_with_the_call_that_makes_one(aws: Session) -> None:
    take_away_subnets(aws)
    for vpc in ec2_backends["123456789012"]["us-east-1"].vpcs.values():
        vpc.is_default = "false"

    with pytest.raises(UserError) as raised:
        default_subnets(aws)

    assert str(raised.value) == (
        "us-east-1 has no default network (VPC) in your account, and the kit makes none\n"
        "  -> `aws ec2 create-default-vpc --region us-east-1` makes one; it costs nothing\n"
        "  -> or take another region: REGION=us-east-1"
    )


def test_a_default_network_without_subnets_is_told_apart(aws: Session) -> None:
    take_away_subnets(aws)

    assert default_subnets(aws) == ()
    with pytest.raises(UserError) as raised:
        reachable_zones((), ("us-east-1a", "us-east-1b"), what="g4dn.xlarge", region="us-east-1")

    assert str(raised.value) == (
        "The default network of us-east-1 has no default subnet where g4dn.xlarge is offered (us-east-1a, us-east-1b)\n"
        "  -> `aws ec2 create-default-subnet --availability-zone us-east-1a --region us-east-1` makes one; "
        "it costs nothing"
    )


def test_a_subnet_without_public_addresses_is_named(aws: Session) -> None:
    subnet = (default_subnets(aws) or ())[0]
    aws.client("ec2").modify_subnet_attribute(SubnetId=subnet.id, MapPublicIpOnLaunch={"Value": False})

    with pytest.raises(UserError) as raised:
        reachable_zones(default_subnets(aws) or (), (), what="g4dn.xlarge", region="us-east-1")

    assert f"A machine in {subnet.id} ({subnet.zone}) gets no public address" in raised.value.cause
    assert raised.value.hint == (
        f"`aws ec2 modify-subnet-attribute --subnet-id {subnet.id} --map-public-ip-on-launch --region us-east-1`"
    )


def test_zones_without_a_subnet_are_left_out_and_the_order_stays() -> None:
    c = Subnet("subnet-c", "us-east-1c", public=True)

    assert reachable_zones((A, c), ("us-east-1c", "us-east-1b", "us-east-1a"), what="x", region="us-east-1") == (
        "us-east-1c",
        "us-east-1a",
    )
    assert reachable_zones((A, B), ("us-east-1a",), what="x", region="us-east-1") == ("us-east-1a",)


def test_whoever_may_not_look_is_not_kept_from_launching(aws: Session, answer: Callable[..., None]) -> None:
    answer(aws, "ec2", "DescribeSubnets", code="UnauthorizedOperation")

    assert default_subnets(aws) is None
