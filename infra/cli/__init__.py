"""The command line: the only room that reads the environment, prints, asks, and chooses exit codes."""

from __future__ import annotations

import os
import sys
from collections.abc import MutableMapping, Sequence
from contextlib import suppress
from pathlib import Path

from infra.cli.arguments import Request, parse
from infra.cli.leaving import hear_sigterm, leave_at_once, pass_over_second_ctrl_c
from infra.console import deliver, delivered, open_standard_streams, tell
from infra.errors import INTERRUPTED, BadSettings, NothingToDo, RigError, WorldError, own_again
from infra.secrets import conceal, conceal_environment, without_secrets
from infra.settings import Settings
from infra.settings.sources import load, read_settings_file
from infra.settings.values import is_url


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. 0 done or nothing to do, 1 the world failed, 2 the user can fix it, 130 interrupted."""
    open_standard_streams()
    _leave_out_empty(os.environ)
    conceal_environment(os.environ)
    if argv is None:
        pass_over_second_ctrl_c()
        hear_sigterm()
    try:
        code = _run(list(sys.argv[1:] if argv is None else argv))
    except KeyboardInterrupt:  # at any moment: also while Python still reads the command's own modules
        tell("\nInterrupted.")
        code = INTERRUPTED
    if argv is None and code == INTERRUPTED:
        leave_at_once(code)
    return code if delivered() else code or 1


def _leave_out_empty(environ: MutableMapping[str, str]) -> None:
    """`AWS_PROFILE= rig status` means none, as `unset` does; botocore would look for a profile without a name, and a
    home folder without a name would be the root of the disk."""
    for name in [one for one, value in environ.items() if one.startswith(("AWS_", "HOME")) and not value.strip()]:
        del environ[name]


def _run(words: list[str]) -> int:
    from infra.cli.agent import agree_beforehand, is_agent
    from infra.cli.commands import COMMANDS, GROUPS
    from infra.cli.help import find_page
    from infra.cli.hints import say, show
    from infra.cli.progress import accompany

    settings = None
    try:
        page = find_page(words, GROUPS, COMMANDS)
        if page is not None:
            show(page, None)
            return 0
        if words[0] == "--version":
            deliver(f"gluon-rig {version()}")
            return 0
        request = parse(words, COMMANDS)
        settings = _settings(request)
        if is_agent():
            agree_beforehand(request, settings)
        with accompany(live=request.command.live):
            return request.command.run(request.options, settings)
    except RigError as error:
        say(_phrase(error), settings)
        return error.exit_code
    except OSError as error:  # a folder in a file's place, a full disk, a program that is not there: no fault of ours
        say(_phrase(_describe_refusal(error, words)), settings)
        return 1
    except Exception:  # noqa: BLE001 - a fault of ours: a user gets a sentence, and whoever fixes it gets the traceback
        say(_phrase(_describe_crash(words)), settings)
        return 1
    finally:
        _hide_from_git(Path(".rig"))


def _hide_from_git(ours: Path) -> None:
    """Keys and pretended machines: `git add .` in a project of the user's must not take them along."""
    with suppress(OSError):
        if ours.is_dir() and not (ours / ".gitignore").exists():
            (ours / ".gitignore").write_text("*\n")


def _phrase(failure: RigError) -> str:
    mark = "" if isinstance(failure, NothingToDo) else "rig: "
    return f"{mark}{failure}"


STILL_RUNNING = "an instance may be running: `rig status` shows it, `rig stop` stops it"


def _describe_refusal(error: OSError, words: Sequence[str]) -> WorldError:
    known = isinstance(error.filename, str | bytes)
    what = os.fsdecode(error.filename) if known else "This computer"
    steps = [own_again(Path(what)) if known else "", f"the details: {_keep_traceback(words)}", STILL_RUNNING]
    return WorldError(f"{what}: {error.strerror or error}", "\n".join(filter(None, steps)))


def _describe_crash(words: Sequence[str]) -> WorldError:
    import traceback

    last = traceback.format_exc().strip().splitlines()[-1]
    return WorldError(
        f"This is a fault in rig itself: {last}", f"please report it, with {_keep_traceback(words)}\n{STILL_RUNNING}"
    )


def _keep_traceback(words: Sequence[str]) -> str:
    """Write it into this folder; where it lies."""
    import traceback

    log = Path(".rig") / "crash.log"
    try:
        log.parent.mkdir(exist_ok=True)
        told = without_secrets(f"rig {' '.join(words)}\n\n{traceback.format_exc()}")
        log.write_text(told, "utf-8", "backslashreplace")
    except OSError as error:
        return f"what was typed ({log} could not be written: {error.strerror})"
    return str(log)


_ARGS = "`rig train --args num_epochs=3`"


def _settings(request: Request) -> Settings:
    own = [one.name for one in (*request.command.arguments, *request.command.options)]
    remembered = read_settings_file(Path("rig.toml"))
    try:
        found = load(
            request.settings,
            environ=os.environ,
            remembered=remembered,
            foreign=request.foreign,
            own=own,
            needed=request.needed,
            tell=tell,
        )
    except BadSettings as error:
        if request.foreign and "args" in own:
            error.hint += f"\nwhat a job or a script takes goes into one option: {_ARGS}"
        raise
    if "notify" not in found.wrong and is_url(found.notify):
        conceal([found.notify])  # whoever knows the address of a channel may write into it
    _require_home()
    return found


def _require_home() -> None:
    try:
        if Path.home().is_absolute():
            return
    except RuntimeError:  # HOME=~, or no account
        pass
    raise BadSettings("HOME: there is no such home folder.", "HOME is an absolute path")


def version() -> str:
    from importlib.metadata import version as installed

    return installed("gluon-rig")
