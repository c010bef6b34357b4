"""Tables of failures as workshops write them, and labels: each entry counts, or what becomes of it is said."""

import re
import shlex
import subprocess
import unicodedata
from pathlib import Path

import pytest

from training.errors import BadData
from training.prognostics.log_schema import read_description
from training.prognostics.read_log import Log, read_log

KEYS = 'files = ["log.csv"]\nunit = "u"\ntime = "t"\nchannels = ["x"]\n'
APART = KEYS + '[failures]\nfiles = ["m.csv"]\nunit = "u"\ntime = "when"\n'
PARTS = APART + 'part = "part"\nparts = ["Lager außen", "Dichtung ä"]\n'


def read(folder: Path, records: str, keys: str = APART) -> Log:
    rows = [f"{unit},{hour},{hour / 7}" for unit in ("A", "B", "C") for hour in range(20)]
    (folder / "log.csv").write_text("\n".join(["u,t,x", *rows]) + "\n")
    (folder / "m.csv").write_text(records)
    (folder / "log.toml").write_text(keys)
    return read_log(read_description(folder / "log.toml"))


@pytest.mark.parametrize("spell", [str, str.upper, str.title, lambda one: unicodedata.normalize("NFD", f" {one} ")])
def test_a_part_is_the_same_in_large_letters_and_with_its_dots_written_apart(tmp_path, spell):
    records = "u,when,part\n" + "".join(f"{unit},{19},{spell(part)}\n" for unit, part in
                                       (("A", "Lager außen"), ("B", "Dichtung ä"), ("C", "anderes")))  # fmt: skip

    log = read(tmp_path, records, PARTS)

    assert [[at == 19 for at in one.parts_fail_at] for one in log.train] == [[True, False], [False, True], [False] * 2]


def test_an_entry_without_a_time_is_said_with_its_unit(tmp_path):
    log = read(tmp_path, "u,when\nA,\nB,12\nC,\nC,15\n")

    assert any("entries of 'A', 'C' say no time, and are left out" in line for line in log.said)
    assert any(line.startswith("failures: 2 of 2 units of the log") for line in log.said)
    assert {one.unit: one.fails_at for one in log.train if one.fails_at == one.fails_at} == {"B": 12, "C": 15}


def test_the_first_entry_is_no_line_of_units_of_measurement(tmp_path):
    with pytest.raises(BadData, match=r"m.csv line 2: when: 'unknown' is neither a number nor a date"):
        read(tmp_path, "u,when\nA,unknown\nB,12\n")


def test_of_a_label_of_one_word_it_is_asked_whether_it_means_a_failure(tmp_path):
    (tmp_path / "log.csv").write_text(
        "u,t,x,bad\n" + "".join(f"A,{t},{t},{'x' if t == 9 else ''}\n" for t in range(10))
    )
    (tmp_path / "log.toml").write_text(KEYS + 'label = "bad"\n')

    with pytest.raises(BadData, match="the label says 'x': which of them mean a failure"):
        read_log(read_description(tmp_path / "log.toml"))


def test_files_whose_dates_tell_no_day_from_the_month_are_named(tmp_path):
    for name, form in (("a.csv", "{day:02}/03/2024"), ("b.csv", "03/{day:02}/2024")):
        days = range(1, 29) if name == "a.csv" else range(1, 12)
        (tmp_path / name).write_text("t,x\n" + "".join(f"{form.format(day=day)},{day}\n" for day in days))
    keys = 'files = ["a.csv", "b.csv"]\ntime = "t"\ntime_unit = "days"\nchannels = ["x"]\nruns_to_failure = true\n'
    (tmp_path / "log.toml").write_text(keys)

    said = read_log(read_description(tmp_path / "log.toml")).said

    assert any(line.startswith("t: in b.csv no day is above 12: taken for day first, too.") for line in said)


def test_a_pattern_that_means_every_file_does_not_mean_the_description(tmp_path):
    log = read(tmp_path, "", KEYS.replace("log.csv", "log*") + "runs_to_failure = true\n")

    assert [one.unit for one in log.train] == ["A", "B", "C"]


def test_labels_of_a_second_file_are_joined_as_the_page_says(tmp_path):
    (join,) = re.findall(r"`(paste [^`]+)`", (Path(__file__).parents[3] / "docs" / "sensors.md").read_text())
    (tmp_path / "measured.txt").write_text("".join(f"{n / 7:.3f} {n}.5 NaN\n" for n in range(30)))
    (tmp_path / "labels.txt").write_text(
        "".join(f'{1 if n == 29 else -1} "{n + 1:02}/07/2008 11:55:00"\n' for n in range(30))
    )
    subprocess.run(
        shlex.split(join.partition(" > ")[0]), cwd=tmp_path, check=True, stdout=(tmp_path / "both.txt").open("w")
    )
    names = 'header = ["a", "b", "c", "label", "day", "clock"]\ntime = ["day", "clock"]\ntime_unit = "days"\n'
    keys = 'files = ["both.txt"]\nchannels = ["a", "b"]\nlabel = "label"\nfailed = [1]\n'
    (tmp_path / "log.toml").write_text(keys + names)

    (one,) = read_log(read_description(tmp_path / "log.toml")).train

    assert one.values[:, 1].tolist() == [n + 0.5 for n in range(30)]
    assert one.fails_at - one.times[0] == 29
