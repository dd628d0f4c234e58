"""The nets of the origin document, narrowed so that one core can teach them: MobileNetV2, VGG16, and a GRU on top.

Each is a trunk, which learns from rendered action units and is then left as it is, a top, which goes on learning, and a
head. MobileNetV2: Sandler et al., 2018; VGG16: Simonyan and Zisserman, 2015; GRU: Cho et al., 2014.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Callable

SIDE = 224
"""Of the pictures, pixels."""
MOBILE_WIDTH, VGG_WIDTH = 0.35, 0.125
"""Channels over those of the published nets."""
MOBILE = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
"""Widening, channels, blocks and stride of the first: table 2 of the paper."""
MOBILE_TOP = 5
"""Row of `MOBILE` with which the top starts, at 14 x 14 cells."""
VGG = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
"""Channels and convolutions of each stage: column D of the paper; the last stage is the top."""
HIDDEN = 64
"""Of the GRU."""
DROPOUT = 0.3


class Block(nn.Module):  # type: ignore[misc]
    """An inverted residual."""

    def __init__(self, channels: int, out: int, stride: int, widening: int) -> None:
        super().__init__()
        inner = channels * widening
        widen = [*_convolution(channels, inner, 1), nn.ReLU6()] if widening > 1 else []
        self.layers = nn.Sequential(
            *widen, *_convolution(inner, inner, 3, stride, inner), nn.ReLU6(), *_convolution(inner, out, 1)
        )
        self.keeps = stride == 1 and channels == out

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(n, channels, h, w) to (n, out, h / stride, w / stride)."""
        y: torch.Tensor = self.layers(x)
        return x + y if self.keeps else y


class Backbone(nn.Module):  # type: ignore[misc]
    """(n, 1, h, w) pictures of 0..1 to (n, channels, h / 32, w / 32)."""

    def __init__(self, trunk: nn.Module, top: nn.Module, channels: int) -> None:
        super().__init__()
        self.trunk, self.top, self.channels = trunk, top, channels

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Both parts."""
        y: torch.Tensor = self.top(self.trunk(x))
        return y


def mobilenet() -> Backbone:
    """MobileNetV2 for grey pictures."""
    channels = _rounded(32 * MOBILE_WIDTH)
    parts: list[list[nn.Module]] = [[*_convolution(1, channels, 3, 2), nn.ReLU6()], []]
    for row, (widening, full, count, stride) in enumerate(MOBILE):
        out = _rounded(full * MOBILE_WIDTH)
        for number in range(count):
            parts[row >= MOBILE_TOP].append(Block(channels, out, stride if number == 0 else 1, widening))
            channels = out
    last = _rounded(1280 * MOBILE_WIDTH)
    parts[1] += [*_convolution(channels, last, 1), nn.ReLU6()]
    return Backbone(nn.Sequential(*parts[0]), nn.Sequential(*parts[1]), last)


def vgg() -> Backbone:
    """VGG16 for grey pictures, with batch normalisation, without which a narrow one hardly learns from nothing."""
    stages, channels = [], 1
    for full, count in VGG:
        layers: list[nn.Module] = []
        for _ in range(count):
            out = _rounded(full * VGG_WIDTH)
            layers += [*_convolution(channels, out, 3), nn.ReLU()]
            channels = out
        stages.append(nn.Sequential(*layers, nn.MaxPool2d(2)))
    return Backbone(nn.Sequential(*stages[:-1]), stages[-1], channels)


class Pooled(nn.Module):  # type: ignore[misc]
    """A map to one number per output, by its mean over all cells."""

    def __init__(self, channels: int, outputs: int = 1) -> None:
        super().__init__()
        self.dropout, self.last = nn.Dropout(DROPOUT), nn.Linear(channels, outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(n, channels, h, w) to (n, outputs)."""
        y: torch.Tensor = self.last(self.dropout(functional.adaptive_avg_pool2d(x, 1).flatten(1)))
        return y


class Rows(nn.Module):  # type: ignore[misc]
    """A map of 7 x 7 cells read from the forehead to the chin, a row at a time, both sides of the face in each."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gru = nn.GRU(channels * SIDE // 32, HIDDEN, batch_first=True)
        self.dropout, self.last = nn.Dropout(DROPOUT), nn.Linear(HIDDEN, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(n, channels, 7, 7) to (n, 1)."""
        rows = x.permute(0, 2, 1, 3).flatten(2)
        y: torch.Tensor = self.last(self.dropout(self.gru(rows)[1][0]))
        return y


MODELS: dict[str, tuple[str, Callable[[int], nn.Module]]] = {
    "MobileNetV2 transfer": ("mobilenet", Pooled),
    "VGG16-GRU": ("vgg", Rows),
    "MobileNetV2-GRU": ("mobilenet", Rows),
}
"""Backbone and head of each, in the origin document's order."""
BACKBONES: dict[str, Callable[[], Backbone]] = {"mobilenet": mobilenet, "vgg": vgg}


def _convolution(channels: int, out: int, size: int, stride: int = 1, groups: int = 1) -> tuple[nn.Module, nn.Module]:
    return nn.Conv2d(channels, out, size, stride, size // 2, groups=groups, bias=False), nn.BatchNorm2d(out)


def _rounded(channels: float) -> int:
    """A multiple of eight, as in the published code."""
    return max(8, int(channels + 4) // 8 * 8)
