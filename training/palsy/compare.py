"""The origin document's three models on our rendered faces, taught as it taught its own.

SGD, cosine annealing, early stopping with patience 2, horizontal flips, pictures of 224 x 224 scaled from their darkest
to their brightest pixel. It began with weights from ImageNet; nothing but rendered faces goes into ours, so the trunks
learn action units first (`pretrain`).
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import torch
from torch import nn
from torch.nn import functional

from training.palsy.measures import judged
from training.palsy.nets import BACKBONES, MODELS, SIDE, Backbone, Pooled
from training.palsy.splits import SPLITS, split

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.palsy.data import Bytes, Faces, Flags, Floats, Rows
    from training.units.features import Examples

    Tell = Callable[[str, float], None]

BATCH = 32
RATE, MOMENTUM, DECAY = 0.02, 0.9, 5e-4
EPOCHS = 12
"""At the most; the learning rate falls to nothing over so many."""
PATIENCE = 2
"""Epochs without a better loss on the part to stop by, after which learning ends."""
FIRST_RATE = 3e-3
"""Highest learning rate of the trunks' one cycle (Smith and Topin, 2018)."""
LARGE_SHARE = 0.2
"""Share of the trunks' steps, the last ones, on pictures of the full size; before, they are half as large."""


def compare(faces: Faces, backbones: dict[str, Backbone], seed: int, tell: Tell) -> list[dict[str, Any]]:
    """Teach every model on every split, and judge it on the faces left over.

    Args:
        faces: all of them.
        backbones: of `pretrain`, by name.
        seed: of the splits and of everything random in learning.
        tell: called with what is going on and the share that is done.

    Returns:
        A row per model and split: `model`, `split`, `epochs`, and what `measures.judged` says.
    """
    found = []
    seen = {kind: through_trunk(backbone, faces.aligned, tell) for kind, backbone in backbones.items()}
    for name, (kind, _) in MODELS.items():
        for number, how in enumerate(SPLITS):
            learn, stop, judge = split(faces.people, how, seed)
            judge_of = fit(assembled(name, backbones[kind], seed), seen[kind], faces.palsy, (learn, stop), seed)
            row = judged(faces.palsy[judge], judge_of(seen[kind], judge))
            found.append({"model": name, "split": how, "epochs": judge_of.epochs, **row})
            tell(f"{name} {how}", (number + 1) / len(SPLITS))
    return found


def pretrain(name: str, examples: Examples, seed: int, tell: Tell) -> Backbone:
    """Teach a backbone what rendered faces do: every face is seen once.

    Args:
        name: key of `BACKBONES`.
        examples: of the action-unit model's training, none of these people is in the palsy set.
        seed: of first weights and order.
        tell: called with what is going on and the share that is done.
    """
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    truth = np.concatenate([examples.targets, examples.hints], axis=1)
    truth = (truth - truth.mean(axis=0)) / (truth.std(axis=0) + 1e-3)
    backbone = BACKBONES[name]()
    net = nn.Sequential(backbone, Pooled(backbone.channels, truth.shape[1])).to(memory_format=torch.channels_last)
    order = np.random.default_rng(seed).permutation(len(examples))
    steps = len(order) // BATCH
    descent = torch.optim.AdamW(net.parameters(), weight_decay=1e-2)
    cycle = torch.optim.lr_scheduler.OneCycleLR(descent, FIRST_RATE, total_steps=steps)
    for step in range(steps):
        rows = order[step * BATCH : (step + 1) * BATCH]
        side = SIDE if step >= (1.0 - LARGE_SHARE) * steps else SIDE // 2
        loss = functional.mse_loss(net(pictures(examples.crops[rows], side)), torch.from_numpy(truth[rows]))
        descent.zero_grad()
        loss.backward()
        descent.step()
        cycle.step()
        tell(f"{name} learns action units, loss {loss.item():.2f}", (step + 1) / steps)
    backbone.eval()
    return backbone


def pictures(crops: Bytes, side: int = SIDE) -> torch.Tensor:
    """(n, 112, 112) grey to (n, 1, side, side), each scaled to 0..1 by its own darkest and brightest pixel."""
    large = [cv2.resize(crop, (side, side), interpolation=cv2.INTER_LINEAR) for crop in crops]
    x = torch.from_numpy(np.stack(large)[:, np.newaxis]).float()
    low, high = x.amin((2, 3), keepdim=True), x.amax((2, 3), keepdim=True)
    return ((x - low) / (high - low).clamp(min=1.0)).contiguous(memory_format=torch.channels_last)


def through_trunk(backbone: Backbone, crops: Bytes, tell: Tell) -> torch.Tensor:
    """What a trunk makes of pictures and of their mirror images, (2, n, channels, 14, 14) 16-bit floats."""
    both = []
    with torch.no_grad():
        for turn, seen in enumerate((crops, np.ascontiguousarray(crops[:, :, ::-1]))):
            parts = []
            for start in range(0, len(seen), BATCH):
                parts.append(backbone.trunk(pictures(seen[start : start + BATCH])).half())
                tell("pictures through the trunk", (turn + start / len(seen)) / 2)
            both.append(torch.cat(parts))
    return torch.stack(both)


def assembled(name: str, backbone: Backbone, seed: int) -> nn.Module:
    """One model without its trunk: a copy of the top, and a new head.

    Args:
        name: key of `MODELS`.
        backbone: of `pretrain`.
        seed: of the head's first weights.
    """
    torch.manual_seed(seed)
    return nn.Sequential(copy.deepcopy(backbone.top), MODELS[name][1](backbone.channels))


def fit(net: nn.Module, seen: torch.Tensor, palsy: Flags, parts: tuple[Flags, Flags], seed: int) -> Judge:
    """Teach one model.

    Args:
        net: of `assembled`; it is changed.
        seen: of `through_trunk`, for all faces.
        palsy: (n,) the truth.
        parts: (n,) faces to learn from, and those whose loss ends it.
        seed: of order, flips and dropout.
    """
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    rng = np.random.default_rng([41, seed])
    descent = torch.optim.SGD(net.parameters(), lr=RATE, momentum=MOMENTUM, weight_decay=DECAY)
    annealing = torch.optim.lr_scheduler.CosineAnnealingLR(descent, EPOCHS)
    truth = torch.from_numpy(palsy.astype(np.float32))
    rows, held = (np.flatnonzero(part) for part in parts)
    best, least, waited, epochs = copy.deepcopy(net.state_dict()), float("inf"), 0, 0
    for _ in range(EPOCHS):
        net.train()
        order = rng.permutation(rows)
        for start in range(0, len(order) - BATCH + 1, BATCH):
            batch = order[start : start + BATCH]
            x = seen[torch.from_numpy(rng.integers(2, size=BATCH)), torch.from_numpy(batch)].float()
            loss = functional.binary_cross_entropy_with_logits(net(x)[:, 0], truth[torch.from_numpy(batch)])
            descent.zero_grad()
            loss.backward()
            descent.step()
        annealing.step()
        epochs += 1
        logits = _logits(net, seen[0], held)
        left = functional.binary_cross_entropy_with_logits(logits, truth[torch.from_numpy(held)]).item()
        waited = 0 if left < least else waited + 1
        if left < least:
            best, least = copy.deepcopy(net.state_dict()), left
        if waited == PATIENCE:
            break
    net.load_state_dict(best)
    return Judge(net, epochs)


class Judge:
    """A model that has learnt."""

    def __init__(self, net: nn.Module, epochs: int) -> None:
        self.epochs = epochs
        self._net = net

    def __call__(self, seen: torch.Tensor, rows: Flags) -> Floats:
        """Belief in a palsy, 0..1, for the pictures (not their mirror images) of these rows."""
        return np.asarray(torch.sigmoid(_logits(self._net, seen[0], np.flatnonzero(rows))).numpy(), np.float32)


def _logits(net: nn.Module, seen: torch.Tensor, rows: Rows) -> torch.Tensor:
    net.eval()
    with torch.no_grad():
        parts = [net(seen[torch.from_numpy(part)].float())[:, 0] for part in np.array_split(rows, len(rows) // 256 + 1)]
    return torch.cat(parts)
