"""Teaching the net: rendered faces, changed at random, with everything that is known of them as its targets.

Sparse labels alone teach a net from scratch next to nothing in minutes; where the mesh's points lie and how every
shape of the face is activated do (multi-task learning: Caruana, 1997).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from npng_edge.policy.face.pspi import PSPI_UNITS
from training.units.augment import augmented
from training.units.backbone import Net
from training.units.features import OUTPUTS, directions

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from training.units.features import Examples

Floats: TypeAlias = npt.NDArray[np.float32]

COMPONENTS = 40
"""Principal components of the mesh that the net is to tell."""
SHARES = {"outputs": 1.0, "hints": 0.5, "mesh": 0.5}
"""How much each group of targets counts, whatever number of columns it has."""
PAIN = (*PSPI_UNITS, "eye-left", "eye-right")
"""What PSPI is made of; each counts twice among the outputs."""
FURTHEST = 8.0
"""Standard deviations beyond which a target is cut off: one odd face must not outweigh a hundred."""
STRAIGHT = 3.0
"""Standard deviations from which on a mistake no longer counts by its square (Huber, 1964). Most units are absent most
of the time and far from their mean when they are there: with 1.0 the net learnt to say too little."""
BATCH = 64
FASTEST = 4e-3
"""Highest learning rate of the one cycle (Smith and Topin, 2018)."""
WARM_UP = 0.15
"""Share of the cycle that climbs."""
MEMORY = 0.998
"""Of the average of weights, per step; single steps wander by points on real faces."""
DECAY = 0.05
"""Of the weights (AdamW)."""
STEEPEST = 5.0
"""Longest gradient that is followed."""
KEEP_EVERY = 250
"""Steps between two checkpoints."""


@dataclass(frozen=True, eq=False)
class Lesson:
    """What the net is to say of each face; every column has mean 0 and spread 1."""

    wanted: Floats
    """(n, k), the outputs first."""
    weights: Floats
    """(k,) how much each column counts, with sum 1."""


def lesson(examples: Examples) -> Lesson:
    """Outputs, hints and the mesh's principal components as one table."""
    points = examples.landmarks.reshape(len(examples), -1)
    points = points - points.mean(axis=0)
    groups = {
        "outputs": examples.targets,
        "hints": examples.hints[:, examples.hints.std(axis=0) > 0.0],
        "mesh": points @ directions(examples.landmarks, COMPONENTS),
    }
    tables = {name: (table - scale(table)[0]) / scale(table)[1] for name, table in groups.items()}
    each = {name: np.ones(table.shape[1]) for name, table in tables.items()}
    each["outputs"] += [name in PAIN for name in OUTPUTS]
    joined = np.concatenate([SHARES[name] * weights / max(weights.sum(), 1.0) for name, weights in each.items()])
    return Lesson(
        np.clip(np.concatenate(list(tables.values()), axis=1), -FURTHEST, FURTHEST).astype(np.float32),
        (joined / joined.sum()).astype(np.float32),
    )


def scale(table: Floats) -> tuple[Floats, Floats]:
    """Mean and spread of each column, by which the net's outputs are brought back to their own units."""
    return table.mean(axis=0), table.std(axis=0) + np.float32(1e-6)


def fit(examples: Examples, steps: int, seed: int, kept: Path, tell: Callable[[int, float], None]) -> Net:
    """Teach a net, or go on where a run of the same examples, steps and seed was stopped.

    One core teaches while another changes the next pictures and takes their gradients; all that is random in a step
    comes from the seed and the step's number, so that the same seed gives the same net.

    Args:
        examples: to learn from.
        steps: batches of `BATCH` faces.
        seed: of the first weights, the order, and what is done to the pictures.
        kept: file to go on from.
        tell: called with the steps done and the mean loss since the last checkpoint.

    Returns:
        The average of the weights, ready to be used; its outputs are those of `lesson`.
    """
    torch.set_num_threads(1)
    taught = lesson(examples)
    torch.manual_seed(seed)
    net = Net(taught.wanted.shape[1]).to(memory_format=torch.channels_last)
    average = AveragedModel(net, multi_avg_fn=get_ema_multi_avg_fn(MEMORY), use_buffers=True)
    descent = torch.optim.AdamW(net.parameters(), weight_decay=DECAY)
    cycle = torch.optim.lr_scheduler.OneCycleLR(descent, FASTEST, total_steps=steps, pct_start=WARM_UP)
    parts = {"net": net, "average": average, "descent": descent, "cycle": cycle}
    run = {"net": repr(net), "faces": len(examples), "steps": steps, "seed": seed}
    done = _resume(kept, run, parts)
    crops, wanted, weights = (torch.from_numpy(a) for a in (examples.crops, taught.wanted, taught.weights))

    def pictures(step: int) -> tuple[torch.Tensor, torch.Tensor]:
        dice = torch.Generator().manual_seed(_number(seed, step))
        rows = torch.randint(len(crops), (BATCH,), generator=dice)
        with torch.no_grad():
            return rows, net.view(augmented(crops[rows].float(), dice))

    total = 0.0
    with ThreadPoolExecutor(1) as ahead:
        following = ahead.submit(pictures, done)
        for step in range(done, steps):
            rows, gradients = following.result()
            following = ahead.submit(pictures, step + 1)
            torch.manual_seed(_number(seed, step))
            loss = functional.huber_loss(net(gradients), wanted[rows], reduction="none", delta=STRAIGHT)
            loss = loss.mean(0) @ weights
            descent.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), STEEPEST)
            descent.step()
            cycle.step()
            average.update_parameters(net)
            total += loss.item()
            if (step + 1) % KEEP_EVERY == 0 or step + 1 == steps:
                tell(step + 1, total / ((step - done) % KEEP_EVERY + 1))
                total = 0.0
                _keep(kept, run | {"done": step + 1}, parts)
    learnt: Net = average.module.eval()
    return learnt


def _number(seed: int, step: int) -> int:
    """Of the dice of one step."""
    return seed * 1_000_003 + step


def seen(net: Net, crops: npt.NDArray[np.uint8]) -> Floats:
    """(n, WIDTH) numbers that a net boils faces down to."""
    with torch.no_grad():
        parts = [
            net.seen(torch.from_numpy(part).float()).numpy() for part in np.array_split(crops, len(crops) // 256 + 1)
        ]
    return np.concatenate(parts)


def _keep(path: Path, run: dict[str, Any], parts: dict[str, Any]) -> None:
    partial = path.with_suffix(".part")
    torch.save({"run": run, **{name: part.state_dict() for name, part in parts.items()}}, partial)
    partial.rename(path)


def _resume(path: Path, run: dict[str, Any], parts: dict[str, Any]) -> int:
    """Bring everything to where the kept run was; the steps it had done, 0 if there is none of this kind."""
    if not path.exists():
        return 0
    kept = torch.load(path, weights_only=True)
    done = int(kept["run"].pop("done"))
    if kept["run"] != run:
        return 0
    for name, part in parts.items():
        part.load_state_dict(kept[name])
    return done
