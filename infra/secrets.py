"""What must not be printed. The second net, below the doors: whoever has a secret does not hand it to be printed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from infra.names import REHEARSAL_KEY_ID

HIDDEN: Final = "<hidden>"
_SHORTEST: Final = 8  # what is shorter stands by chance in other words too
_NAME: Final = re.compile(r"SECRET|TOKEN|PASSW|CREDENTIAL|(ACCESS|API|PRIVATE|AUTH)_?KEY", re.IGNORECASE)
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-prefixes
_ACCESS_KEY_ID: Final = re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b")
_SECRET_ACCESS_KEY: Final = re.compile(r"(?<![A-Za-z0-9/+=_.-])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=_.-])")
_PASSWORD_IN_URL: Final = re.compile(r"(?<=://)([^/\s:@]*):[^/\s@]+@")
_TOKENS: Final = re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|hf_[A-Za-z0-9]{30,}|xox[a-z]-[A-Za-z0-9-]{10,})\b")
_known: set[str] = set()


def conceal(values: Iterable[str]) -> None:
    """From now on none of *values* is printed by this process."""
    _known.update(part for value in values for part in (value, value.strip()) if _can_be_told_apart(part))


def conceal_environment(environ: Mapping[str, str]) -> None:
    """What stands in a variable whose name says that it is secret; a path there is only the way to one.

    The keys of a rehearsal open nothing else, and `rig rehearsal env` is there to print them.
    """
    rehearsing = environ.get("AWS_ACCESS_KEY_ID") == REHEARSAL_KEY_ID
    for name, text in environ.items():
        if _NAME.search(name) and not text.startswith(("/", "~", ".")) and not (rehearsing and name.startswith("AWS_")):
            conceal([text])


def _can_be_told_apart(text: str) -> bool:
    """A plain word ("rehearsal", "testing") is no secret, and stands in other places too."""
    return len(text) >= _SHORTEST and not (text.isalpha() and text.islower())


def without_secrets(text: str) -> str:
    for secret in sorted(_known, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    for pattern in (_ACCESS_KEY_ID, _TOKENS):
        text = pattern.sub(HIDDEN, text)
    return _PASSWORD_IN_URL.sub(rf"\1:{HIDDEN}@", text)


def looks_secret(text: str) -> bool:
    """Whether *text* holds a credential, by its shape or because it is a known one."""
    return without_secrets(text) != text or any(_is_mixed(found[0]) for found in _SECRET_ACCESS_KEY.finditer(text))


def _is_mixed(word: str) -> bool:
    """As 40 drawn characters are; a path or a hash is not."""
    kinds = (str.isupper, str.islower, str.isdigit)
    return all(any(kind(one) for one in word) for kind in kinds) and word.count("/") <= 3
