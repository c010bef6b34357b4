"""Failures in a table of their own: maintenance records, each with a unit, a time, and perhaps the part that failed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timezone

import numpy as np
from numpy.typing import NDArray

from training.errors import BadData
from training.prognostics.cells import NAIVE, NUMBER, ZONED, zone_named
from training.prognostics.columns import SECONDS, Columns
from training.prognostics.lives import UnitFailures
from training.prognostics.log_schema import Description, Failures
from training.prognostics.survey import Survey, survey
from training.prognostics.table import Table
from training.prognostics.time_style import OUR_DAYS_S
from training.prognostics.unit_logs import read_tables
from training.prognostics.wrong_cells import Clock


def read_failures(description: Description, failures: Failures, *, log: Survey) -> dict[str, UnitFailures]:
    """When each unit failed; *log* is how the log itself is written. Raises BadData, naming file and line."""
    told = _description_of(failures, description)
    seen = survey(told)
    _require_same_kind(seen.calendar, log.calendar, failures)
    _require_same_zone(seen.kind, log.kind, failures)
    whole = _read_times(told, seen)
    parts = [_read_times(replace(told, failed=(part,)), seen) for part in description.parts]
    for part, found in zip(description.parts, parts, strict=True):
        if not found:
            raise BadData(f"{failures.files[0]}: no {failures.part} is '{part}'", "Leave it out of parts.")
    return {
        name: UnitFailures(_drop_unknown(times), tuple(_drop_unknown(part.get(name, np.empty(0))) for part in parts),
                           bool(np.isnan(times).any()))
        for name, times in whole.items()
    }  # fmt: skip


def _drop_unknown(times: NDArray[np.float64]) -> NDArray[np.float64]:
    known: NDArray[np.float64] = times[~np.isnan(times)]
    return known


def are_days(failed: Mapping[str, UnitFailures], columns: Columns) -> bool:
    """Whether all failures are dated, at the beginning of a day: nobody wrote down when in it."""
    seconds = SECONDS.get(columns.time_unit)
    times = np.concatenate([one.times for one in failed.values()]) if failed else np.empty(0)
    if not seconds or not len(times) or min(times) * seconds < OUR_DAYS_S[0]:
        return False
    zone = zone_named(columns.zone) if columns.zone else timezone.utc
    moments = (datetime.fromtimestamp(round(time * seconds, 3), zone) for time in times.tolist())
    return all((one.hour, one.minute, one.second) == (0, 0, 0) for one in moments)


def _description_of(failures: Failures, log: Description) -> Description:
    """The table of *failures* as a log without channels."""
    beside = log.columns
    columns = Columns(
        unit=failures.unit,
        time=failures.time,
        clock=failures.clock,
        channels=(),
        time_unit=beside.time_unit,
        zone=beside.zone,
        dates=beside.dates if "dates" in log.given else "",  # what the log's own times were taken for is theirs
    )
    return Description(
        columns=columns,
        files=failures.files,
        label=failures.part if failures.parts else "",
        failed=failures.parts,
        given=log.given & {"dates", "zone"},
    )


def _read_times(told: Description, seen: Survey) -> dict[str, NDArray[np.float64]]:
    """Of each unit, rising; NaN behind them where an entry says no time."""
    found: dict[str, list[float]] = {}
    for table in read_tables(told, seen.dialects, seen.by_file, told.files, Clock()):
        for name, time in _events(table, of_parts=bool(told.failed)):
            found.setdefault(name, []).append(time)
    return {name: np.unique(times) for name, times in found.items()}


def _require_same_kind(found: bool | None, wanted: bool | None, failures: Failures) -> None:
    """Running hours beside dates would put each failure outside of the log: every unit would seem to run on."""
    if found is not None and wanted is not None and found != wanted:
        kinds = ("no dates", "dates")
        raise BadData(
            f"{failures.files[0]}: {failures.time} holds {kinds[found]}, and the log's times are {kinds[wanted]}",
            "Write the times of the log and those of the failures in one way.",
        )


def _require_same_zone(found: str, wanted: str, failures: Failures) -> None:
    """Local times beside times with a zone, or beside seconds since 1970 in UTC, are hours apart, and every label would
    be.
    """
    if NAIVE in {found, wanted} and {found, wanted} & {ZONED, NUMBER}:
        raise BadData(
            f"{failures.files[0]}: {failures.time} holds {found}, and the log's times are each {wanted}",
            'Say whose clocks the times without a zone are: zone = "Europe/Berlin", or zone = "UTC".',
        )


def _events(table: Table, *, of_parts: bool) -> list[tuple[str, float]]:
    counted = np.flatnonzero((table.marks == 1.0) | (not of_parts))
    return [(table.names[table.units[row]], float(table.times[row])) for row in counted]
