import os
from pathlib import Path

import pytest

from infra.aws.client.session import Session, default_region
from infra.errors import NoCredentials, NotAllowed, RehearsalDown


def test_a_client_is_made_once_per_service_region_and_patience(aws):
    assert aws.client("ec2") is aws.client("ec2", region="us-east-1")
    assert aws.client("ec2") is not aws.client("ec2", patient=False)
    assert aws.client("ec2", region="eu-west-1").meta.region_name == "eu-west-1"


def test_only_patient_clients_ask_again(aws):
    attempts = [aws.client("ec2", patient=p).meta.config.retries["total_max_attempts"] for p in (True, False)]

    assert attempts == [5, 1]


def test_nothing_is_opened_before_a_client_is_wanted(monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "nobody")

    Session(region="us-east-1")


def test_the_rehearsal_sees_neither_profile_nor_credentials_nor_proxy(monkeypatch):
    """A key that belongs to a real account never goes to another server."""
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "real")
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.invalid:1")
    client = Session(region="us-east-1", endpoint_url="http://127.0.0.1:9").client("ec2")

    sent = []
    client.meta.events.register("before-send", lambda request, **_: sent.append(request))
    with pytest.raises(Exception, match=r"127\.0\.0\.1:9"):
        client.describe_instances()

    assert "Credential=rehearsal/" in sent[0].headers["Authorization"].decode()
    assert client.meta.config.proxies == {}


def test_a_silent_rehearsal_is_told_apart_from_a_silent_aws():
    session = Session(region="us-east-1", endpoint_url="http://127.0.0.1:9")

    with pytest.raises(RehearsalDown, match="the rehearsal cloud does not answer"), session.translated("find rig"):
        session.client("ec2", patient=False).describe_instances()


def test_an_account_without_credentials_is_told_the_two_ways_to_get_them(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)
    session = Session(region="us-east-1")

    with pytest.raises(NoCredentials) as raised, session.translated("find rig"):
        session.client("ec2").describe_instances()

    assert str(raised.value) == (
        "Cannot find rig: there are no AWS credentials on this computer\n"
        "  -> `aws configure` (keys; with single sign-on: `aws configure sso` of the AWS CLI 2), then `rig doctor`\n"
        "  -> to try everything without an account first: CLOUD=rehearsal"
    )


def test_half_a_key_is_told_apart_from_none(monkeypatch):
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    session = Session(region="us-east-1")

    with pytest.raises(NoCredentials, match="Cannot speak to AWS: your AWS credentials are incomplete"):
        session.client("ec2")


def test_a_profile_that_does_not_exist_is_named():
    session = Session(region="us-east-1", profile="wrok")

    with pytest.raises(NoCredentials, match=r"Cannot speak to AWS: The config profile \(wrok\) could not be found"):
        session.client("ec2")


def test_a_refusal_by_aws_keeps_its_traceback_to_the_call(aws, answer):
    answer(aws, "ec2", "DescribeInstances", code="UnauthorizedOperation")

    with pytest.raises(NotAllowed) as raised, aws.translated("find rig"):
        aws.client("ec2").describe_instances()

    assert raised.value.__cause__.response["Error"]["Code"] == "UnauthorizedOperation"


@pytest.mark.parametrize(
    ("config", "region"),
    [
        ("", "us-east-1"),
        ("[default]\nregion = eu-west-1\n", "eu-west-1"),
        ("[profile work]\nregion=ap-south-1", "us-east-1"),
    ],
)
def test_the_region_is_that_of_the_profile_else_us_east_1(monkeypatch, tmp_path: Path, config, region):
    (tmp_path / "config").write_text(config)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.fspath(tmp_path / "config"))

    assert default_region() == region
