"""A run whose rows may stand in any order forecasts the rows of a whole file as training saw them."""

import random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from training.prognostics.columns import Columns
from training.prognostics.log_schema import read_description
from training.prognostics.read_log import read_log
from training.serve.rows import keep_rising, read_any_order, sort_rows
from training.serve.whole_file import cells_by_line, read_in_any_order, whole_dialect

KEYS = 'files = ["log.csv"]\nunit = "u"\ntime = "t"\nchannels = ["x"]\nruns_to_failure = true\nsort = true\n'


@settings(deadline=None, max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from("AB"), st.integers(0, 9)), min_size=1, max_size=30), st.booleans())
def test_rows_of_a_whole_file_are_put_in_the_order_of_training(tmp_path, rows, by_line):
    file = tmp_path / "log.csv"
    file.write_text("u,t,x\n" + "".join(f"{unit},{time},{n}\n" for n, (unit, time) in enumerate(rows)))
    (tmp_path / "log.toml").write_text(KEYS)
    log = read_log(read_description(tmp_path / "log.toml"))
    columns = Columns.from_json(log.columns.as_json())
    dialect = whole_dialect(file, columns)
    said: list[str] = []

    def one_by_one():
        return read_any_order(cells_by_line(file, dialect, columns), columns, file="log.csv", say=said.append)

    pieces = list(one_by_one()) if by_line else read_in_any_order(file, dialect, columns, pytest.fail)
    found: dict[str, list[tuple[float, float]]] = {}
    for some in keep_rising(
        sort_rows(pieces, file="log.csv", say=said.append), columns, file="log.csv", say=pytest.fail
    ):
        for unit, time, values in zip(some.rows.units, some.rows.times, some.rows.values, strict=True):
            found.setdefault(unit, []).append((float(time), float(values[0])))

    expected = {one.unit: list(zip(one.times.tolist(), one.values[:, 0].tolist(), strict=True)) for one in log.train}
    assert found == expected
    (moved,) = [line.partition("(")[2].split(" ")[0] for line in log.said if "order of time" in line] or [""]
    assert [line.partition("(")[2].split(" ")[0] for line in said] == ([moved] if moved else [])


def test_a_row_that_cannot_be_read_costs_only_itself(tmp_path):
    lines = [f"A,{time},{time}" for time in range(20)]
    random.Random(1).shuffle(lines)
    lines[7] = "A,3,oops"
    file = tmp_path / "log.csv"
    file.write_text("\n".join(["u,t,x", *lines]) + "\n")
    columns = Columns(unit="u", time="t", channels=("x",), sort=True)
    dialect = whole_dialect(file, columns)
    said: list[str] = []

    def one_by_one():
        return read_any_order(cells_by_line(file, dialect, columns), columns, file="log.csv", say=said.append)

    (rows,) = sort_rows(read_in_any_order(file, dialect, columns, one_by_one), file="log.csv", say=said.append)

    assert said[0] == "log.csv line 9: x: 'oops' is not a number: left out"
    assert len(rows.times) == 19
    assert (np.diff(rows.rows.times) > 0).all()
