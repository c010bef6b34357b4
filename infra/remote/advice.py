"""What a user can do about the last error a program printed, in one line. Runs where the recorder runs."""

from __future__ import annotations

import re
from collections.abc import Callable

_ESCAPES = re.compile(r"\x1b\[[0-9;]*m")  # a notebook's errors come in colours
# The standard name of a package is often not the one it is imported by.
_PACKAGES = {"sklearn": "scikit-learn", "cv2": "opencv-python-headless", "PIL": "pillow", "yaml": "pyyaml",
             "skimage": "scikit-image", "bs4": "beautifulsoup4", "dateutil": "python-dateutil"}  # fmt: skip


def advice(said: str, *, in_container: bool) -> str:
    """*said*: the end of the log. Empty when nothing in it is known; else the last thing known counts."""
    found = ""
    for line in _ESCAPES.sub("", said).splitlines():
        for pattern, answer in _ANSWERS:
            if match := pattern.search(line):
                found = answer(match, in_container)
                break
    return found


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
    return f"{match[1]} is not there: what .gitignore names is not sent; DATA=folder sends data to $RIG_DATA"


def _not_writable(match: re.Match[str], in_container: bool) -> str:
    if not in_container:
        return ""
    return "a run may write into its working folder, $RIG_RUN_DIR, $RIG_DATA and /tmp, and nowhere else"


def _nobody_types(match: re.Match[str], in_container: bool) -> str:
    return "nobody can type into a run: give the answer as an argument (ARGS=), or read it from a file"


_ANSWERS: list[tuple[re.Pattern[str], Callable[[re.Match[str], bool], str]]] = [
    (re.compile(r"ModuleNotFoundError: No module named '([^']+)'"), _missing_module),
    (re.compile(r"No module named ([\w.]+)$"), _missing_module),  # python -m
    (re.compile(r"Failed downloading url|download failed due to|Max retries exceeded|URLError|urlopen error"
                r"|NameResolutionError|Temporary failure in name resolution"), _no_download),
    (re.compile(r"name 'get_ipython' is not defined"), _notebooks_line),
    (re.compile(r"EOFError: EOF when reading a line"), _nobody_types),
    (re.compile(r"No such file or directory: '([^']+)'"), _not_there),
    (re.compile(r"Read-only file system|PermissionError: |Permission denied"), _not_writable),
]  # fmt: skip
