"""Credentials planted in every place that the kit reads are looked for in everything it prints and leaves."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace

import botocore.endpoint
import pytest

from infra.cli import main
from infra.secrets import HIDDEN, looks_secret, without_secrets
from infra.settings import Settings

CANARY = "cAnary9x7wJalrXUtnFEMIK7MDENGbPxRfiCYzz0"  # of the length and the letters of a secret access key
KEY_ID = "AKIA9CANARY7" + "EXAMPLE0"  # in two parts, so that this file is sent, too
PLANTED = {
    "AWS_ACCESS_KEY_ID": KEY_ID,
    "AWS_SECRET_ACCESS_KEY": CANARY,
    "AWS_SESSION_TOKEN": "token-" + CANARY * 4,
    "GITHUB_TOKEN": CANARY[::-1],
    "WANDB_API_KEY": CANARY.swapcase(),
    "DATABASE_PASSWORD": "short-" + "9canary",
}
COMMANDS = (
    ["settings"],
    ["settings", "--example"],
    ["doctor", "--json"],
    ["doctor"],
    ["plan"],
    ["launch", "--yes"],
    ["status", "--json"],
    ["stop"],
    ["terminate"],
    ["train", "remote", "--cmd", "true"],
    ["runs", "--json"],
    ["cost", "--json"],
    ["sweep"],
    ["iam-policy"],
    ["ssh"],
    ["status", KEY_ID],
    ["status", "--region", CANARY],
)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder without a way to AWS, and every secret variable set."""
    monkeypatch.chdir(tmp_path)
    for name, value in {
        **PLANTED,
        "HOME": str(tmp_path),
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_CONFIG_FILE": "/nowhere",
        "AWS_SHARED_CREDENTIALS_FILE": "/nowhere",
        "HTTPS_PROXY": f"http://me:{CANARY}@127.0.0.1:9",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(botocore.endpoint, "time", SimpleNamespace(sleep=lambda seconds: None))
    return tmp_path


def leaks(folder: Path, printed: str) -> list[str]:
    left = "".join(path.read_text(errors="replace") for path in folder.rglob("*") if path.is_file())
    return [value for value in PLANTED.values() if value in printed or value in left]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("end", ["", "\r\n"], ids=["sound", "with a line end"])
def test_no_command_prints_or_leaves_a_credential(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str], end: str
) -> None:
    if end:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
            monkeypatch.setenv(name, PLANTED[name] + end)

    assert main(words) in (0, 1, 2)

    printed = "".join(capsys.readouterr())
    assert leaks(here, printed) == []


def test_a_fault_of_ours_leaves_a_traceback_without_them(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fall(*_: object, **__: object) -> None:
        raise RuntimeError(f"signed with {CANARY} by {KEY_ID}")

    monkeypatch.setattr("infra.cli.screens.begin.render_settings", fall)

    assert main(["settings"]) == 1

    assert HIDDEN in (here / ".rig" / "crash.log").read_text()
    assert leaks(here, "".join(capsys.readouterr())) == []


@pytest.mark.parametrize("name", [field.name for field in fields(Settings)])
@pytest.mark.parametrize("value", [KEY_ID, CANARY, f"https://me:{CANARY}@registry.example", "ghp_" + "a1B2" * 9])
def test_a_credential_in_a_setting_is_refused_by_the_settings_name(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str
) -> None:
    monkeypatch.setenv(f"RIG_{name.upper()}", value)

    assert main(["settings"]) == 2

    printed = "".join(capsys.readouterr())
    assert f"RIG_{name.upper()} holds what looks like a credential" in printed
    assert value not in printed


@pytest.mark.parametrize(
    "text",
    [
        "g4dn.xlarge",
        "s3://my-bucket/rig",
        "/home/Anna/Projects/2026/gluon/data/sets/abcd1",
        "~/.ssh/id_ed25519",
        "123456789012.dkr.ecr.us-east-1.amazonaws.com/gluon-rig",
        "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "ami-0123456789abcdef0",
        "arn:aws:iam::123456789012:role/gluon-rig-deadman",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIN0ZJZ2yhJVJhHm/jlB8oZ2S8vuHo1o1k0CkQmQ0w4o1",
    ],
)
def test_what_only_looks_a_little_like_one_passes(text: str) -> None:
    assert not looks_secret(text)
    assert without_secrets(text) == text
