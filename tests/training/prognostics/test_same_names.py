"""Names that look alike, folders behind links, sheets of a workbook: what is the same is taken so, or said."""

import io
import os
import unicodedata
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from training.console import Console
from training.errors import BadData
from training.pack.pack import one_by_one, pack
from training.pack.reading import open_pack
from training.prognostics.log_schema import read_description
from training.prognostics.names_of_units import FAIL_ON_DAYS
from training.prognostics.read_log import Log, read_log
from training.serve.rows import read_arriving
from training.serve.whole_file import cells_by_line, whole_dialect

KEYS = 'unit = "u"\ntime = "t"\ntime_unit = "hours"\nchannels = ["x"]\n'
ENDED = KEYS + "runs_to_failure = true\n"


def read(folder: Path, *files: str, keys: str = ENDED) -> Log:
    (folder / "log.toml").write_text(f"files = {list(files)!r}\n{keys}")
    return read_log(read_description(folder / "log.toml"))


@pytest.mark.parametrize("form", ["csv", "json", "parquet"])
@pytest.mark.parametrize("written", ["NFC", "NFD"])
def test_an_umlaut_is_one_letter_however_a_computer_writes_it(tmp_path, form, written):
    """In the header, in the name of the file, in the machine's name and in the description."""
    other = {"NFC": "NFD", "NFD": "NFC"}[written]
    said, told = (unicodedata.normalize(one, "Öl") for one in (written, other))
    rows = [(f"{said}1", 1, 5.0), (f"{told}1", 2, 6.0)]
    file = tmp_path / f"{said}.{form}"
    if form == "csv":
        file.write_text(f"u,t,{said}\n" + "".join(f"{u},{t},{x}\n" for u, t, x in rows))
    elif form == "json":
        file.write_text("".join(f'{{"u": "{u}", "t": {t}, "{said}": {x}}}\n' for u, t, x in rows))
    else:
        parquet.write_table(
            pa.table(dict(zip(("u", "t", said), map(list, zip(*rows, strict=True)), strict=True))), file
        )

    log = read(tmp_path, f"{told}.{form}", keys=ENDED.replace('"x"', f'"{told}"'))
    dialect = whole_dialect(file, log.columns)
    (arrived,) = read_arriving(cells_by_line(file, dialect, log.columns), log.columns, file=str(file), say=pytest.fail)

    (unit,) = log.train
    assert unit.values[:, 0].tolist() == [5.0, 6.0]
    assert arrived.rows.units == [unit.unit] * 2


def test_a_folder_behind_a_link_belongs_to_the_log_and_what_programs_leave_beside_it_does_not(tmp_path):
    (tmp_path / "logs").mkdir()
    (tmp_path / "archive").mkdir()
    (tmp_path / "logs" / "a.csv").write_text("u,t,x\na,1,1\na,2,1\n")
    (tmp_path / "archive" / "b.csv").write_text("u,t,x\nb,1,1\nb,2,1\n")
    (tmp_path / "logs" / "2023").symlink_to(tmp_path / "archive")
    (tmp_path / "archive" / "back").symlink_to(tmp_path / "logs")
    for clutter in (".DS_Store", "Thumbs.db", "desktop.ini", "._a.csv", ".ipynb_checkpoints/a.csv", "__MACOSX/a.csv"):
        place = tmp_path / "logs" / clutter
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(b"\0\1\2")

    assert [one.unit for one in read(tmp_path, "logs").train] == ["b", "a"]
    assert [one.unit for one in read(tmp_path, "logs/*").train] == ["b", "a"]


def test_files_of_one_name_in_folders_of_machines_are_asked_about(tmp_path):
    for number in (1, 2):
        (tmp_path / f"P{number}").mkdir()
        (tmp_path / f"P{number}" / "log.csv").write_text(f"t,x\n{number}0,1\n{number}1,2\n")
    keys = ENDED.replace('unit = "u"\n', "")

    (said,) = read(tmp_path, "P*/log.csv", keys=keys).said
    assert 'path = "{unit}/*" and unit = "unit"' in said

    log = read(tmp_path, "P*/log.csv", keys=keys + 'path = "{unit}/*"\nunit = "unit"\n')
    assert [one.unit for one in log.train] == ["P1", "P2"]


def sheets(folder: Path, **rows: list[list]) -> None:
    openpyxl = pytest.importorskip("openpyxl", reason="not installed")
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, some in rows.items():
        sheet = book.create_sheet(name)
        for row in some:
            sheet.append(row)
    book.save(folder / "log.xlsx")


LOG = [["Fleet"], [], ["u", "t", "x"], ["a", 1, 1.5], ["a", 2, 2.5]]


def test_the_sheet_that_holds_the_log_is_found_wherever_it_stands(tmp_path):
    sheets(tmp_path, Info=[["made by hand"]], Data=LOG, Empty=[])

    log = read(tmp_path, "log.xlsx")

    assert log.train[0].values[:, 0].tolist() == [1.5, 2.5]
    assert "log.xlsx: taken for a workbook, its sheet 'Data', 2 lines above the names left out" in log.said


def test_a_log_on_several_sheets_is_refused_with_their_names(tmp_path):
    sheets(tmp_path, May=LOG, June=LOG)

    with pytest.raises(BadData, match=r"log\.xlsx: the sheets 'May' and 'June' have all columns of the log, each"):
        read(tmp_path, "log.xlsx")


def test_a_formula_without_its_result_is_not_taken_for_a_gap(tmp_path):
    sheets(tmp_path, Data=[*LOG, ["a", 3, "=C4*2"]])

    with pytest.raises(BadData, match=r"log\.xlsx line 6: x: '=C4\*2' is a formula whose result is not saved"):
        read(tmp_path, "log.xlsx")


@pytest.mark.parametrize("unit", ["900", "0900.0", " 0900", "0900"])
def test_a_machine_that_a_spreadsheet_has_renamed_is_said(tmp_path, unit):
    (tmp_path / "log.csv").write_text("u,t,x\n" + "".join(f"{u},{t},1\n" for u in ("0900", "7") for t in range(9)))
    (tmp_path / "repairs.csv").write_text(f"u,when\n{unit},3\n7,5\n")
    failures = '[failures]\nfiles = ["repairs.csv"]\ntime = "when"\n'

    log = read(tmp_path, "log.csv", keys=KEYS + failures)

    table = tmp_path / "log.toml"
    pack(read_description(table), tmp_path / "packed", table.read_text(), one_by_one, Console(io.StringIO()))

    lost = f"failures: unit '{unit}' is not '0900' of the log: left out"
    assert (lost in log.said) == (unit.strip() != "0900")
    assert (lost in open_pack(tmp_path / "packed").said) == (lost in log.said)


@pytest.mark.parametrize(("when", "said"), [("02.03.2024", True), ("02.03.2024 14:30", False)])
def test_failures_that_name_only_their_day_are_said(tmp_path, when, said):
    start = datetime(2024, 3, 1)
    rows = [f"a;{start + timedelta(hours=hour)};1" for hour in range(72)]
    (tmp_path / "log.csv").write_text("\n".join(["u;t;x", *rows]) + "\n")
    (tmp_path / "sap.csv").write_text(f"Meldung;Equipment;Störungsbeginn\n1;a;{when}\n", encoding="cp1252")
    failures = '[failures]\nfiles = ["sap.csv"]\nunit = "Equipment"\ntime = "Störungsbeginn"\n'

    log = read(tmp_path, "log.csv", keys=KEYS + failures)

    assert (FAIL_ON_DAYS in log.said) == said
    assert len(log.train) == 2


def test_a_name_with_a_line_in_it_is_a_file_too(tmp_path):
    name = os.fsdecode("pump 1\nüber.csv".encode())
    (tmp_path / name).write_text("u,t,x\na,1,1\na,2,1\n")

    assert len(read(tmp_path, "*.csv").train) == 1
