import pytest

from infra.aws.offers.instance_types import machine_types
from infra.aws.offers.quota import Quota, family_of, quota_of, require
from infra.errors import QuotaTooSmall
from tests.aws.responses import quotas

G, G_SPOT, STANDARD = "L-DB2E81BA", "L-3819A6DF", "L-1216C47A"


def machine(aws, name="g4dn.xlarge"):
    return machine_types(aws, [name])[0]


def run(aws, name, **more):
    image = aws.client("ec2").describe_images()["Images"][0]["ImageId"]
    aws.client("ec2").run_instances(ImageId=image, InstanceType=name, MinCount=1, MaxCount=1, **more)


def test_a_new_account_is_told_the_exact_line_that_asks_for_more(aws):
    quotas(aws, {G: 0.0})

    with pytest.raises(QuotaTooSmall) as raised:
        require(quota_of(aws, machine(aws), spot=False))

    assert str(raised.value) == (
        'The quota "Running On-Demand G and VT instances" in us-east-1: '
        "4 vCPUs needed, 0 granted, 0 in use. Nothing was started.\n"
        "  -> aws service-quotas request-service-quota-increase --service-code ec2 "
        "--quota-code L-DB2E81BA --desired-value 4 --region us-east-1\n"
        "  -> AWS answers by mail, in an hour to three days; `rig doctor` shows when it is granted\n"
        "  -> until then: CLOUD=rehearsal costs nothing, and TYPE=t3.micro (no GPU) has a quota of its own"
    )


def test_what_runs_already_counts_and_other_families_do_not(aws):
    quotas(aws, {G: 8.0})
    run(aws, "g6.xlarge")
    run(aws, "t3.micro")
    run(aws, "g4dn.2xlarge", InstanceMarketOptions={"MarketType": "spot"})

    quota = quota_of(aws, machine(aws), spot=False)

    assert (quota.needed, quota.granted, quota.in_use, quota.enough) == (4, 8, 4, True)


def test_one_vcpu_too_few_is_too_few(aws):
    quotas(aws, {G: 7.0})
    run(aws, "g6.xlarge")

    with pytest.raises(QuotaTooSmall, match="4 vCPUs needed, 7 granted, 4 in use"):
        require(quota_of(aws, machine(aws), spot=False))


def test_what_is_stopped_or_gone_does_not_count(aws):
    quotas(aws, {G: 4.0})
    run(aws, "g6.xlarge")
    aws.client("ec2").terminate_instances(
        InstanceIds=[aws.client("ec2").describe_instances()["Reservations"][0]["Instances"][0]["InstanceId"]]
    )

    assert quota_of(aws, machine(aws), spot=False).enough is True


def test_spot_has_a_quota_of_its_own(aws):
    quotas(aws, {G: 100.0, G_SPOT: 8.0})
    run(aws, "g4dn.2xlarge", InstanceMarketOptions={"MarketType": "spot"})

    quota = quota_of(aws, machine(aws), spot=True)

    assert (quota.code, quota.granted, quota.in_use, quota.enough) == (G_SPOT, 8, 8, False)


def test_an_account_that_never_asked_has_the_default(aws):
    quotas(aws, {}, default={G: 0.0})

    assert quota_of(aws, machine(aws), spot=False).granted == 0


def test_unknown_is_unknown_and_stops_nobody(aws, answer):
    """Not being allowed to look at quotas does not mean that there is none."""
    answer(aws, "service-quotas", "GetServiceQuota", code="AccessDeniedException")
    quota = quota_of(aws, machine(aws), spot=False)

    require(quota)

    assert (quota.granted, quota.enough) == (None, None)
    assert str(quota).endswith("4 vCPUs needed, unknown granted, 0 in use")


@pytest.mark.parametrize("granted", [float("nan"), float("inf")])
def test_a_number_that_is_none_is_unknown(aws, granted):
    quotas(aws, {G: granted})

    assert quota_of(aws, machine(aws), spot=False).granted is None


def test_not_knowing_the_use_still_lets_a_small_grant_say_no(aws, answer):
    quotas(aws, {G: 0.0})
    wanted = machine(aws)
    answer(aws, "ec2", "DescribeInstances", code="UnauthorizedOperation")

    quota = quota_of(aws, wanted, spot=False)

    assert (quota.in_use, quota.enough) == (None, False)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("g4dn.xlarge", G),
        ("gr6.4xlarge", G),
        ("g6e.xlarge", G),
        ("vt1.3xlarge", G),
        ("p4d.24xlarge", "L-417A185B"),
        ("t3.micro", STANDARD),
        ("c7i-flex.large", STANDARD),
        ("im4gn.large", None),
        ("inf2.xlarge", None),
        ("trn1.2xlarge", None),
    ],
)
def test_each_type_counts_against_its_family(name, code):
    family = family_of(name)

    assert (family.on_demand[0] if family else None) == code


@pytest.mark.parametrize(("needed", "in_use", "desired"), [(2, 0, "4"), (4, 4, "8"), (96, None, "96")])
def test_the_request_asks_for_what_is_needed_beside_what_runs(needed, in_use, desired):
    quota = Quota(code=G, name="G", region="eu-west-1", needed=needed, granted=0, in_use=in_use)

    assert quota.request[-4:] == ["--desired-value", desired, "--region", "eu-west-1"]
