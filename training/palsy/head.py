"""The learner that is shipped: a small net on the mesh and the backbone's features, of a face and of its mirror image.

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

if TYPE_CHECKING:
    from training.palsy.data import Faces, Flags, Floats, Rows

HIDDEN = 32
DROPOUT = 0.5
ODD, EVEN = 100, 30
"""Principal components kept of a mesh's lopsidedness, and of what both of its sides share."""
BATCH, EPOCHS = 256, 30
RATE, DECAY = 5e-3, 0.05
NETS = 3
"""Taught with different dice; their mean is what is shipped."""
MIRROR = np.array([-1.0, 1.0, 1.0], np.float32)
BY_REGION = 0.5
"""Weight of what is weak beside whether anything is."""


@dataclass(frozen=True, eq=False)
class Shape:
    """How a normalised mesh becomes a few numbers: linear, and odd or even under mirroring."""

    odd: Floats
    """(1404, ODD)"""
    even: Floats
    """(1404, EVEN)"""


@dataclass(frozen=True, eq=False)
class Seen(Columns):
    """What the learner is given, one row per face."""

    features: Floats
    """(n, 2, 256) of the crop and of its mirror image."""
    odd: Floats
    """(n, ODD)"""
    even: Floats
    """(n, EVEN)"""

    def both_ways(self) -> torch.Tensor:
        """(n, 2, columns) as it is and mirrored."""
        own, other = self.features[:, 0], self.features[:, 1]
        ways = [
            np.concatenate([first, second, sign * self.odd, self.even], axis=1)
            for first, second, sign in ((own, other, 1.0), (other, own, -1.0))
        ]
        return torch.from_numpy(np.stack(ways, axis=1).astype(np.float32))


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


def shape_of(landmarks: Floats) -> Shape:
    """Learn what meshes differ in.

    Args:
        landmarks: (n, 468, 3) normalised.
    """
    opposite = pairs(landmarks)
    # The mirror image as a matrix on the flat mesh: each point's place, x turned round.
    flat = np.arange(landmarks[0].size).reshape(-1, 3)
    turned = landmarks[:, opposite] * MIRROR
    odd, even = (
        np.asarray((landmarks + sign * turned).reshape(len(landmarks), -1) / 2.0, np.float32) for sign in (-1.0, 1.0)
    )
    swap = np.zeros((flat.size, flat.size), np.float32)
    swap[flat[opposite], flat] = MIRROR
    same = np.eye(flat.size, dtype=np.float32)
    return Shape(
        *(
            ((same + sign * swap) / 2.0 @ _components(part, count)).astype(np.float32)
            for sign, part, count in ((-1.0, odd, ODD), (1.0, even, EVEN))
        )
    )


def look(faces: Faces, features: Floats, shape: Shape) -> Seen:
    """Bring faces into the learner's terms.

    Args:
        faces: all of them.
        features: (n, 2, 256) by the action-unit model, of each crop and of its mirror image.
        shape: of `shape_of`.
    """
    flat = faces.landmarks.reshape(len(faces), -1)
    return Seen(features, flat @ shape.odd, flat @ shape.even)


def fit(seen: Seen, faces: Faces, seed: int) -> list[Net]:
    """Teach `NETS` nets.

    Args:
        seen: of `faces`.
        faces: with the truth.
        seed: of first weights, order and dropout.
    """
    torch.set_num_threads(1)
    x = seen.both_ways()
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


def odds(nets: list[Net], seen: Seen) -> Floats:
    """(n,) log odds of a palsy by the nets' mean logits: of left or right weak against sound, whose logit is 0."""
    with torch.no_grad():
        said = torch.stack([net(seen.both_ways())[:, :, 0] for net in nets]).mean(0)
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


def lost(nets: list[Net], seen: Seen) -> Floats:
    """(n, 2, regions) share of movement that left and right have lost, 0..1, of the nets' mean logits."""
    with torch.no_grad():
        said = torch.stack([net(seen.both_ways())[:, :, 1:] for net in nets]).mean(0)
        return np.asarray(torch.sigmoid(said).numpy(), np.float32)


def _components(part: Floats, count: int) -> Floats:
    """(columns, count) directions in which rows differ most."""
    return np.asarray(PCA(count, random_state=0).fit(part).components_.T, np.float32)
