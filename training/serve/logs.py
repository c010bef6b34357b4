"""Which logs `predict` is to read, in which order: standard input, files, the files of a folder."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Sequence
from pathlib import Path

from training.errors import BadData, BadInput
from training.prognostics.cells import Cells
from training.prognostics.columns import Columns
from training.prognostics.dates import join_time
from training.prognostics.file_names import files_below, find_words, logs_among
from training.serve.first_times import first_time

STDIN = "-"


def check_logs(named: Sequence[str], *, follow_it: bool) -> None:
    """Raises BadInput where one of those *named* cannot be read, or not in the way asked for."""
    for name in named:
        if name == STDIN or not Path(name).is_dir():
            _check_log(name, follow_it=follow_it)


def list_logs(named: Sequence[str], columns: Columns, *, follow_it: bool) -> list[str]:
    """The files that are *named*, which check_logs has looked at, or are in the folders that are. Raises BadInput where
    the run cannot take them so.
    """
    inside = {name: _in_folder(name, columns) for name in named if name != STDIN and Path(name).is_dir()}
    files = [file for name in named for file in inside.get(name, [name])]
    if columns.samples and (follow_it or STDIN in files):
        raise BadInput(
            "this run makes its rows of whole files: it takes no --follow and no standard input",
            "name the new files, or their folder; --state FILE goes on where the last call ended",
        )
    if len(files) > 1 and (follow_it or STDIN in files):
        raise BadInput(
            "several logs are read to their ends, one after the other", "name one file for --follow, or for -"
        )
    check_logs([file for found in inside.values() for file in found], follow_it=follow_it)
    return sorted(files, key=lambda file: _place(file, columns)) if len(files) > 1 else files


def _in_folder(folder: str, columns: Columns) -> list[str]:
    files, pattern = files_below(Path(folder)), columns.of_files.path
    found = [file for file in files if find_words(file, pattern) is not None] if pattern else logs_among(files)
    if not found:
        wanted = f'file like path = "{pattern}"' if pattern else "log (.csv, .parquet, ...)"
        raise BadInput(f"{folder} holds no {wanted}", "name the files, or another folder")
    return list(map(str, found))


def _place(file: str, columns: Columns) -> tuple[float, list[tuple[int, str]]]:
    """By the time in its path, or that of its first rows where units may be spread over files; then by name, unit_9
    before unit_10.
    """
    parts = [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", file)]
    of_file = columns.of_files
    if columns.unit and not columns.samples and not of_file.path:
        return first_time(Path(file), columns), parts
    places = (find_words(file, of_file.path) or {}) if of_file.path else {}
    word = join_time([places[name] for name in of_file.timed_by if name in places]) if of_file.time in places else ""
    try:
        return (Cells(of_file).moment(word) if word else 0.0), parts
    except (BadData, ValueError):  # it is said where the file is read
        return 0.0, parts


def _check_log(file: str, *, follow_it: bool) -> None:
    """Raises BadInput where *file* cannot be read, or not in the way asked for."""
    grows = file != STDIN and not file.endswith(".parquet")
    if follow_it and not grows:
        what = "standard input is read until it ends" if file == STDIN else f"{file} is Parquet, which does not grow"
        raise BadInput(f"--follow goes with a file of lines; {what}", "name a CSV file, or leave --follow away")
    if file == STDIN:
        return
    kind = _kind(file)
    if not stat.S_ISREG(kind) and (follow_it or not (stat.S_ISFIFO(kind) or stat.S_ISCHR(kind))):
        raise BadInput(
            f"{file} is no file" + (" that --follow could go on reading" if follow_it else " and no pipe"),
            "a pipe is read until it ends, without --follow; so is standard input, without a name",
        )


def _kind(file: str) -> int:
    try:
        kind = os.stat(file).st_mode
    except FileNotFoundError as error:
        raise BadInput(f"{file} is not there", "the log to read; - stands for standard input") from error
    except OSError as error:
        raise BadInput(f"{file} cannot be read: {error.strerror}", "- stands for standard input") from error
    if not os.access(file, os.R_OK):
        raise BadInput(f"{file} may not be read by you", f"ls -l {file} shows who may")
    return kind
