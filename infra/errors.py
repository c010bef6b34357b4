"""Every error a user can meet. Each says the cause, names the thing, and gives the next step.

RigError                exit 1
├── NothingToDo         exit 0   the wish is already granted
├── UserError           exit 2   the user can fix it: settings, credentials, quota
│   ├── BadSettings
│   ├── NoCredentials
│   ├── NotAllowed               an IAM permission is missing
│   ├── QuotaTooSmall
│   ├── TypeRefused              the compatibility gate said no
│   └── MissingProgram           ssh, docker, ... is not on this computer
└── WorldError          exit 1   the world failed: AWS, the network, the job
    ├── AwsFailed
    ├── NoCapacity
    ├── HostUnreachable
    │   └── KeyRefused           asking again would not help
    ├── HostKeyChanged
    ├── RehearsalDown
    ├── JobFailed
    │   └── JobRefused   exit 2   a job of the kit says that what it was asked makes no sense
    └── ArtifactsMissing
"""

import itertools
import os
import shlex
from pathlib import Path

INTERRUPTED = 130  # the exit code after Ctrl-C, as shells have it


class RigError(Exception):
    """*cause* says what happened to which thing; *hint* says what to do next, one line per step.

    *code*: AWS's own for it ("InvalidGroup.Duplicate"), or botocore's class; empty where AWS had no part in it.
    """

    exit_code = 1
    code = ""

    def __init__(self, cause: str, hint: str = "") -> None:
        super().__init__(cause)
        self.cause = cause
        self.hint = hint

    def __str__(self) -> str:
        steps = "".join(f"\n  -> {line}" for line in self.hint.splitlines())
        return self.cause + steps


class NothingToDo(RigError):
    exit_code = 0


class UserError(RigError):
    exit_code = 2


class BadSettings(UserError):
    pass


class NoCredentials(UserError):
    pass


class NotAllowed(UserError):
    pass


class QuotaTooSmall(UserError):
    pass


class TypeRefused(UserError):
    pass


class MissingProgram(UserError):
    pass


class WorldError(RigError):
    pass


class AwsFailed(WorldError):
    """AWS answered with an error; *code* is AWS's own error code."""

    def __init__(self, cause: str, hint: str = "", *, code: str = "") -> None:
        super().__init__(cause, hint)
        self.code = code


class NoCapacity(AwsFailed):
    pass


AWS_IS_SHUT = (NoCredentials, NotAllowed, AwsFailed)  # an expired login, a permission, silence: SSH needs none of them


class HostUnreachable(WorldError):
    pass


class KeyRefused(HostUnreachable):
    pass


class HostKeyChanged(WorldError):
    pass


class RehearsalDown(WorldError):
    pass


class JobFailed(WorldError):
    pass


class JobRefused(JobFailed):
    exit_code = 2


class ArtifactsMissing(WorldError):
    pass


def own_again(path: Path) -> str:
    """The next step where *path*, or a folder it would lie in, is another user's inside a folder of ours, as after
    `sudo rig`; else empty. The system's folders, and those that a team writes to, are to stay whose they are."""
    there = [one for one in (path.absolute(), *path.absolute().parents) if os.path.lexists(one)]
    theirs = list(itertools.takewhile(lambda one: one.lstat().st_uid != os.getuid(), there))
    if not theirs or theirs == there or os.access(theirs[-1], os.W_OK):
        return ""
    mine = f"sudo chown -R {os.getuid()} {shlex.quote(str(theirs[-1]))}"
    return f"{theirs[-1]} is another user's, as `sudo` makes it: `{mine}` makes it yours"
