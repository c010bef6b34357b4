"""Files that have come are taken in side by side where they are large, and each is told in its own place."""

import hashlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.host import arrived
from infra.host.arrived import take_in_all
from infra.host.listing import VERSION, File


def a_file(name: str, size: int) -> File:
    return File(path=name, version=VERSION.pack(size, 1, 1), executable=False)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.one_of(st.none(), st.integers(0, 40)), max_size=12))
def test_large_small_and_lost_files_are_told_in_the_order_they_came(tmp_path_factory, sizes):
    """None: it did not come."""
    folder = tmp_path_factory.mktemp("came")
    for number, size in enumerate(sizes):
        if size is not None:
            (folder / str(number)).write_bytes(bytes([number]) * size)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arrived, "_LARGE", 20)
        came = [(a_file(str(number), size or 0), str(folder / str(number))) for number, size in enumerate(sizes)]
        found = list(take_in_all(came))

    said = [one.what if isinstance(one, arrived.Arrived) else type(one) for one in found]
    assert said == [
        FileNotFoundError if size is None else hashlib.sha256(bytes([number]) * size).hexdigest()
        for number, size in enumerate(sizes)
    ]


def test_who_interrupts_does_not_wait_for_the_sums_of_gigabytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A terabyte of nothing takes minutes to sum up, each of nine."""
    monkeypatch.setattr(arrived, "_LARGE", 20)
    small, huge = tmp_path / "small", tmp_path / "huge"
    small.touch()
    with huge.open("wb") as sparse:
        sparse.truncate(1 << 40)

    taking = take_in_all([(a_file("small", 0), str(small)), *((a_file(str(n), 20), str(huge)) for n in range(9))])
    assert isinstance(next(taking), arrived.Arrived)

    taking.close()
