"""A net and what it is judged by, as one graph."""

from __future__ import annotations

from typing import Any

from training.compat import mx
from training.nets.channel_blocks import in_whole_blocks


class NetWithLoss(mx.gluon.HybridBlock):
    """Net, loss and sum as one compiled graph: fewer operator launches per step than three."""

    def __init__(self, net: mx.gluon.HybridBlock, loss: mx.gluon.HybridBlock, *, block: int = 1) -> None:
        """With *block*, convolutions compute channels in multiples of it; *net* stays as it is, and has seen a batch,
        so that its shapes are known."""
        super().__init__()
        self.net = net
        self.loss = loss
        self._block = block

    def hybrid_forward(self, F: Any, X: Any, y: Any) -> Any:
        return F.sum(self.loss(self.net(X), y))

    def _get_graph(self, *args: Any) -> Any:
        """What Gluon compiles: the inputs and the symbol."""
        inputs, graph = super()._get_graph(*args)
        if self._block == 1:
            return inputs, graph
        shapes = {name: p.shape for name, p in self.collect_params().items()}
        return inputs, in_whole_blocks(graph, shapes, self._block)
