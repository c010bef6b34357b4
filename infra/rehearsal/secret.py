"""What only this user knows of a running rehearsal: the AWS secret key of its cloud.

Whoever may call the cloud may run programs here (user-data!). AWS calls are signed with the secret; the kit's own calls
prove by it that the caller knows it, and the answers that it is the cloud who answers and not another program that got
its port later. The secret itself never goes over a connection.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import stat
from typing import Final

from infra.rehearsal.paths import Place, write_whole

NONCE_HEADER: Final = "X-Rehearsal-Nonce"
PROOF_HEADER: Final = "X-Rehearsal-Proof"


def renew(place: Place) -> str:
    """A new secret for a cloud that begins; that of the last one opens nothing any more."""
    secret = secrets.token_hex(20)  # as long as AWS's
    write_whole(place.secret_file, secret)
    return secret


def read(place: Place) -> str:
    """The secret of the cloud that runs; empty when there is none, or when another user may have written or read it."""
    try:
        with open(place.secret_file, opener=lambda path, flags: os.open(path, flags | os.O_NOFOLLOW)) as file:
            seen = os.fstat(file.fileno())
            private = stat.S_ISREG(seen.st_mode) and seen.st_uid == os.getuid() and not seen.st_mode & 0o077
            return file.read().strip() if private else ""
    except (OSError, ValueError):
        return ""


def proof(secret: str, *parts: str | bytes) -> str:
    """That who says *parts* knows *secret*."""
    texts = [part if isinstance(part, bytes) else part.encode() for part in parts]
    # Each hashed by itself, so that no two lists of parts read alike.
    whole = b"".join(hashlib.sha256(text).digest() for text in texts)
    return hmac.new(secret.encode(), whole, hashlib.sha256).hexdigest()


def same(one: str, other: str) -> bool:
    """Compared in constant time."""
    return hmac.compare_digest(one.encode(), other.encode())
