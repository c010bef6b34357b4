from infra.aws.account.doctor import Check, examine
from infra.aws.client.tags import own_tags, specification
from infra.settings import Settings
from tests.aws.pretend_account import DLAMI
from tests.aws.responses import PUBLISHED, price_list, quotas

G = "L-DB2E81BA"


def by_name(checks):
    return {check.name: check for check in checks}


def test_a_ready_account_passes_every_check(aws, tell):
    quotas(aws, {G: 8.0})
    price_list(aws, {("us-east-1", "g4dn.xlarge"): 0.526})

    assert examine(aws, Settings(), tell=tell) == [
        Check("credentials", True, "account 123456789012, as arn:aws:sts::123456789012:user/moto"),
        Check("region", True, "us-east-1"),
        Check(
            "type",
            True,
            "g4dn.xlarge (1 x T4 16 GiB, 4 vCPU, 16 GiB), "
            "offered in us-east-1a, us-east-1b, us-east-1c, us-east-1d, us-east-1f",
        ),
        Check("price", True, f"$0.526/h (AWS price list, {PUBLISHED[:10]})"),
        Check(
            "quota",
            True,
            '"Running On-Demand G and VT instances" in us-east-1: 4 vCPUs needed, 8 granted, 0 in use',
        ),
        Check(
            "image",
            True,
            f"{DLAMI}, Deep Learning Base AMI with Single CUDA (Ubuntu 22.04) 20261112, at least 35 GiB of disk",
        ),
        Check(
            "network",
            True,
            "default subnets with public addresses in us-east-1a, us-east-1b, us-east-1c, us-east-1d, us-east-1e, "
            "us-east-1f",
        ),
    ]


def test_without_credentials_one_line_says_it_all(aws, tell, answer):
    answer(aws, "sts", "GetCallerIdentity", code="ExpiredToken")

    (check,) = examine(aws, Settings(), tell=tell)

    assert (check.name, check.ok) == ("credentials", False)
    assert check.fix == (  # a login would not help: what stands in the environment comes first
        "a new value of AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN each, then run the command again"
    )


def test_a_quota_of_zero_comes_with_the_line_that_mends_it(aws, tell):
    quotas(aws, {G: 0.0})

    quota = by_name(examine(aws, Settings(), tell=tell))["quota"]

    assert quota.ok is False
    assert quota.fix == (
        "to ask AWS for more: aws service-quotas request-service-quota-increase --service-code ec2 "
        "--quota-code L-DB2E81BA --desired-value 4 --region us-east-1"
    )


def test_a_rig_that_runs_is_not_asked_to_fit_in_once_more(aws, tell):
    quotas(aws, {G: 4.0})
    aws.client("ec2").run_instances(
        ImageId=DLAMI,
        InstanceType="g4dn.xlarge",
        MinCount=1,
        MaxCount=1,
        TagSpecifications=specification(["instance"], own_tags("rig")),
    )

    assert by_name(examine(aws, Settings(), tell=tell))["quota"].ok is True


def test_what_nobody_can_tell_is_neither_well_nor_ill(aws, tell, answer):
    answer(aws, "service-quotas", "GetServiceQuota", code="AccessDeniedException")

    assert by_name(examine(aws, Settings(), tell=tell))["quota"].ok is None


def test_a_type_that_cannot_work_leaves_price_and_quota_out(aws, tell):
    checks = by_name(examine(aws, Settings(type=("p5.48xlarge",)), tell=tell))

    assert set(checks) == {"credentials", "region", "type", "image", "network"}
    assert checks["type"].fix.startswith("instead of p5.48xlarge: p4de.24xlarge")


def test_a_region_that_is_not_enabled_is_said(aws, tell):
    quotas(aws, {G: 8.0})

    def only_ireland(parsed, **_):
        parsed["Regions"] = [{"RegionName": "eu-west-1"}]

    aws.events.register("after-call.ec2.DescribeRegions", only_ireland)

    region = by_name(examine(aws, Settings(), tell=tell))["region"]

    assert (region.ok, region.found) == (False, "us-east-1 is not enabled in your account")


def test_looking_changes_nothing(aws, tell, calls):
    quotas(aws, {})
    examine(aws, Settings(), tell=tell)

    assert all(call.split(":")[1].startswith(("Describe", "Get")) for call in calls), calls
