"""The SSH key: made on this computer, its public half known to EC2. The private half never leaves."""

from __future__ import annotations

import base64
import hashlib
import os
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.aws.failures import code_of
from infra.aws.session import Session
from infra.aws.tags import filters, own_filters, own_tags, specification
from infra.aws.undo import Undo
from infra.errors import AwsFailed, UserError
from infra.names import KIT


@dataclass(frozen=True)
class LocalKey:
    """*public*: "ssh-ed25519 AAAA...", without a comment."""

    path: Path
    public: str

    @property
    def fingerprint(self) -> str:
        """As `ssh-keygen -l` and EC2 (for ed25519) show it, without padding."""
        digest = hashlib.sha256(base64.b64decode(self.public.split()[1])).digest()
        return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")

    def pair_name(self, rig: str) -> str:
        """Two laptops have two keys, hence two names: neither can lock the other out by replacing it."""
        return f"{KIT}-{rig}-{hashlib.sha256(self.public.encode()).hexdigest()[:10]}"


def local_key(path: Path) -> LocalKey:
    """The key in *path*, made first if there is none. Raises UserError for a key that ssh or EC2 would refuse."""
    if not path.exists():
        _make(path)
    if os.name == "posix" and path.stat().st_mode & 0o077:
        raise UserError(f"The key {path} can be read by others, and ssh refuses such a key", f"chmod 600 {path}")
    public = _public_half(path)
    if public.split()[0] not in ("ssh-ed25519", "ssh-rsa"):
        raise UserError(
            f"EC2 does not take the {public.split()[0]} key {path}", "leave KEY empty: the kit makes its own"
        )
    return LocalKey(path, public)


def _make(path: Path) -> None:
    """Whole or absent, private from its first byte, never over another: written aside (mkstemp: 0600), then linked."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    secret = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, aside = tempfile.mkstemp(dir=path.parent, prefix=".making-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(secret)
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):  # another command made it first: that one counts
            os.link(aside, path)
    finally:
        os.unlink(aside)


def _public_half(path: Path) -> str:
    from cryptography.hazmat.primitives import serialization

    secret = path.read_bytes()
    load: Any = serialization.load_ssh_private_key
    if b"BEGIN OPENSSH" not in secret:
        load = serialization.load_pem_private_key
    try:
        public = load(secret, password=None).public_key()
        line = public.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
        return str(line.decode())
    except (ValueError, TypeError) as error:  # TypeError: it has a passphrase; the public half lies beside it
        beside = Path(f"{path}.pub")
        if beside.exists():
            return " ".join(beside.read_text(errors="replace").split()[:2])
        raise UserError(
            f"Cannot read the key {path}: {error}",
            f"`ssh-keygen -y -f {path} > {beside}` puts its public half beside it; or leave KEY empty",
        ) from error


def find_key_pair(session: Session, name: str, key: LocalKey) -> bool:
    """Whether EC2 knows *key* for the rig *name*. Raises UserError if another key bears its name."""
    wanted = key.pair_name(name)
    with session.translated(f"look up key pair {wanted}"):
        found = session.client("ec2").describe_key_pairs(Filters=filters({"key-name": wanted}), IncludePublicKey=True)[
            "KeyPairs"
        ]
    # The name says which key it is (`pair_name`); what EC2 shows of it only confirms that.
    if found and found[0].get("PublicKey", key.public).split()[:2] != key.public.split():
        raise UserError(
            f"The key pair {wanted} in {session.region} is not the key in {key.path}",
            f"`aws ec2 delete-key-pair --key-name {wanted} --region {session.region}` removes it\n"
            "instances that run already do not mind",
        )
    return bool(found)


def import_key_pair(session: Session, name: str, key: LocalKey, undo: Undo) -> str:
    """Make *key* known to EC2 for the rig *name*; answer the name it has there."""
    pair = key.pair_name(name)
    undo.later(f"key pair {pair}", lambda: delete_key_pair(session, pair))
    try:
        with session.translated(f"import key pair {pair}"):
            session.client("ec2").import_key_pair(
                KeyName=pair,
                PublicKeyMaterial=key.public.encode(),
                TagSpecifications=specification(["key-pair"], own_tags(name)),
            )
    except AwsFailed as error:
        if code_of(error) != "InvalidKeyPair.Duplicate" or not find_key_pair(session, name, key):
            raise
    return pair


def delete_key_pair(session: Session, pair: str) -> None:
    """Deleting one that is not there is a success, says EC2 too."""
    with session.translated(f"delete key pair {pair}"):
        session.client("ec2").delete_key_pair(KeyName=pair)


def find_key_pairs(session: Session, name: str) -> list[str]:
    """The names of all key pairs made for the rig *name*, from whichever laptop."""
    with session.translated(f"look up the key pairs of {name}"):
        found = session.client("ec2").describe_key_pairs(Filters=own_filters(name))["KeyPairs"]
    return sorted(pair["KeyName"] for pair in found)
