"""ResNet-20 for 32x32 pictures (He et al. 2015, https://arxiv.org/abs/1512.03385, section 4.2), version 1 blocks."""

from __future__ import annotations

from typing import Any

from training.compat import mx

nn = mx.gluon.nn


class Mean(mx.gluon.HybridBlock):
    """The mean over height and width: on the CPU a compiled net is 1.6 times faster than with GlobalAvgPool2D."""

    def hybrid_forward(self, F: Any, X: Any) -> Any:
        return F.mean(X, axis=(2, 3))


class Residual(mx.gluon.HybridBlock):
    """Two 3x3 convolutions around a shortcut, which is a 1x1 convolution where the shape changes."""

    def __init__(self, channels: int, stride: int) -> None:
        super().__init__()
        self.body = nn.HybridSequential()
        self.body.add(
            nn.Conv2D(channels, 3, strides=stride, padding=1, use_bias=False),
            nn.BatchNorm(),
            nn.Activation("relu"),
            nn.Conv2D(channels, 3, padding=1, use_bias=False),
            nn.BatchNorm(),
        )
        self.shortcut = nn.HybridSequential()
        if stride > 1:
            self.shortcut.add(nn.Conv2D(channels, 1, strides=stride, use_bias=False), nn.BatchNorm())

    def hybrid_forward(self, F: Any, X: Any) -> Any:
        added = self.body(X) + (self.shortcut(X) if len(self.shortcut) else X)
        # F.relu is the same, but not oneDNN's: on the CPU everything would be brought out of the layout of its
        # convolutions and back, a fifth of a step (docs/decisions/0010-whole-blocks-of-channels.md).
        return F.Activation(added, act_type="relu")


def resnet(classes: int = 10, *, blocks: int = 3) -> mx.gluon.HybridBlock:
    """Images (n, 3, 32, 32) to scores (n, *classes*); 6 * *blocks* + 2 layers with weights."""
    net = nn.HybridSequential()
    net.add(nn.Conv2D(16, 3, padding=1, use_bias=False), nn.BatchNorm(), nn.Activation("relu"))
    for stage, channels in enumerate((16, 32, 64)):
        for block in range(blocks):
            net.add(Residual(channels, stride=2 if stage and not block else 1))
    net.add(Mean(), nn.Dense(classes))
    return net
