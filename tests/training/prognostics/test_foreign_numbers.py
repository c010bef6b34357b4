"""One way of reading numbers at every door: by columns, by rows, in a setting, in an option."""

import re

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from training.config import JobConfig, Parser, parse
from training.errors import BadData, BadInput
from training.numerals import read_decimal, read_whole
from training.prognostics.arrow_cells import as_floats
from training.prognostics.cells import Cells
from training.prognostics.columns import Columns
from training.prognostics.layout import Layout
from training.prognostics.log_schema import read_description
from training.prognostics.read_log import read_log

COLUMNS = Columns(time="t", channels=("x",), time_unit="hours")
PLAIN = re.compile(r"\s*[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?\s*")
WORDS = st.one_of(
    st.text("0123456789.,-+eE_ xX'()٣१１\u2212\u00a0nafiqd#", max_size=9),
    st.sampled_from(
        ["1_000", "nan(ind)", "nan(7)", "-nan", "infinity", "-Inf", "1.#QNAN", "٣", "\uff11\uff12", "1e5", " 7 "]
    ),
)
FOREIGN = ["1_000", "0_1", "٣", "१२", "\uff11\uff12", "1_0.5", "1e1_0", "²"]


def in_a_row(words: list[str]) -> list[float] | None:
    """What service makes of a column; None: refused."""
    try:
        rows, _ = Layout(COLUMNS, ["t", "x"], file="log.csv").read(
            [[str(n), word] for n, word in enumerate(words)], list(range(len(words)))
        )
    except BadData:
        return None
    return rows.values[:, 0].tolist()


def in_a_column(words: list[str]) -> list[float] | None:
    """What training makes of it."""
    cells = Cells(COLUMNS)
    found = as_floats(pa.array(words), cells, "")
    try:
        found = np.array([cells.number(word, "x") for word in words]) if found is None else found
    except ValueError:
        return None
    return None if (np.abs(found) > np.finfo("f4").max).any() else np.float32(found).tolist()


@settings(deadline=None, max_examples=100)
@given(st.lists(WORDS, min_size=1, max_size=3))
@example(["nan(7)", "1"])
@example(["1_000", "2"])
def test_a_cell_says_the_same_by_rows_and_by_columns_and_only_plain_digits_are_a_number(words):
    by_row, by_column = in_a_row(words), in_a_column(words)

    assert (by_row is None) == (by_column is None)
    if by_row is not None:
        assert np.array_equal(by_row, by_column, equal_nan=True)
        numbers = [word.replace("\u2212", "-") for word, value in zip(words, by_row, strict=True) if value == value]
        assert all(PLAIN.fullmatch(word) for word in numbers)


def test_a_stand_in_is_known_in_32_bits_as_the_net_would_see_it(tmp_path):
    (tmp_path / "log.csv").write_text("t,x\n1,2147483647\n2,-99.99\n3,5\n")
    (tmp_path / "log.toml").write_text(
        'files = ["log.csv"]\ntime = "t"\nchannels = ["x"]\nruns_to_failure = true\nmissing = [2147483600.0, -99.99]\n'
    )

    log = read_log(read_description(tmp_path / "log.toml"))
    rows, _ = Layout(log.columns, ["t", "x"], file="log.csv").read([["1", "2147483647"], ["2", "5"]], [1, 2])

    assert str(log.train[0].values[:, 0].tolist()) == "[nan, nan, 5.0]"
    assert str(rows.values[:, 0].tolist()) == "[nan, 5.0]"


@pytest.mark.parametrize("word", FOREIGN)
def test_a_cell_that_python_alone_takes_for_a_number_is_told_why_it_is_none(word):
    with pytest.raises(BadData) as refused:
        Layout(COLUMNS, ["t", "x"], file="log.csv").read([["1", word]], [7])

    assert refused.value.cause.startswith(f"log.csv line 7: x: '{word}' is not a number")


@pytest.mark.parametrize("word", FOREIGN)
@pytest.mark.parametrize("read", [read_decimal, read_whole])
def test_no_door_reads_it(word, read, capsys):
    with pytest.raises(ValueError, match="is not a"):
        read(word)
    for key in ("num_epochs", "lr"):
        with pytest.raises(BadInput, match=f"{key}={word}: must be a"):
            parse(JobConfig, [f"{key}={word}"])
    parser = Parser()
    parser.add_argument("--many", type=int)
    with pytest.raises(BadInput, match="invalid int value"):
        parser.parse_args(["--many", word])
