"""The two heads that are taught: one looks at one picture, one (a GRU, Cho and others 2014) at the last seconds.

Both look at the principal components of the shared net's 256 numbers and at the units; together with that net, the
second is a CNN-GRU. Components, which nobody teaches, are few enough not to tell the few hundred people apart that the
heads are taught with. The readings are made worse at random, because real faces are read less surely than rendered
ones: see `disturb`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from sklearn.decomposition import PCA
from torch import nn
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from npng_edge.infer.pain import FEWEST, LIDS, NUMBERS, STEPS
from training.pain.acts import PAIN_NUMBERS

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.pain.readings import Readings

    Floats: TypeAlias = npt.NDArray[np.float32]
    Ints: TypeAlias = npt.NDArray[np.int64]

COMPONENTS = 64
"""What the 256 numbers are boiled down to."""
HIDDEN = 48
NETS = 5
"""Taught with different dice; the mean of their logits is shipped. What one says of real faces hangs on the dice."""
FURTHEST = 4.0
"""Spreads from the mean beyond which a component is cut off: real faces have some that no rendered face has."""
MOST = 5.0
"""End of the units' scale."""
RECENT = 5
"""Steps for which pain that was shown still counts: one second."""
BATCH, FASTEST, DECAY, MEMORY = 64, 4e-3, 0.02, 0.99
DROPPED = 0.3
"""Share of the examples in which the net sees the units alone: features of real faces are the less reliable part."""


@dataclass(frozen=True, eq=False)
class Reduction:
    """From features to components of mean 0 and spread 1."""

    mean: Floats
    """(256,)"""
    weights: Floats
    """(256, COMPONENTS)"""

    @classmethod
    def of(cls, readings: Readings) -> Reduction:
        """The principal components of the features of faces, each brought to spread 1."""
        features = readings.features[readings.seen]
        found = PCA(COMPONENTS, whiten=True, svd_solver="full").fit(features)
        weights = found.components_.T / np.sqrt(found.explained_variance_)
        return cls(found.mean_.astype(np.float32), weights.astype(np.float32))

    def __call__(self, features: Floats) -> Floats:
        """(..., 256) to (..., COMPONENTS)."""
        parts: Floats = np.clip((features - self.mean) @ self.weights, -FURTHEST, FURTHEST)
        return parts


def joined(parts: torch.Tensor, units: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
    """Components beside units, all of about the same size; what was not seen must not be known."""
    scale = torch.ones(NUMBERS)
    scale[:-LIDS] = 1.0 / MOST
    return torch.cat([parts, units * scale], dim=-1) * seen


class Still(nn.Module):  # type: ignore[misc]
    """One picture to the logit of pain."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Linear(COMPONENTS + NUMBERS, HIDDEN)
        self.out = nn.Linear(HIDDEN, 1)

    def forward(self, parts: torch.Tensor, units: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
        """(n, steps, .) to (n, steps); each step by itself."""
        hidden = functional.relu(self.hidden(joined(parts, units, seen)))
        return self.out(functional.dropout(hidden, 0.2, self.training))[..., 0]


class Course(nn.Module):  # type: ignore[misc]
    """Some steps to the logit of pain at each of them."""

    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(COMPONENTS + NUMBERS + 1, HIDDEN, batch_first=True)
        self.out = nn.Linear(HIDDEN, 1)

    def forward(self, parts: torch.Tensor, units: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
        """(n, steps, .) to (n, steps)."""
        hidden, _ = self.gru(torch.cat([joined(parts, units, seen), seen], dim=-1))
        return self.out(functional.dropout(hidden, 0.2, self.training))[..., 0]


Head = TypeVar("Head", Still, Course)


@dataclass(frozen=True, eq=False)
class Windows:
    """Pieces of films, `steps` long: what a head is taught with."""

    parts: Floats
    """(n, steps, COMPONENTS)"""
    units: Floats
    """(n, steps, NUMBERS)"""
    seen: Floats
    """(n, steps, 1)"""
    pain: Floats
    """(n, steps) 1 with pain, 0 without."""
    counts: Floats
    """(n, steps) 1 where the answer counts."""


class Films:
    """Films to draw pieces from, at any rate of pictures up to the one they were rendered at."""

    def __init__(self, readings: Readings, reduction: Reduction) -> None:
        """Take the films of the people to learn from."""
        self._films = readings.each()
        self._parts = [reduction(film.features) for film in self._films]
        kinds = np.array([film.kinds[0] for film in self._films])
        half = np.isin(kinds, PAIN_NUMBERS)
        self._chances = np.where(half, 0.5 / half.sum(), 0.5 / (~half).sum())

    def windows(self, count: int, rng: np.random.Generator) -> Windows:
        """Pieces of `STEPS` steps; half of them come from films with pain.

        Some begin before the film does, and are not seen there. Some have fewer pictures than steps: each stands until
        the next one comes, as on the device.
        """
        chosen = rng.choice(len(self._films), count, p=self._chances)
        pieces = [self._window(number, rng) for number in chosen]
        return Windows(*(np.stack(column) for column in zip(*pieces, strict=True)))

    def _window(self, number: int, rng: np.random.Generator) -> tuple[npt.NDArray[np.float32], ...]:
        film = self._films[number]
        start = int(rng.integers(-STEPS // 2, max(len(film) - STEPS, 0) + 1))
        steps = np.arange(start, start + STEPS)
        stride = 1.0 if rng.random() < 0.5 else rng.uniform(1.0, 2.5)
        rows = np.floor(np.floor(steps / stride) * stride).astype(np.int64)
        inside = (rows >= 0) & (rows < len(film)) & (steps < len(film))
        rows = np.clip(rows, 0, len(film) - 1)
        now = np.clip(steps, 0, len(film) - 1)
        seen = film.seen[rows] & inside
        for _ in range(rng.poisson(0.4)):  # the face is lost for some steps
            at = int(rng.integers(0, STEPS))
            seen[at : at + int(rng.integers(1, 6))] = False
        pain = film.pain & (film.pspi >= 0.5)
        recent = np.array([pain[max(row - RECENT, 0) : row + 1].any() for row in now])
        # Neither the very beginning of pain nor what is left of it can be told: there the answer does not count.
        unsure = recent & ~(pain[now] & (film.pspi[now] >= 1.0) & pain[np.maximum(now - 2, 0)])
        counts = seen & ~unsure & (np.cumsum(seen) >= FEWEST)
        columns = self._parts[number][rows], film.units[rows], seen[:, None], recent, counts
        return tuple(column.astype(np.float32) for column in columns)


class Pictures:
    """Single pictures, as pieces of one step."""

    def __init__(self, readings: Readings, reduction: Reduction) -> None:
        """Take the pictures of the people to learn from."""
        clear = readings.rows(readings.clear)
        self._parts, self._units, self._pain = reduction(clear.features), clear.units, clear.pain
        self._chances = np.where(self._pain, 0.5 / self._pain.sum(), 0.5 / (~self._pain).sum())

    def windows(self, count: int, rng: np.random.Generator) -> Windows:
        """Pictures; half of them show pain."""
        rows = rng.choice(len(self._pain), count, p=self._chances)
        ones = np.ones((count, 1), np.float32)
        pain = self._pain[rows, None].astype(np.float32)
        return Windows(self._parts[rows, None], self._units[rows, None], ones[..., None], pain, ones)


def disturb(parts: torch.Tensor, units: torch.Tensor, dice: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Make readings as unsure as those of real faces. The amounts are our own, larger than what rendered people show.

    Each piece has a person of its own, whose units read too weak or too strong and with an offset; the reading drifts,
    and every step has noise. A share has no components at all.

    Args:
        parts: (n, steps, COMPONENTS)
        units: (n, steps, units) 0..5, lids 0..1.
        dice: Of everything random.
    """
    count, steps, width = units.shape

    def normal_noise(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=dice)

    def even(*shape: int) -> torch.Tensor:
        return torch.rand(shape, generator=dice)

    top = torch.full((width,), MOST)
    top[-LIDS:] = 1.0
    gain = torch.exp(0.25 * normal_noise(count, 1, width))
    offset = 0.05 * normal_noise(count, 1, width) * top
    drift = 0.05 * normal_noise(count, 1, width) * top * torch.linspace(-1.0, 1.0, steps)[:, None]
    noise = 0.05 * (0.3 + even(count, 1, 1)) * normal_noise(count, steps, width) * top
    worse = (units * gain + offset + drift + noise).clamp(min=0.0).minimum(top)
    strange = parts * torch.exp(0.2 * normal_noise(count, 1, 1)) + 0.5 * normal_noise(count, 1, parts.shape[-1])
    strange = strange + 0.3 * normal_noise(*parts.shape)
    strange = strange * (even(count, 1, 1) >= DROPPED)
    return strange.clamp(-FURTHEST, FURTHEST), worse


def teach(
    kind: type[Head], source: Pictures | Films, steps: int, seed: int, tell: Callable[[int, float], None]
) -> list[Head]:
    """Fit `NETS` heads.

    Args:
        kind: Of head.
        source: Of what to teach them with.
        steps: Batches for each.
        seed: Of everything random.
        tell: Is told the steps done, of all heads, and the loss now and then.

    Returns:
        Of each the average of its last weights.
    """
    nets = []
    for number in range(NETS):
        torch.manual_seed(seed + number)
        nets.append(_taught(kind(), source, steps, seed + number, partial(_later, tell, number * steps)))
    return nets


def _later(tell: Callable[[int, float], None], before: int, step: int, loss: float) -> None:
    tell(before + step, loss)


def _taught(net: Head, source: Pictures | Films, steps: int, seed: int, tell: Callable[[int, float], None]) -> Head:
    rng, dice = np.random.default_rng([41, seed]), torch.Generator().manual_seed(seed)
    optimiser = torch.optim.AdamW(net.parameters(), lr=FASTEST, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, FASTEST, total_steps=steps)
    average = AveragedModel(net, multi_avg_fn=get_ema_multi_avg_fn(MEMORY))
    net.train()
    for step in range(steps):
        batch = source.windows(BATCH, rng)
        parts, units = disturb(torch.from_numpy(batch.parts), torch.from_numpy(batch.units), dice)
        logits = net(parts, units, torch.from_numpy(batch.seen))
        losses = functional.binary_cross_entropy_with_logits(logits, torch.from_numpy(batch.pain), reduction="none")
        counts = torch.from_numpy(batch.counts)
        loss = (losses * counts).sum() / counts.sum().clamp(min=1.0)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        average.update_parameters(net)
        if step % 50 == 0:
            tell(step, float(loss.detach()))
    taught: Head = average.module.eval()
    return taught
