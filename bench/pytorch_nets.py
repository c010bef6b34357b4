"""The nets of bench/training.py as PyTorch's tutorials write them; runs in the Python given with --torch."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn


def lenet() -> nn.Module:
    convolutions = [nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2)]
    dense = [nn.Linear(256, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)]
    return nn.Sequential(*convolutions, nn.Flatten(), *dense)


def mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 10))


class Last(nn.Module):  # type: ignore[misc]  # PyTorch is not among the packages that mypy sees
    """A recurrent layer, and a number out of its last step."""

    def __init__(self, cell: Callable[..., nn.Module]) -> None:
        super().__init__()
        self.cell, self.out = cell(14, 64, batch_first=True), nn.Linear(64, 1)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return self.out(self.cell(X)[0][:, -1])


class Residual(nn.Module):  # type: ignore[misc]  # PyTorch is not among the packages that mypy sees
    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(before, after, 3, stride, 1, bias=False),
            nn.BatchNorm2d(after),
            nn.ReLU(),
            nn.Conv2d(after, after, 3, 1, 1, bias=False),
            nn.BatchNorm2d(after),
        )
        self.short = nn.Sequential()
        if stride > 1:
            self.short = nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.body(X) + self.short(X))


def resnet() -> nn.Module:
    layers = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
    for before, after in ((16, 16), (16, 32), (32, 64)):
        layers += [Residual(before, after, after // before), Residual(after, after, 1), Residual(after, after, 1)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


NETS: dict[str, Callable[[], nn.Module]] = {
    "lenet": lenet,
    "mlp": mlp,
    "lstm": lambda: Last(nn.LSTM),
    "gru": lambda: Last(nn.GRU),
    "resnet": resnet,
}
