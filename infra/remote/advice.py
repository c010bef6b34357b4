"""What a user can do about the last error a program printed, in one line. Runs where the recorder runs."""

from __future__ import annotations

import re
from collections.abc import Callable

# As in recorder.py: with neighbours on the instance, in a package on the laptop.
if __package__:
    from infra.remote.gone_names import ANSWERS, replacement
else:
    from gone_names import ANSWERS, replacement  # type: ignore[import-not-found, no-redef]

_ESCAPES = re.compile(r"\x1b\[[0-9;]*m")  # a notebook's errors come in colours
# The standard name of a package is often not the one it is imported by.
_PACKAGES = {"sklearn": "scikit-learn", "cv2": "opencv-python-headless", "PIL": "pillow", "yaml": "pyyaml",
             "skimage": "scikit-image", "bs4": "beautifulsoup4", "dateutil": "python-dateutil"}  # fmt: skip


def advice(said: str, *, in_container: bool) -> str:
    """*said*: the end of the log. Empty when nothing in it is known; else the last thing known counts."""
    text = "\n".join(_ESCAPES.sub("", said).splitlines())
    found = [
        (text.count("\n", 0, match.end()), -rank, answer(match, in_container))
        for rank, (pattern, answer) in enumerate(_ANSWERS)
        for match in pattern.finditer(text)
    ]
    return max(found)[2] if found else ""  # of one line the first that is known


def _missing_module(match: re.Match[str], in_container: bool) -> str:
    module = match[1].partition(".")[0]
    package = _PACKAGES.get(module, module)
    if in_container:
        return (
            f"the image has no {module}: write {package} into a requirements.txt beside the script; if {module} is a "
            "file of yours, look whether .gitignore keeps it here"
        )
    return f"there is no {module} here: .venv/bin/python -m pip install {package}"


def _no_download(match: re.Match[str], in_container: bool) -> str:
    return (
        "a download failed. MXNet's own addresses are gone, and others may be out of reach: fetch the file once, put "
        "it into a folder, say DATA=that-folder, and read it from $RIG_DATA"
    )


def _notebooks_line(match: re.Match[str], in_container: bool) -> str:
    return "this line is a notebook's, not Python's: give the notebook itself (SCRIPT=name.ipynb), or remove the line"


def _not_there(match: re.Match[str], in_container: bool) -> str:
    if not in_container:
        return ""
    path = match[1].partition("/.code/")[2] or match[1]  # the run's own copy of the code, by its whole name
    if path.startswith("/"):
        return f"an instance has no {path}: DATA=folder sends data to $RIG_DATA, and a run writes where it is called"
    return f"{path} is not there: what .gitignore names is not sent; DATA=folder sends data to $RIG_DATA"


def _not_writable(match: re.Match[str], in_container: bool) -> str:
    if not in_container:
        return ""
    return "a run may write into its working folder, $RIG_RUN_DIR, $RIG_DATA and /tmp, and nowhere else"


def _nobody_types(match: re.Match[str], in_container: bool) -> str:
    return "nobody can type into a run: give the answer as an argument (ARGS=), or read it from a file"


def _no_program(match: re.Match[str], in_container: bool) -> str:
    program = next(filter(None, match.groups()))
    if program == "nvidia-smi":
        return _NO_GPU
    if not in_container:
        return f"there is no program {program} on this computer: install it, or do without"
    return (
        f"the image has no program {program}: do its work here before the run, and send what it makes: DATA=folder "
        "goes to $RIG_DATA"
    )


_NO_GPU = "there is no such GPU here: TYPE=g4dn.xlarge has one; where mx.context.num_gpus() is 0, mx.cpu() is left"


def _no_gpu(match: re.Match[str], in_container: bool) -> str:
    return _NO_GPU


def _no_parameter_servers(match: re.Match[str], in_container: bool) -> str:
    return (
        "a kvstore 'dist_...' waits for parameter servers, and nobody starts any: 'device' takes all GPUs of one "
        "machine; docs/scaling.md has several machines"
    )


def _no_screen(match: re.Match[str], in_container: bool) -> str:
    return (
        "nobody sees a window of a run: write pictures into files (plt.savefig, cv2.imwrite), and let matplotlib "
        "choose by itself, without matplotlib.use(...)"
    )


def _unknown_locale(match: re.Match[str], in_container: bool) -> str:
    if in_container:
        return "the image knows the locale C.UTF-8 alone: locale.setlocale(locale.LC_ALL, 'C.UTF-8')"
    return "this computer does not have that locale: `locale -a` lists those it has"


def _unset_variable(match: re.Match[str], in_container: bool) -> str:
    whose = "a run does not see this computer's variables" if in_container else f"{match[1]} is not set"
    return f"{whose}: CMD='{match[1]}=value python3 script.py' sets it"


def _packages_come_first(match: re.Match[str], in_container: bool) -> str:
    if not in_container:
        return ""
    return "a run cannot install packages: write them into a requirements.txt beside the script, and they are there"


def _arguments(match: re.Match[str], in_container: bool) -> str:
    return "ARGS='...' gives a script its arguments, as on its own command line"


def _with_replacement(answer: str) -> Callable[[re.Match[str], bool], str]:
    return lambda match, in_container: replacement(match, answer)


_ANSWERS: list[tuple[re.Pattern[str], Callable[[re.Match[str], bool], str]]] = [
    *((pattern, _with_replacement(answer)) for pattern, answer in ANSWERS),
    (re.compile(r"no display name and no \$DISPLAY|[Cc]annot load backend '\w+' which requires"
                r"|No module named '_?tkinter'|could not connect to display|[Cc]annot connect to X server"
                r"|cvShowImage|cvNamedWindow"), _no_screen),
    (re.compile(r"GPU is not enabled|no CUDA-capable device|invalid device ordinal"
                r"|CUDA driver version is insufficient"), _no_gpu),
    (re.compile(r"DMLC_(?:NUM_WORKER|NUM_SERVER|PS_ROOT_URI)"), _no_parameter_servers),
    (re.compile(r"error: the following arguments are required: "), _arguments),
    (re.compile(r"unsupported locale setting"), _unknown_locale),
    (re.compile(r"(?:<frozen os>|/os\.py\").* in __getitem__\n(?: +raise KeyError.*\n)?KeyError: '([^']+)'"),
     _unset_variable),
    (re.compile(r"Could not install packages due to an? OSError|User site-packages are not visible"),
     _packages_come_first),
    # What subprocess says of a program that is not there has the words of a file that is not there.
    (re.compile(r"raise child_exception_type\(.*\n\w+: .*No such file or directory: '([^'/]+)'"
                r"|\bsh: (?:\d+: |line \d+: )?([\w.+-]+): (?:command )?not found"
                r"|failed to execute \['([\w.+-]+)'"), _no_program),
    (re.compile(r"ModuleNotFoundError: No module named '([^']+)'"), _missing_module),
    (re.compile(r"No module named ([\w.]+)$", re.MULTILINE), _missing_module),  # python -m
    (re.compile(r"Failed downloading url|download failed due to|Max retries exceeded|URLError|urlopen error"
                r"|NameResolutionError|Temporary failure in name resolution"), _no_download),
    (re.compile(r"name 'get_ipython' is not defined|^ +[%!]\w.*\n(?: *\^+\n)?SyntaxError: ", re.MULTILINE),
     _notebooks_line),
    (re.compile(r"EOFError: EOF when reading a line|in _raw_input\n +raise EOFError"), _nobody_types),
    (re.compile(r"No such file or directory: '([^']+)'"), _not_there),
    (re.compile(r"load path (\S+) does NOT exist"), _not_there),  # mx.library.load: what was compiled is often ignored
    (re.compile(r"Read-only file system|PermissionError: |Permission denied"), _not_writable),
]  # fmt: skip
