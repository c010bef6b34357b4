"""A net and what it is judged by, as one graph."""

from __future__ import annotations

from typing import Any

from training.compat import mx


class NetWithLoss(mx.gluon.HybridBlock):
    """Net, loss and sum as one compiled graph: fewer operator launches per step than three."""

    def __init__(self, net: mx.gluon.HybridBlock, loss: mx.gluon.HybridBlock) -> None:
        super().__init__()
        self.net = net
        self.loss = loss

    def hybrid_forward(self, F: Any, X: Any, y: Any) -> Any:
        return F.sum(self.loss(self.net(X), y))
