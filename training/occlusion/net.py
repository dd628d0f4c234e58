"""The net: six small convolutions that say of each cell of a crop how much of it is covered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch
from torch import nn
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.occlusion.data import Samples
    from training.occlusion.scene import Bytes, Floats

SIDE = 56
"""Of what the net looks at: the crop, halved."""
LAYERS = ((1, 12, 2), (12, 24, 2), (24, 24, 1), (24, 40, 2), (40, 48, 1), (48, 48, 1))
"""Channels in and out, and stride, of each 3 x 3 convolution."""
FLOOR = 8.0
"""Grey levels added to a crop's spread before it is divided by it, so that a flat crop stays flat."""
BATCH = 64
FASTEST = 4e-3
"""Highest learning rate of the one cycle (Smith and Topin, 2018)."""
OFF_FACE = 0.1
"""Weight of a cell beside the face; one on the face has 1.1."""
SHIFT = 2
"""Pixels by which a batch is moved at most."""


class Net(nn.Module):  # type: ignore[misc]
    """(n, 1, 56, 56) grey levels to (n, 7, 7) logits."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Sequential(nn.Conv2d(i, o, 3, s, 1, bias=False), nn.BatchNorm2d(o), nn.ReLU()) for i, o, s in LAYERS
        )
        self.last = nn.Conv2d(LAYERS[-1][1], 1, 1)

    def forward(self, crops: torch.Tensor) -> torch.Tensor:
        """Brightness and contrast of each crop are taken out first."""
        x = crops - crops.mean((1, 2, 3), keepdim=True)
        x = x / (x.pow(2).mean((1, 2, 3), keepdim=True).sqrt() + FLOOR)
        for layer in self.layers:
            x = layer(x)
        logits: torch.Tensor = self.last(x)[:, 0]
        return logits


def halved(crops: Bytes) -> Floats:
    """(n, 112, 112) crops as (n, 56, 56) means of four pixels."""
    small = (cv2.resize(crop, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for crop in crops.astype(np.float32))
    return np.stack(list(small)).astype(np.float32)


def usual_face(samples: Samples) -> Floats:
    """(7, 7) part of each cell that a face usually takes up."""
    return np.asarray(samples.face.mean(axis=0), np.float32)


def fit(samples: Samples, epochs: int, seed: int, tell: Callable[[float], None]) -> Net:
    """Train a net on one core.

    Args:
        samples: to learn from.
        epochs: times that every sample is seen.
        seed: of the first weights, the order, the shifts and the mirroring.
        tell: called after each epoch with its mean loss.

    Returns:
        The net, ready to be used.
    """
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    crops, covered, face = (torch.from_numpy(a) for a in (halved(samples.crops), samples.covered, samples.face))
    net, steps = Net(), max(len(samples) // BATCH, 1)
    descent = torch.optim.AdamW(net.parameters(), weight_decay=1e-2)
    cycle = torch.optim.lr_scheduler.OneCycleLR(descent, FASTEST, total_steps=epochs * steps)
    for _ in range(epochs):
        total = 0.0
        for rows in np.array_split(rng.permutation(len(samples)), steps):
            x, truth, weight = (part[torch.from_numpy(rows)] for part in (crops, covered, face))
            if rng.random() < 0.5:
                x, truth, weight = x.flip(-1), truth.flip(-1), weight.flip(-1)
            down, across = rng.integers(-SHIFT, SHIFT + 1, 2).tolist()
            x = torch.roll(x, (down, across), (1, 2))
            by_cell = functional.binary_cross_entropy_with_logits(net(x[:, None]), truth, reduction="none")
            loss = (by_cell * (OFF_FACE + weight)).mean()
            descent.zero_grad()
            loss.backward()
            descent.step()
            cycle.step()
            total += loss.item() / steps
        tell(total)
    net.eval()
    return net
