"""Dense layers in a row."""

from __future__ import annotations

from collections.abc import Sequence

from training.compat import mx


def mlp(hidden: Sequence[int], classes: int, *, activation: str = "relu", dropout: float = 0.0) -> mx.gluon.HybridBlock:
    """Rows (n, features) to scores (n, *classes*)."""
    nn = mx.gluon.nn
    net = nn.HybridSequential()
    for units in hidden:
        net.add(nn.Dense(units, activation=activation))
        if dropout:
            net.add(nn.Dropout(dropout))
    net.add(nn.Dense(classes))
    return net
