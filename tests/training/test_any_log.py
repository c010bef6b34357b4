"""Whatever a log, its dialect or its description holds: it is read, or one sentence says what is wrong with which."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import re
import tempfile
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as some
from pyarrow import parquet

from tests.sizes import size, tried
from training.__main__ import main
from training.workdir.summary import DONE, Summary

NAMES = ["unit", "time", "heat", "load", "gear", "failed"]
TYPED = (
    "| |0|-1|1e999|-1e308|3.5e38|1e-320|nan|NaN|inf|-inf|NA|#N/A|null|\u00b2|\u0661|1_0|1,5|1.5|1.013,5|1'000|12 V"
    '|true|No|hi|"|""|"a\nb"|a"b|;|\t|,|2024-03-01|01.03.2024|03/04/2024 04:00|2024-02-30|24:00|23:59:60|0000-00-00'
    "|20240301|1709265600|9999-12-31T23:59:59Z|-999|=1+1|\x1b]0;x\x07|\u202e|\0|\ufeff|C1|c1 |001|1"
)
ODD = TYPED.split("|")
CELLS = some.one_of(
    some.sampled_from([*ODD, "9" * 5000, "a" * 70_000]),
    some.floats().map(str), some.integers().map(str), some.text(max_size=6),
)  # fmt: skip


def sound(dated: bool, decimal: str, units: int) -> list[list[str]]:
    """A log of some units that fail one after the other: nothing is wrong with it."""
    random = np.random.RandomState(1)
    rows = []
    for unit in range(units):
        end = 14 + 2 * unit
        for hour in range(end):
            time, fails = (f"2024-03-{1 + at // 24:02} {at % 24:02}:00" if dated else str(at) for at in (hour, end))
            heat, load = (f"{value:.3f}".replace(".", decimal) for value in random.rand(2) * 50)
            rows.append([f"C{unit}", time, heat, load, str(hour % 2), fails if unit else ""])
    return rows


Rows = list[list[str]]


@some.composite
def tables(draw: some.DrawFn) -> Rows:
    """Names and rows, of which some cells and rows are anything."""
    rows = [
        list(NAMES),
        *sound(draw(some.booleans()), draw(some.sampled_from("....,")), draw(some.sampled_from([5, 5, 5, 6, 1, 2]))),
    ]
    for _ in range(draw(some.sampled_from([0, 0, 1, 1, 2]))):
        row, column = draw(some.integers(0, len(rows) - 1)), draw(some.integers(0, len(NAMES) - 1))
        fill = draw(CELLS)
        for one in rows[1:] if draw(some.integers(0, 3)) == 3 else [rows[row]]:
            one[column : column + 1] = [fill]
    return draw(some.sampled_from([unchanged] * 8 + [turned, halved, doubled, longer, shorter]))(rows)


def unchanged(rows: Rows) -> Rows:
    return rows


def turned(rows: Rows) -> Rows:
    return [rows[0], *rows[:0:-1]]


def halved(rows: Rows) -> Rows:
    return rows[: len(rows) // 2]


def doubled(rows: Rows) -> Rows:
    return [rows[0], *rows[1:], *rows[1:]]


def longer(rows: Rows) -> Rows:
    return [*rows[:3], [*rows[3], "more", ""], *rows[4:]]


def shorter(rows: Rows) -> Rows:
    return [*rows[:3], rows[3][:2], [], *rows[4:]]


@some.composite
def texts(draw: some.DrawFn, rows: Rows) -> bytes:
    """*rows* in the dialect of some program, perhaps damaged afterwards."""
    quote: Callable[[str], str] = draw(some.sampled_from([str, str, lambda cell: '"' + cell.replace('"', '""') + '"']))
    above = draw(some.sampled_from(["", "", "", "# made by hand\n\n", "sep=;\n", '"', "[s];[C];\n"]))
    lines = [draw(some.sampled_from(",,,,;;\t| "))] * len(rows)
    end = draw(some.sampled_from(["\n", "\n", "\r\n", "\r", "\n\n"]))
    text = above + end.join(mark.join(map(quote, row)) for mark, row in zip(lines, rows, strict=True)) + end
    encoding = draw(
        some.sampled_from(["utf-8"] * 5 + ["utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp1252", "utf-7"])
    )
    return (
        draw(damaged(text.encode(encoding, "replace")))
        if draw(some.integers(0, 3)) == 3
        else text.encode(encoding, "replace")
    )


@some.composite
def damaged(draw: some.DrawFn, content: bytes) -> bytes:
    at = draw(some.integers(0, len(content)))
    junk = draw(some.sampled_from([b"", b"\0", b"\xff", b'"', b"\n", b"\r", b",", b";;", b"\xef\xbb\xbf", b"\x1b[2J"]))
    return content[:at] + junk + content[draw(some.sampled_from([at, at + 1, len(content)])) :]


def zipped(content: bytes, names: tuple[str, ...] = ("log.csv",)) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, content)
    return out.getvalue()


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".zip": zipped,
    ".ZIP": lambda content: zipped(content, ("a.csv", "b/c.csv")),
    ".zst": lambda content: bytes(pa.compress(content, codec="zstd", asbytes=True)),
    ".lz4": lambda content: bytes(pa.compress(content, codec="lz4", asbytes=True)),
}


@some.composite
def packs(draw: some.DrawFn, rows: Rows) -> tuple[str, bytes]:
    kind = draw(some.sampled_from(sorted(PACKERS)))
    content = PACKERS[kind](draw(texts(rows)))
    return f".csv{kind}", draw(damaged(content)) if draw(some.booleans()) else content


ARROW: tuple[Callable[[list[str]], Any], ...] = (
    pa.array,
    lambda cells: pa.array(cells).dictionary_encode(),
    lambda cells: pa.array([float(len(cell)) for cell in cells]),
    lambda cells: pa.array([None] * len(cells)),
    lambda cells: pa.array([[1, 2]] * len(cells)),
    lambda cells: pa.array([{"a": 1}] * len(cells)),
    lambda cells: pa.array([cell.encode() for cell in cells]),
    lambda cells: pa.array(range(len(cells)), pa.timestamp("us")),
    lambda cells: pa.array(range(len(cells)), pa.timestamp("ns", "Europe/Berlin")),
    lambda cells: pa.array(range(len(cells)), pa.int64()).cast(pa.duration("s")),
    lambda cells: pa.array(range(len(cells)), pa.int32()).cast(pa.date32()),
    lambda cells: pa.array([1 << 63] * len(cells), pa.uint64()),
    lambda cells: pa.array(range(len(cells)), pa.int32()).cast(pa.decimal128(12, 2)),
    lambda cells: pa.array([True] * len(cells)),
)


@some.composite
def parquets(draw: some.DrawFn, rows: Rows) -> tuple[str, bytes]:
    """Columns of any type; now and then two of one name."""
    width = len(NAMES)
    body = [(row + [""] * width)[:width] for row in rows[1:]]
    columns = [[cell.encode(errors="replace").decode() for cell in column] for column in zip(*body, strict=True)] or [
        []
    ] * width
    odd = draw(some.dictionaries(some.integers(0, width - 1), some.sampled_from(ARROW), max_size=3))
    names = draw(some.sampled_from([NAMES, NAMES, NAMES, [*NAMES[:-1], "heat"]]))
    arrays = [odd.get(at, pa.array)(column) for at, column in enumerate(columns)]
    out = io.BytesIO()
    parquet.write_table(pa.table(arrays, names=names), out, row_group_size=draw(some.sampled_from([5, 1000])))
    return draw(some.sampled_from([".parquet", ".csv"])), draw(damaged(out.getvalue())) if draw(
        some.integers(0, 3)
    ) == 3 else out.getvalue()


@some.composite
def logs(draw: some.DrawFn) -> tuple[str, bytes]:
    """The ending of a file's name, and its bytes."""
    rows = draw(tables())
    kind = draw(some.sampled_from(["text"] * 6 + ["packed", "packed", "parquet", "parquet", "bytes", "named"]))
    if kind == "packed":
        return draw(packs(rows))
    if kind == "parquet":
        return draw(parquets(rows))
    if kind == "bytes":
        return ".csv", draw(some.binary(max_size=40))
    ending = draw(some.sampled_from([".parquet", ".xlsx", ".gz", ".zip", ".txt", ""])) if kind == "named" else ".csv"
    return ending, draw(texts(rows))


SENSORS: dict[str, Any] = {
    "unit": "unit", "time": "time", "time_unit": "hours", "channels": ["heat", "load"], "fails_at": "failed",
}  # fmt: skip
CYCLES: dict[str, Any] = {"cycle": "time", "channels": ["heat", "load"], "parts": ["gear"]}
KEYS = [
    "unit", "time", "time_unit", "channels", "conditions", "fails_at", "label", "failed", "runs_to_failure", "missing",
    "separator", "decimal", "thousands", "dates", "zone", "categories", "sort", "repaired", "test", "files", "failures",
    "cycle", "parts", "group", "states", "x",
]  # fmt: skip
SAID = [
    "unit", "time", "heat", "load", "gear", "failed", "", " ", ";", ",", ".", "\t", "ab", "hours", "days", "day first",
    "time of day", "digits", "Europe/Berlin", "Mars/Base", "/etc/passwd", "..", "*", "**", "[", "~nobody", "log*",
    "\0", "\x1b[2J", "a" * 5000, True, False, 0, 1, -999, 1e308, float("nan"), float("inf"), 10**30,
]  # fmt: skip
INNER = some.sampled_from(["files", "unit", "time", "part", "parts", "x"])
VALUES = some.recursive(
    some.sampled_from(SAID),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(INNER, inner, max_size=4),
    max_leaves=5,
)
SOUND_VALUES = some.sampled_from([
    {"conditions": ["gear"]}, {"categories": ["gear"], "channels": ["heat", "gear"]}, {"sort": True},
    {"fails_at": None, "runs_to_failure": True}, {"fails_at": None, "label": "gear"}, {"repaired": True},
    {"decimal": ",", "separator": ";"},
    {"fails_at": None, "label": "gear", "failed": ["1", 0]}, {"missing": [-999, "hi"]}, {"dates": "month first"},
    {"zone": "Europe/Berlin"}, {"time": ["time", "failed"]}, {"channels": ["heat", "load", "time"]}, {"unit": None},
    {"fails_at": None, "failures": {"files": ["log*"], "unit": "unit", "time": "failed"}},
    {"fails_at": None, "failures": {"files": ["log*"], "time": "time", "part": "gear", "parts": ["1"]}},
])  # fmt: skip


def as_toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {as_toml(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(as_toml, value)) + "]"
    return str(value) if isinstance(value, float) else json.dumps(value)


@some.composite
def descriptions(draw: some.DrawFn, start: dict[str, Any], file: str) -> bytes:
    said = {"files": [file], **start}
    for more in draw(some.lists(SOUND_VALUES, max_size=2)):
        said.update(more)
    if draw(some.integers(0, 3)) == 3:
        said.update(draw(some.dictionaries(some.sampled_from(KEYS), VALUES | some.none(), max_size=2)))
    lines = "".join(f"{key} = {as_toml(value)}\n" for key, value in said.items() if value is not None)
    return draw(damaged(lines.encode())) if draw(some.integers(0, 9)) == 9 else lines.encode()


SMALL = ["horizon=4", "cap=12", "window=6", "held_out=0.4", "late_starts=0", "stretch=1"]
LINES: dict[str, list[str]] = {
    "sensors": ["sensors", "--workdir", "w", "table=d.toml", *SMALL],
    "condition": ["condition", "--workdir", "w", "table=d.toml", "held_out=0.3", "bins=3"],
    "drift": ["drift", "d.toml", "--stretch", "3"],
    "pack": ["pack", "d.toml", "packed"],
}


@some.composite
def cases(draw: some.DrawFn) -> tuple[str, dict[str, bytes]]:
    verb = draw(some.sampled_from(["sensors", "sensors", "sensors", "condition", "drift", "pack"]))
    ending, content = draw(logs())
    description = draw(descriptions(CYCLES if verb == "condition" else SENSORS, f"log{ending}"))
    return verb, {f"log{ending}": content, "d.toml": description}


# What a terminal would obey; tabs, and letters that this Python does not know yet, are none of it.
OBEYED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def only_read(recipe: Any, config: Any, workdir: Path, **_: Any) -> Summary:
    """Training as far as the data: what comes after it is the same for all jobs."""
    recipe.data(config).limit(config.limit)
    return Summary(job="j", reason=DONE, metric="m", score=1.0, higher_is_better=True)


def type_line(words: list[str]) -> tuple[int, str]:
    """The exit code, and what stands on stderr."""
    out, said = io.StringIO(), io.StringIO()
    with (
        patch("training.train.train_and_evaluate", only_read),
        patch("training.trainer.signals.StopRequest.listen", lambda self: self),
        patch("signal.signal"), patch("sys.stdout", out), patch("sys.stderr", said),
        warnings.catch_warnings(),
    ):  # fmt: skip
        warnings.simplefilter("error", RuntimeWarning)
        return main(words), said.getvalue()


@settings(
    max_examples=size(60, 8_000), deadline=None, phases=[Phase.explicit, Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
@given(case=cases())
def test_a_log_is_read_or_refused_by_name(case: tuple[str, dict[str, bytes]], monkeypatch: pytest.MonkeyPatch) -> None:
    tried()
    verb, files = case
    with tempfile.TemporaryDirectory() as folder:
        monkeypatch.chdir(folder)
        for name, content in files.items():
            (Path(folder) / name).write_bytes(content)

        code, said = type_line(LINES[verb])

        assert code in (0, 2), said
        assert not OBEYED.search(said)
        if code == 2:
            assert any(name in said for name in ("log", "d.toml", "split=", *NAMES)), said
            assert "\n  -> " in said, "a next step"
            assert len(said) < 10_000
        monkeypatch.chdir("/")


WRONG = some.sampled_from(["hi", "1.2.3", "12 apples", "0x1F", "--1", "1e", "\u00bd", "\u6f22\u5b57", "a b c"])


@settings(max_examples=size(20, 2_000), deadline=None, suppress_health_check=list(HealthCheck))
@given(
    row=some.integers(1, 60), column=some.sampled_from(["heat", "load"]), word=WRONG, above=some.integers(0, 3),
    encoding=some.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    ending=some.sampled_from(["", ".gz", ".bz2", ".zip", ".zst"]),
    separator=some.sampled_from(",;\t|"), newline=some.sampled_from(["\n", "\r\n"]),
)  # fmt: skip
def test_one_wrong_cell_is_named_by_file_line_column_and_value(
    monkeypatch: pytest.MonkeyPatch, row: int, column: str, word: str, above: int, encoding: str, ending: str,
    separator: str, newline: str,
) -> None:  # fmt: skip
    tried()
    rows = [list(NAMES), *sound(False, ".", 5)]
    rows[row][NAMES.index(column)] = word
    lines = [*["# made by hand"] * above, *(separator.join(one) for one in rows)]
    with tempfile.TemporaryDirectory() as folder:
        monkeypatch.chdir(folder)
        Path(f"log.csv{ending}").write_bytes(PACKERS[ending](newline.join(lines).encode(encoding)))
        Path("d.toml").write_text(
            "".join(f"{key} = {as_toml(one)}\n" for key, one in SENSORS.items()) + "files = ['log*']\n"
        )

        code, said = type_line(LINES["sensors"])

        assert (code, said.splitlines()[0]) == (
            2,
            f"log.csv{ending} line {above + row + 1}: {column}: '{word}' is not a number",
        )
        monkeypatch.chdir("/")
