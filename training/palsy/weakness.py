"""One weak side of a face: what it loses when it moves, and how it droops when it does not.

A lesion of the facial nerve takes the whole side; one above its nucleus spares brow and eye, which both halves of the
brain serve (central palsy). Jaw and upper lid belong to other nerves. Degrees run from slight (about House and
Brackmann's grade II, 1985) to complete (VI).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from npng_edge.infer.asymmetry import REGIONS

if TYPE_CHECKING:
    from training.world.expressions import Expression, Moved
    from training.world.face_model import Floats
    from training.world.paint import Doubles

CENTRAL_SHARE = 0.35
SLIGHTEST = 0.4
"""Share of a movement that the slightest palsy takes away."""
DRAWN = 0.3
"""How far a mouth that works on one side is drawn to it, in activations of `mouthLeft` or `mouthRight`."""

_BROW, _EYE = {"AU1", "AU2", "AU4"}, {"AU6", "AU7"}
_NO_FACIAL_NERVE = {"AU5", "AU26", "AU27"}
_PULLING = ("AU12", "AU20", "AU16", "AU10", "AU18", "AU22")
_DROOP = {
    "mouth": {"mouthFrown": 1.0, "mouthSmile": -0.3, "mouthStretch": -0.2, "noseSneer": -0.35, "cheekSquint": -0.4},
    "eye": {"eyeWide": 0.5, "eyeSquint": -0.6},
    "brow": {"browDown": 0.7, "browOuterUp": -0.5},
}
"""Activations of the weak side's shapes when the droop of its region is 1: corner and cheek sag, the fold beside the
nose is flat, the lids gape and the lower one hangs, the brow is low: some 7 mm at the corner of the mouth, 5 at
the brow."""
_FOLD_REGION = ("brow", "brow", "brow", "brow", "eye", "eye", "mouth", "mouth")
"""In the order of `folds.FOLDS`."""


@dataclass(frozen=True, slots=True)
class Weakness:
    """A palsy of one side."""

    side: int
    """Number in `asymmetry.SIDES`."""
    lost: tuple[float, float, float]
    """Share of every movement that is lost, per region of `asymmetry.REGIONS`, 0..1."""
    droop: tuple[float, float, float]
    """How far each region sags at rest, about 0..1."""


def random_weakness(rng: np.random.Generator) -> Weakness:
    """Any side, any degree, whole or central."""
    side, degree = int(rng.integers(2)), float(rng.uniform(SLIGHTEST, 1.0))
    eye, brow = (0.2, 0.0) if rng.random() < CENTRAL_SHARE else (1.0, 1.0)
    lost = np.clip(degree * np.array([1.0, eye, brow]) * rng.normal(1.0, 0.08, 3), 0.0, 1.0)
    droop = lost * rng.uniform(0.4, 1.2) * rng.uniform(0.8, 1.2, 3)
    return Weakness(side, _three(lost), _three(droop))


def drooping(weakness: Weakness) -> dict[str, float]:
    """Activations of the face model's shapes that the weak side adds to a face at rest."""
    side, other = "LR"[weakness.side], ("Right", "Left")[weakness.side]
    sagging = {
        f"{shape}_{side}": depth * droop
        for region, droop in zip(REGIONS, weakness.droop, strict=True)
        for shape, depth in _DROOP[region].items()
    }
    return sagging | {f"mouth{other}": 0.5 * DRAWN * weakness.droop[0]}


def weakened(expression: Expression, weakness: Weakness) -> Expression:
    """What is left of an expression when its weak side does not follow."""
    units, tilt = dict(expression.units), dict(expression.tilt)
    for unit, value in expression.units.items():
        if unit not in _NO_FACIAL_NERVE:
            lean = expression.tilt.get(unit, 0.0)
            left, right = _after(value * (1.0 + lean), value * (1.0 - lean), weakness, weakness.lost[_region(unit)])
            units[unit] = (left + right) / 2.0
            tilt[unit] = (left - right) / (left + right) if left + right else 0.0
    left, right = (float(np.clip(expression.closure + sign * expression.wink, 0.0, 1.0)) for sign in (1.0, -1.0))
    left, right = _after(left, right, weakness, 0.9 * weakness.lost[1])
    return replace(expression, units=units, tilt=tilt, closure=(left + right) / 2.0, wink=(left - right) / 2.0)


def drawn_aside(expression: Expression, weakness: Weakness) -> dict[str, float]:
    """Activation that draws the mouth to the sound side while it moves."""
    pull = max((expression.units.get(unit, 0.0) / 5.0 for unit in _PULLING), default=0.0)
    return {f"mouth{('Right', 'Left')[weakness.side]}": DRAWN * weakness.lost[0] * pull}


def smoothed(moved: Moved, weakness: Weakness) -> Floats:
    """(2, 8) folds of a face whose weak side does not fold: the forehead is smooth, the groove beside the nose flat."""
    kept = np.ones_like(moved.folds)
    kept[weakness.side] = [1.0 - 0.7 * weakness.lost[REGIONS.index(region)] for region in _FOLD_REGION]
    return np.asarray(moved.folds * kept, np.float32)


def _region(unit: str) -> int:
    return 2 if unit in _BROW else 1 if unit in _EYE else 0


def _after(left: float, right: float, weakness: Weakness, lost: float) -> tuple[float, float]:
    """Left and right after the weak side has lost its share."""
    kept = [1.0, 1.0]
    kept[weakness.side] = 1.0 - lost
    return float(left * kept[0]), float(right * kept[1])


def _three(values: Doubles) -> tuple[float, float, float]:
    first, second, third = (float(value) for value in values)
    return first, second, third
