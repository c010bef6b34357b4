from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from infra.aws.access.host_key import host_key, parse_host_key
from infra.aws.client.account import Account
from infra.aws.instances.instance import find
from infra.errors import AwsFailed, HostUnreachable
from tests.aws import samples


def key(kind: str, filler: bytes = b"\x01" * 36) -> str:
    return f"{kind} " + base64.b64encode(len(kind).to_bytes(4, "big") + kind.encode() + filler).decode()


ED25519, ECDSA, RSA = key("ssh-ed25519"), key("ecdsa-sha2-nistp256"), key("ssh-rsa", b"\x01" * 270)


def console(*keys: str, end: bool = True) -> str:
    """As cloud-init prints it between the kernel's lines."""
    lines = ["[    0.000000] Linux version 6.8.0", "-----BEGIN SSH HOST KEY KEYS-----"]
    lines += [f"{one} root@ip-172-31-0-7" for one in keys]
    lines += ["-----END SSH HOST KEY KEYS-----", "[   21.1] cloud-init[901]: Cloud-init v. 25.2 finished"][: 2 * end]
    return "\r\n".join(lines) + "\r\n"


def test_the_ed25519_key_is_preferred():
    assert parse_host_key(console(RSA, ECDSA, ED25519)) == ED25519
    assert parse_host_key(console(RSA, ECDSA)) == ECDSA
    assert parse_host_key(console(RSA)) == RSA


def test_a_prefix_of_the_console_does_not_matter():
    assert parse_host_key(console(f"[   14.2] cloud-init[812]: {ED25519}")) == ED25519


def test_half_a_block_is_none_yet():
    """The keys are printed one after the other; the next look will show the end."""
    assert parse_host_key(console(ECDSA, end=False)) == ""
    assert parse_host_key("") == ""


def test_the_last_boot_counts():
    """An image that was baked carries its first boot's keys on the old console; cloud-init made new ones."""
    renewed = key("ssh-ed25519", b"\x02" * 36)

    assert parse_host_key(console(ED25519) + console(renewed)) == renewed


def test_a_key_outside_of_the_block_is_nobodys():
    """A program on the instance may print what it likes, but not before cloud-init does."""
    assert parse_host_key(ED25519 + "\n" + console()) == ""


@given(some.integers(0, len(ED25519) - 1))
def test_a_key_cut_short_is_not_taken_for_another(length):
    found = parse_host_key(console(ED25519[:length]))

    # A cut at a group of four is still base64: what is refused is a key that no longer says what it is.
    assert found == "" or ED25519.startswith(found)


def test_a_key_that_lost_characters_in_the_middle_gives_way_to_a_whole_one():
    assert parse_host_key(console(ED25519[:20] + ED25519[21:], ECDSA)) == ECDSA


@pytest.fixture
def rig(aws, clock):
    return samples.launch(aws, clock)


def print_on_console(aws, *texts: str) -> None:
    """One text for each look; the last stays."""
    left = list(texts)

    def hook(parsed: dict[str, Any], **_: Any) -> None:
        parsed["Output"] = left.pop(0) if len(left) > 1 else left[0]

    # Last, so that botocore's own decoding of moto's canned text is over.
    aws.client("ec2").meta.events.register_last("after-call.ec2.GetConsoleOutput", hook)


def test_the_key_is_awaited_then_kept_in_a_tag(aws, clock, rig, tell, calls):
    print_on_console(aws, "", console(ECDSA, end=False), console(ECDSA, ED25519))
    calls.clear()

    assert host_key(Account(aws, tell, clock), rig) == ED25519
    assert clock.now() == 1.5
    assert calls == ["ec2:GetConsoleOutput"] * 3 + ["ec2:CreateTags"]
    assert find(aws, "rig").host_key == ED25519


def test_a_key_in_the_tag_costs_no_call(aws, clock, rig, tell, calls):
    print_on_console(aws, console(ED25519))
    host_key(Account(aws, tell, clock), rig)
    known = find(aws, "rig")
    calls.clear()

    assert host_key(Account(aws, tell, clock), known) == ED25519
    assert calls == []


def test_a_key_too_long_for_a_tag_is_used_and_not_kept(aws, clock, rig, tell):
    print_on_console(aws, console(RSA))

    assert host_key(Account(aws, tell, clock), rig) == RSA
    assert find(aws, "rig").host_key == ""


def test_a_silent_console_ends_the_wait_with_what_to_do(aws, clock, rig, tell):
    print_on_console(aws, "[    0.000000] Linux version 6.8.0")

    with pytest.raises(HostUnreachable) as raised:
        host_key(Account(aws, tell, clock), rig)

    assert clock.now() == 300.0
    assert str(raised.value).splitlines()[:2] == [
        f"{rig.id} did not print its host key on the console within 300 s",
        f"  -> `aws ec2 get-console-output --latest --output text --instance-id {rig.id}` shows what it printed",
    ]


def test_a_machine_before_nitro_is_asked_for_what_it_stored(aws, clock, rig, tell, answer):
    answer(aws, "ec2", "GetConsoleOutput", code="UnsupportedOperation", when=lambda body: "Latest" in body)
    print_on_console(aws, console(ED25519))

    assert host_key(Account(aws, tell, clock), rig) == ED25519


def test_a_refusal_is_not_taken_for_silence(aws, clock, rig, tell, answer):
    answer(aws, "ec2", "GetConsoleOutput", code="RequestLimitExceeded")

    with pytest.raises(AwsFailed, match="Cannot read the console of"):
        host_key(Account(aws, tell, clock), rig)
