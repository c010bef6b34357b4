"""The part of cloud-init that the kit leans on: which pieces of user-data run, and when.

Formats: https://cloudinit.readthedocs.io/en/latest/explanation/format.html
"""

from __future__ import annotations

import email
import gzip
from dataclasses import dataclass
from email.message import Message
from typing import Literal

BOOTHOOK = "#cloud-boothook"
KINDS: dict[str, Literal["boothook", "script"]] = {
    "text/cloud-boothook": "boothook",  # early, at every boot
    "text/x-shellscript": "script",  # late, at the first boot only
}


@dataclass(frozen=True)
class Part:
    kind: Literal["boothook", "script", "unknown"]
    program: bytes


def parts(user_data: bytes) -> tuple[Part, ...]:
    """Split user-data (plain, gzipped, or MIME multipart) into what cloud-init would run, in order."""
    if user_data[:2] == b"\x1f\x8b":
        user_data = gzip.decompress(user_data)
    if not user_data.strip():
        return ()
    if user_data.lstrip().lower().startswith((b"content-type:", b"mime-version:")):
        message = email.message_from_bytes(user_data.lstrip())
        return tuple(_mime_part(part) for part in message.walk() if not part.is_multipart())
    return (_plain_part(user_data),)


def _mime_part(part: Message) -> Part:
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)  # walk() gave no container
    kind = KINDS.get(part.get_content_type())
    return Part(kind, _without_marker(payload)) if kind else _plain_part(payload)


def _plain_part(text: bytes) -> Part:
    if text.startswith(BOOTHOOK.encode()):
        return Part("boothook", _without_marker(text))
    return Part("script" if text.startswith(b"#!") else "unknown", text)


def _without_marker(text: bytes) -> bytes:
    return text.removeprefix(BOOTHOOK.encode()).lstrip()
