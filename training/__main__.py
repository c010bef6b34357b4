"""`python -m training JOB --workdir DIR key=value ...`

Exit codes: 0 done, or stopped by SIGTERM with a checkpoint saved; 1 the run failed; 2 bad input, said in one message;
130 stopped by Ctrl-C with a checkpoint saved.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

from training.trainer.signals import StopRequest

USAGE = """usage: python -m training JOB --workdir DIR [key=value ...]
       python -m training JOB --help          the job's recipe card and every key
       python -m training predict --run DIR   use what a run has learned (--help says more)
       python -m training serve --run DIR     the same over HTTP, with a page (--help says more)
       python -m training drift TABLE         no failures yet: which machines have changed most
       python -m training pack TABLE DIR      a sensor log of any size, made ready to be streamed
       python -m training tune JOB ...        many runs with different settings (--help says more)
       python -m training compare DIR DIR ... runs side by side
"""

# The one dependency that not every computer can have: https://pypi.org/project/mxnet/1.9.1/#files
NO_MXNET = "MXNet is not installed here; there is none for Apple silicon, ARM Linux and Windows."
WHERE_INSTEAD = (
    "`rig train remote` trains on an instance; in a rehearsal with --engine docker, in Docker on this computer"
)


PROGRAMS = {
    "predict": "training.serve.predict",
    "serve": "training.serve.server",
    "drift": "training.serve.fleet_drift",
    "overlay": "training.report.overlay",
    "pack": "training.pack.main",
    "compare": "training.workdir.compare",
}
"""Each a module with a `main` of its own, imported only when it is asked for."""


def main(words: Sequence[str]) -> int:
    stop = StopRequest().listen()  # before MXNet's import, which takes a second or two
    from training.console import plain
    from training.errors import LostOthers, TrainingError
    from training.trainer.group import end_at_once

    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # LANG=C: a name with an accent must not end a run

    try:
        code = _dispatch(list(words), stop)
        sys.stdout.flush()
        return code
    except TrainingError as error:
        print(plain(str(error)), file=sys.stderr)
        if isinstance(error, LostOthers):
            end_at_once(error.exit_code)
        return error.exit_code
    except ModuleNotFoundError as error:
        if error.name != "mxnet":
            raise
        print(f"{NO_MXNET}\n  -> {WHERE_INSTEAD}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # Whoever read our output has gone (`| head`). Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:  # the file system: no permission, a folder in the place of a file, ...
        print(plain(f"{error.filename or 'A file'}: {error.strerror or error}."), file=sys.stderr)
        return 1


def _dispatch(words: list[str], stop: StopRequest) -> int:
    if not words or words[0] in ("-h", "--help"):
        return _help()
    name, rest = words[0], words[1:]
    if name == "tune":
        from training.tune.main import main as tune

        return tune(rest, stop)
    if name in PROGRAMS:
        program: Callable[[Sequence[str]], int] = import_module(PROGRAMS[name]).main
        return program(rest)
    return _train(name, rest, stop)


def _help() -> int:
    from training.jobs import JOBS, load

    print(USAGE)
    for name in JOBS:
        print(f"  {name:<16} {load(name).card.splitlines()[0]}")
    return 0


def _train(job: str, words: list[str], stop: StopRequest) -> int:
    from training.compat import import_mxnet
    from training.config import describe, parse
    from training.jobs import load
    from training.train import train_and_evaluate
    from training.workdir.summary import INTERRUPTED

    recipe = load(job)
    if "-h" in words or "--help" in words:
        print(recipe.card, describe(recipe.config), sep="\n\n")
        return 0
    workdir, settings = _workdir(words)
    config = parse(recipe.config, settings)
    import_mxnet()  # where there is none, that is said before any data is read
    summary = train_and_evaluate(recipe, config, workdir, stop=stop)
    return 130 if summary.reason == INTERRUPTED and stop.signal_name == "SIGINT" else 0


def _workdir(words: list[str]) -> tuple[Path, list[str]]:
    """Take `--workdir DIR` (or --workdir=DIR) out of the words. Raises BadInput when it is missing."""
    from training.errors import BadInput

    for i, word in enumerate(words):
        name, equals, value = word.partition("=")
        if name == "--workdir":
            value = value if equals else "".join(words[i + 1 : i + 2])
            if value:
                return Path(value), words[:i] + words[i + (1 if equals else 2) :]
    raise BadInput("--workdir is missing.", "say where the run's files go: --workdir runs/mine")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
