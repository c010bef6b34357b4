"""What to run: a job of `training`, a script of the user's, or any command."""

from __future__ import annotations

import ast
import dataclasses
import difflib
import json
import os.path
import secrets
import shlex
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath

from infra.errors import BadSettings
from infra.kit_files import ROOT
from infra.text import parse_toml, read_text


@dataclass(frozen=True, kw_only=True)
class Job:
    """*command* is complete but for the folders, which stand in it as RUN_DIR and DATA_OPTION. *results*: whether it is
    to leave files; of a command, what it prints is the result. *requirements*: the text of the script's own
    requirements.txt. *needs*: the files below the code folder without which it cannot run. *workers*: how many
    processes do it together, as job/workers.py reads it; empty for one. *waits*: whether it begins only
    when all that was started before it on its machine has ended."""

    name: str
    command: tuple[str, ...]
    results: bool = True
    requirements: str = ""
    needs: tuple[str, ...] = ()
    workers: str = ""
    waits: bool = False

    @property
    def is_of_the_kit(self) -> bool:
        return self.command[1:3] == ("-m", "training")

    def to_json(self) -> str:
        """For job.json in the work folder: enough to do the same again, on any machine."""
        return json.dumps(dataclasses.asdict(self))

    @staticmethod
    def from_json(text: str) -> Job:
        """Raises ValueError for what is no job of ours."""
        try:
            said = json.loads(text)
            lists = {"command": tuple(said["command"]), "needs": tuple(said.get("needs", ()))}
            job = Job(**{**said, **lists})
            if not all(isinstance(word, str) for word in (job.name, job.workers, *job.command, *job.needs)):
                raise TypeError("a word of it is no text")
            return job
        except (KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError(f"not a job: {error}") from error

    @property
    def meets_by_itself(self) -> bool:
        """Whether its processes on several machines find each other without a launcher."""
        return PLACE in self.command

    def command_in(self, run_dir: str, data_dir: str, place: Sequence[str] = ()) -> list[str]:
        """*place*: the words that say where it is among the machines of a group."""
        folders = {RUN_DIR: run_dir, DATA_DIR: data_dir}
        words = [f"data={data_dir}" if word == DATA_OPTION else _in_folder(folders, word) for word in self.command]
        if not self.meets_by_itself:
            return words
        at = words.index(PLACE)
        return [*words[:at], *place, *words[at + 1 :]]


def _in_folder(folders: Mapping[str, str], word: str) -> str:
    marker, slash, rest = word.partition("/")
    return f"{folders[marker]}{slash}{rest}" if marker in folders else word


_LONGEST_BYTES = 64 << 10  # Linux starts no program with a word beyond 128 KiB, and quoting makes it longer
PACKED = "packed"
TUNE_REQUIREMENTS = "optuna>=5,<6\nplotly\n"  # Dask is in the image; a layer of its own has the rest
RUN_DIR = "<run folder>"
DATA_DIR = "<folder of the data>"
DATA_OPTION = "<data folder>"
PLACE = "<place among the machines>"


def existing_folder(text: str, setting: str) -> Path:
    """The folder that *setting* names. Raises BadSettings if it is none: before anything is asked or sent."""
    with suppress(RuntimeError):  # ~nobody/
        path = Path(text).expanduser()
        if os.path.isdir(path):
            return path
    raise BadSettings(f"{setting} = {text!r}: there is no such folder.", "give the path of a folder")


def training_job(name: str, code: Path, args: str = "") -> Job:
    """A job of the kit. Raises BadSettings for a name that is not in the table of *code*: now, not on a machine that
    costs money while it finds out."""
    known = jobs_in(with_training(code))
    if known and name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        guess = f"; did you mean {near[0]}?" if near else ""
        raise BadSettings(f"job = {name!r}: there is no such job{guess}", "jobs: " + " ".join(known))
    command = ("python3", "-m", "training", name, "--workdir", RUN_DIR, DATA_OPTION, *_split(args))
    return Job(name=name, command=command)


def tune_job(name: str, code: Path, space: Path, args: str = "", options: Sequence[str] = ()) -> Job:
    """Many runs of the kit's job *name* over *space*; *options*: words of `python -m training tune`."""
    one = training_job(name, code, args)
    if not os.path.isfile(space):
        raise BadSettings(
            f"space = {str(space)!r}: there is no such file.", "docs/scaling.md shows what a space looks like"
        )
    _require_toml(space)
    words = ("--workdir", RUN_DIR, "--space", str(space.resolve()), *options)
    command = ("python3", "-m", "training", "tune", name, *words, "--", DATA_OPTION, *one.command[7:])
    return Job(name=f"tune-{name}", command=command)


def _require_toml(space: Path) -> None:
    """Raises BadSettings for a file that is none. Whether the job has such keys only the job knows."""
    try:
        rows = parse_toml(read_text(space))
    except ValueError as error:
        raise BadSettings(f"{space} is no TOML: {error}", "docs/scaling.md shows what a space looks like") from None
    if not rows:
        raise BadSettings(f"{space} is empty: nothing varies.", "docs/scaling.md shows what a space looks like")


def tune_job_there(name: str, code: Path, space: Path, args: str = "", options: Sequence[str] = ()) -> Job:
    """As `tune_job`, on the machines of a rig. The space goes with the command: it may lie anywhere here."""
    here = tune_job(name, code, space, args, (*options, PLACE))
    text = read_text(space).rstrip() + "\n"
    _fits(text, "space")
    command = tuple(text if word == str(space.resolve()) else word for word in here.command)
    return dataclasses.replace(here, command=command, requirements=TUNE_REQUIREMENTS)


def within_minutes(job: Job, minutes: float) -> Job:
    """The study *job*, which ends by then; the last word on that counts."""
    at = job.command.index(PLACE)
    return dataclasses.replace(job, command=(*job.command[:at], "--minutes", f"{minutes:.1f}", *job.command[at:]))


def with_workers(job: Job, workers: str) -> Job:
    """*job* by another number of workers, where *workers* says one: their numbers are those of one worker."""
    return dataclasses.replace(job, workers=workers) if workers else job


def pack_job(table: Path, processes: str) -> Job:
    """The log that *table* describes, packed on all machines of a group; its folder is the run's data."""
    own = ("--workers", processes) if processes else ()
    words = (*own, PLACE, "--", f"{DATA_DIR}/{table.name}", f"{RUN_DIR}/{PACKED}")
    return Job(name="pack", command=("python3", "-m", "training", "pack", *words))


def with_training(code: Path) -> Path:
    """*code*, or the kit's own files where *code* has no `training`: the jobs of the kit run from any folder."""
    own = ("training/__main__.py", "training/jobs/__init__.py", "training.py")
    return code if any((code / name).is_file() for name in own) else ROOT


def code_sent_for(job: Job, folder: Path) -> Path:
    """What goes to the instance for *job*: *folder*, or for a job of the kit that is not in it the kit's own files.

    Raises BadSettings for an argument that names a file of a folder that stays here.
    """
    code = with_training(folder) if job.is_of_the_kit else folder
    named = [word.partition("=")[2] for word in job.command]
    stays = [path for path in named if code != folder and path and os.path.isfile(folder / path)]
    if stays:
        raise BadSettings(
            f"{stays[0]} would not be sent: {folder} has no training/, so the kit's own folder goes, and nothing else.",
            f"put training/ beside it: cp -r {shlex.quote(str(code / 'training'))} {shlex.quote(str(folder))}",
        )
    return code


def jobs_in(code: Path) -> tuple[str, ...]:
    """The names in the table JOBS of training/jobs, which is read and not run: it would load MXNet.

    Empty where there is no table, or none of plain words. Raises BadSettings for one that is no Python.
    """
    table = code / "training" / "jobs" / "__init__.py"
    if not table.is_file():
        return ()
    try:
        statements = ast.parse(table.read_text(encoding="utf-8")).body
    except (SyntaxError, ValueError) as error:  # ValueError: not UTF-8, or a zero byte
        raise BadSettings(f"{table} is no Python: {error}", "fix it, and try again") from error
    for statement in statements:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "JOBS":
            with suppress(ValueError, TypeError):  # TypeError: a plain number
                return tuple(ast.literal_eval(statement.value))
    return ()


def script_job(script: str, code: Path, args: str = "") -> Job:
    """A Python program or a notebook of the user's, anywhere below *code*. Raises BadSettings if it is not there."""
    path = Path(script) if Path(script).is_absolute() else code / script
    if not os.path.isfile(path):
        raise BadSettings(
            f"script = {script!r}: there is no such file in {code.resolve()}", "give its path below the code folder"
        )
    if not path.resolve().is_relative_to(code.resolve()):
        raise BadSettings(
            f"script = {script!r} lies outside the code folder {code.resolve()}, and only that folder is copied.",
            f"say CODE={path.resolve().parent} as well",
        )
    inside = PurePosixPath(path.resolve().relative_to(code.resolve()).as_posix())
    own = path.with_name("requirements.txt")
    requirements = read_text(own) if own.is_file() else ""
    # "./": Python would take a name that begins with a dash for an option.
    word = f"./{inside}" if str(inside).startswith("-") else str(inside)
    command = _notebook(inside, word) if inside.suffix == ".ipynb" else ("python3", word)
    if inside.suffix != ".ipynb":
        require_python(path)
    needs = (str(inside), *([str(inside.with_name(own.name))] if requirements else []))
    return Job(name=inside.stem, command=(*command, *_split(args)), requirements=requirements, needs=needs)


def _notebook(inside: PurePosixPath, word: str) -> tuple[str, ...]:
    """Every cell in order, in the notebook's own folder, as Jupyter would; the notebook with what it showed is the
    result, also when a cell fails. ARGS="-p name value" sets a parameter. https://papermill.readthedocs.io"""
    return (
        "python3", "-m", "papermill", word, f"{RUN_DIR}/{inside.name}", "--cwd", str(inside.parent),
        # Whatever kernel it was written with: there is one.
        "--kernel", "python3", "--language", "python",
        "--no-progress-bar", "--stdout-file", "/dev/stdout", "--stderr-file", "/dev/stderr",
    )  # fmt: skip


def require_python(path: Path) -> None:
    """Raises BadSettings for a script that Python cannot read: now, not on a machine that costs money meanwhile."""
    try:
        with warnings.catch_warnings():  # a "\\d" in a text is for the run to remark on
            warnings.simplefilter("ignore")
            ast.parse(path.read_bytes())
    except (SyntaxError, ValueError) as error:  # ValueError: a zero byte
        line = (getattr(error, "text", None) or "").strip()
        raise BadSettings(f"script = {str(path)!r} is no Python: {_where(error)}", _instead(path, line)) from error


def _where(error: Exception) -> str:
    if isinstance(error, SyntaxError) and error.lineno:
        return f"line {error.lineno}: {(error.text or '').strip() or error.msg}"
    return str(error)


def _instead(path: Path, line: str) -> str:
    if line.startswith(("%", "!")):
        return "that line is a notebook's: give the notebook itself (SCRIPT=name.ipynb), or remove the line"
    if line.startswith("print "):
        return "that is Python 2: `python3 -m lib2to3 -w` of Python 3.10 to 3.12 rewrites it"
    if path.suffix != ".py":
        return f"a program in another language is a command: CMD='./{path.name}'"
    return "fix it, and try again"


def command_job(command: str) -> Job:
    """Any line of shell. What it prints is its result, so it may leave no files."""
    if not command.strip():
        raise BadSettings("cmd is empty.", "for example CMD='nvidia-smi'")
    _fits(command, "cmd")
    return Job(name="cmd", command=("sh", "-c", command), results=False)


def _fits(text: str, setting: str) -> None:
    if len(text.encode(errors="surrogateescape")) > _LONGEST_BYTES or "\0" in text:
        raise BadSettings(f"{setting} is too long, or holds a zero byte.", "write it into a file, and have that read")


def _split(args: str) -> list[str]:
    _fits(args, "args")
    try:
        return shlex.split(args)
    except ValueError as error:
        raise BadSettings(f"args = {args!r}: {error}", "quote it as you would in a shell") from None


def new_run_name(job: Job, now: datetime) -> str:
    """Sorts by time, says the job, and never meets another: "20261120-155301-lenet-3f2a"."""
    label = "".join(c if c.isascii() and (c.isalnum() or c == "-") else "-" for c in job.name)[:30]
    # Several of one job are put into a queue within a second: their names, too, stand in the order of their starts.
    sixteenth = now.microsecond * 16 // 1_000_000
    return f"{now:%Y%m%d-%H%M%S}-{label}-{sixteenth:x}{secrets.token_hex(2)[1:]}"
