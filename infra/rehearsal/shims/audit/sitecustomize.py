"""Put before a rehearsed program's path: says which files it opens, and which programs it starts, that an instance
would not have, or not let change.

Python imports the first `sitecustomize` it finds when it starts; the one this hides is imported after it.
https://docs.python.org/3/library/site.html#module-sitecustomize, https://docs.python.org/3/library/sys.html#sys.addaudithook
"""

import importlib.machinery
import importlib.util
import os
import re
import sys
from typing import Any

MOST = 5
READ = "is on this computer alone: an instance would not have it. DATA=folder sends a folder to $RIG_DATA"
WRITTEN = (
    "cannot be written on an instance: a run may write into its working folder, $RIG_RUN_DIR, $RIG_DATA and /tmp alone"
)
STARTED = "is not in the training image: an instance would not have it. Do its work here, before the run"
# What a computer has and the image has not; Debian's smallest image and Python are all that is in it.
ABSENT = {"git", "wget", "curl", "aria2c", "unzip", "zip", "7z", "bzip2", "xz", "ssh", "scp", "rsync", "aws", "sudo",
          "gcc", "cc", "g++", "c++", "clang", "make", "cmake", "nvcc", "ninja", "java", "node", "npm", "conda",
          "ffmpeg", "convert", "dot", "pdflatex", "ps", "top", "free", "lspci", "file", "less", "vim", "nano",
          "screen", "tmux"}  # fmt: skip
SYSTEM = ("/usr", "/lib", "/lib64", "/bin", "/sbin", "/etc", "/proc", "/sys", "/dev", "/run", "/opt", "/var",
          "/nix", "/snap", "/System", "/Library", "/private/var", "/Applications")  # fmt: skip
TEMPORARY = ("/tmp/", "/private/tmp/")


class Watch:
    """Each file once, for some files. *began*: what was written since is the program's own, seconds since 1970."""

    def __init__(self, there: list[str], began: float) -> None:
        self._there = tuple(sorted({os.path.realpath(folder) + os.sep for folder in there if folder}))
        self._system = tuple(folder + os.sep for folder in SYSTEM)
        self._python = tuple({folder + os.sep for folder in (sys.prefix, sys.base_prefix, sys.exec_prefix)})
        self._began = began
        self._said: set[str] = set()
        self._busy = False

    def hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._busy:
            return
        self._busy = True  # what follows opens nothing, but asks for paths
        try:
            if event == "open" and isinstance(arguments[0], (str, bytes)):
                self._look(os.fsdecode(arguments[0]), _writes(*arguments[1:3]))
            elif event == "os.system":
                self._name_absent(_programs_of(os.fsdecode(arguments[0])))
            elif event in ("subprocess.Popen", "os.exec", "os.posix_spawn"):
                self._name_absent(_programs_in(arguments[1]))
        except (OSError, ValueError, TypeError):  # nothing is there, or a name that no file can have
            pass
        finally:
            self._busy = False

    def _name_absent(self, programs: list[str]) -> None:
        for name in programs:
            if name in ABSENT and name not in self._said and len(self._said) < MOST:
                self._said.add(name)
                os.write(2, os.fsencode(f"gluon-rig: the program {name} {STARTED}\n"))

    def _look(self, name: str, writes: bool) -> None:
        if name.startswith(self._python) and os.pardir not in name:
            return  # most are modules: where the links of each lead, the kernel would be asked a dozen times
        path = os.path.realpath(name)
        if path.startswith(self._there) or path.startswith(self._system) or path in self._said:
            return
        foreign = not path.startswith(TEMPORARY) and os.path.isdir(os.path.dirname(path)) if writes else self._old(path)
        if foreign and len(self._said) < MOST:
            self._said.add(path)
            os.write(2, os.fsencode(f"gluon-rig: {path} {WRITTEN if writes else READ}\n"))

    def _old(self, path: str) -> bool:
        return os.path.isfile(path) and os.stat(path).st_ctime < self._began


def _writes(mode: object, flags: object) -> bool:
    """`open` says a mode, `os.open` flags."""
    if isinstance(mode, str):
        return bool(set(mode) & set("wax+"))
    return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR))


def _programs_in(words: Any) -> list[str]:
    """Of the words that start a program: its name, or those in a line for the shell."""
    line = [os.fsdecode(word) for word in ([words] if isinstance(words, (str, bytes)) else words)]
    if len(line) > 2 and line[1] == "-c" and line[0].endswith("sh"):
        return _programs_of(line[2])
    return [os.path.basename(line[0])] if line else []


def _programs_of(text: str) -> list[str]:
    """The first word of each command in a line of shell, as far as one can tell without being a shell."""
    commands = (part.split() for part in re.split(r"[;&|()`\n]+", text))
    return [os.path.basename(words[0]) for words in commands if words]


def begin() -> None:
    there = os.environ.get("RIG_REHEARSAL_THERE", "").split(os.pathsep)
    began = float(os.environ.get("RIG_REHEARSAL_BEGAN", "0"))
    sys.addaudithook(Watch([*there, sys.prefix, sys.base_prefix, sys.exec_prefix, *filter(None, sys.path)], began).hear)


def import_hidden() -> None:
    here = os.path.dirname(os.path.realpath(__file__))
    elsewhere = [path for path in sys.path if os.path.realpath(path or ".") != here]
    found = importlib.machinery.PathFinder.find_spec("sitecustomize", elsewhere)
    if found and found.loader:
        module = importlib.util.module_from_spec(found)
        sys.modules["sitecustomize"] = module
        found.loader.exec_module(module)


begin()
import_hidden()
