from __future__ import annotations

import os
import pty
import shutil
import subprocess
import threading
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization as ser
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st

from infra.aws.access.key_pair import (
    LocalKey,
    delete_key_pair,
    find_key_pair,
    find_key_pairs,
    import_key_pair,
    local_key,
    require_same_key,
)
from infra.aws.client.rollback import Rollback
from infra.errors import UserError
from infra.names import NAME_TAG, OWNER_TAG
from tests.aws.samples import KEY, NAME, launch

OPENSSH = ser.PrivateFormat.OpenSSH


def write(path: Path, secret, *, form=OPENSSH, password: bytes = b"") -> Path:
    lock = ser.BestAvailableEncryption(password) if password else ser.NoEncryption()
    path.write_bytes(secret.private_bytes(ser.Encoding.PEM, form, lock))
    path.chmod(0o600)
    return path


def public_of(secret) -> str:
    return secret.public_key().public_bytes(ser.Encoding.OpenSSH, ser.PublicFormat.OpenSSH).decode()


def test_a_missing_key_is_made_private_and_stays_the_same(tmp_path):
    path = tmp_path / "config" / "id_ed25519"

    made = local_key(path)

    assert made.public.startswith("ssh-ed25519 ")
    assert path.stat().st_mode & 0o777 == 0o600
    assert local_key(path) == made
    assert list(path.parent.iterdir()) == [path]


def test_the_key_file_is_never_seen_open_to_others_or_half_written(tmp_path, monkeypatch):
    """When it appears under its name, it is whole and private already."""
    old = os.umask(0)
    seen = []
    link = os.link

    def spy(aside, path):
        seen.append(
            (os.stat(aside).st_mode & 0o777, Path(aside).read_bytes().endswith(b"-----END OPENSSH PRIVATE KEY-----\n"))
        )
        link(aside, path)

    monkeypatch.setattr(os, "link", spy)
    try:
        local_key(tmp_path / "id")
    finally:
        os.umask(old)

    assert seen == [(0o600, True)]


def test_two_commands_that_make_the_key_at_once_agree_on_one(tmp_path):
    path, made, start = tmp_path / "id", [], threading.Barrier(4)

    def make():
        start.wait()
        made.append(local_key(path))

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert made == [local_key(path)] * 4


def test_a_key_that_others_can_read_is_refused_as_ssh_would(tmp_path):
    path = write(tmp_path / "id", ed25519.Ed25519PrivateKey.generate())
    path.chmod(0o644)

    with pytest.raises(UserError) as raised:
        local_key(path)

    assert str(raised.value) == (
        f"The key {path} can be read by others, and ssh refuses such a key\n  -> chmod 600 {path}"
    )


@pytest.mark.parametrize("form", [OPENSSH, ser.PrivateFormat.TraditionalOpenSSL], ids=["openssh", "pem"])
def test_an_rsa_key_as_the_aws_console_gives_it_is_taken(tmp_path, form):
    secret = rsa.generate_private_key(65537, 2048)

    assert local_key(write(tmp_path / "id", secret, form=form)).public == public_of(secret)


def test_a_key_that_ec2_does_not_take_is_refused(tmp_path):
    path = write(tmp_path / "id", ec.generate_private_key(ec.SECP256R1()))

    with pytest.raises(UserError, match="EC2 does not take the ecdsa-sha2-nistp256 key"):
        local_key(path)


def test_a_key_with_a_passphrase_is_of_use_once_an_agent_holds_it(tmp_path, monkeypatch):
    secret = ed25519.Ed25519PrivateKey.generate()
    path = write(tmp_path / "id", secret, password=b"secret")
    with pytest.raises(UserError, match=r"has a passphrase, and no ssh-agent holds it"):
        local_key(path)

    agent = tmp_path / "bin" / "ssh-add"
    agent.parent.mkdir()
    agent.write_text(f"#!/bin/sh\n[ $1 = -T ] || echo '{public_of(secret)} me@laptop'\n")
    agent.chmod(0o755)
    monkeypatch.setenv("PATH", f"{agent.parent}:{os.environ['PATH']}")

    assert local_key(path).public == public_of(secret)


@pytest.mark.skipif(not shutil.which("ssh-agent"), reason="ssh-agent is missing: sudo apt install openssh-client")
def test_an_agent_that_is_locked_or_asks_first_is_named_before_money_is_spent(tmp_path, agent):
    path = write(tmp_path / "id", ed25519.Ed25519PrivateKey.generate())
    subprocess.run(["ssh-add", "-q", str(path)], check=True, capture_output=True)
    subprocess.run(["ssh-keygen", "-q", "-p", "-N", "secret", "-f", str(path)], check=True)

    assert local_key(path).public

    write_to_terminal("ssh-add", "-x", answers=2)
    with pytest.raises(UserError, match=r"(?s)no ssh-agent holds it unlocked.*`ssh-add -X` opens it again"):
        local_key(path)

    write_to_terminal("ssh-add", "-X", answers=1)
    assert local_key(path).public

    subprocess.run(["ssh-keygen", "-q", "-p", "-P", "secret", "-N", "", "-f", str(path)], check=True)
    subprocess.run(["ssh-add", "-q", "-c", str(path)], check=True, capture_output=True)  # nobody is there to confirm
    subprocess.run(["ssh-keygen", "-q", "-p", "-N", "secret", "-f", str(path)], check=True)
    with pytest.raises(UserError, match=r"holds the key .*id, and does not sign with it: agent refused operation"):
        local_key(path)


@pytest.fixture
def agent(tmp_path, monkeypatch):
    """An ssh-agent of this test's own; it has nobody to ask."""
    socket = tmp_path / "agent"
    with subprocess.Popen(["ssh-agent", "-D", "-a", str(socket)], stdout=subprocess.DEVNULL) as process:
        until = time.monotonic() + 60
        while not socket.exists():
            assert time.monotonic() < until
            time.sleep(0.02)
        monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
        yield
        process.terminate()


def write_to_terminal(*line, answers):
    """Answer each question of *line* with the same word, at a terminal, where alone it asks."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvp(line[0], line)
    for _ in range(answers):
        while b": " not in os.read(terminal, 1000):
            pass
        os.write(terminal, b"word\n")
    with suppress(OSError):  # EIO: it has ended
        while os.read(terminal, 1000):
            pass
    assert os.waitpid(pid, 0)[1] == 0


def test_a_locked_pem_key_needs_its_public_half_beside_it(tmp_path):
    secret = rsa.generate_private_key(65537, 2048)
    path = write(tmp_path / "id", secret, form=ser.PrivateFormat.TraditionalOpenSSL, password=b"secret")

    with pytest.raises(UserError, match=r"Cannot read the key .*no id.pub beside it"):
        local_key(path)


def test_a_public_half_of_another_key_beside_it_is_named(tmp_path):
    """ssh would offer the one and sign with the other."""
    path = write(tmp_path / "id", ed25519.Ed25519PrivateKey.generate())
    Path(f"{path}.pub").write_text(public_of(ed25519.Ed25519PrivateKey.generate()))

    with pytest.raises(UserError, match=r"id.pub is not the public half of "):
        local_key(path)


WHOLE = ed25519.Ed25519PrivateKey.generate().private_bytes(ser.Encoding.PEM, OPENSSH, ser.NoEncryption())


@given(
    st.one_of(
        st.binary(max_size=300),
        st.integers(0, len(WHOLE)).map(lambda end: WHOLE[:end]),
        st.tuples(st.integers(0, len(WHOLE) - 1), st.binary(max_size=3)).map(
            lambda cut: WHOLE[: cut[0]] + cut[1] + WHOLE[cut[0] + 1 :]
        ),
    )
)
def test_whatever_lies_where_the_key_should_is_a_key_or_a_sentence(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "anything"
    path.write_bytes(content)
    path.chmod(0o600)

    with suppress(UserError):
        assert local_key(path).fingerprint.startswith("SHA256:")


@pytest.mark.parametrize("there", ["a folder", "a link to nowhere", "the public half"])
def test_what_is_no_private_key_is_named_with_the_next_step(tmp_path, there):
    path = tmp_path / "id"
    if there == "a folder":
        path.mkdir()
    elif there == "a link to nowhere":
        path.symlink_to(tmp_path / "nowhere")
    else:
        path.write_text(public_of(ed25519.Ed25519PrivateKey.generate()))
        path.chmod(0o600)

    with pytest.raises(UserError, match=f"{path}") as raised:
        local_key(path)
    assert "KEY" in raised.value.hint


def test_another_laptops_key_is_refused_for_a_rig_that_is_there(aws, clock, tmp_path):
    instance = launch(aws, clock)
    require_same_key(NAME, KEY, instance)

    with pytest.raises(UserError) as raised:
        require_same_key(NAME, local_key(tmp_path / "id"), instance)

    assert "was launched with another key than" in raised.value.cause


@pytest.mark.skipif(not shutil.which("ssh-keygen"), reason="needs ssh-keygen (apt install openssh-client)")
def test_ssh_keygen_reads_the_key_and_shows_the_same_fingerprint(tmp_path):
    key = local_key(tmp_path / "id")

    def keygen(*words: str) -> str:
        return subprocess.run(["ssh-keygen", *words], check=True, capture_output=True, text=True).stdout

    assert keygen("-y", "-f", os.fspath(key.path)).split()[:2] == key.public.split()
    assert keygen("-l", "-f", os.fspath(key.path)).split()[1] == key.fingerprint


def test_an_imported_key_carries_our_tags_and_its_own_name(aws, tell):
    pair = import_key_pair(aws, NAME, KEY, Rollback(tell))

    (found,) = aws.client("ec2").describe_key_pairs()["KeyPairs"]
    assert pair == found["KeyName"] == "gluon-rig-rig-654042c088"
    assert {tag["Key"]: tag["Value"] for tag in found["Tags"]} == {
        OWNER_TAG: "gluon-rig",
        NAME_TAG: "rig",
        "Name": "gluon-rig-rig",
    }
    assert find_key_pair(aws, NAME, KEY)
    assert find_key_pairs(aws, NAME) == [pair]


def test_importing_the_same_key_twice_is_a_success(aws, tell):
    assert import_key_pair(aws, NAME, KEY, Rollback(tell)) == import_key_pair(aws, NAME, KEY, Rollback(tell))


def test_another_key_under_our_name_is_not_taken_for_ours(aws, tell):
    other = public_of(ed25519.Ed25519PrivateKey.generate())
    aws.client("ec2").import_key_pair(KeyName=KEY.pair_name(NAME), PublicKeyMaterial=other.encode())

    with pytest.raises(UserError, match=r"The key pair gluon-rig-rig-\w+ in us-east-1 is not the key in id_rig"):
        import_key_pair(aws, NAME, KEY, Rollback(tell))


def test_two_laptops_do_not_share_a_name(tmp_path):
    other = LocalKey(tmp_path, public_of(ed25519.Ed25519PrivateKey.generate()))

    assert other.pair_name(NAME) != KEY.pair_name(NAME) == replace(KEY, path=tmp_path).pair_name(NAME)


def test_deleting_a_key_pair_that_is_not_there_is_a_success(aws):
    delete_key_pair(aws, "gluon-rig-nobody")
