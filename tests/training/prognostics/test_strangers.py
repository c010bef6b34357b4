"""Logs as tools of other trades write them: read as the plain table that they are, or refused with what to do."""

import json
import random
from pathlib import Path

import numpy as np
import pytest

from training.errors import BadData
from training.prognostics.foreign_forms import BINARY
from training.prognostics.log_schema import read_description
from training.prognostics.read_log import Log, read_log
from training.prognostics.suspects import suspect_days
from training.serve.rows import read_arriving
from training.serve.whole_file import cells_by_line, read_columns, whole_dialect

CHANCE = random.Random(2)
ROWS = [
    (unit, hour, round(60 + hour / 3 + CHANCE.random(), 2), round(1 + hour / 9 + CHANCE.random(), 3))
    for unit, life in (("P1", 14), ("P2", 30))
    for hour in range(life)
]
KEYS = 'unit = "unit"\ntime = "time"\ntime_unit = "hours"\nchannels = ["temp", "vib"]\nruns_to_failure = true\n'
SINCE_1970 = 474_792
"""Hours until March 2024."""


def clock(hour: int, mark: str = " ") -> str:
    return f"2024-03-{1 + hour // 24:02}{mark}{hour % 24:02}:00:00"


def lines(form: str) -> str:
    """*form* for each row: {n} its number, {u} unit, {h} hour, {c} clock, {t} temperature, {v} vibration."""
    return "".join(
        form.format(n=n, u=u, h=h, c=clock(h), z=clock(h, "T") + "Z", d=739312 + h / 24, t=t, v=v)
        for n, (u, h, t, v) in enumerate(ROWS, start=1)
    )


def annotated(field: str, letter: str, number: int) -> str:
    return (
        "#datatype,string,long,dateTime:RFC3339,double,string,string\n#group,false,false,false,false,true,true\n"
        "#default,_result,,,,,\n,result,table,_time,_value,_field,unit\n"
    ) + lines(f",,{number},{{z}},{{{letter}}},{field},{{u}}\n")


LABVIEW = (
    "LabVIEW Measurement\t\nSeparator\tTab\n***End_of_Header***\t\n\t\nChannels\t2\t\t\t\nSamples\t10\t10\t\t\n"
    "***End_of_Header***\t\t\t\t\ntime\ttemp\tvib\tComment\n"
)
TORQUE = "".join(
    ("unit, time, temp, vib\n" if n % 20 == 0 else "") + f"{u},{h},{t},{v}\n" for n, (u, h, t, v) in enumerate(ROWS)
)
AS_JSON = [{"tags": {"unit": u}, "fields": {"temp": t, "vib": v}, "ts": 1709251200 + 3600 * h} for u, h, t, v in ROWS]
NESTED = (
    KEYS.replace('"unit"', '"tags.unit"')
    .replace('"time"', '"ts"')
    .replace('"temp", "vib"', '"fields.temp", "fields.vib"')
)

READ = {
    "aligned by blanks": ("unit  time   temp    vib\n" + lines("{u:5} {h:4d} {t:8.2f} {v:8.3f}  \n"), KEYS),
    "R's write.table": ('"unit" "time" "temp" "vib"\n' + lines('"{n}" "{u}" {h} {t} {v}\n'), KEYS),
    "R's write.csv": ('"","unit","time","temp","vib"\n' + lines('"{n}","{u}",{h},{t},{v}\n'), KEYS),
    "COPY of a database": (lines("{u}\t{c}\t{t}\t{v}\n"), KEYS + 'header = ["unit", "time", "temp", "vib"]\n'),
    "LabVIEW, one unit": (
        LABVIEW + "".join(f"{h}\t{t}\t{v}\n" for _, h, t, v in ROWS[14:]),
        KEYS.replace('unit = "unit"\n', ""),
    ),
    "a car logger that began anew": (TORQUE, KEYS),
    "a sheet with groups and units": (
        "; ;Bearing;\nunit;time;temp;vib\n;h;C;mm/s\n" + lines("{u};{h};{t};{v}\n").replace(".", ","),
        KEYS,
    ),
    "MATLAB's days": ("unit,time,temp,vib\n" + lines("{u},{d:.9f},{t},{v}\n"), KEYS.replace("hours", "days")),
    "JSON of an agent": ("".join(json.dumps(one) + "\n" for one in AS_JSON), NESTED),
    "InfluxDB's annotated CSV": (
        annotated("temp", "t", 0) + "\n" + annotated("vib", "v", 1),
        KEYS.replace('"time"', '"_time"') + '[tags]\nname = "_field"\nvalue = "_value"\n',
    ),
    "a historian's tags": (
        "Tag,time,Value\n" + lines("{u}.temp,{c},{t}\n{u}.vib,{c},{v}\n{u}.mode,{c},Running\n"),
        KEYS + '[tags]\nname = "Tag"\nvalue = "Value"\npattern = "{unit}.{tag}"\n',
    ),
}


def read(folder: Path, text: str, keys: str) -> Log:
    (folder / "log.txt").write_text(text)
    (folder / "log.toml").write_text('files = ["log.txt"]\n' + keys)
    return read_log(read_description(folder / "log.toml"))


@pytest.mark.parametrize("kind", READ)
def test_the_table_is_found_in_whatever_a_tool_writes_around_it(tmp_path, kind):
    log = read(tmp_path, *READ[kind])

    units = ["P2"] if "one unit" in kind else ["P1", "P2"]
    expected = [np.float32([row[2:] for row in ROWS if row[0] == unit]) for unit in units]
    assert [len(one.times) for one in log.train] == [len(one) for one in expected]
    for found, values in zip(log.train, expected, strict=True):
        assert np.array_equal(found.values, values)
        hours = (found.times - found.times[0]) * (24 if "MATLAB" in kind else 1)
        assert np.allclose(hours, np.arange(len(values)), atol=1e-4)


@pytest.mark.parametrize("kind", ["aligned by blanks", "R's write.table", "R's write.csv", "LabVIEW, one unit"])
def test_it_is_read_row_by_row_as_it_is_by_columns(tmp_path, kind):
    log, file = read(tmp_path, *READ[kind]), tmp_path / "log.txt"
    dialect = whole_dialect(file, log.columns)

    by_line = list(
        read_arriving(cells_by_line(file, dialect, log.columns), log.columns, file=str(file), say=pytest.fail)
    )
    by_column = list(read_columns(file, dialect, log.columns, pytest.fail))

    whole = np.concatenate([one.values for one in log.train])
    assert np.array_equal(np.concatenate([one.rows.values for one in by_line]), whole)
    assert np.array_equal(np.concatenate([one.rows.values for one in by_column]), whole)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        (" unit | time | temp\n------+------+----\n" + lines(" {u} | {h} | {t}\n") + "(44 rows)\n", "psql --csv"),
        ("CREATE TABLE log (unit text);\n" + lines("INSERT INTO log VALUES ('{u}',{h});\n"), "looks like SQL"),
        ("Series,time,Value\n" + lines("temp,{c},{t}\nvib,{c},{v}\n"), '[tags]\nname = "Series"\nvalue = "Value"'),
        (annotated("temp", "t", 0).replace("_time", "time"), 'name = "_field"\nvalue = "_value"'),
        (lines("(1709251200.{n:06}) can0 1F4#0A0B\n"), "frames of a CAN bus"),
        (lines("pump,unit={u} temp={t},vib={v} 1709251200000000000\n"), "influx query --raw"),
        ("idx,unit,time,temp,vib\n" + lines("{u},{h},{t},{v}\n"), "Fix these rows"),
    ],
    ids=["psql for people", "SQL", "a series", "InfluxDB without tags", "candump", "line protocol", "a name too many"],
)  # fmt: skip
def test_what_is_no_table_is_told_what_helps(tmp_path, text, hint):
    with pytest.raises(BadData) as refused:
        read(tmp_path, text, KEYS.replace(', "vib"', "") if "psql" in hint else KEYS)

    assert hint in refused.value.hint


def test_matlabs_days_under_hours_are_asked_about(tmp_path):
    log = read(tmp_path, READ["MATLAB's days"][0], KEYS)

    (asked,) = suspect_days(log.train, log.columns)
    assert "MATLAB's days since year 0" in asked


def test_the_names_may_stand_far_below_the_settings_of_a_measuring_program(tmp_path):
    above = "".join(f"Setting {n}: value {n}\n" for n in range(400))

    log = read(tmp_path, above + "unit,time,temp,vib\n" + lines("{u},{h},{t},{v}\n"), KEYS)

    assert [len(one.times) for one in log.train] == [14, 30]
    assert log.said == ["log.txt: taken for 400 lines above the names left out"]


@pytest.mark.parametrize(
    ("content", "called", "way_out"),
    [
        (json.dumps({"unit": ["P1"], "time": [1]}), "one object of lists: unit, time", "pandas.read_json(FILE).to_csv"),
        (json.dumps({"columns": ["unit"], "data": [["P1"]]}), "one object of lists", "orient='split'"),
        ("x" * 257 + "ustar\n", "an archive of tar", "tar -xf"),
    ],
)
def test_what_only_looks_like_a_log_is_called_so_with_the_way_out(tmp_path, content, called, way_out):
    with pytest.raises(BadData) as refused:
        read(tmp_path, content, KEYS)

    assert called in refused.value.cause
    assert way_out in refused.value.hint


@pytest.mark.parametrize("mark", BINARY)
def test_files_of_other_programs_are_called_so_with_the_way_out(tmp_path, mark):
    (tmp_path / "log.bin").write_bytes(mark + b" 5.0 \0\1\2" * 50)
    (tmp_path / "log.toml").write_text('files = ["log.bin"]\n' + KEYS)

    with pytest.raises(BadData) as refused:
        read_log(read_description(tmp_path / "log.toml"))

    assert (refused.value.cause, refused.value.hint) == (
        f"{tmp_path / 'log.bin'} is {BINARY[mark][0]}",
        BINARY[mark][1],
    )


def test_a_log_of_text_may_begin_with_the_same_letters(tmp_path):
    log = read(tmp_path, "LOGGER,unit,time,temp,vib\n" + lines("L1,{u},{h},{t},{v}\n"), KEYS)

    assert [len(one.times) for one in log.train] == [14, 30]
