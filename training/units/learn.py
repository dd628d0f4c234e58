"""From faces to action units: three learners, blended, and their calibration.

A net looks at the crop, a small net with one hidden layer at the crop's oriented gradients, a ridge regression at the
mesh. They are taught apart: fitted together they lean on what only rendered faces have, and read real brows worse.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import scipy.linalg
import torch
from torch import nn

from training.units import fit
from training.units.features import OUTPUTS

if TYPE_CHECKING:
    from typing import TypeAlias

    from training.units.backbone import Net

    Bytes: TypeAlias = npt.NDArray[np.uint8]
    Floats: TypeAlias = npt.NDArray[np.float32]
    Flags: TypeAlias = npt.NDArray[np.bool_]
    Indices: TypeAlias = npt.NDArray[np.int64]

KNEE = 15.0
"""Sharpness of the calibration's knee: a score at the threshold gives log(2) / 15 of the scale, 0.23 of 5."""
NEUTRAL = 0.95
"""Share of neutral faces that lies below the knee."""
SHAPE_PENALTY = 10.0
HIDDEN, EPOCHS, BATCH = 64, 10, 256
USUAL, RAISING, LOWERING = (0.5, 0.25, 0.25), (0.25, 0.25, 0.5), (0.5, 0.4, 0.1)
LIDS, BARING = (1.0, 0.0, 0.0), (0.2, 0.7, 0.1)
BLEND = (
    {"AU4": LOWERING, "AU10": BARING}
    | dict.fromkeys(("AU1", "AU2", "AU5"), RAISING)
    | dict.fromkeys(OUTPUTS[-2:], LIDS)
)
"""Shares of the score that the net, the gradients and the mesh have, where they are not the usual ones: a raised brow
is told by where it lies, a lowered one by its folds, lids by the net alone, the lip and teeth of AU10 by their coarse
gradients, for of how these are rendered the net has learnt too much."""
SLOPES = (0.5, 8.0)
"""Limits of the calibration: a unit that is hardly recognised must not turn noise into intensity."""
BLOCK = 2048
"""Rows per step of the sums, to keep them in little memory."""


@dataclass(frozen=True, eq=False)
class Linear:
    """`features @ weights + bias`, one column per output."""

    weights: Floats
    bias: Floats

    def __call__(self, features: Floats) -> Floats:
        """Raw scores, (n, outputs)."""
        return features @ self.weights + self.bias


@dataclass(frozen=True, eq=False)
class Learnt:
    """The blend of what the net, the gradients and the mesh say; each layer holds its share already."""

    net: Net
    look: Linear
    """From the numbers that the net boils a face down to."""
    hidden: Linear
    """From features to hidden values, which are cut off below 0; the mesh's columns weigh nothing."""
    skin: Linear
    """From the hidden values."""
    shape: Linear
    """From features; the gradients' columns weigh nothing."""

    def __call__(self, crops: Bytes, features: Floats) -> Floats:
        """Raw scores, (n, outputs)."""
        by_skin = self.skin(np.maximum(self.hidden(features), np.float32(0.0)))
        return self.look(fit.seen(self.net, crops)) + by_skin + self.shape(features)


@dataclass(frozen=True, eq=False)
class Calibration:
    """From raw score to intensity: a straight line above a soft knee, at most the scale's end.

    Below the knee the value falls towards 0 without reaching it, so that faces keep their order there.
    """

    threshold: Floats
    """(outputs,) raw score at the knee."""
    slope: Floats
    """(outputs,) positive, intensity per raw score."""
    most: Floats
    """(outputs,) end of the scale: 5 for intensities, 1 for closures."""

    @property
    def sharpness(self) -> Floats:
        """(outputs,) of the knee."""
        return KNEE / self.most

    def __call__(self, scores: Floats) -> Floats:
        """Intensities, (n, outputs)."""
        line = (scores - self.threshold) * self.slope
        soft = np.logaddexp(0.0, line * self.sharpness) / self.sharpness
        intensities: Floats = np.minimum(soft, self.most).astype(np.float32)
        return intensities


def ridge(features: Floats, targets: Floats, penalty: float) -> Linear:
    """Least squares with every feature brought to unit variance and its weight held down.

    Args:
        features: (n, d)
        targets: (n, outputs)
        penalty: relative to n; 0.1 weighs as if each feature carried noise of a tenth of its variance.
    """
    count, width = features.shape
    mean, target_mean = features.mean(axis=0, dtype=np.float64), targets.mean(axis=0, dtype=np.float64)
    gram, cross = np.zeros((width, width)), np.zeros((width, targets.shape[1]))
    for start in range(0, count, BLOCK):
        rows = features[start : start + BLOCK] - mean
        gram += rows.T @ rows
        cross += rows.T @ (targets[start : start + BLOCK] - target_mean)
    scale = np.sqrt(np.maximum(np.diag(gram) / count, 1e-12))
    gram /= np.outer(scale, scale)
    gram[np.diag_indices(width)] += penalty * count
    weights = scipy.linalg.solve(gram, cross / scale[:, np.newaxis], assume_a="pos", overwrite_a=True)
    weights = weights / scale[:, np.newaxis]
    return Linear(weights.astype(np.float32), (target_mean - mean @ weights).astype(np.float32))


def perceptron(features: Floats, targets: Floats, seed: int) -> tuple[Linear, Linear]:
    """A net with one hidden layer, trained by squared error relative to each output's spread.

    Args:
        features: (n, d)
        targets: (n, outputs)
        seed: of its start and of the order of the faces.

    Returns:
        The hidden layer and the output layer, in the features' and targets' own units.
    """
    torch.manual_seed(seed)
    mean, scale = features.mean(axis=0), features.std(axis=0) + np.float32(1e-6)
    spread = targets.std(axis=0) + np.float32(1e-6)
    inputs, wanted = torch.from_numpy((features - mean) / scale), torch.from_numpy(targets / spread)
    inner, outer = nn.Linear(features.shape[1], HIDDEN), nn.Linear(HIDDEN, targets.shape[1])
    net = nn.Sequential(nn.Dropout(0.2), inner, nn.ReLU(), nn.Dropout(0.3), outer)
    optimiser = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=0.05)
    batches = max(len(inputs) // BATCH, 1)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 1e-3, total_steps=EPOCHS * batches)
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(inputs))[: batches * BATCH].chunk(batches):
            loss = ((net(inputs[rows]) - wanted[rows]) ** 2).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    inside, out = inner.weight.detach().numpy().T / scale[:, np.newaxis], outer.weight.detach().numpy().T * spread
    hidden = Linear(inside, inner.bias.detach().numpy() - mean @ inside)
    return hidden, Linear(out, outer.bias.detach().numpy() * spread)


def blend(net: Net, features: Floats, targets: Floats, columns: tuple[Indices, Indices], seed: int = 0) -> Learnt:
    """Put a taught net beside what gradients and mesh tell by themselves.

    Args:
        net: as `fit.fit` taught it, with these targets as its first outputs.
        features: (n, d)
        targets: (n, 22) in the order of `OUTPUTS`.
        columns: of the oriented gradients to use, and of the mesh.
        seed: of the net on the gradients.
    """
    skin, shape = columns
    looks, skins, shapes = np.array([BLEND.get(name, USUAL) for name in OUTPUTS], np.float32).T
    width, outputs = features.shape[1], targets.shape[1]
    mean, spread = fit.scale(targets)
    weights, bias = (part.detach().numpy()[:outputs] for part in (net.head.weight, net.head.bias))
    hidden, out = perceptron(features[:, skin], targets, seed)
    by_shape = ridge(features[:, shape], targets, SHAPE_PENALTY)
    return Learnt(
        net,
        Linear(weights.T * spread * looks, (bias * spread + mean) * looks),
        Linear(_widened(hidden.weights, skin, width), hidden.bias),
        Linear(out.weights * skins, out.bias * skins),
        Linear(_widened(by_shape.weights, shape, width) * shapes, by_shape.bias * shapes),
    )


def _widened(weights: Floats, rows: Indices, width: int) -> Floats:
    """The same weights among zeros."""
    wide = np.zeros((width, weights.shape[1]), np.float32)
    wide[rows] = weights
    return wide


def calibrate(scores: Floats, targets: Floats, neutral: Flags, most: Floats) -> Calibration:
    """Put the knee where neutral faces end, and find the slope above it by least squares.

    Args:
        scores: (n, outputs) raw, of people the model was not fitted to.
        targets: (n, outputs) true intensities.
        neutral: (n,) which of these faces were neutral.
        most: (outputs,) end of each scale.
    """
    threshold = np.quantile(scores[neutral], NEUTRAL, axis=0).astype(np.float32)
    above = np.maximum(scores - threshold, 0.0)
    slope = (targets * above).sum(axis=0) / np.maximum((above**2).sum(axis=0), 1e-9)
    return Calibration(threshold, np.clip(slope, *SLOPES).astype(np.float32), most)
