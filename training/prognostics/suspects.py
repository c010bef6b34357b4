"""What a log says that is hardly meant so: numbers that stand for "not measured", and times in a unit not said."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.errors import BadData
from training.prognostics.columns import SECONDS, Columns
from training.prognostics.log_keys import NUMBERS
from training.prognostics.windows import UnitLog

Array = NDArray[np.floating]

STAND_INS: Final = (
    -1.0,
    0.0,
    -99.0,
    -999.0,
    -9999.0,
    -99999.0,
    999.0,
    9999.0,
    99999.0,
    -32768.0,
    32767.0,
    65535.0,
    999999.0,
)
"""Loggers write these where a sensor gives nothing; suspected where they are far from all else the channel shows."""

OFTEN: Final = 3
"""Any other value is suspected when it comes so often, exactly so, and is FAR from the rest."""

FAR: Final = 3.0
"""So many times the range of the rest."""

FROZEN: Final = 20
"""So many rows of one value, in a channel that else changes from row to row, are those of a sensor that stood still."""

FROZEN_IN: Final = 200
"""Units that are looked at for it."""

SELDOM: Final = 0.1
"""A channel that stays as it was in more of its other rows is a setting, or shows few digits."""

LOOKED_AT: Final = 1_000
"""Values, before all of them are: most channels show nothing strange."""

FARTHEST_S: Final = 3.3e10
"""A thousand years in seconds: no log of machines holds a time beyond."""

DAYS: Final = {"Excel's days since 1900": (36_526, 54_789), "MATLAB's days since year 0": (730_486, 748_749),
               "Julian days": (2_451_545, 2_469_807), "modified Julian days": (54_790, 69_807)}  # fmt: skip
"""From 2000 to 2050."""

A_DAY_OF_YEAR: Final = (1_990_001, 2_050_366)

A_DAY_IN_DIGITS: Final = (19_000_101, 21_001_231)


def suspect_values(logs: Sequence[UnitLog], names: Sequence[str]) -> list[str]:
    """A line for each channel some values of which look like a stand-in for "not measured"."""
    # A channel at a time, and joined only where something may be strange: a long log is not in memory twice.
    columns = (_parts([log.values[:, place] for log in logs]) for place in range(len(names)))
    found = (
        (name, [] if _are_whole(column) else _stand_ins(_without_gaps(np.concatenate(column))))
        for name, column in zip(names, columns, strict=True)
    )
    return [
        f"{name}: {' and '.join(f'{_say(value)} ({count:,} rows)' for value, count in some)} "
        f"{'stand' if len(some) > 1 else 'stands'} far from all other values. If it means "
        f'"not measured", add to the TOML: missing = [{", ".join(_say(value) for value, _ in some)}]'
        for name, some in found
        if some
    ]


def _say(value: float) -> str:
    """*value* in as few letters as mean it and no other in 32 bits."""
    short = f"{value:g}"
    return short if np.float32(short) == np.float32(value) else str(np.float32(value))


def suspect_frozen(logs: Sequence[UnitLog], names: Sequence[str]) -> list[str]:
    """A line for each channel that changes from row to row, but for stretches of FROZEN rows of one value."""
    some = list(islice(logs, FROZEN_IN))
    found = ((name, _frozen([log.values[:, place] for log in some])) for place, name in enumerate(names))
    return [
        f"{name}: shows {_say(value)} in {rows:,} rows on end of unit '{some[unit].unit}'"
        + (f" (and such stretches in {units - 1:,} other units)" if units > 1 else "")
        + ", and changes nearly always else. If the sensor stood still there, leave these cells empty"
        for name, stretch in found
        if stretch
        for value, rows, unit, units in [stretch]
    ]


def _frozen(columns: Sequence[Array]) -> tuple[float, int, int, int] | None:
    """(value, rows, unit, units) of the longest such stretch, and in how many units there is one."""
    stretches, still, changes = list[tuple[int, float, int]](), 0, 0
    for unit, column in enumerate(columns):
        moves = np.flatnonzero(np.diff(column) != 0)  # also where a value is missing
        lengths = np.diff(np.concatenate([[-1], moves, [len(column) - 1]]))
        longest = int(lengths.argmax())
        if lengths[longest] >= FROZEN:
            value = float(column[int(lengths[:longest].sum())])
            stretches.append((int(lengths[longest]), value, unit))
        usual = lengths[lengths < FROZEN]
        still, changes = still + int(usual.sum() - len(usual)), changes + len(usual)
    if not stretches or changes < FROZEN or still > SELDOM * changes:
        return None
    rows, value, unit = max(stretches, key=lambda one: one[0])
    return value, rows, unit, len(stretches)


def _parts(columns: Sequence[Array]) -> Sequence[Array]:
    """*columns* of long records as they are; of many short ones it costs more to look at each."""
    return columns if sum(map(len, columns)) >= LOOKED_AT * len(columns) else [np.concatenate(columns)]


def _without_gaps(column: Array) -> Array:
    # The least is NaN where any value is: no pass over all of them to find out, and no copy without the few.
    return column if len(column) and not np.isnan(column.min()) else column[~np.isnan(column)]


def _stand_ins(known: Array) -> list[tuple[float, int]]:
    found: list[tuple[float, int]] = []
    while (one := _stand_in(known)) is not None:
        found.append((one, int(np.sum(known == np.float32(one)))))
        known = known[known != np.float32(one)]
    return found


def _stand_in(known: Array) -> float | None:
    if len(known) < OFTEN or _is_whole(known):
        return None
    listed = np.isin(known, np.asarray(STAND_INS, dtype=np.float32))
    # Two stand-ins, -999 and 9999, make each other's distance look small.
    others = known[~listed] if not listed.all() else known
    for value in (float(known.min()), float(known.max())):
        here = known == np.float32(value)
        rest = others[others != np.float32(value)]
        sure = value in STAND_INS
        if len(rest) and (sure or here.sum() >= OFTEN) and here.sum() < len(known) / 2:
            gap = max(rest.min() - value, value - rest.max())
            if gap > (1.0 if sure else FAR) * np.ptp(rest) and gap > 0 and np.ptp(rest) > 0:
                return value
    return None


def _are_whole(columns: Sequence[Array]) -> bool:
    """As _is_whole, of columns one after the other without a missing value."""
    parts = [column for column in columns if len(column)]
    low, high = (np.array([getattr(part, end)() for part in parts]) for end in ("min", "max"))
    if not len(parts) or np.isnan(low).any():
        return False
    step = max(1, sum(map(len, parts)) // LOOKED_AT)
    return _ends_are_near(low.min(), high.max(), np.concatenate([part[::step] for part in parts]))


def _is_whole(known: Array) -> bool:
    """Whether a few of the values show already that neither end is far from the rest: as far as these reach, all do."""
    return _ends_are_near(known.min(), known.max(), known[:: max(1, len(known) // LOOKED_AT)])


def _ends_are_near(low: float, high: float, some: Array) -> bool:
    rest = some[(some > low) & (some < high) & ~np.isin(some, np.asarray(STAND_INS, dtype=np.float32))]
    return bool(len(rest)) and bool(max(rest.min() - low, high - rest.max()) <= np.ptp(rest))


def refuse_other_unit(logs: Sequence[UnitLog], columns: Columns) -> None:
    """Raises BadData where the times cannot be in the unit that is said."""
    low, high = _range(logs)
    farthest = high if abs(high) >= abs(low) else low
    seconds = SECONDS.get(columns.time_unit)
    if seconds and abs(farthest) * seconds > FARTHEST_S:
        raise BadData(
            f"{columns.time}: {farthest:.0f} {columns.time_unit} are more than a thousand years: "
            f"are these seconds or milliseconds since 1970, or a date in digits?",
            'Seconds since 1970 go with time_unit = "seconds" (horizon and cap then count seconds). '
            "Milliseconds: divide by 1000.\nOr write dates like 2024-05-31T12:00:00+00:00.",
        )
    first, last = A_DAY_IN_DIGITS
    within = (
        columns.dates != NUMBERS and columns.time_unit != "minutes" and low >= first and high <= last
    )  # those since 1970 have eight digits too
    if within and _are_days_in_digits(np.concatenate([log.times for log in logs])):
        raise BadData(
            f"{columns.time}: {logs[0].times[0]:.0f} looks like a date, and would be taken for a number",
            f'Write it with its marks: 2024-05-31. Where it is none, add to the TOML: dates = "{NUMBERS}"',
        )


def suspect_days(logs: Sequence[UnitLog], columns: Columns) -> list[str]:
    """Excel and MATLAB count days, the time of day behind the point: taken for hours, every length would be wrong."""
    low, high = _range(logs)
    counted = next((whose for whose, (first, last) in DAYS.items() if low >= first and high <= last), "")
    clocked = columns.time_unit in SECONDS and columns.time_unit != "days"
    if clocked and counted and any((log.times != np.round(log.times)).any() for log in logs):
        return [
            f"{columns.time}: {low:.2f} to {high:.2f} {columns.time_unit}. If these are {counted}, say "
            'time_unit = "days" in the TOML'
        ]
    return _days_of_years(logs, columns, low, high)


def _days_of_years(logs: Sequence[UnitLog], columns: Columns, low: float, high: float) -> list[str]:
    """2024061 is the 61st day of 2024: taken for hours, days would be as near as hours are."""
    first, last = A_DAY_OF_YEAR
    if columns.time_unit != "hours" or columns.dates == NUMBERS or low < first or high > last:
        return []
    times = np.concatenate([log.times for log in logs])
    if not ((times == np.round(times)) & (times % 1000 >= 1) & (times % 1000 <= 366)).all():
        return []
    written = f"{low // 1000:.0f}-{low % 1000:03.0f}"
    return [
        f"{columns.time}: {low:.0f} to {high:.0f} hours. If these are years and their days, write them as {written}"
    ]


def _range(logs: Sequence[UnitLog]) -> tuple[float, float]:
    """The first time of all, and the last: within each log they rise."""
    return float(min(log.times[0] for log in logs)), float(max(log.times[-1] for log in logs))


def _are_days_in_digits(times: Array) -> bool:
    whole = np.round(times).astype(np.int64)
    day, month = whole % 100, whole // 100 % 100
    as_a_day = (day >= 1) & (day <= 31) & (month >= 1) & (month <= 12)
    return bool((as_a_day & (whole == times)).all())


def refuse_short_reach(logs: Sequence[UnitLog], *, time_unit: str, horizon: float, cap: float, source: str) -> None:
    """Raises BadData where horizon or cap end before the next row: then no label means what was asked."""
    steps = [np.diff(log.times) for log in logs if len(log.times) > 1]
    step = float(np.median(np.concatenate(steps))) if steps else 0.0
    short = [f"{name}={value:g}" for name, value in (("horizon", horizon), ("cap", cap)) if value < step]
    if short:
        raise BadData(
            f"{source}: rows are {step:g} {time_unit} apart, and {' and '.join(short)} ends before the next one",
            f"horizon and cap are lengths of time in {time_unit}, the unit of the time column: take larger ones.\n"
            "Or the times are in another unit than time_unit says: seconds or milliseconds since 1970 are not hours.",
        )
