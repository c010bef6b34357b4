"""The C-MAPSS reader against the published files, and against damaged ones."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from training.errors import BadData
from training.prognostics.cmapss import CHANNELS, WHERE_TO_GET_IT, read_logs, read_subset

PUBLISHED = Path(__file__).parents[4] / "shared" / "data" / "cmapss"


@pytest.mark.skipif(not PUBLISHED.is_dir(), reason=WHERE_TO_GET_IT)
def test_fd001_has_its_published_shape():
    subset = read_subset(PUBLISHED, "FD001")

    assert (len(subset.train), len(subset.test)) == (100, 100)
    assert sum(len(log.times) for log in subset.train) == 20_631
    assert sum(len(log.times) for log in subset.test) == 13_096
    assert {log.remaining[-1] for log in subset.train} == {0.0}
    assert [log.remaining[-1] for log in subset.test[:3]] == [112.0, 98.0, 69.0]
    assert subset.train[0].values.shape == (192, 22)
    assert dict(zip(CHANNELS, subset.train[0].values[-1], strict=True)).items() >= {
        ("cycle", 192.0),
        ("sensor_02", np.float32(643.54)),
        ("sensor_21", np.float32(22.9649)),
    }


def write(folder: Path, name: str, *lines: str) -> Path:
    (folder / name).write_text("\n".join(lines) + "\n")
    return folder / name


def row(unit: int, cycle: int, cells: int = 24) -> str:
    return " ".join([str(unit), str(cycle), *["1.0"] * cells]) + "  "


def test_engines_are_told_apart_and_their_failure_is_known(tmp_path):
    write(tmp_path, "train_FD002.txt", row(1, 1), row(1, 2), row(2, 1))
    write(tmp_path, "test_FD002.txt", row(1, 1), row(1, 2))
    write(tmp_path, "RUL_FD002.txt", "7")

    subset = read_subset(tmp_path, "FD002")

    assert [(log.unit, len(log.times), log.fails_at) for log in subset.train] == [("1", 2, 2.0), ("2", 1, 1.0)]
    assert subset.test[0].remaining.tolist() == [8.0, 7.0]


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (row(1, 2, cells=23), "train_FD001.txt line 2: 25 columns instead of 26"),
        (row(1, 2, cells=23) + " n/a", "train_FD001.txt line 2: 'n/a' is not a number"),
        (row(1, 2, cells=23) + " nan", "train_FD001.txt line 2: 'nan' is not a number"),
        (row(1, 1), "train_FD001.txt line 2: engine 1: cycle 1 comes after 1"),
        ("\n" + row(1, 4), "train_FD001.txt line 4: engine 1: cycle 3 comes after 4"),
        (row(2, 1), "train_FD001.txt line 3: engine 1: its rows are not together"),
    ],
)
def test_a_damaged_row_is_named_by_file_and_line(tmp_path, bad, said):
    path = write(tmp_path, "train_FD001.txt", row(1, 1), bad, row(1, 3))

    with pytest.raises(BadData) as caught:
        read_logs(path)

    assert caught.value.cause == said


@pytest.mark.parametrize("damaged", [lambda raw: raw[:-9], lambda raw: raw[1:], lambda raw: raw[:10] + raw[14:]])
def test_a_damaged_gz_is_named(tmp_path, damaged):
    packed = gzip.compress("\n".join(row(1, cycle) for cycle in range(1, 99)).encode())
    (tmp_path / "train_FD001.txt.gz").write_bytes(damaged(packed))

    with pytest.raises(
        BadData, match=r"train_FD001\.txt\.gz cannot be unpacked .*\n  -> It is damaged: fetch it again"
    ):
        read_logs(tmp_path / "train_FD001.txt")


def test_a_missing_file_says_where_to_get_the_data(tmp_path):
    with pytest.raises(BadData, match=r"data\.nasa\.gov"):
        read_subset(tmp_path, "FD003")


def test_an_answer_file_of_another_subset_is_refused(tmp_path):
    write(tmp_path, "train_FD001.txt", row(1, 1))
    write(tmp_path, "test_FD001.txt", row(1, 1))
    write(tmp_path, "RUL_FD001.txt", "7", "8")

    with pytest.raises(BadData, match=r"2 rows, test_FD001\.txt has 1 engines"):
        read_subset(tmp_path, "FD001")
