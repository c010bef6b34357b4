"""AWS's error codes and botocore's exceptions, each in our words. Pure data; errors.py fills it in.

The codes and what they mean: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from infra.errors import (
    AwsFailed,
    NoCapacity,
    NoCredentials,
    NotAllowed,
    QuotaTooSmall,
    RehearsalDown,
    RigError,
    UserError,
)


@dataclass(frozen=True)
class Explanation:
    """One row of the table. {action} {region} {message} {permission} {login} are filled in from the scene."""

    error: type[RigError]
    cause: str
    hint: str


_QUOTA = Explanation(
    QuotaTooSmall,
    "Cannot {action}: your account's vCPU quota in {region} is too small ({message})",
    "`rig doctor` shows needed, granted and used vCPUs, and the line that asks AWS for more\n"
    "approval takes an hour to three days; another region or a CPU type (TYPE=t3.micro) needs no approval",
)
_SPOT_QUOTA = Explanation(
    QuotaTooSmall,
    "Cannot {action}: your account's quota for spot instances in {region} is too small ({message})",
    "`rig doctor` shows needed, granted and used vCPUs, and the line that asks AWS for more\n"
    "on-demand instances have a quota of their own: SPOT=0",
)
_CAPACITY = Explanation(
    NoCapacity,
    "Cannot {action}: AWS has no free machine of this type here now ({message})",
    "name more types (TYPE=g4dn.xlarge,g6.xlarge,g5.xlarge), wait for one (WAIT_MINUTES=30), or take another region",
)
_LIFE_CYCLE = Explanation(
    AwsFailed,
    "Cannot {action}: the instance is in another state than expected ({message})",
    "`rig status` shows its state now; run the command again",
)
_THROTTLED = Explanation(
    AwsFailed,
    "Cannot {action}: AWS asks for fewer requests per second, after several tries ({message})",
    "wait a minute and run the command again; other programs in this account may be asking AWS a lot",
)
_SIGN_IN = Explanation(
    NoCredentials,
    "Cannot {action}: AWS does not accept your credentials ({message})",
    "`aws sts get-caller-identity` must work first; `aws configure` sets new keys, {login} renews a login\n"
    "a clock that is minutes off is refused too, and so is a region that your account has not enabled: {region}",
)
_CLOCK = Explanation(
    NoCredentials,
    "Cannot {action}: AWS and this computer disagree about the time ({message})",
    "`date -u` must be right within five minutes: let this computer set its clock by itself\n"
    "then run the command again",
)
_EXPIRED = Explanation(
    NoCredentials, "Cannot {action}: your AWS login has expired ({message})", "{login}, then run the command again"
)
_FORBIDDEN = Explanation(
    NotAllowed,
    "Cannot {action}: your AWS user may not do {permission}",
    "`rig iam-policy` prints the permissions the kit needs; attach them to your user or role",
)
_FORBIDDEN_ABOVE = Explanation(
    NotAllowed,
    "Cannot {action}: a rule above your AWS user forbids {permission} ({message})",
    "no permission of your user changes that: ask who set the rule up (service control policies: whoever runs your "
    "organization)\nsuch rules often hold in some regions, or for some instance types: REGION=..., TYPE=...",
)
_TYPE = Explanation(
    UserError,
    "Cannot {action}: {region} knows no such instance type ({message})",
    "`rig plan` lists the GPU types that work; p2, p3 and g3 are retired, g4dn.xlarge is the usual replacement",
)
_BAD_TEMPLATE = Explanation(
    UserError,
    "Cannot {action}: AWS refused the request ({message})",
    "if it speaks of the Free Tier: upgrade the account's plan in the AWS console (Billing, Free Tier)\n"
    "else take another type or zone: `rig plan` shows what is offered in {region}",
)
_ACCOUNT = Explanation(
    UserError,
    "Cannot {action}: AWS has not opened your account for this yet ({message})",
    "new accounts are checked for up to four hours; the AWS console and your mail show what is missing",
)
_SPOT_PRICE = Explanation(
    NoCapacity,
    "Cannot {action}: the spot price is above the limit ({message})",
    "the kit sets no limit of its own; try again, another type, or SPOT=0",
)
_NOT_FOUND = Explanation(
    AwsFailed,
    "Cannot {action}: AWS does not know it, or not yet ({message})",
    "a moment after creation this passes by itself: run the command again",
)
_EXISTS = Explanation(
    AwsFailed,
    "Cannot {action}: one exists already, and is not what this rig needs ({message})",
    "`rig sweep` lists what the kit made; remove it, or use another NAME",
)
_IN_USE = Explanation(
    AwsFailed,
    "Cannot {action}: something still uses it ({message})",
    "wait until the instance is terminated (`rig status`), then run the command again",
)

NO_ANSWER = Explanation(
    AwsFailed,
    "Cannot {action}: what came back is not what AWS says ({message})",
    "a network that wants you to sign in first, or a proxy, may have answered in its place: look into your browser\n"
    "then run the command again; it finds what this one has begun",
)

BY_CODE: Mapping[str, Explanation] = {
    "VcpuLimitExceeded": _QUOTA,
    "InstanceLimitExceeded": _QUOTA,
    "MaxSpotInstanceCountExceeded": _SPOT_QUOTA,
    "InsufficientInstanceCapacity": _CAPACITY,
    "InsufficientCapacity": _CAPACITY,
    "UnfulfillableCapacity": _CAPACITY,
    "InsufficientHostCapacity": _CAPACITY,
    "SpotMaxPriceTooLow": _SPOT_PRICE,
    "Unsupported": _BAD_TEMPLATE,
    "InvalidParameterCombination": _BAD_TEMPLATE,
    "InvalidInstanceType": _TYPE,
    "InvalidInstanceType.NotFound": _TYPE,
    "UnauthorizedOperation": _FORBIDDEN,
    "AccessDenied": _FORBIDDEN,
    "AccessDeniedException": _FORBIDDEN,
    "DryRunOperation": Explanation(
        AwsFailed, "AWS would let you {action}", "this was only a question (DryRun); nothing was made"
    ),
    "RequestLimitExceeded": _THROTTLED,
    "Throttling": _THROTTLED,
    "ThrottlingException": _THROTTLED,
    "InvalidInstanceID.NotFound": _NOT_FOUND,
    "IdempotentParameterMismatch": Explanation(
        AwsFailed,
        "Cannot {action}: an earlier launch asked for the same instance in other words ({message})",
        "run `rig launch` again: it finds what the earlier one began",
    ),
    "InvalidKeyPair.Duplicate": _EXISTS,
    "InvalidGroup.Duplicate": _EXISTS,
    "InvalidPermission.Duplicate": _EXISTS,
    "DependencyViolation": _IN_USE,
    "IncorrectInstanceState": _LIFE_CYCLE,
    "IncorrectSpotRequestState": _LIFE_CYCLE,
    "UnsupportedOperation": _LIFE_CYCLE,
    "PendingVerification": _ACCOUNT,
    "OptInRequired": Explanation(
        UserError,
        "Cannot {action}: your account has not subscribed to this service or region ({message})",
        "enable {region} in the AWS console (Account, AWS Regions), or take another: REGION=us-east-1",
    ),
    "Blocked": Explanation(
        UserError,
        "Cannot {action}: AWS has blocked your account ({message})",
        "AWS Support (https://console.aws.amazon.com/support) tells why; nothing else unblocks it",
    ),
    "AuthFailure": _SIGN_IN,
    "InvalidClientTokenId": _SIGN_IN,
    "UnrecognizedClientException": _SIGN_IN,
    "SignatureDoesNotMatch": _SIGN_IN,
    "InvalidSignatureException": _SIGN_IN,
    "RequestTimeTooSkewed": _CLOCK,
    "RequestExpired": _EXPIRED,
    "ExpiredToken": _EXPIRED,
    "ExpiredTokenException": _EXPIRED,
    "VPCIdNotSpecified": Explanation(
        UserError,
        "Cannot {action}: {region} has no default network in your account ({message})",
        "`aws ec2 create-default-vpc --region {region}` makes one; it costs nothing",
    ),
    "MissingInput": Explanation(
        UserError,
        "Cannot {action}: {region} has no default subnet there ({message})",
        "`aws ec2 create-default-subnet --availability-zone ZONE --region {region}` makes one; it costs nothing",
    ),
    "InvalidAMIID.NotFound": Explanation(
        UserError,
        "Cannot {action}: {region} has no such image ({message})",
        "image ids belong to one region; leave AMI empty for the newest Deep Learning AMI",
    ),
    "InvalidAMIID.Malformed": Explanation(
        UserError,
        "Cannot {action}: that is not an image id ({message})",
        "one looks like ami-0123456789abcdef0",
    ),
    "InvalidBlockDeviceMapping": Explanation(
        UserError, "Cannot {action}: the disk does not fit the image ({message})", "ask for more: DISK_GIB=100"
    ),
}

# Where the message says more than the code: a pattern in it, and the row for that. First match counts.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
BY_MESSAGE: tuple[tuple[str, Explanation], ...] = (
    (r"Signature (?:expired|not yet current)|is now (?:earlier|later) than|time is too large", _CLOCK),
    (r"explicit deny in an? |because no (?:service control policy|resource control policy|permissions boundary)",
     _FORBIDDEN_ABOVE),
)  # fmt: skip

SILENCE = Explanation(
    AwsFailed,
    "Cannot {action}: AWS does not answer ({message})",
    "check the internet connection, a proxy, and the name of the region: {region}",
)
REHEARSAL_SILENCE = Explanation(
    RehearsalDown,
    "Cannot {action}: the rehearsal cloud does not answer ({message})",
    "`rig rehearsal down`, then run the command again: it starts a fresh one",
)
BY_EXCEPTION: Mapping[str, Explanation] = {
    "NoCredentialsError": Explanation(
        NoCredentials,
        "Cannot {action}: there are no AWS credentials on this computer",
        "`aws configure` (keys; with single sign-on: `aws configure sso` of the AWS CLI 2), then `rig doctor`\n"
        "to try everything without an account first: CLOUD=rehearsal",
    ),
    "PartialCredentialsError": Explanation(
        NoCredentials,
        "Cannot {action}: your AWS credentials are incomplete ({message})",
        "`aws configure` writes both halves: the access key id and the secret access key",
    ),
    "ProfileNotFound": Explanation(
        NoCredentials,
        "Cannot {action}: {message}",
        "`aws configure list-profiles` shows those you have; PROFILE=... and AWS_PROFILE choose one",
    ),
    "SSOError": _EXPIRED,
    "SSOTokenLoadError": _EXPIRED,
    "UnauthorizedSSOTokenError": _EXPIRED,
    "TokenRetrievalError": _EXPIRED,
    "LoginError": _EXPIRED,
    "CredentialRetrievalError": Explanation(
        NoCredentials,
        "Cannot {action}: the program or service that hands out your AWS credentials failed ({message})",
        "`aws sts get-caller-identity` must work first; it goes the same way",
    ),
    "InvalidRegionError": Explanation(
        UserError, "Cannot {action}: {region!r} is not the name of a region", "REGION=us-east-1, for one"
    ),
    "NoRegionError": Explanation(UserError, "Cannot {action}: no region is chosen", "REGION=us-east-1, for one"),
    "ConnectionError": SILENCE,
    "HTTPClientError": SILENCE,
    "BotoCoreError": Explanation(
        AwsFailed, "Cannot {action}: {message}", "`rig doctor` looks for the usual causes; else run the command again"
    ),
}
OTHER = Explanation(
    AwsFailed,
    "Cannot {action}: AWS answered {code}: {message}",
    "run the command again; `rig doctor` looks for the usual causes",
)
