"""The net that forecasts failure takes several rows at a step, and says the same wherever it runs."""

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from training.compat import mx
from training.data.windows import windows
from training.nets.sequence import LifeNet
from training.serve.backends import open_net
from training.serve.recurrent import RecurrentNet
from training.workdir.export import export_onnx, export_symbol

CHANNELS = 3


def a_net(*, length: int, segment: int) -> LifeNet:
    mx.random.seed(length)
    net = LifeNet(
        length=length, channels=CHANNELS, segment=segment, hidden=6, dropout=0.0, cap=9.0, horizons=2, parts=1
    )
    net.initialize(mx.init.Normal(0.5))
    return net


@pytest.mark.parametrize(("length", "segment"), [(10, 5), (7, 5), (3, 5), (5, 5), (6, 1)])
def test_windows_of_any_length_get_one_answer_by_mxnet_by_onnx_and_where_they_share_segments(tmp_path, length, segment):
    net = a_net(length=length, segment=segment)
    seen = windows(np.random.RandomState(1).standard_normal((90, CHANNELS)).astype(np.float32), length=length)
    X = mx.nd.array(np.asarray(seen))
    expected = net(X).asnumpy()

    export_symbol(net, X, tmp_path)
    export_onnx(net, X, tmp_path)
    by_onnx, by_mxnet = open_net(tmp_path, "onnx"), open_net(tmp_path, "mxnet")

    assert isinstance(by_onnx, RecurrentNet)
    assert by_onnx.segment == segment
    for said in (by_onnx.over(seen), by_onnx(np.asarray(seen)), by_mxnet(np.asarray(seen))):
        assert np.abs(said - expected).max() < 1e-5 * np.abs(expected).max()


def test_every_row_of_a_window_counts_and_the_first_stands_for_those_that_a_segment_lacks():
    net = a_net(length=7, segment=5)
    X = mx.nd.random.normal(shape=(1, 7, CHANNELS))
    X.attach_grad()
    with mx.autograd.record():
        net(X).sum().backward()
    whole = mx.nd.concat(*[X[:, :1]] * 3, X, dim=1)

    ten = a_net(length=10, segment=5)
    ten(whole)
    for mine, other in zip(ten.collect_params().values(), net.collect_params().values(), strict=True):
        mine.set_data(other.data())

    assert (np.abs(X.grad.asnumpy()).max(axis=2) > 0).all()
    assert np.array_equal(ten(whole).asnumpy(), net(X).asnumpy())
