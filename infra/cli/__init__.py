"""The command line: the only room that reads the environment, prints, asks, and chooses exit codes."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from infra.cli import screens
from infra.cli.parser import Request, parse
from infra.console import tell
from infra.errors import INTERRUPTED, BadSettings, RigError, WorldError
from infra.settings import Settings, load


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb. 0 done or nothing to do, 1 the world failed, 2 the person can mend it, 130 interrupted."""
    from infra.cli.hints import theirs
    from infra.cli.verbs import VERBS

    words = list(sys.argv[1:] if argv is None else argv)
    settings = None
    try:
        if not words or words[0] in ("-h", "--help", "help"):
            print(screens.overview(VERBS))
            return 0
        if words[0] == "--version":
            print(f"gluon-rig {version()}")
            return 0
        request = parse(words, VERBS)
        settings = _settings(request)
        code = request.verb.run(request.options, settings)
        sys.stdout.flush()
        return code
    except RigError as error:
        print(theirs(screens.error(error), settings), file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:  # `rig status | head`: the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes once more at its end
        return 1
    except KeyboardInterrupt:
        tell("\nInterrupted.")
        return INTERRUPTED
    except Exception:  # noqa: BLE001 - a fault of ours: a person gets a sentence, and whoever mends it gets the traceback
        print(theirs(screens.error(_crashed(words)), settings), file=sys.stderr)
        return 1


def _crashed(words: Sequence[str]) -> WorldError:
    import traceback

    log = Path(".rig") / "crash.log"
    log.parent.mkdir(exist_ok=True)
    log.write_text(f"rig {' '.join(words)}\n\n{traceback.format_exc()}")
    last = traceback.format_exc().strip().splitlines()[-1]
    return WorldError(
        f"This is a fault in rig itself: {last}",
        f"please report it, with {log}\nan instance may be running: `rig status` shows it, `rig stop` stops it",
    )


def _settings(request: Request) -> Settings:
    return load(request.settings, environ=os.environ, remembered=remembered(Path("rig.toml")), foreign=request.foreign)


def remembered(path: Path) -> dict[str, Any]:
    """What rig.toml says. Raises BadSettings if it is no TOML."""
    if not path.is_file():
        return {}
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        found: dict[str, Any] = tomllib.loads(path.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadSettings(f"{path} is not readable as TOML: {error}", "rig.toml.example shows the form") from None
    return found


def version() -> str:
    from importlib.metadata import version as installed

    return installed("gluon-rig")
