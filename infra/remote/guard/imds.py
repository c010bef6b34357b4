"""Instance metadata, version 2: the tags of this instance, spot notices, and what time it is outside.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-v2-how-it-works.html
"""

from __future__ import annotations

import http.client
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

TAGS = "/latest/meta-data/tags/instance/"
SPOT = "/latest/meta-data/spot/instance-action"
TOKEN_S = 21600
TIMEOUT_S = 2.0  # the service is one hop away; a spot notice leaves two minutes


@dataclass(frozen=True)
class Answer:
    """*date*: seconds since 1970 by the service's own clock, None when it does not say."""

    status: int
    text: str
    date: float | None


class Metadata:
    def __init__(self, endpoint: str) -> None:
        parts = urlsplit(endpoint)
        self._host, self._port = parts.hostname or "169.254.169.254", parts.port or 80
        self._path = parts.path.rstrip("/")  # an endpoint may lie below a path; a rehearsal's does
        self._token = ""

    def get(self, path: str) -> Answer | None:
        """None when the service does not answer, or not in HTTP."""
        answer = self._ask("GET", path, {"X-aws-ec2-metadata-token": self._token}) if self._token else None
        if answer is None or answer.status == 401:
            self._token = self._new_token()
            answer = self._ask("GET", path, {"X-aws-ec2-metadata-token": self._token}) if self._token else None
        return answer

    def _new_token(self) -> str:
        answer = self._ask("PUT", "/latest/api/token", {"X-aws-ec2-metadata-token-ttl-seconds": str(TOKEN_S)})
        return answer.text.strip() if answer and answer.status == 200 else ""

    def _ask(self, method: str, path: str, headers: dict[str, str]) -> Answer | None:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=TIMEOUT_S)
        try:
            connection.request(method, self._path + path, headers=headers)
            response = connection.getresponse()
            text = response.read(4096).decode("utf-8", "replace")
            return Answer(response.status, text, _seconds(response.getheader("Date")))
        except (OSError, http.client.HTTPException, ValueError):  # ValueError: a token with a line break in it
            return None
        finally:
            connection.close()


def _seconds(date: str | None) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp() if date else None
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
