"""`python -m training predict --run RUN [FILE]`: the probability of failure for each row of a log, as the rows arrive.

    python -m training predict --run runs/turbofan cmapss/test_FD001.txt
    python -m training predict --run runs/gearboxes --follow /var/log/gearbox.csv
    python -m training predict --run runs/bearings rig/test4
    tail -n +1 -f gearbox.csv | python -m training predict --run runs/gearboxes

Prints CSV: the probability that the unit fails within the run's horizon, and the remaining life up to the run's cap;
then how many of the window's rows the unit had, how many channels were not measured in this row, and how many are
beyond what training saw; then the low and the high end of an interval that holds the remaining life nine times in ten
(empty where the run had too few validation units to promise that). Without a channel measured of late (carry=N) there
is no forecast: all of these stay empty. At the end it says how many rows were outside what training saw.

A run of several horizons and parts has a column for each: probability_24, probability_48, probability_bearing_24.

A run of the job `condition` takes a folder or a table of cycles instead, and prints for each the state of every part.

A run whose description has a step of time answers each step when it is over: its line has the time at which it ended.
One whose description says step = "file" takes whole files, each of which is a row.

Of several files, or a folder, one after the other is read: by the times in their paths, by those of their first rows
where a column names the unit, or else by name.

--state FILE keeps what the next row of each unit needs, and goes on from there after a restart.

Rows that cannot be read, name no unit, or whose time does not rise within their unit are named on standard error and
left out.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import TextIO

from training.config import Parser
from training.console import plain
from training.diagnostics.preparation import StatePreparation
from training.errors import BadData, BadInput
from training.prognostics.columns import Columns
from training.prognostics.preparation import Preparation
from training.serve.backends import ENGINES, open_net
from training.serve.forecaster import Forecaster
from training.serve.lines import write_header, write_lines
from training.serve.logs import STDIN, check_logs, list_logs
from training.serve.rows import Arrived, cells_of, keep_rising, read_any_order, sort_rows
from training.serve.state_file import StateFile, skip_answered
from training.serve.states import read_state_preparation, tell_states
from training.serve.stepping import forecast_steps
from training.serve.tail import Piece, follow, read_whole
from training.serve.whole_file import (
    cells_by_line,
    clocks_are_followed,
    in_its_style,
    is_plain,
    read_columns,
    read_in_any_order,
    read_made,
    read_tags,
    whole_dialect,
)
from training.workdir.model_folder import find_model, open_model
from training.workdir.names import DATA_CARD


def main(words: Sequence[str]) -> int:
    """Exit code 0 at the end of the log, 130 after Ctrl-C. Raises TrainingError."""
    asked = _parser().parse_args(words)
    states = read_state_preparation(asked.run)
    if states:
        return _tell_states(asked, states)
    check_logs(asked.files, follow_it=asked.follow)
    # A blocked read would go on after a handler that only takes a note.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    prepared = read_preparation(asked.run)
    asked.files = list_logs(asked.files, prepared.columns, follow_it=asked.follow)
    forecaster = Forecaster(prepared, open_net(asked.run, asked.engine))
    begun = time.monotonic()
    try:
        count = _serve(asked, forecaster)
        print(f"{count:,} rows, {count / (time.monotonic() - begun):,.0f} a second", file=sys.stderr)
    except KeyboardInterrupt:
        return 130
    finally:
        _say_at_the_end(forecaster)
    return 0


def _say_at_the_end(forecaster: Forecaster) -> None:
    columns = forecaster.prepared.columns
    if columns.step and forecaster.memory.place:
        _say(f"a line for each step of {columns.step_said}; the last one of each unit is not over, and has none yet")
    if note := forecaster.drift.note():
        _say(note)
    if forecaster.forgotten:
        _say(f"{forecaster.forgotten:,} units were forgotten, those silent longest: more than can be kept")


def _serve(asked: argparse.Namespace, forecaster: Forecaster) -> int:
    if asked.state is None:
        return serve(forecaster, _arriving(asked, forecaster, "in the files before"), sys.stdout)
    state = StateFile(asked.state, forecaster)
    state.restore(_say)
    with state.kept():
        return serve(forecaster, _arriving(asked, forecaster, "before the restart"), sys.stdout, piece=state.piece)


def _tell_states(asked: argparse.Namespace, prepared: StatePreparation) -> int:
    if asked.follow or asked.state or asked.files == [STDIN] or len(asked.files) > 1:
        raise BadInput(
            f"{asked.run} tells states of whole cycles: it takes no --follow, no --state and no standard input",
            "name the one folder, or table, that holds the cycles",
        )
    tell_states(prepared, open_net(asked.run, asked.engine), Path(asked.files[0]), sys.stdout)
    return 0


def _parser() -> Parser:
    parser = Parser.of("predict", __doc__)
    parser.add_argument("--run", type=Path, required=True, metavar="RUN", help="work folder of a finished run")
    parser.add_argument("--engine", choices=ENGINES, default="auto", help="what computes; auto prefers ONNX")
    parser.add_argument("--follow", action="store_true", help="go on as the file grows, until Ctrl-C")
    parser.add_argument("--state", type=Path, metavar="FILE", help="keep each unit's past there, and go on from it")
    parser.add_argument(
        "files",
        nargs="*",
        default=[STDIN],
        metavar="FILE",
        help="logs, or a folder of them; - or nothing: standard input",
    )
    return parser


def read_preparation(run: Path) -> Preparation:
    """How the run *run* prepared its rows, by its model folder; one of an older version has only data.json.

    Raises BadInput where it is no finished run of a job that forecasts, or its model folder is damaged.
    """
    card = run / DATA_CARD
    try:
        if find_model(run):
            return Preparation.from_json(open_model(run).description.preparation)
        return Preparation.from_json(json.loads(card.read_text())["keep"])
    except OSError as error:
        raise BadInput(f"{card}: {error.strerror}", "--run takes the work folder of a finished run") from error
    except (ValueError, KeyError, TypeError) as error:
        raise BadInput(
            f"{run} is not a run that forecasts failure", "predict serves the jobs turbofan, sensors and condition"
        ) from error


def _arriving(asked: argparse.Namespace, forecaster: Forecaster, when: str = "before") -> Iterator[Arrived]:
    """The rows of all files, one file after the other, without those that were answered, which was *when*."""
    columns = forecaster.prepared.columns
    read = _make_rows if columns.samples else partial(_rows_of, follow_it=asked.follow)
    logs: Iterable[Iterable[Arrived]] = (read(file, columns) for file in asked.files)
    if columns.of_files.tags:
        logs = [read_tags([Path(file) for file in asked.files], columns, _leave_out)]
    return skip_answered(logs, lambda: forecaster.memory.last_times(), say=_say, when=when)


def _make_rows(file: str, columns: Columns) -> Iterator[Arrived]:
    try:
        yield from read_made(Path(file), columns)
    except BadData as error:
        _leave_out(error)


def _leave_out(error: BadData) -> None:
    _say(f"{error.cause}: left out")


def _rows_of(file: str, columns: Columns, *, follow_it: bool) -> Iterator[Arrived]:
    name = "standard input" if file == STDIN else file
    columns = columns.in_no_file if file == STDIN else columns
    dialect = None if follow_it or file == STDIN else whole_dialect(Path(file), columns)
    columns = in_its_style(Path(file), dialect, columns) if dialect else columns

    def in_any_order() -> Iterator[Arrived]:
        if dialect is None or is_plain(Path(file), dialect, columns):
            cells = cells_of(_lines(file, follow_it=follow_it), columns, file=name, say=_say)
        else:
            cells = cells_by_line(Path(file), dialect, columns)
        return read_any_order(cells, columns, file=name, say=_say)

    def by_line() -> Iterator[Arrived]:
        return keep_rising(in_any_order(), columns, file=name, say=_say)

    if dialect is None:
        return by_line()
    if columns.sort and not clocks_are_followed(columns):
        rows = sort_rows(read_in_any_order(Path(file), dialect, columns, in_any_order), file=name, say=_say)
        return keep_rising(rows, columns, file=name, say=_say)
    return read_columns(Path(file), dialect, columns, by_line)


def _say(line: str) -> None:
    print(plain(line), file=sys.stderr, flush=True)


def _lines(file: str, *, follow_it: bool) -> Iterator[Piece]:
    if file == STDIN:
        yield from read_whole(sys.stdin.fileno())
        return
    if follow_it:
        yield from follow(Path(file), _say)
        return
    with Path(file).open("rb") as log:
        yield from read_whole(log.fileno())


def serve(
    forecaster: Forecaster,
    arriving: Iterable[Arrived],
    out: TextIO,
    *,
    piece: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> int:
    """Write one line per row as it arrives, or per step as it is over; return how many rows came. Rows are forecast and
    answered within a *piece*.
    """
    count = 0
    write_header(out, forecaster.prepared)
    for arrived in arriving:
        with piece():
            told, said = forecast_steps(forecaster, arrived)
            write_lines(out, told.rows.units, told.times, said)
        count += len(arrived.times)
    return count
