"""Files of other programs that are no tables of text: what they are called, and what makes a log of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from training.errors import BadData

BINARY: Final[dict[bytes, tuple[str, str]]] = {
    b"MATLAB": ("a MATLAB file", "In MATLAB: writetable(TABLE, 'log.csv')."),
    b"\x89HDF": ("an HDF5 file", "Of pandas: pandas.read_hdf(FILE).to_parquet('log.parquet')."),
    b"TDSm": ("a TDMS file of LabVIEW", "With npTDMS: TdmsFile.read(FILE).as_dataframe().to_parquet('log.parquet')."),
    b"MDF ": (
        "an MDF file of a measuring program",
        "With asammdf: MDF(FILE).to_dataframe(raster=0.1).to_parquet(...).",
    ),
    b"LOGG": (
        "a BLF file: frames of a bus",
        "Decode it with its DBC file, for example with asammdf, and save a table.",
    ),
    b"SQLite format 3": ("an SQLite database", "sqlite3 -header -csv FILE 'SELECT * FROM ...' > log.csv"),
    b"\xd0\xcf\x11\xe0": ("a workbook of Excel 97 to 2003", "Save it as .xlsx or CSV."),
    b"ARROW1": ("an Arrow or Feather file", "pyarrow.feather.read_feather(FILE).to_parquet('log.parquet')"),
    b"\xff\xff\xff\xff": ("a stream of Arrow", "pyarrow.ipc.open_stream(FILE).read_pandas().to_parquet('log.parquet')"),
    b"\x93NUMPY": ("a NumPy array", "numpy.savetxt('log.csv', numpy.load(FILE), delimiter=','), and header names it."),
    b"Obj\x01": ("an Avro file", "With fastavro and pandas, save it as Parquet."),
    b"7z\xbc\xaf\x27\x1c": ("an archive of 7-Zip", "Unpack it, or pack it as .zip or .gz."),
    b"Rar!\x1a": ("an archive of RAR", "Unpack it, or pack it as .zip or .gz."),
    b"\xfd7zXZ\x00": ("packed with xz", "Unpack it (xz -d FILE), or pack it with gzip or zstd."),
    b"ORC": ("an ORC file", "pandas.read_orc(FILE).to_parquet('log.parquet')"),
}
"""By their first bytes."""

LINES: Final = {
    re.compile(r"(create table|insert into|drop table|-- )", re.IGNORECASE): (
        "This looks like SQL. Load it into its database, and export the table as CSV."
    ),
    re.compile(r"\(\d+\.\d+\) \S+ [0-9A-Fa-f]+#|date \w{3} \w{3} "): (
        "This looks like frames of a CAN bus. Decode them with their DBC file, for example with asammdf or cantools."
    ),
    re.compile(r"[^\s,]+,[^\s=]+=\S+ [^\s=]+=.+ \d{9,}$"): (
        "This looks like InfluxDB's line protocol. Export it as CSV: influx query --raw."
    ),
    re.compile(r"\ufeff?<"): (
        "This looks like HTML or XML. A table of it: pandas.read_html(FILE)[0].to_csv(CLEAN, index=False), or read_xml"
    ),
    re.compile(r"[\[{]"): (
        "This looks like JSON. A table of it: pandas.read_json(FILE, lines=True).to_csv(CLEAN, index=False)"
    ),
}
"""By their first line."""


def refuse_foreign(path: Path, first: bytes) -> None:
    """Raises BadData where the *first* bytes of *path* are those of another program's file."""
    is_text = min(first, default=9) >= 9  # a log of text may begin with the same letters
    for mark, (what, hint) in BINARY.items():
        if first.startswith(mark) and not is_text:
            raise BadData(f"{path} is {what}", hint)


def name_foreign(header: Sequence[str]) -> str:
    """What to do with a file whose first line, cut into *header*, is one of another program; empty: nobody knows."""
    lines = (",".join(header), " ".join(header))
    return next((hint for like, hint in LINES.items() if any(map(like.match, lines))), "")
