"""Credentials are looked at before anything is signed with them; what is wrong is named, and no value is ever shown."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.aws.client.credentials import VARIABLES, fault_in, require_clean_environment
from infra.aws.client.session import Session
from infra.errors import NoCredentials

SECRET = "canary/secretKEY" + "0123456789+abcdefghijklmn"  # in two parts, so that this file is sent, too


def spoilt(text: str = SECRET) -> dict[str, tuple[str, str]]:
    """By kind of spoiling: the text, and what is said of it."""
    return {
        "a line end of Windows": (text + "\r", "holds a line break"),
        "a line end": (text + "\n", "holds a line break"),
        "two lines": (text[:5] + "\n" + text[5:], "holds a line break"),
        "a blank": (text + " ", "holds a blank"),
        "a tab": ("\t" + text, "holds a blank"),
        "quotes": (f'"{text}"', "has quotation marks around it"),
        "a quote": (text + "'", "has quotation marks around it"),
        "a bell": (text + "\x07", "holds a character that no key has"),
        "a word of another alphabet": (text + "é", "holds a character that no key has"),
    }


@pytest.fixture(autouse=True)
def a_home_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.fspath(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", os.fspath(tmp_path / "config"))


def refusal(profile: str = "") -> str:
    session = Session(region="us-east-1", profile=profile)
    with pytest.raises(NoCredentials) as raised, session.translated("find rig"):
        session.client("ec2", patient=False, timeout_s=1).describe_instances()
    return str(raised.value)


@pytest.mark.parametrize("kind", spoilt())
@pytest.mark.parametrize("name", VARIABLES)
def test_a_spoilt_variable_is_named_and_its_value_is_not_shown(
    monkeypatch: pytest.MonkeyPatch, name: str, kind: str
) -> None:
    text, fault = spoilt()[kind]
    for variable in VARIABLES:
        monkeypatch.setenv(variable, SECRET)
    monkeypatch.setenv(name, text)

    said = refusal()

    assert said.startswith(f"Your AWS credentials cannot be used: {name} {fault}")
    assert "canary" not in said
    with pytest.raises(NoCredentials, match=f"{name} {fault}"):
        require_clean_environment(os.environ)


@pytest.mark.parametrize(("key", "secret", "missing"), [("", SECRET, VARIABLES[0]), (SECRET, None, VARIABLES[1])])
def test_half_a_pair_is_refused_for_the_chain_would_go_on_to_somebody_elses_keys(
    key: str, secret: str | None, missing: str
) -> None:
    environ = {VARIABLES[0]: key} | ({VARIABLES[1]: secret} if secret else {})

    with pytest.raises(NoCredentials, match=f"{missing} is empty or not set"):
        require_clean_environment(environ)


LINES = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
SPOILT = [(line, kind) for line in LINES for kind in ("quotes", "two words", "nothing")]
SPOILT.remove(("aws_session_token", "nothing"))  # it may be absent


@pytest.mark.parametrize("where", ["credentials", "config"])
@pytest.mark.parametrize(("line", "kind"), SPOILT)
def test_a_spoilt_line_of_a_profile_is_named(tmp_path: Path, where: str, line: str, kind: str) -> None:
    lines = dict.fromkeys(LINES, SECRET)
    lines[line] = {"quotes": f'"{SECRET}"', "two words": f"{SECRET} {SECRET}", "nothing": ""}[kind]
    section = "profile work" if where == "config" else "work"
    text = "\n".join([f"[{section}]", *(f"{name} = {value}" for name, value in lines.items())])
    (tmp_path / where).write_text(text)

    said = refusal("work")

    file = {"credentials": "the credentials file of AWS", "config": "the config file of AWS"}[where]
    assert f"{line} of profile work in {file}" in said
    assert "canary" not in said


def test_what_a_program_or_a_login_hands_out_is_looked_at_too(tmp_path: Path) -> None:
    handed = {"Version": 1, "AccessKeyId": SECRET, "SecretAccessKey": SECRET, "SessionToken": SECRET + "\n"}
    (tmp_path / "keys.json").write_text(json.dumps(handed))
    program = f"{sys.executable} -c 'print(open(\"{tmp_path}/keys.json\").read())'"
    (tmp_path / "config").write_text(f"[profile work]\ncredential_process = {program}\n")

    said = refusal("work")

    assert "the session token that custom-process of profile work hands out holds a line break" in said
    assert "canary" not in said


def test_a_program_that_hands_out_no_json_is_a_sentence(tmp_path: Path) -> None:
    program = f"{sys.executable} -c 'print(\"{SECRET}\")'"
    (tmp_path / "config").write_text(f"[profile work]\ncredential_process = {program}\n")

    said = refusal("work")

    assert said.startswith("Your AWS credentials cannot be read: what hands them out failed (JSONDecodeError)")
    assert "canary" not in said


def test_an_expired_login_of_a_profile_is_renewed_under_its_name(tmp_path: Path) -> None:
    """SSO without a token in its cache, as after the login's end."""
    (tmp_path / "config").write_text(
        '[profile "my work"]\nsso_session = s\nsso_account_id = 123456789012\nsso_role_name = r\n'
        "[sso-session s]\nsso_region = us-east-1\nsso_start_url = https://example.awsapps.com/start\n"
    )

    assert "`aws sso login --profile 'my work'`" in refusal("my work")


@given(st.text(st.characters(codec="ascii", categories=["L", "N"], include_characters="/+=_-"), min_size=1))
def test_whatever_a_key_may_be_made_of_is_no_fault(text: str) -> None:
    assert fault_in(text) == ""


@given(st.text(min_size=1))
def test_whatever_http_could_not_carry_is_one(text: str) -> None:
    assert fault_in(text) or (text.isascii() and text.isprintable() and " " not in text)
