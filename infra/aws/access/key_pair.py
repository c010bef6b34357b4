"""The SSH key: made on this computer, its public half known to EC2. The private half never leaves."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import struct
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from infra.aws.client.rollback import Rollback
from infra.aws.client.session import Session
from infra.aws.client.tags import filters, own_filters, own_tags, specification
from infra.aws.instances.instance import Instance
from infra.errors import AwsFailed, UserError
from infra.names import KIT

OWN_KEY: Final = "or leave KEY empty: the kit makes its own"
_ARMOUR: Final = re.compile(rb"-----BEGIN OPENSSH PRIVATE KEY-----(.*?)-----END OPENSSH PRIVATE KEY-----", re.DOTALL)
_MAGIC: Final = b"openssh-key-v1\0"


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
    """The key in *path*, made first if there is none. Raises UserError for a key that ssh or EC2 would refuse: now,
    and not on a machine that costs money while it is found out."""
    if not path.exists() and not path.is_symlink():
        _make(path)
    try:
        secret = path.read_bytes()
    except OSError as error:
        raise UserError(f"Cannot read the key {path}: {error.strerror}", OWN_KEY) from error
    if os.name == "posix" and path.stat().st_mode & 0o077:
        raise UserError(f"The key {path} can be read by others, and ssh refuses such a key", f"chmod 600 {path}")
    public = public_half(path, secret)
    _require_same_beside(path, public)
    if public.split()[0] not in ("ssh-ed25519", "ssh-rsa"):
        raise UserError(f"EC2 does not take the {public.split()[0]} key {path}", OWN_KEY)
    if not opens_without_us(secret):
        _require_agent_signs(path, public)
    return LocalKey(path, public)


def _require_agent_signs(path: Path, public: str) -> None:
    """A key with a passphrase is of use while an agent holds it, and signs with it. Raises UserError."""
    if public not in _in_agent():
        raise UserError(
            f"The key {path} has a passphrase, and no ssh-agent holds it unlocked (or the file is damaged)",
            f"`ssh-add {path}` unlocks it until you log out (`eval $(ssh-agent)` first, where none runs)\n"
            f"if the agent was locked, `ssh-add -X` opens it again\n{OWN_KEY}",
        )
    refusal = _refusal_of_agent(public)
    if refusal:
        raise UserError(
            f"The ssh-agent holds the key {path}, and does not sign with it: {refusal}",
            f"added with `ssh-add -c`, each use must be confirmed; `ssh-add {path}` adds it without\n{OWN_KEY}",
        )


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


def public_half(path: Path, secret: bytes) -> str:
    """ "ssh-ed25519 AAAA..." of the private key *secret*, read from *path*."""
    if secret.startswith((b"ssh-", b"ecdsa-", b"sk-")):
        raise UserError(f"{path} is the public half of a key", f"name the private one: KEY={path.with_suffix('')}")
    found = _open_half(secret) or _unlock_public_half(secret) or _line_beside(path)
    if not found:
        raise UserError(
            f"Cannot read the key {path}: it is no private key that ssh knows, or it has a passphrase and no "
            f"{path.name}.pub beside it",
            f"`ssh-keygen -y -f {path} > {path}.pub` puts its public half beside it, if it is one\n{OWN_KEY}",
        )
    return found


def _open_half(secret: bytes) -> str:
    """OpenSSH's own form shows the public half without a passphrase; empty for another form, or a damaged one.

    https://github.com/openssh/openssh-portable/blob/master/PROTOCOL.key
    """
    found = _ARMOUR.search(secret)
    try:
        raw = base64.b64decode(b"".join(found[1].split()), validate=True) if found else b""
        if not raw.startswith(_MAGIC):
            return ""
        _cipher, _kdf, _options, rest = _take(raw[len(_MAGIC) :], 3)
        blob, _ = _take(rest[4:], 1)
        kind, _ = _take(blob, 1)
        return f"{kind.decode('ascii')} {base64.b64encode(blob).decode()}"
    except (ValueError, struct.error):
        return ""


def _take(raw: bytes, count: int) -> tuple[bytes, ...]:
    """*count* strings, each behind its length, and what is left. Raises ValueError when they are cut."""
    parts = []
    for _ in range(count):
        (length,) = struct.unpack_from(">I", raw)
        if len(raw) < 4 + length:
            raise ValueError("cut")
        parts.append(raw[4 : 4 + length])
        raw = raw[4 + length :]
    return (*parts, raw)


def _unlock_public_half(secret: bytes) -> str:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    try:
        public = serialization.load_pem_private_key(secret, password=None).public_key()
        line = public.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
        return str(line.decode())
    except (ValueError, TypeError, UnsupportedAlgorithm):  # TypeError: it has a passphrase
        return ""


def opens_without_us(secret: bytes) -> bool:
    """Whether *secret* is a whole private key without a passphrase."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    load: Any = serialization.load_ssh_private_key
    if b"BEGIN OPENSSH" not in secret:
        load = serialization.load_pem_private_key
    try:
        load(secret, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return False
    return True


def _line_beside(path: Path) -> str:
    """The public half that lies in a file of its own; empty when there is none, or it is no key."""
    try:
        words = Path(f"{path}.pub").read_text(encoding="ascii").split()
        base64.b64decode(words[1], validate=True)
    except (OSError, ValueError, IndexError):
        return ""
    return " ".join(words[:2])


def _require_same_beside(path: Path, public: str) -> None:
    """ssh offers what lies beside a key, and signs with the key: two that differ open nothing."""
    beside = _line_beside(path)
    if beside and beside != public:
        raise UserError(
            f"{path}.pub is not the public half of {path}, and ssh would offer the wrong one",
            f"`ssh-keygen -y -f {path} > {path}.pub` puts the right one there",
        )


def _in_agent() -> set[str]:
    """The public halves of the keys that an ssh-agent holds unlocked."""
    try:
        said = subprocess.run(["ssh-add", "-L"], capture_output=True, text=True, timeout=10, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        return set()
    return {" ".join(line.split()[:2]) for line in said.stdout.splitlines()}


def _refusal_of_agent(public: str) -> str:
    """Why the agent does not sign with the key; empty where it does, or where this ssh-add cannot try (before 8.0)."""
    with tempfile.NamedTemporaryFile("w", suffix=".pub") as file:
        file.write(f"{public}\n")
        file.flush()
        line = ["ssh-add", "-T", file.name]
        try:
            tried = subprocess.run(line, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
        except subprocess.TimeoutExpired:
            return "nobody answered its question for a minute"
    said = tried.stderr.strip().splitlines()
    if tried.returncode == 0 or any("option" in line or line.startswith("usage") for line in said):
        return ""
    return said[-1].rpartition(": ")[2] if said else f"ssh-add -T ends with {tried.returncode}"


def require_same_key(rig: str, key: LocalKey, instance: Instance) -> None:
    """Raises UserError when *instance* was launched with another laptop's key: it would refuse this one."""
    made_for = instance.key_name
    if made_for.startswith(f"{KIT}-{rig}-") and made_for != key.pair_name(rig):
        raise UserError(
            f"{instance.id} was launched with another key than {key.path} (key pair {made_for}), and lets only that in",
            "take the key file of the laptop that launched it: KEY=... or `key` in rig.toml\n"
            "if that key is lost: `rig terminate`, then `rig launch`",
        )


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


def import_key_pair(session: Session, name: str, key: LocalKey, rollback: Rollback) -> str:
    """Make *key* known to EC2 for the rig *name*; answer the name it has there."""
    pair = key.pair_name(name)
    rollback.later(f"key pair {pair}", lambda: delete_key_pair(session, pair))
    try:
        with session.translated(f"import key pair {pair}"):
            session.client("ec2").import_key_pair(
                KeyName=pair,
                PublicKeyMaterial=key.public.encode(),
                TagSpecifications=specification(["key-pair"], own_tags(name)),
            )
    except AwsFailed as error:
        if error.code != "InvalidKeyPair.Duplicate" or not find_key_pair(session, name, key):
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
