"""What AWS or botocore raised, as one of our errors: the cause, the thing, the next step, and so the exit code.

`Session.translated` meets the exceptions and asks here; the sentences stand in error_messages.py.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import Final

from infra.aws.client.error_messages import (
    BY_CODE,
    BY_EXCEPTION,
    BY_MESSAGE,
    NO_ANSWER,
    OTHER,
    REHEARSAL_SILENCE,
    SILENCE,
    Explanation,
)
from infra.aws.client.responses import NoAnswer
from infra.errors import NotAllowed, RigError

STRANGER: Final = NoAnswer.__name__  # the code of an answer that is none of AWS's


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What was being done when AWS said no: "start i-0abc", where, and as whom."""

    action: str
    region: str
    profile: str = ""
    rehearsing: bool = False
    method: str = ""

    @property
    def login(self) -> str:
        """What renews the credentials: where they came from (botocore's word for it, *method*) tells."""
        if self.method == "env":
            return "a new value of AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN each"
        return "`" + shlex.join(["aws", "sso", "login", *(["--profile", self.profile] if self.profile else [])]) + "`"


def from_code(code: str, message: str, permission: str, scene: Scene) -> RigError:
    """The error for what AWS answered. *permission*: what the call needed ("ec2:RunInstances"), if AWS names none."""
    named = re.search(r"perform: ([\w-]+:\w+)", message)
    permission = named[1] if named else permission
    told = (row for pattern, row in BY_MESSAGE if code in BY_CODE and re.search(pattern, message))
    row = NO_ANSWER if code == STRANGER else next(told, BY_CODE.get(code, OTHER))
    text = _fill(row, message, scene, code=code, permission=permission)
    encoded = re.search(r"Encoded authorization failure message: (\S+)", message)
    if encoded and text.error is NotAllowed:
        step = f"`aws sts decode-authorization-message --encoded-message {encoded[1]}` tells which rule said no"
        text = Explanation(text.error, text.cause, f"{text.hint}\n{step}")
    return _error(text, code)


def from_exception(names: tuple[str, ...], message: str, scene: Scene) -> RigError:
    """The error for an exception of botocore's own; *names*: its class and that class's ancestors, nearest first."""
    known = {**BY_EXCEPTION, STRANGER: NO_ANSWER}
    row = next((known[name] for name in names if name in known), BY_EXCEPTION["BotoCoreError"])
    if row is SILENCE and scene.rehearsing:
        row = REHEARSAL_SILENCE
    return _error(_fill(row, message, scene, code=names[0], permission=""), names[0])


def status_of(error: RigError) -> int:
    """The HTTP status of AWS's refusal behind *error*; 0 when there was none."""
    response = getattr(error.__cause__, "response", None) or {}
    return int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _fill(row: Explanation, message: str, scene: Scene, *, code: str, permission: str) -> Explanation:
    words = {
        "action": scene.action,
        "region": scene.region,
        "login": scene.login,
        "message": message.partition("Encoded authorization failure")[0].strip().rstrip("."),
        "code": code,
        "permission": permission,
    }
    return Explanation(row.error, row.cause.format(**words), row.hint.format(**words))


def _error(text: Explanation, code: str) -> RigError:
    error = text.error(text.cause, text.hint)
    error.code = code
    return error
