"""Whether an AWS request was signed with this cloud's secret (Signature Version 4); botocore does the computing.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any, Final

from infra.names import REHEARSAL_KEY_ID
from infra.rehearsal.cloud.response import Refusal
from infra.rehearsal.secret import same

# One form only. What AWS takes besides is refused: signatures in the query (they lie about in logs and histories),
# Version 2, Version 4a, and no signature at all, which is how a public bucket is read.
_AUTHORIZATION: Final = re.compile(
    r"AWS4-HMAC-SHA256 +Credential=(?P<key_id>[\w-]+)/(?P<day>\d{8})/(?P<region>[\w-]+)/(?P<service>[\w-]+)"
    r"/aws4_request, *SignedHeaders=(?P<signed>[a-z0-9-]+(;[a-z0-9-]+)*), *Signature=(?P<signature>[0-9a-f]{64})",
    re.ASCII,
)
STALE_AFTER: Final = timedelta(minutes=15)  # AWS's own figure
_UNSIGNED: Final = "This cloud answers only who signs with its own key."


def verify(environ: Mapping[str, Any], body: bytes, secret: str) -> None:
    """Raises Refusal unless *environ* and *body* are what somebody who knows *secret* signed a short time ago."""
    claim = _AUTHORIZATION.fullmatch(environ.get("HTTP_AUTHORIZATION", ""))
    if claim is None:
        raise Refusal("MissingAuthenticationToken", _UNSIGNED, 403)
    if claim["key_id"] != REHEARSAL_KEY_ID:
        raise Refusal("InvalidClientTokenId", _UNSIGNED, 403)
    headers = _signed_headers(environ, claim["signed"].split(";"))
    _check_date(headers["x-amz-date"], claim["day"])
    if headers.get("x-amz-content-sha256", digest := hashlib.sha256(body).hexdigest()) != digest:
        raise Refusal("XAmzContentSHA256Mismatch", "The body is not the one that was signed.", 403)
    if not same(claim["signature"], _signature(environ, headers, body, claim, secret)):
        raise Refusal("SignatureDoesNotMatch", _UNSIGNED, 403)


def _signed_headers(environ: Mapping[str, Any], names: list[str]) -> dict[str, str]:
    """Those that were signed, by name. All that change what a call means must be among them."""
    sent = {name.removeprefix("HTTP_").replace("_", "-").lower(): text for name, text in environ.items()
            if name.startswith("HTTP_") or name in ("CONTENT_TYPE", "CONTENT_LENGTH")}  # fmt: skip
    needed = {"host", "x-amz-date", *(name for name in sent if name.startswith("x-amz-"))}
    if not needed <= set(names) <= set(sent):
        raise Refusal("SignatureDoesNotMatch", "A header that must be signed is not.", 403)
    return {name: sent[name] for name in names}


def _check_date(text: str, day: str) -> None:
    """An old request that somebody kept is worth nothing."""
    try:
        signed = datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc)
    except ValueError:
        raise Refusal("SignatureDoesNotMatch", "X-Amz-Date is no date.", 403) from None
    # The world's time: the callers live in it, however fast the rehearsal's runs.
    if abs(datetime.now(timezone.utc) - signed) > STALE_AFTER or not text.startswith(day):
        raise Refusal("RequestExpired", "The request was signed at another time.", 403)


def _signature(
    environ: Mapping[str, Any], headers: Mapping[str, str], body: bytes, claim: re.Match[str], secret: str
) -> str:
    from botocore.auth import S3SigV4Auth, SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    request = AWSRequest(
        environ["REQUEST_METHOD"], f"http://{headers['host']}{environ['REQUEST_URI']}", dict(headers), body
    )
    request.context["timestamp"] = headers["x-amz-date"]
    scheme = S3SigV4Auth if claim["service"] == "s3" else SigV4Auth
    auth: Any = scheme(Credentials(claim["key_id"], secret), claim["service"], claim["region"])
    return str(auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request))
