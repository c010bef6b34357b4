"""Every error code of EC2 and exception of botocore that a user can meet: the whole message and the exit code."""

from __future__ import annotations

import botocore.exceptions
import pytest

from infra.aws.client.error_messages import BY_CODE, BY_EXCEPTION
from infra.aws.client.session import Session
from infra.errors import (
    AwsFailed,
    NoCapacity,
    NoCredentials,
    NotAllowed,
    QuotaTooSmall,
    RigError,
    UserError,
)

QUOTA = (
    QuotaTooSmall,
    "Cannot launch rig: your account's vCPU quota in us-east-1 is too small (AWS's words)\n"
    "  -> `rig doctor` shows needed, granted and used vCPUs, and the line that asks AWS for more\n"
    "  -> approval takes an hour to three days; another region or a CPU type (TYPE=t3.micro) needs no approval",
)
CAPACITY = (
    NoCapacity,
    "Cannot launch rig: AWS has no free machine of this type here now (AWS's words)\n"
    "  -> name more types (TYPE=g4dn.xlarge,g6.xlarge,g5.xlarge), wait for one (WAIT_MINUTES=30), "
    "or take another region",
)
REFUSED = (
    UserError,
    "Cannot launch rig: AWS refused the request (AWS's words)\n"
    "  -> if it speaks of the Free Tier: upgrade the account's plan in the AWS console (Billing, Free Tier)\n"
    "  -> else take another type or zone: `rig plan` shows what is offered in us-east-1",
)
TYPE = (
    UserError,
    "Cannot launch rig: us-east-1 knows no such instance type (AWS's words)\n"
    "  -> `rig plan` lists the GPU types that work; p2, p3 and g3 are retired, g4dn.xlarge is the usual replacement",
)
FORBIDDEN = (
    NotAllowed,
    "Cannot launch rig: your AWS user may not do ec2:DescribeInstances\n"
    "  -> `rig iam-policy` prints the permissions the kit needs; attach them to your user or role",
)
THROTTLED = (
    AwsFailed,
    "Cannot launch rig: AWS asks for fewer requests per second, after several tries (AWS's words)\n"
    "  -> wait a minute and run the command again; other programs in this account may be asking AWS a lot",
)
EXISTS = (
    AwsFailed,
    "Cannot launch rig: one exists already, and is not what this rig needs (AWS's words)\n"
    "  -> `rig sweep` lists what the kit made; remove it, or use another NAME",
)
STATE = (
    AwsFailed,
    "Cannot launch rig: the instance is in another state than expected (AWS's words)\n"
    "  -> `rig status` shows its state now; run the command again",
)
SIGN_IN = (
    NoCredentials,
    "Cannot launch rig: AWS does not accept your credentials (AWS's words)\n"
    "  -> `aws sts get-caller-identity` must work first; `aws configure` sets new keys, "
    "`aws sso login --profile work` renews a login\n"
    "  -> a clock that is minutes off is refused too, and so is a region that your account has not enabled: us-east-1",
)
EXPIRED = (
    NoCredentials,
    "Cannot launch rig: your AWS login has expired (AWS's words)\n"
    "  -> `aws sso login --profile work`, then run the command again",
)
CODES = {
    "MissingInput": (
        UserError,
        "Cannot launch rig: us-east-1 has no default subnet there (AWS's words)\n"
        "  -> `aws ec2 create-default-subnet --availability-zone ZONE --region us-east-1` makes one; it costs nothing",
    ),
    "VcpuLimitExceeded": QUOTA,
    "InstanceLimitExceeded": QUOTA,
    "MaxSpotInstanceCountExceeded": (
        QuotaTooSmall,
        "Cannot launch rig: your account's quota for spot instances in us-east-1 is too small (AWS's words)\n"
        "  -> `rig doctor` shows needed, granted and used vCPUs, and the line that asks AWS for more\n"
        "  -> on-demand instances have a quota of their own: SPOT=0",
    ),
    "InsufficientInstanceCapacity": CAPACITY,
    "InsufficientCapacity": CAPACITY,
    "UnfulfillableCapacity": CAPACITY,
    "InsufficientHostCapacity": CAPACITY,
    "SpotMaxPriceTooLow": (
        NoCapacity,
        "Cannot launch rig: the spot price is above the limit (AWS's words)\n"
        "  -> the kit sets no limit of its own; try again, another type, or SPOT=0",
    ),
    "Unsupported": REFUSED,
    "InvalidParameterCombination": REFUSED,
    "InvalidInstanceType": TYPE,
    "InvalidInstanceType.NotFound": TYPE,
    "UnauthorizedOperation": FORBIDDEN,
    "AccessDenied": FORBIDDEN,
    "AccessDeniedException": FORBIDDEN,
    "DryRunOperation": (
        AwsFailed,
        "AWS would let you launch rig\n  -> this was only a question (DryRun); nothing was made",
    ),
    "RequestLimitExceeded": THROTTLED,
    "Throttling": THROTTLED,
    "ThrottlingException": THROTTLED,
    "InvalidInstanceID.NotFound": (
        AwsFailed,
        "Cannot launch rig: AWS does not know it, or not yet (AWS's words)\n"
        "  -> a moment after creation this passes by itself: run the command again",
    ),
    "IdempotentParameterMismatch": (
        AwsFailed,
        "Cannot launch rig: an earlier launch asked for the same instance in other words (AWS's words)\n"
        "  -> run `rig launch` again: it finds what the earlier one began",
    ),
    "InvalidKeyPair.Duplicate": EXISTS,
    "InvalidGroup.Duplicate": EXISTS,
    "InvalidPermission.Duplicate": EXISTS,
    "DependencyViolation": (
        AwsFailed,
        "Cannot launch rig: something still uses it (AWS's words)\n"
        "  -> wait until the instance is terminated (`rig status`), then run the command again",
    ),
    "IncorrectInstanceState": STATE,
    "IncorrectSpotRequestState": STATE,
    "UnsupportedOperation": STATE,
    "PendingVerification": (
        UserError,
        "Cannot launch rig: AWS has not opened your account for this yet (AWS's words)\n"
        "  -> new accounts are checked for up to four hours; the AWS console and your mail show what is missing",
    ),
    "OptInRequired": (
        UserError,
        "Cannot launch rig: your account has not subscribed to this service or region (AWS's words)\n"
        "  -> enable us-east-1 in the AWS console (Account, AWS Regions), or take another: REGION=us-east-1",
    ),
    "Blocked": (
        UserError,
        "Cannot launch rig: AWS has blocked your account (AWS's words)\n"
        "  -> AWS Support (https://console.aws.amazon.com/support) tells why; nothing else unblocks it",
    ),
    "AuthFailure": SIGN_IN,
    "InvalidClientTokenId": SIGN_IN,
    "UnrecognizedClientException": SIGN_IN,
    "SignatureDoesNotMatch": SIGN_IN,
    "InvalidSignatureException": SIGN_IN,
    "RequestTimeTooSkewed": (
        NoCredentials,
        "Cannot launch rig: AWS and this computer disagree about the time (AWS's words)\n"
        "  -> `date -u` must be right within five minutes: let this computer set its clock by itself\n"
        "  -> then run the command again",
    ),
    "RequestExpired": EXPIRED,
    "ExpiredToken": EXPIRED,
    "ExpiredTokenException": EXPIRED,
    "VPCIdNotSpecified": (
        UserError,
        "Cannot launch rig: us-east-1 has no default network in your account (AWS's words)\n"
        "  -> `aws ec2 create-default-vpc --region us-east-1` makes one; it costs nothing",
    ),
    "InvalidAMIID.NotFound": (
        UserError,
        "Cannot launch rig: us-east-1 has no such image (AWS's words)\n"
        "  -> image ids belong to one region; leave AMI empty for the newest Deep Learning AMI",
    ),
    "InvalidAMIID.Malformed": (
        UserError,
        "Cannot launch rig: that is not an image id (AWS's words)\n  -> one looks like ami-0123456789abcdef0",
    ),
    "InvalidBlockDeviceMapping": (
        UserError,
        "Cannot launch rig: the disk does not fit the image (AWS's words)\n  -> ask for more: DISK_GIB=100",
    ),
    "SomethingNew": (
        AwsFailed,
        "Cannot launch rig: AWS answered SomethingNew: AWS's words\n"
        "  -> run the command again; `rig doctor` looks for the usual causes",
    ),
}
SILENCE = "  -> check the internet connection, a proxy, and the name of the region: us-east-1"
EXCEPTIONS = [
    (
        botocore.exceptions.NoCredentialsError(),
        NoCredentials,
        "Cannot launch rig: there are no AWS credentials on this computer\n"
        "  -> `aws configure` (keys; with single sign-on: `aws configure sso` of the AWS CLI 2), then `rig doctor`\n"
        "  -> to try everything without an account first: CLOUD=rehearsal",
    ),
    (
        botocore.exceptions.PartialCredentialsError(provider="env", cred_var="AWS_SECRET_ACCESS_KEY"),
        NoCredentials,
        "Cannot launch rig: your AWS credentials are incomplete "
        "(Partial credentials found in env, missing: AWS_SECRET_ACCESS_KEY)\n"
        "  -> `aws configure` writes both halves: the access key id and the secret access key",
    ),
    (
        botocore.exceptions.ProfileNotFound(profile="wrok"),
        NoCredentials,
        "Cannot launch rig: The config profile (wrok) could not be found\n"
        "  -> `aws configure list-profiles` shows those you have; PROFILE=... and AWS_PROFILE choose one",
    ),
    (
        botocore.exceptions.UnauthorizedSSOTokenError(),
        NoCredentials,
        "Cannot launch rig: your AWS login has expired (The SSO session associated with this profile has expired or "
        "is otherwise invalid. To refresh this SSO session run aws sso login with the corresponding profile)\n"
        "  -> `aws sso login --profile work`, then run the command again",
    ),
    (
        botocore.exceptions.SSOTokenLoadError(profile_name="work", error_msg="Token for work does not exist"),
        NoCredentials,
        "Cannot launch rig: your AWS login has expired "
        "(Error loading SSO Token: Token for work does not exist)\n"
        "  -> `aws sso login --profile work`, then run the command again",
    ),
    (
        botocore.exceptions.TokenRetrievalError(provider="sso", error_msg="Token has expired and refresh failed"),
        NoCredentials,
        "Cannot launch rig: your AWS login has expired "
        "(Error when retrieving token from sso: Token has expired and refresh failed)\n"
        "  -> `aws sso login --profile work`, then run the command again",
    ),
    (
        botocore.exceptions.CredentialRetrievalError(provider="custom-process", error_msg="boom"),
        NoCredentials,
        "Cannot launch rig: the program or service that hands out your AWS credentials failed "
        "(Error when retrieving credentials from custom-process: boom)\n"
        "  -> `aws sts get-caller-identity` must work first; it goes the same way",
    ),
    (
        botocore.exceptions.InvalidRegionError(region_name="us east 1"),
        UserError,
        "Cannot launch rig: 'us-east-1' is not the name of a region\n  -> REGION=us-east-1, for one",
    ),
    (
        botocore.exceptions.NoRegionError(),
        UserError,
        "Cannot launch rig: no region is chosen\n  -> REGION=us-east-1, for one",
    ),
    (
        botocore.exceptions.EndpointConnectionError(endpoint_url="https://ec2"),
        AwsFailed,
        f'Cannot launch rig: AWS does not answer (Could not connect to the endpoint URL: "https://ec2")\n{SILENCE}',
    ),
    (
        botocore.exceptions.ConnectTimeoutError(endpoint_url="https://ec2"),
        AwsFailed,
        f'Cannot launch rig: AWS does not answer (Connect timeout on endpoint URL: "https://ec2")\n{SILENCE}',
    ),
    (
        botocore.exceptions.ReadTimeoutError(endpoint_url="https://ec2"),
        AwsFailed,
        f'Cannot launch rig: AWS does not answer (Read timeout on endpoint URL: "https://ec2")\n{SILENCE}',
    ),
    (
        botocore.exceptions.DataNotFoundError(data_path="ec2"),
        AwsFailed,
        "Cannot launch rig: Unable to load data for: ec2\n"
        "  -> `rig doctor` looks for the usual causes; else run the command again",
    ),
]


@pytest.fixture
def session() -> Session:
    """Its one call never leaves this process: each test raises in its place."""
    session = Session(region="us-east-1")
    session.client("ec2")
    session.profile = "work"
    return session


def met(session: Session, raised: Exception) -> RigError:
    def hook(**_: object) -> None:
        raise raised

    session.client("ec2").meta.events.register("before-call", hook)
    with pytest.raises(RigError) as caught, session.translated("launch rig"):
        session.client("ec2").describe_instances()
    return caught.value


def refusal(code: str, message: str = "AWS's words.") -> botocore.exceptions.ClientError:
    return botocore.exceptions.ClientError({"Error": {"Code": code, "Message": message}}, "DescribeInstances")


@pytest.mark.parametrize("code", CODES)
def test_each_error_code_has_its_message_and_exit_code(session, code):
    kind, text = CODES[code]

    error = met(session, refusal(code))

    assert str(error) == text
    assert (type(error), error.exit_code) == (kind, 2 if issubclass(kind, UserError) else 1)
    assert error.code == code


@pytest.mark.parametrize(("raised", "kind", "text"), EXCEPTIONS, ids=lambda value: type(value).__name__)
def test_each_exception_of_botocore_has_its_message(session, raised, kind, text):
    error = met(session, raised)

    assert (type(error), str(error)) == (kind, text)


def test_no_code_is_without_a_test():
    assert set(BY_CODE) == set(CODES) - {"SomethingNew"}


def test_every_exception_in_the_table_is_one_of_botocores():
    """A misspelt one would never match. LoginError is newer than some botocore that may be installed."""
    assert [name for name in BY_EXCEPTION if not hasattr(botocore.exceptions, name)] in ([], ["LoginError"])


def test_a_refused_permission_is_named_as_aws_names_it(session):
    error = met(
        session, refusal("UnauthorizedOperation", "User: me is not authorized to perform: ec2:RunInstances on x")
    )

    assert error.cause == "Cannot launch rig: your AWS user may not do ec2:RunInstances"


@pytest.mark.parametrize(
    "message",
    [
        "Signature expired: 20251126T101112Z is now earlier than 20261126T100612Z (20261126T101112Z - 5 min.)",
        "Signature not yet current: 20271126T101112Z is still later than 20261126T101612Z",
    ],
)
def test_a_clock_a_year_off_is_named_as_the_clock(session, message):
    error = met(session, refusal("InvalidSignatureException", message))

    assert error.cause.startswith("Cannot launch rig: AWS and this computer disagree about the time (Signature ")


@pytest.mark.parametrize(
    "reason",
    [
        "with an explicit deny in a service control policy. Encoded authorization failure message: abc",
        "with an explicit deny in an identity-based policy",
        "because no permissions boundary allows the ec2:RunInstances action",
        "because no service control policy allows the ec2:RunInstances action",
    ],
)
def test_a_rule_above_the_user_is_not_answered_with_more_permissions_for_the_user(session, reason):
    said = f"User: arn:aws:iam::1:user/me is not authorized to perform: ec2:RunInstances on resource: x {reason}"

    error = met(session, refusal("UnauthorizedOperation", said))

    assert (type(error), error.exit_code) == (NotAllowed, met(session, refusal("AccessDenied")).exit_code)
    assert error.cause.startswith("Cannot launch rig: a rule above your AWS user forbids ec2:RunInstances (")
    assert "iam-policy" not in error.hint
    assert "abc" not in error.cause
    assert ("--encoded-message abc" in error.hint) == ("Encoded" in reason)


def test_an_encoded_reason_comes_with_the_command_that_decodes_it(session):
    error = met(
        session, refusal("UnauthorizedOperation", "You are not. Encoded authorization failure message: abc-123")
    )

    assert error.hint.splitlines()[1:] == [
        "`aws sts decode-authorization-message --encoded-message abc-123` tells which rule said no"
    ]


def test_braces_in_awss_words_are_harmless(session):
    assert "({action} {0})" in met(session, refusal("Blocked", "{action} {0}")).cause
