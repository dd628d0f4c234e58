"""The learner that is shipped: a small net on how a face differs from its mirror image, in mesh and gradients.

It looks at a face twice, as it is and mirrored, with the same weights, and says each time how weak the left side is. So
it cannot prefer a side, and what it learns of one side it knows of the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from torch import nn
from torch.nn import functional

from npng_edge.infer.asymmetry import REGIONS
from training.columns import Columns
from training.palsy.skin import OPPOSITE

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.palsy.data import Faces, Flags, Floats, Rows

HIDDEN = 64
DROPOUT = 0.7
ODD, EVEN, SKIN = 100, 30, 200
"""Principal components kept of a mesh's lopsidedness, of what both of its sides share, and of the gradients'
lopsidedness."""
BATCH, EPOCHS = 256, 30
RATE, DECAY = 5e-3, 0.05
NETS = 3
"""Taught with different dice; their mean is what is shipped."""
MIRROR = np.array([-1.0, 1.0, 1.0], np.float32)
SHIPPED = ("odd", "skin")
"""What the shipped learner is given: only what changes its sign in a mirror. The rest, and the backbone's features,
make it better on rendered people, and make it take real faces that droop on both sides for weak ones: see the card."""
BY_REGION = 0.5
"""Weight of what is weak beside whether anything is."""


@dataclass(frozen=True, eq=False)
class Given(Columns):
    """What a learner can be given, one row per face."""

    meshes: Floats
    """(n, 1404) normalised."""
    gradients: Floats
    """(n, 632) of the crop, by `skin.read`."""
    features: Floats
    """(n, 2, 256) by the action-unit model, of the crop and of its mirror image."""


@dataclass(frozen=True, eq=False)
class Shape:
    """How mesh and gradients become a few numbers: linear, and odd or even under mirroring."""

    odd: Floats
    """(1404, ODD)"""
    even: Floats
    """(1404, EVEN)"""
    skin: Floats
    """(632, SKIN), odd."""


class Net(nn.Module):  # type: ignore[misc]
    """(n, 2, columns) to (n, 2, 1 + regions): how weak the left side is, then the right one."""

    def __init__(self, mean: torch.Tensor, spread: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("spread", spread)
        self.first, self.last = nn.Linear(len(mean), HIDDEN), nn.Linear(HIDDEN, 1 + len(REGIONS))
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits."""
        y: torch.Tensor = self.last(self.dropout(functional.relu(self.first((x - self.mean) / self.spread))))
        return y


def pairs(landmarks: Floats) -> Rows:
    """(468,) for each point of the mesh the one that lies in its place in a mirror image.

    Args:
        landmarks: (n, 468, 3) normalised, of many faces: their mean is as good as symmetrical.
    """
    mean = landmarks.mean(axis=0)
    apart = np.linalg.norm(mean[:, np.newaxis] - mean[np.newaxis] * MIRROR, axis=2)
    return np.asarray(linear_sum_assignment(apart)[1], np.int64)


def shape_of(given: Given) -> Shape:
    """Learn what faces differ in.

    Args:
        given: many faces.
    """
    opposite = pairs(given.meshes.reshape(len(given), -1, 3))

    def turned(rows: Floats) -> Floats:
        return np.asarray((rows.reshape(len(rows), -1, 3)[:, opposite] * MIRROR).reshape(len(rows), -1), np.float32)

    return Shape(
        odd=_components(given.meshes, turned, -1.0, ODD),
        even=_components(given.meshes, turned, 1.0, EVEN),
        skin=_components(given.gradients, lambda rows: rows[:, OPPOSITE], -1.0, SKIN),
    )


def look(given: Given, shape: Shape, parts: tuple[str, ...] = SHIPPED) -> Floats:
    """Bring faces into the learner's terms.

    Args:
        given: all of them.
        shape: of `shape_of`.
        parts: of what it is given: `odd`, `even`, `skin`, `features`.

    Returns:
        (n, 2, columns) as it is and mirrored.
    """
    odd, even, skin = given.meshes @ shape.odd, given.meshes @ shape.even, given.gradients @ shape.skin
    own, other = (both.reshape(len(given), -1) for both in (given.features, given.features[:, ::-1]))
    ways = {"odd": (odd, -odd), "even": (even, even), "skin": (skin, -skin), "features": (own, other)}
    return np.stack([np.concatenate([ways[part][way] for part in parts], axis=1) for way in (0, 1)], axis=1)


def fit(seen: Floats, faces: Faces, seed: int) -> list[Net]:
    """Teach `NETS` nets.

    Args:
        seen: (n, 2, columns) by `look`, of `faces`.
        faces: with the truth.
        seed: of first weights, order and dropout.
    """
    torch.set_num_threads(1)
    x = torch.from_numpy(seen)
    kind = torch.from_numpy(faces.side + 1)
    lost = torch.zeros(len(faces), 2, len(REGIONS))
    for side in range(2):
        lost[:, side] = torch.from_numpy(faces.lost * (faces.side == side)[:, np.newaxis])
    flat = x.flatten(0, 1)
    nets = []
    for number in range(NETS):
        torch.manual_seed(seed + number)
        net = Net(flat.mean(0), flat.std(0) + 1e-3)
        steps = EPOCHS * (len(x) // BATCH)
        descent = torch.optim.AdamW(net.parameters(), weight_decay=DECAY)
        cycle = torch.optim.lr_scheduler.OneCycleLR(descent, RATE, total_steps=steps)
        order = torch.cat([torch.randperm(len(x)) for _ in range(EPOCHS + 1)])
        for step in range(steps):
            rows = order[step * BATCH : (step + 1) * BATCH]
            said = net(x[rows])
            weak = functional.pad(said[:, :, 0], (1, 0))
            where = functional.binary_cross_entropy_with_logits(said[:, :, 1:], lost[rows])
            loss = functional.cross_entropy(weak, kind[rows]) + BY_REGION * where
            descent.zero_grad()
            loss.backward()
            descent.step()
            cycle.step()
        nets.append(net.eval())
    return nets


def odds(nets: list[Net], seen: Floats) -> Floats:
    """(n,) log odds of a palsy by the nets' mean logits: of left or right weak against sound, whose logit is 0."""
    with torch.no_grad():
        said = torch.stack([net(torch.from_numpy(seen))[:, :, 0] for net in nets]).mean(0)
        return np.asarray(torch.logsumexp(said, 1).numpy(), np.float32)


@dataclass(frozen=True, slots=True)
class Line:
    """From log odds to the shipped score, whose mean over some looks is the log odds of a palsy."""

    slope: float
    boundary: float
    """Mean log odds of a person who is as likely weak as sound."""

    def score(self, log_odds: Floats) -> Floats:
        """The score of each look."""
        return np.asarray(self.slope * (log_odds - self.boundary), np.float32)


def line(log_odds: Floats, people: Rows, palsy: Flags) -> Line:
    """Calibrate on people whom the nets did not learn from (Platt, 1999).

    Args:
        log_odds: (n,) of each picture.
        people: (n,) who is on it.
        palsy: (n,) the truth.

    Returns:
        The line by the means of whole people. It is never steeper than 1: what a face does in a few seconds is more
        alike than nine pictures of a person who does nine different things.
    """
    rows = [people == person for person in np.unique(people)]
    means, truth = np.array([[log_odds[row].mean()] for row in rows]), np.array([palsy[row][0] for row in rows])
    fitted = LogisticRegression(C=1e3).fit(means, truth)
    slope, offset = float(fitted.coef_[0, 0]), float(fitted.intercept_[0])
    return Line(min(slope, 1.0), -offset / slope)


def lost(nets: list[Net], seen: Floats) -> Floats:
    """(n, 2, regions) share of movement that left and right have lost, 0..1, of the nets' mean logits."""
    with torch.no_grad():
        said = torch.stack([net(torch.from_numpy(seen))[:, :, 1:] for net in nets]).mean(0)
        return np.asarray(torch.sigmoid(said).numpy(), np.float32)


def _components(rows: Floats, turned: Callable[[Floats], Floats], sign: float, count: int) -> Floats:
    """(columns, count) directions in which the odd (sign -1) or even (1) parts of rows differ most, as odd or even."""
    parts = (rows + sign * turned(rows)) / 2.0
    found = np.asarray(PCA(count, random_state=0).fit(parts).components_, np.float32)
    return np.asarray((found + sign * turned(found)).T / 2.0, np.float32)
