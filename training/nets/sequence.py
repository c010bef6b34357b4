"""Nets for sensor data: one watches the last rows of a log, one listens to a stretch of noise, one tells states.

One recurrent layer only: MXNet 1.9.1 exports two fused layers in one block to an ONNX graph that does not run.
One-dimensional convolution is done as two-dimensional of height 1: hybridized Conv1D with BatchNorm dies on the CPU
(`Check failed: !is_view`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.compat import mx

Array = NDArray[np.floating]

nn, rnn = mx.gluon.nn, mx.gluon.rnn


class LifeNet(mx.gluon.HybridBlock):
    """Windows (n, length, channels) to (n, 1 + (1 + parts) horizons): remaining life in the log's unit of time, then
    log-odds of failing within each horizon, then those of each part.

    A longer horizon adds to the log-odds of the shorter one, and any failure to those of the likeliest part: what must
    not be smaller cannot be. The recurrent layer takes *segment* rows at a step, and is as much faster; where the
    first segment is not whole, the window's first row is repeated. Source of the idea: Lin and others, "SegRNN: segment
    recurrent neural network for long-term time series forecasting", 2023.
    """

    def __init__(
        self,
        *,
        length: int,
        channels: int,
        hidden: int,
        dropout: float,
        cap: float,
        segment: int,
        horizons: int,
        parts: int,
    ) -> None:
        super().__init__()
        self._lacking, self._step_shape = -length % segment, (0, -1, segment * channels)
        self.recurrent = rnn.GRU(hidden, layout="TNC")
        self.dropout = nn.Dropout(dropout)
        self.dense = nn.Dense(32, activation="relu")
        self.life, self.fails = nn.Dense(1), nn.Dense((1 + parts) * horizons)
        self._cap, self._horizons, self._parts = cap, horizons, parts

    def hybrid_forward(self, F: Any, X: Any) -> Any:
        first = F.slice_axis(X, axis=1, begin=0, end=1)
        whole = F.concat(*[first] * self._lacking, X, dim=1) if self._lacking else X
        states = self.recurrent(F.transpose(F.reshape(whole, shape=self._step_shape), axes=(1, 0, 2)))
        last = F.reshape(F.slice_axis(states, axis=0, begin=-1, end=None), shape=(-3, 0))
        features = self.dropout(self.dense(self.dropout(last)))
        # The weights see life as a part of the cap, near 1; whoever reads the output sees the log's time unit.
        return F.concat(self.life(features) * self._cap, *self._put_in_order(F, self.fails(features)), dim=1)

    def _put_in_order(self, F: Any, raw: Any) -> list[Any]:
        """The columns of *raw* (n, outputs) as log-odds: any failure within each horizon, then part by part."""
        count = (1 + self._parts) * self._horizons
        if count == 1:
            return [raw]
        each = [F.slice_axis(raw, axis=1, begin=n, end=n + 1) for n in range(count)]
        whole, *parts = (each[n : n + self._horizons] for n in range(0, count, self._horizons))
        alone: list[Sequence[Any]] = [()] * self._horizons
        of_parts = [_rising(F, part, alone) for part in parts]
        of_any = _rising(F, whole, list(zip(*of_parts, strict=True)) or alone)
        return [column for columns in (of_any, *of_parts) for column in columns]


def _rising(F: Any, raw: Sequence[Any], above: Sequence[Sequence[Any]]) -> list[Any]:
    """Columns (n, 1) of which none is below the one before it, nor below those it has to be *above*."""
    found: list[Any] = []
    for column, others in zip(raw, above, strict=True):
        lower = [*found[-1:], *others]
        if lower:
            base = F.max(F.concat(*lower, dim=1), axis=1, keepdims=True) if len(lower) > 1 else lower[0]
            # oneDNN's softrelu of what is far below 0 is a millionth below 0.
            column = base + F.relu(F.Activation(column, act_type="softrelu"))
        found.append(column)
    return found


class Listener(mx.gluon.HybridBlock):
    """Rows of samples (n, length) to scores (n, classes).

    Convolution, BatchNorm, ReLU and halving, once per entry of *channels*, then the mean over time.
    Source of the idea: FCN in Wang, Yan, Oates, "Time series classification from scratch with deep neural networks",
    IJCNN 2017.
    """

    def __init__(self, *, channels: Sequence[int], kernels: Sequence[int], dropout: float, classes: int = 2) -> None:
        super().__init__()
        self.body = nn.HybridSequential()
        for width, kernel in zip(channels, kernels, strict=True):
            self.body.add(
                nn.Conv2D(width, kernel_size=(1, kernel), padding=(0, kernel // 2), use_bias=False),
                nn.BatchNorm(),
                nn.Activation("relu"),
                nn.MaxPool2D(pool_size=(1, 2), strides=(1, 2)),
            )
        self.dropout = nn.Dropout(dropout)
        self.scores = nn.Dense(classes)

    def hybrid_forward(self, F: Any, X: Any) -> Any:
        sounds = self.body(F.expand_dims(F.expand_dims(X, axis=1), axis=1))
        # A mean, not GlobalAvgPool2D: 1.6 times as fast in a static graph on the CPU.
        return self.scores(self.dropout(F.mean(sounds, axis=(2, 3))))


class StateNet(mx.gluon.HybridBlock):
    """Cycles (n, bins, features) to (n, states of all parts): the scores of each part's states, one part after the
    other.

    Wide and deep: a sum of piecewise linear functions of each feature's statistics over the cycle, which is given
    (*begins* and *widths* (statistics, pieces), *slope* (bins,), *weight* (states, statistics x pieces), *bias*
    (states,)) and stays as it is; and a layer on what two convolutions over time find, which begins at nothing and
    learns what is left. Source of the idea: Cheng and others, "Wide & deep learning for recommender systems", DLRS
    2016.
    """

    def __init__(
        self, *, hidden: int, dropout: float, begins: Array, widths: Array, slope: Array, weight: Array, bias: Array
    ) -> None:
        super().__init__()
        self.body = nn.HybridSequential()
        for width in (32, 32):
            self.body.add(nn.Conv2D(width, kernel_size=(1, 5), padding=(0, 2), activation="relu"))
        self.dropout = nn.Dropout(dropout)
        self.deep = nn.Dense(hidden, activation="relu")
        self.from_deep = nn.Dense(len(bias), weight_initializer="zeros")
        self.wide = nn.Dense(
            len(bias), weight_initializer=mx.init.Constant(weight), bias_initializer=mx.init.Constant(bias)
        )
        self.wide.collect_params().setattr("grad_req", "null")
        self.begins = self.params.get_constant("begins", begins[None])
        self.widths = self.params.get_constant("widths", widths[None])
        self.slope = self.params.get_constant("slope", slope[None, :, None])

    def hybrid_forward(self, F: Any, X: Any, begins: Any, widths: Any, slope: Any) -> Any:
        shapes = self.body(F.expand_dims(F.transpose(X, axes=(0, 2, 1)), axis=2))
        found = F.concat(F.mean(shapes, axis=(2, 3)), F.max(shapes, axis=(2, 3)), dim=1)
        so_far = F.broadcast_div(F.broadcast_sub(F.expand_dims(_statistics(F, X, slope), axis=2), begins), widths)
        return self.wide(F.clip(so_far, 0, 1)) + self.from_deep(self.dropout(self.deep(found)))


def _statistics(F: Any, X: Any, slope: Any) -> Any:
    """The graph of `training.diagnostics.features.statistics`: (n, bins, features) to (n, statistics)."""
    level = F.mean(X, axis=1)
    around = F.broadcast_sub(X, F.expand_dims(level, axis=1))
    spread = F.sqrt(F.mean(F.square(around), axis=1))
    rise = F.sum(F.broadcast_mul(X, slope), axis=1)
    return F.concat(level, spread, F.min(X, axis=1), F.max(X, axis=1), rise, dim=1)
