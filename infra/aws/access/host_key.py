"""The instance's own SSH key, learnt from AWS instead of from whoever answers first on the network.

cloud-init prints the public host keys on the console at the first boot, and only then; the console is read through
the EC2 API, which proves who it is. The key is then kept in a tag, so that every laptop, and every later day, finds it.
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/connection-prereqs-general.html#connection-prereqs-fingerprint
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

from infra.aws.client.account import Account
from infra.aws.instances.console_output import console_text
from infra.aws.instances.instance import Instance, write_tags
from infra.aws.instances.lifecycle import require_up
from infra.errors import HostUnreachable
from infra.names import HOST_KEY_TAG

_BLOCK: Final = re.compile(r"-----BEGIN SSH HOST KEY KEYS-----(.*?)-----END SSH HOST KEY KEYS-----", re.DOTALL)
# The console prefixes lines as it likes ("[   14.2] cloud-init[812]: "), hence no anchor at the line's begin.
_KEY: Final = re.compile(r"(ssh-ed25519|ecdsa-sha2-nistp256|ssh-rsa) (AAAA[A-Za-z0-9+/]+={0,2})")
_PREFERENCE: Final = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa")
_LOOK_AFTER_S: Final = 10.0
_TAG_LENGTH: Final = 256  # what EC2 takes in a tag's value; an RSA key is longer


def host_key(account: Account, instance: Instance, *, limit_s: float = 300.0) -> str:
    """The host's public key as known_hosts wants it: "ssh-ed25519 AAAA...".

    From the tag, else from the console, and then into the tag. Raises HostUnreachable when the console stays silent
    for *limit_s* seconds, and AwsFailed when the machine is gone.
    """
    found = _KEY.fullmatch(instance.host_key)
    if found and _sound(*found.groups()):  # else somebody wrote something into the tag: the console knows
        return instance.host_key
    account.tell(f"Waiting for {instance.id} to print its host key on the console")
    for gone_s in account.clock.ticks(for_s=limit_s, every_s=5.0, first_s=0.5):
        key = parse_host_key(console_text(account.session, instance))
        if key:
            if len(key) <= _TAG_LENGTH:
                write_tags(account.session, instance, {HOST_KEY_TAG: key})
            return key
        if gone_s >= _LOOK_AFTER_S:
            require_up(account.session, instance)
    raise HostUnreachable(
        f"{instance.id} did not print its host key on the console within {limit_s:.0f} s",
        f"`aws ec2 get-console-output --latest --output text --instance-id {instance.id}` shows what it printed\n"
        "it is printed at the first boot only: if nobody read it then, `rig terminate`, then `rig launch`\n"
        "an image that never prints it cannot be trusted by this kit: take the Deep Learning AMI (AMI empty)",
    )


def parse_host_key(console: str) -> str:
    """The best key of the last whole block on *console*; "" while there is none, or only half of it is printed."""
    blocks = _BLOCK.findall(console.replace("\r", ""))
    keys = {kind: f"{kind} {blob}" for kind, blob in _KEY.findall(blocks[-1] if blocks else "") if _sound(kind, blob)}
    return next((keys[kind] for kind in _PREFERENCE if kind in keys), "")


def _sound(kind: str, blob: str) -> bool:
    """Whether *blob* is whole base64 that names its own kind: the console may lose characters in the middle.

    https://datatracker.ietf.org/doc/html/rfc4253#section-6.6
    """
    try:
        raw = base64.b64decode(blob, validate=True)
    except binascii.Error:
        return False
    return raw.startswith(len(kind).to_bytes(4, "big") + kind.encode())
