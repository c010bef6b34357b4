"""A run is meant by a part of its name, and by nothing that could mean another one."""

from __future__ import annotations

import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as some

from infra.errors import UserError
from infra.job.run_names import choose_run

NAMES = [
    "20261120-090000-lenet-0b93",
    "20261120-100000-mine-41ff",
    "20261121-090000-lenet-0b9a",
    "20261121-100000-lenet-5-2222",
]


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        ("20261120-090000-lenet-0b93", NAMES[0]),
        ("0b93", NAMES[0]),
        ("41f", NAMES[1]),
        ("mine", NAMES[1]),
        ("lenet", NAMES[2]),
        ("lenet-5", NAMES[3]),
        ("latest", NAMES[3]),
        ("20261121-09", NAMES[2]),
    ],
)
def test_a_part_that_one_run_has_a_job_and_latest_are_enough(wanted: str, name: str) -> None:
    assert choose_run(wanted, NAMES, where="here") == name


def test_what_several_have_is_listed_newest_first() -> None:
    with pytest.raises(UserError, match=re.escape(f"'0b9' may be 2 runs here: {NAMES[2]}, {NAMES[0]}.")):
        choose_run("0b9", NAMES, where="here")


@pytest.mark.parametrize("wanted", ["nowhere", "", "../20261120-090000-lenet-0b93", "-"])
def test_what_none_has_or_all_have_is_no_run(wanted: str) -> None:
    with pytest.raises(UserError):
        choose_run(wanted, NAMES, where="here")


@given(wanted=some.text(max_size=8), names=some.lists(some.text(min_size=1, max_size=12), max_size=5))
def test_no_other_name_than_one_of_those_ever_comes_back(wanted: str, names: list[str]) -> None:
    with suppress(UserError):
        assert choose_run(wanted, names, where="here") in names
