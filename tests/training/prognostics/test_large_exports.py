"""What a plant's historian exports may be larger than the memory: it is read some rows at a time."""

import json
import random
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.memory import most_bytes
from training.errors import BadData
from training.prognostics import side_by_side
from training.prognostics.arrow_cells import Floats
from training.prognostics.dialect import Dialect, text_pieces
from training.prognostics.json_rows import json_rows
from training.prognostics.log_schema import read_description
from training.prognostics.read_log import Log, read_log
from training.prognostics.tag_blocks import Block, TwoValues, Values, make_block, merge

OBJECTS = st.lists(
    st.dictionaries(st.sampled_from(["u", "t", 'a"[{', "é"]), st.one_of(st.text(max_size=5), st.integers(), st.none())),
    max_size=6,
)


@settings(deadline=None, max_examples=50)
@given(OBJECTS, st.sampled_from([None, 2]), st.integers(1, 7), st.booleans(), st.booleans())
def test_objects_are_the_same_wherever_the_text_is_cut(objects, indent, size, listed, ascii_):
    texts = [json.dumps(one, indent=indent, ensure_ascii=ascii_) for one in objects]
    text = json.dumps(objects, indent=indent, ensure_ascii=ascii_) if listed else "\n".join(texts)
    pieces = [text[at : at + size] for at in range(0, len(text), size)]

    found = [values for values, _ in json_rows(pieces, Path("log.json"))]

    expected = [
        {name: "" if value is None else value if isinstance(value, str) else str(value) for name, value in one.items()}
        for one in objects
    ]
    assert found == expected


def test_a_list_of_json_in_one_line_is_never_held_whole(tmp_path):
    file = tmp_path / "log.json"
    with file.open("w") as log:
        log.write("[")
        log.write(",".join(f'{{"u": "A", "t": {t}, "x": {t / 2}, "note": "{"." * 200}"}}' for t in range(8_000)))
        log.write("]")

    count, most = most_bytes(lambda: sum(1 for _ in json_rows(text_pieces(file, Dialect()), file)))

    assert count == 8_000
    assert most < file.stat().st_size * 0.8


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('[{"t": 1}, {"t": 2}', "its list does not end behind object 2"),
        ('[{"t": 1}, {"t": 2', "line 2: is no JSON"),
        ('[{"t": 1}, 7]', "line 2: is no object"),
        ('[{"t": 1}] oops', "line 1: is no JSON"),
    ],
)
def test_where_a_list_breaks_is_named(text, why):
    with pytest.raises(BadData, match=why):
        list(json_rows([text], Path("log.json")))


def test_lists_one_behind_the_other_go_on():
    found = [values["t"] for values, _ in json_rows(['[{"t": 1}]\n', '[{"t": 2}, {"t": 3}]\n'], Path("log.json"))]

    assert found == ["1", "2", "3"]


def some_values(seed: int, count: int) -> Values:
    chance = np.random.RandomState(seed)
    units, times, tags = (chance.randint(0, most, count) for most in (2, 9, 3))
    said: Floats = (units * 100 + times * 10 + tags).astype(np.float32)
    said[chance.rand(count) < 0.2] = np.nan
    return Values(units.astype(np.int32), times.astype(np.float64), tags.astype(np.intp), said, np.arange(count))


def cut(values: Values, begin: int, end: int) -> Values:
    parts = (getattr(values, name)[begin:end] for name in ("units", "times", "tags", "values", "at"))
    return Values(*parts)


def whole(block: Block) -> dict[tuple, float]:
    return {
        (int(unit), float(time), tag): float(block.values[place, row])
        for row, (unit, time) in enumerate(zip(block.units, block.times, strict=True))
        for place, tag in enumerate(block.tags)
        if not np.isnan(block.values[place, row])
    }


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10**6), st.integers(1, 60), st.lists(st.integers(0, 60), max_size=4))
def test_values_put_side_by_side_are_the_same_however_they_come_in_pieces(seed, count, cuts):
    values = some_values(seed, count)
    edges = sorted({0, count, *(one for one in cuts if one < count)})

    block = merge([make_block([cut(values, begin, end)]) for begin, end in pairwise(edges)])

    rows = list(zip(values.units.tolist(), values.times.tolist(), strict=True))
    assert list(zip(block.units.tolist(), block.times.tolist(), strict=True)) == sorted(set(rows))
    assert block.at.tolist() == [rows.index(row) for row in sorted(set(rows))]
    expected = zip(rows, values.tags.tolist(), values.values.tolist(), strict=True)
    assert whole(block) == {(*row, tag): value for row, tag, value in expected if value == value}


@pytest.mark.parametrize("apart", [True, False])
def test_two_values_of_a_tag_at_one_time_are_seen_within_a_piece_and_between_two(apart):
    values = some_values(3, 40)
    other = Values(values.units, values.times, values.tags, values.values + 1, values.at + 40)

    with pytest.raises(TwoValues):
        merge([make_block([values]), make_block([other])]) if apart else make_block([values, other])


TAGS = 'unit = "u"\ntime = "t"\ntime_unit = "hours"\nchannels = ["x", "y"]\nruns_to_failure = true\n' + (
    '[tags]\nname = "tag"\nvalue = "v"\n'
)


def read(folder: Path, lines: list[str]) -> Log:
    (folder / "log.csv").write_text("\n".join(["t,u,tag,v", *lines]) + "\n")
    (folder / "log.toml").write_text('files = ["log.csv"]\n' + TAGS)
    return read_log(read_description(folder / "log.toml"))


@pytest.mark.parametrize("at_once", [1, 7, 1 << 20])
def test_a_second_value_is_named_by_both_lines_however_far_below(tmp_path, monkeypatch, at_once):
    monkeypatch.setattr(side_by_side, "VALUES_AT_ONCE", at_once)
    lines = [f"{t},A,{tag},{t}" for t in range(60) for tag in "xy"]

    with pytest.raises(BadData, match="line 122: a second value of the tag at one time \\(line 4\\)"):
        read(tmp_path, [*lines, "1,A,x,5"])


def test_a_log_whose_rows_would_fill_the_memory_is_refused_before_it_is_full(tmp_path, monkeypatch):
    monkeypatch.setattr(side_by_side, "usable_bytes", lambda: 2_000)
    monkeypatch.setattr(side_by_side, "VALUES_AT_ONCE", 10)

    with pytest.raises(BadData, match="more than half of this machine's") as refused:
        read(tmp_path, [f"{t},A,{tag},{t}" for t in range(60) for tag in "xy"])

    assert "Divide the file by months or by machines" in refused.value.hint


def test_of_an_export_only_the_rows_that_are_made_of_it_are_held(tmp_path, monkeypatch):
    """Twenty times as many rows of other tags take no more."""
    monkeypatch.setattr(side_by_side, "VALUES_AT_ONCE", 2_000)
    peaks = []
    for others in (0, 40):
        noise = [f"tag{n}" for n in range(others)]
        lines = [f"{t},A,{tag},{random.random():.3f}" for t in range(2_000) for tag in ("x", "y", *noise)]
        read(tmp_path, lines[:2])
        (tmp_path / "log.csv").write_text("\n".join(["t,u,tag,v", *lines]) + "\n")
        del lines
        log, most = most_bytes(lambda: read_log(read_description(tmp_path / "log.toml")))
        peaks.append(most)
        assert len(log.train[0].times) == 2_000

    assert peaks[1] < 3 * peaks[0]
