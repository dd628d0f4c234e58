"""The net on the skin: a small MobileNetV2 (Sandler et al., 2018) that looks at a fine grid of oriented gradients.

Real light and skin are unlike any that is rendered. How strong an edge is beside the edges around it is much less so,
and need not be learnt first; the net is therefore shown nothing else.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from training.units.gradients import AROUND, DIRECTIONS, FINE, FLOOR, kernels

STEM = 32
BLOCKS = ((32, 2, 1), (64, 4, 2), (128, 3, 2))
"""Channels, blocks, stride of the first."""
LAST = 4
"""Cells a side of what the blocks leave."""
WIDENING = 3
"""Channels within a block over those that enter it."""
WIDTH = 256
"""Numbers that the face is boiled down to."""
LOPSIDED = 64
"""How many of them say by how much one half of the picture differs from the other."""


class View(nn.Module):  # type: ignore[misc]
    """(n, 112, 112) grey levels to (n, 8, 27, 27) gradients, as `gradients.oriented` with fine cells."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("kernels", torch.from_numpy(kernels()), persistent=False)

    def forward(self, crops: torch.Tensor) -> torch.Tensor:
        """Nothing here is learnt."""
        strength = functional.conv2d(crops[:, None], self.kernels).relu_()
        cells = functional.avg_pool2d(strength, FINE.size, FINE.step)
        energy = cells.mean(1, keepdim=True)
        around = functional.avg_pool2d(energy, AROUND, 1, AROUND // 2, count_include_pad=False)
        return (cells / (around + FLOOR)).sqrt()


class Block(nn.Module):  # type: ignore[misc]
    """Widen, filter each channel, narrow; what came in is added where it fits (an inverted residual)."""

    def __init__(self, channels: int, out: int, stride: int) -> None:
        super().__init__()
        inner = channels * WIDENING
        self.layers = nn.Sequential(
            *convolution(channels, inner, 1), nn.ReLU6(),
            *convolution(inner, inner, 3, stride, inner), nn.ReLU6(),
            *convolution(inner, out, 1),
        )  # fmt: skip
        self.keeps = stride == 1 and channels == out

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(n, channels, h, w) to (n, out, h / stride, w / stride)."""
        y: torch.Tensor = self.layers(x)
        return x + y if self.keeps else y


class Pool(nn.Module):  # type: ignore[misc]
    """(n, WIDTH, LAST, LAST) to (n, WIDTH): each channel's mean, of the last `LOPSIDED` the right half less the left.

    A mean over all cells alone forgets which side of the face it was.
    """

    def __init__(self) -> None:
        super().__init__()
        weights = torch.full((WIDTH, 1, LAST, LAST), 1.0 / LAST**2)
        weights[-LOPSIDED:, :, :, : LAST // 2] *= -1.0
        self.register_buffer("weights", weights, persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Nothing here is learnt."""
        return functional.conv2d(x, self.weights, groups=WIDTH).flatten(1)


def convolution(channels: int, out: int, size: int, stride: int = 1, groups: int = 1) -> tuple[nn.Conv2d, nn.Module]:
    """A convolution and the normalisation that is folded into it afterwards."""
    return nn.Conv2d(channels, out, size, stride, size // 2, groups=groups, bias=False), nn.BatchNorm2d(out)


class Net(nn.Module):  # type: ignore[misc]
    """(n, 8, 27, 27) gradients, as `View` gives them, to (n, outputs), in whatever units it is taught."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.view = View()
        layers: list[nn.Module] = [*convolution(DIRECTIONS, STEM, 3, 2), nn.ReLU6()]
        channels = STEM
        for out, count, stride in BLOCKS:
            for number in range(count):
                layers.append(Block(channels, out, stride if number == 0 else 1))
                channels = out
        layers += [*convolution(channels, WIDTH, 1), nn.ReLU6(), Pool()]
        self.features = nn.Sequential(*layers)
        self.dropout = nn.Dropout(0.2)
        self.head = nn.Linear(WIDTH, outputs)

    def seen(self, crops: torch.Tensor) -> torch.Tensor:
        """(n, 112, 112) grey levels to (n, WIDTH) numbers that the head weighs."""
        return self._boiled_down(self.view(crops))

    def forward(self, gradients: torch.Tensor) -> torch.Tensor:
        """All outputs. The gradients come from outside because they can be taken while another batch is learnt from."""
        y: torch.Tensor = self.head(self.dropout(self._boiled_down(gradients)))
        return y

    def _boiled_down(self, gradients: torch.Tensor) -> torch.Tensor:
        x: torch.Tensor = self.features(gradients.contiguous(memory_format=torch.channels_last))
        return x
