"""A private image registry (ECR): the password by which Docker may pull for the next twelve hours."""

from __future__ import annotations

import base64
import binascii
import re

from infra.aws.client.session import Session
from infra.errors import AwsFailed

# https://docs.aws.amazon.com/AmazonECR/latest/userguide/Registries.html
_ECR = re.compile(r"^(\d{12}\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?)(?:/|$)")
LOGIN_USER = "AWS"


def ecr_host(registry: str) -> str:
    """The host to log in to, when *registry* is one of ECR's; empty for any other, which must be open to all."""
    found = _ECR.match(registry)
    return found[1] if found else ""


def ecr_password(session: Session, registry: str) -> bytes:
    """Docker's password for *registry*, whose region stands in its name. Asked here, with the user's own rights:
    the instance has none."""
    found = _ECR.match(registry)
    assert found, registry
    with session.translated(f"log in to {found[1]}", region=found[2]):
        token = session.client("ecr", region=found[2]).get_authorization_token()["authorizationData"][0]
    try:
        return base64.b64decode(token["authorizationToken"], validate=True).partition(b":")[2]
    except binascii.Error as error:
        raise AwsFailed(f"The registry {found[1]} hands out a password that cannot be read", "try again") from error
