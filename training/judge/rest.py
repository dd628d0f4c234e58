"""What a person's own neutral face brings: taken away as the device does, or by a map that was learnt."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from training.units import learn
from training.units.features import MOST

if TYPE_CHECKING:
    from training.units.features import Examples

Floats: TypeAlias = npt.NDArray[np.float32]
Indices: TypeAlias = npt.NDArray[np.int64]

PENALTY = 0.1
"""Of the learnt maps, see `learn.ridge`."""
FAINTEST = 1e-4
"""Share of a scale below which nothing is told apart."""


def ways(read: Floats, examples: Examples) -> tuple[Indices, dict[str, Floats]]:
    """Several ways to use a neutral face, on the faces that are not neutral of people who have one.

    The maps are learnt from every other one of these people and judged on the rest, as all ways are.

    Args:
        read: (n, outputs) what the model says.
        examples: of the same faces.

    Returns:
        Rows that are judged, and per way their outputs; no rows where too few people have a neutral face.
    """
    neutral = {
        person: np.median(read[(examples.people == person) & examples.neutral], axis=0)
        for person in np.unique(examples.people[examples.neutral]).tolist()
    }
    moved = np.flatnonzero(np.isin(examples.people, list(neutral)) & ~examples.neutral)
    number = {person: place for place, person in enumerate(neutral)}
    fitted = np.array([number[person] % 2 == 0 for person in examples.people[moved].tolist()], dtype=np.bool_)
    if not fitted.any() or fitted.all():
        return moved[:0], {}
    seen, truth = read[moved], examples.targets[moved]
    rest = np.array([neutral[person] for person in examples.people[moved].tolist()], np.float32)
    alone, both = _spread(seen), np.concatenate([_spread(seen), _spread(rest)], axis=1)

    def learnt(inputs: Floats) -> Floats:
        told: Floats = np.clip(learn.ridge(inputs[fitted], truth[fitted], PENALTY)(inputs[~fitted]), 0.0, MOST)
        return told

    return moved[~fitted], {
        "as read": seen[~fitted],
        "the neutral face taken away": np.maximum(seen - rest, np.float32(0.0))[~fitted],
        "a map learnt from the reading alone": learnt(alone),
        "a map learnt from reading and neutral face": learnt(both),
    }


def _spread(outputs: Floats) -> Floats:
    """Outputs before the soft knee pressed the small ones together (the inverse of softplus)."""
    sharpness = learn.KNEE / MOST
    raw: Floats = np.log(np.expm1(np.maximum(outputs, FAINTEST * MOST) * sharpness)) / sharpness
    return raw
