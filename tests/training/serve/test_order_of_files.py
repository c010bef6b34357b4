"""Files of several months are read in the order of their times, whatever they are called."""

from itertools import permutations

import pytest

from training.prognostics.columns import Columns
from training.serve.logs import list_logs

COLUMNS = Columns(time="t", channels=("x",), unit="u", time_unit="hours")
NAMES = ("apr.csv", "feb.csv", "jan.csv", "mar.csv")


@pytest.mark.parametrize("months", list(permutations(range(4)))[::5])
def test_a_folder_of_months_is_read_from_the_first_to_the_last(tmp_path, months):
    for name, month in zip(NAMES, months, strict=True):
        days = [f"A,2024-0{month + 1}-{day:02} 00:00,{day}" for day in range(1, 29)]
        (tmp_path / name).write_text("\n".join(["u,t,x", *(days if month % 2 else days[::-1])]) + "\n")  # newest first

    found = list_logs([str(tmp_path)], COLUMNS, follow_it=False)

    assert [months[NAMES.index(file.rsplit("/", 1)[1])] for file in found] == [0, 1, 2, 3]


def test_parquet_and_text_are_put_in_one_order(tmp_path):
    pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pa.table({"u": ["A"], "t": ["2024-02-01 00:00"], "x": [1.0]}), tmp_path / "a.parquet")
    (tmp_path / "b.csv").write_text("x;u;t\n1,5;A;01.01.2024 00:00\n")
    (tmp_path / "c.csv").write_text("")

    found = list_logs([str(tmp_path)], COLUMNS, follow_it=False)

    assert [file.rsplit("/", 1)[1] for file in found] == ["c.csv", "b.csv", "a.parquet"]
