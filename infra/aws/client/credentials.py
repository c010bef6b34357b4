"""The credentials that AWS's own chain hands out, looked at before anything is signed with them.

A key that was copied with its line break or its quotes ends in an error of HTTP's that quotes it. Here the variable,
or the line of the profile, is named; a value never is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from infra.errors import NoCredentials
from infra.secrets import conceal

PARTS: Final = ("access_key", "secret_key", "token")
# By botocore's name of the provider (`credentials.method`), where each part stands; another provider made them itself.
_WORDS: Final = ("access key id", "secret access key", "session token")
VARIABLES: Final = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
_LINES: Final = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
FILES: Final[Mapping[str, str]] = {
    "shared-credentials-file": "the credentials file of AWS",
    "config-file": "the config file of AWS",
}


def fault_in(text: str) -> str:
    """Why *text* can be no part of a credential; empty when it may be one."""
    if not text:
        return "is empty"
    if "\n" in text or "\r" in text:
        return "holds a line break"
    if text[0] in "\"'" or text[-1] in "\"'":
        return "has quotation marks around it, which belong to the shell or the file it was copied from"
    if any(one.isspace() for one in text):
        return "holds a blank"
    if not (text.isascii() and text.isprintable()):
        return "holds a character that no key has"
    return ""


def require_clean(keys: Any, method: str, profile: str) -> None:
    """Raises NoCredentials naming what is wrong with botocore's frozen *keys*. No session token is no fault."""
    for number, part in enumerate(PARTS):
        text = getattr(keys, part)
        if text is None or (part == "token" and not text):
            continue
        if fault := fault_in(text):
            raise _refuse(_place(number, method, profile), fault)


def require_clean_environment(environ: Mapping[str, str]) -> None:
    """The same of what stands in the environment, where half a pair would send the chain on to somebody else's."""
    given = [environ.get(name) for name in VARIABLES]
    for name, text in zip(VARIABLES, given, strict=True):
        if text and (fault := fault_in(text)):
            raise _refuse(name, fault)
    key, secret, _ = given
    if bool(key) != bool(secret):
        name, other = (VARIABLES[1], VARIABLES[0]) if key else VARIABLES[:2]
        raise _refuse(name, f"is empty or not set, while {other} is")
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"):
        if not environ.get(name, "").isprintable():
            raise _refuse(name, "holds a line break or another character that cannot be printed")


def _place(number: int, method: str, profile: str) -> str:
    if method == "env":
        return VARIABLES[number]
    of_profile = f" of profile {profile or 'default'}"
    if method in FILES:
        return f"{_LINES[number]}{of_profile} in {FILES[method]}"
    return f"the {_WORDS[number]} that {method}{of_profile} hands out"


def _refuse(place: str, fault: str) -> NoCredentials:
    return NoCredentials(
        f"Your AWS credentials cannot be used: {place} {fault}. Nothing was sent to AWS.",
        f"set {place} again, as it stands, without line breaks, blanks and quotation marks; "
        "`aws sts get-caller-identity` must work"
        if place in VARIABLES
        else "`aws configure` writes the keys of a profile anew, `aws sso login` renews a login",
    )


class Keys:
    """What *session* (botocore's) signs with. A login hands out new keys now and then, so each request looks anew."""

    def __init__(self, session: Any) -> None:
        self.profile: str = session.profile or ""
        self._keys = _read(session.get_credentials)

    @property
    def method(self) -> str:
        """Botocore's name of the provider that gave them: "env", "sso", "assume-role", ...; empty without any."""
        return self._keys.method if self._keys else ""

    def look(self, **_: Any) -> None:
        if self._keys and self.method != "explicit":  # those are a rehearsal's, and open nothing else
            keys = _read(self._keys.get_frozen_credentials)
            conceal(text for text in keys if text)
            require_clean(keys, self.method, self.profile)


def _read(hand_out: Callable[[], Any]) -> Any:
    """What *hand_out* returns. A provider is a program or a cache file of somebody's, and its words may hold a key."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return hand_out()
    except (BotoCoreError, ClientError):
        raise
    except Exception as error:  # a provider of the chain may stumble in any way, and its own text may quote the key
        raise NoCredentials(
            f"Your AWS credentials cannot be read: what hands them out failed ({type(error).__name__})",
            "`aws sts get-caller-identity` must work first; it goes the same way",
        ) from error
