"""Action units to the face model's shapes, and random expressions that people make.

The gains were set by eye against photographs: the model's brow and lid shapes move less than a strong real expression.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from npng_edge.units import ACTION_UNITS
from training.folds import FOLDS

if TYPE_CHECKING:
    from training.face_model import FaceModel, Floats

SHAPES: dict[str, tuple[tuple[str, float], ...]] = {
    "AU1": (("browInnerUp", 1.75),),
    "AU2": (("browOuterUp", 1.5),),
    "AU4": (("browDown", 2.3),),
    "AU5": (("eyeWide", 1.8),),
    "AU6": (("cheekSquint", 1.0), ("cheekRaiser", 0.9)),
    "AU7": (("eyeSquint", 2.2),),
    "AU9": (("noseSneer", 1.15),),
    "AU10": (("mouthUpperUp", 1.15),),
    "AU12": (("mouthSmile", 1.0),),
    "AU14": (("mouthDimple", 0.9),),
    "AU15": (("mouthFrown", 1.4),),
    "AU17": (("mouthShrugLower*", 0.9), ("mouthShrugUpper*", 0.25)),
    "AU18": (("mouthPucker*", 0.9),),
    "AU20": (("mouthStretch", 1.1),),
    "AU22": (("mouthFunnel*", 0.8),),
    "AU24": (("mouthPress", 1.1),),
    "AU26": (("jawOpen*", 0.85),),
    "AU28": (("mouthRollLower*", 0.6), ("mouthRollUpper*", 0.6)),
    "AU34": (("cheekPuff", 0.7),),
    "lower-lip": (("mouthLowerDown", 1.1),),
    "lips-together": (("mouthClose*", 0.85),),
    "jaw-left": (("jawLeft*", 0.5), ("mouthLeft*", 0.5)),
    "jaw-right": (("jawRight*", 0.5), ("mouthRight*", 0.5)),
}
"""Shapes of each unit and their activation at intensity 5; `*` has no left and right, the others get `_L` and `_R`."""

FOLD_OF: dict[str, dict[str, float]] = {
    "glabella": {"AU4": 1.0, "AU9": 0.25, "AU7": 0.1},
    "nose-root": {"AU9": 1.0, "AU4": 0.12},
    "forehead-inner": {"AU1": 1.0, "AU2": 0.35},
    "forehead-outer": {"AU2": 1.0, "AU5": 0.1},
    "crows-feet": {"AU6": 1.0, "AU12": 0.2, "AU7": 0.25},
    "lower-lid": {"AU7": 1.0, "AU6": 0.6},
    "nasolabial": {"AU12": 0.8, "AU10": 0.9, "AU9": 0.8, "AU6": 0.3},
    "chin": {"AU17": 1.0, "AU15": 0.7, "AU20": 0.4, "AU24": 0.3},
}
"""Which units fold the skin where, relative to the deepest fold."""

EYES = {"left": ((43, 44), (47, 46)), "right": ((37, 38), (41, 40))}
"""Multi-PIE numbers of the upper and lower lid of each of the person's eyes."""
INNER_LIPS = ((61, 62, 63), (67, 66, 65))
"""Multi-PIE numbers of the inner edges of the upper and lower lip."""
WIDE_OPEN_CM = 2.2
"""Lip gap at which AU25 is 5."""


@dataclass(frozen=True)
class Expression:
    """What a face does. Intensities are 0..5."""

    units: dict[str, float] = field(default_factory=dict)
    """Keys of `SHAPES`."""
    closure: float = 0.0
    """How far both lids are closed, 0..1, whatever the other units do to them; never less than these do."""
    tilt: dict[str, float] = field(default_factory=dict)
    """Per unit, share by which the person's left is stronger and the right weaker, -1..1."""
    wink: float = 0.0
    """Closure added to the left eye and taken from the right one."""


@dataclass(frozen=True, eq=False)
class Moved:
    """An expression on a face, with what can be measured on it."""

    vertices: Floats
    folds: Floats
    """(2, 8) as in `Head`."""
    closed: tuple[float, float]
    """Left, right: 1 - lid gap over this person's neutral lid gap, 0..1."""
    lip_gap: float
    """Centimetres between the inner lips beyond the neutral face's."""


def move(
    model: FaceModel, neutral: Floats, expression: Expression, strength: dict[str, float], folding: Floats
) -> Moved:
    """Apply an expression to a person.

    Args:
        model: the shapes.
        neutral: (vertices, 3) of this person.
        expression: what to do.
        strength: per unit, how far this person's face moves compared with others, about 1; missing is 1.
        folding: (2, 8): depth of this person's folds at rest, and added at intensity 5, centimetres.
    """
    activations: dict[str, float] = {}
    sides: list[dict[str, float]] = []
    for sign, side in ((1.0, "L"), (-1.0, "R")):
        intensity = {
            unit: value * float(np.clip(1.0 + sign * expression.tilt.get(unit, 0.0), 0.0, 2.0))
            for unit, value in expression.units.items()
        }
        sides.append(intensity)
        for unit, value in intensity.items():
            for shape, gain in SHAPES[unit]:
                name, share = (shape[:-1], 0.5) if shape.endswith("*") else (f"{shape}_{side}", 1.0)
                amount = share * gain * strength.get(unit, 1.0) * value / 5.0
                activations[name] = activations.get(name, 0.0) + amount
    vertices = neutral + model.offsets(activations)
    closed = []
    for sign, (side, (upper, lower)) in zip((1.0, -1.0), EYES.items(), strict=True):
        lids = model.landmarks[np.array([upper, lower])]
        rest, gap = _gap(neutral[lids]), _gap(vertices[lids])
        shut = model.offsets({f"eyeBlink_{'L' if side == 'left' else 'R'}": 1.0})
        wanted = rest * (1.0 - float(np.clip(expression.closure + sign * expression.wink, 0.0, 1.0)))
        if wanted < gap:
            travel = gap - _gap((vertices + shut)[lids])
            vertices = vertices + np.float32((gap - wanted) / max(travel, 1e-3)) * shut
            gap = wanted
        elif gap < 0.0:
            vertices = vertices + np.float32(gap / max(gap - _gap((vertices + shut)[lids]), 1e-3)) * shut
            gap = 0.0
        closed.append(float(np.clip(1.0 - gap / rest, 0.0, 1.0)))
    depth = np.array(
        [[sum(w * side.get(u, 0.0) for u, w in FOLD_OF[name].items()) / 5.0 for name in FOLDS] for side in sides]
    )
    upper_lip, lower_lip = (model.landmarks[list(row)] for row in INNER_LIPS)
    gap_now, gap_rest = (float(np.mean(v[upper_lip, 1] - v[lower_lip, 1])) for v in (vertices, neutral))
    return Moved(
        vertices=vertices.astype(np.float32),
        folds=(folding[0] + folding[1] * np.minimum(depth, 1.3)).astype(np.float32),
        closed=(closed[0], closed[1]),
        lip_gap=max(gap_now - max(gap_rest, 0.0), 0.0),
    )


def _gap(lids: Floats) -> float:
    return float(np.mean(lids[0, :, 1] - lids[1, :, 1]))


def lips_parted(gap: float) -> float:
    """Intensity of AU25, 0..5, from the lip gap in centimetres: most of the scale lies in small gaps, as in FACS."""
    return 5.0 * float(np.clip((gap - 0.03) / WIDE_OPEN_CM, 0.0, 1.0) ** 0.6)


def labels(expression: Expression, moved: Moved) -> dict[str, float]:
    """Intensity 0..5 per unit of `ACTION_UNITS` that can be seen: AU25 from the lips, no AU5 behind closed lids."""
    intensity = {unit: min(expression.units.get(unit, 0.0), 5.0) for unit in ACTION_UNITS}
    intensity["AU25"] = lips_parted(moved.lip_gap)
    if min(moved.closed) > 0.5:
        intensity["AU5"] = 0.0
    return intensity


@dataclass(frozen=True)
class Plan:
    """One kind of expression: how often it is shown, and what it is made of."""

    share: float
    units: dict[str, tuple[float, float, float]] = field(default_factory=dict)
    """Per unit: chance, and the range of its intensity as a share of the expression's strength."""
    lids: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Chance that the eyes are deliberately closed, and how far, 0..1; otherwise they are open, more or less."""
    any_of: tuple[int, int] = (0, 0)
    """Also so many units from `SHAPES` at random: at least, at most."""


PLANS: dict[str, Plan] = {
    "neutral": Plan(0.10),
    "pain": Plan(
        0.23,
        {"AU4": (1.0, 0.5, 1.1), "AU6": (0.75, 0.4, 1.0), "AU7": (0.75, 0.4, 1.0), "AU9": (0.6, 0.3, 1.0),
         "AU10": (0.6, 0.3, 1.0), "AU20": (0.3, 0.3, 1.0), "AU17": (0.15, 0.3, 1.0), "AU12": (0.2, 0.2, 0.7),
         "AU26": (0.4, 0.1, 0.9), "lower-lip": (0.45, 0.3, 1.0), "AU1": (0.15, 0.2, 0.6), "AU15": (0.12, 0.3, 1.0)},
        lids=(0.55, 0.75, 1.0),
    ),
    "laugh": Plan(
        0.13,
        {"AU6": (1.0, 0.5, 1.1), "AU12": (1.0, 0.7, 1.1), "AU10": (0.6, 0.2, 0.9), "lower-lip": (0.6, 0.3, 1.0),
         "AU26": (0.7, 0.1, 0.8), "AU7": (0.4, 0.2, 0.8), "AU9": (0.15, 0.2, 0.6)},
        lids=(0.2, 0.6, 1.0),
    ),
    "smile": Plan(
        0.06,
        {"AU12": (1.0, 0.4, 1.1), "AU6": (0.6, 0.2, 0.8), "AU14": (0.2, 0.3, 1.0), "lower-lip": (0.3, 0.3, 1.0)},
    ),
    "talk": Plan(
        0.08,
        {"AU26": (0.8, 0.1, 0.6), "AU22": (0.3, 0.3, 1.0), "AU18": (0.25, 0.3, 1.0), "lower-lip": (0.6, 0.3, 1.0),
         "AU10": (0.2, 0.2, 0.7), "AU12": (0.3, 0.1, 0.5), "AU17": (0.15, 0.3, 1.0), "AU20": (0.2, 0.3, 1.0),
         "AU1": (0.15, 0.3, 1.0), "AU2": (0.15, 0.3, 1.0), "AU4": (0.1, 0.2, 0.5), "lips-together": (0.2, 0.3, 1.0)},
        lids=(0.08, 0.3, 1.0),
    ),
    "sleep": Plan(0.06, {"AU26": (0.4, 0.05, 0.35)}, lids=(1.0, 0.85, 1.0)),
    "surprise": Plan(
        0.06,
        {"AU1": (1.0, 0.6, 1.1), "AU2": (1.0, 0.6, 1.1), "AU5": (0.8, 0.3, 1.0), "AU26": (0.7, 0.3, 1.0),
         "lower-lip": (0.2, 0.3, 1.0)},
    ),
    "sadness": Plan(
        0.05,
        {"AU1": (1.0, 0.6, 1.1), "AU4": (0.7, 0.3, 0.8), "AU15": (0.8, 0.3, 1.0), "AU17": (0.5, 0.3, 1.0),
         "AU6": (0.15, 0.3, 1.0), "AU20": (0.15, 0.3, 1.0)},
        lids=(0.3, 0.1, 0.5),
    ),
    "anger": Plan(
        0.06,
        {"AU4": (1.0, 0.7, 1.1), "AU7": (0.6, 0.3, 1.0), "AU5": (0.45, 0.3, 1.0), "AU24": (0.6, 0.3, 1.0),
         "AU17": (0.3, 0.3, 1.0), "AU10": (0.2, 0.3, 1.0), "lower-lip": (0.2, 0.3, 1.0), "AU9": (0.1, 0.3, 1.0)},
    ),
    "disgust": Plan(
        0.06,
        {"AU9": (0.75, 0.5, 1.0), "AU10": (0.7, 0.4, 1.0), "AU4": (0.3, 0.2, 0.6), "AU17": (0.35, 0.3, 1.0),
         "AU15": (0.3, 0.3, 1.0), "AU7": (0.35, 0.3, 1.0), "AU6": (0.2, 0.2, 0.6), "AU26": (0.2, 0.1, 0.4)},
    ),
    "squint": Plan(
        0.04,
        {"AU7": (1.0, 0.6, 1.1), "AU6": (0.5, 0.3, 1.0), "AU4": (0.5, 0.2, 0.7), "AU10": (0.15, 0.3, 1.0)},
        lids=(0.5, 0.05, 0.4),
    ),
    "yawn": Plan(
        0.02,
        {"AU26": (1.0, 0.9, 1.2), "AU4": (0.2, 0.3, 1.0), "AU7": (0.4, 0.3, 1.0), "lower-lip": (0.3, 0.3, 1.0)},
        lids=(0.7, 0.4, 1.0),
    ),
    "single": Plan(0.12, any_of=(0, 1), lids=(0.1, 0.0, 1.0)),
    "mixture": Plan(0.10, any_of=(2, 5), lids=(0.25, 0.0, 1.0)),
}  # fmt: skip
"""What faces do. Mixes that are easily taken for pain (laughs with a raised lip, disgust, squints) are frequent."""


def random_expression(rng: np.random.Generator) -> Expression:
    """One of the `PLANS`, of any strength, not quite symmetrical."""
    plan = list(PLANS.values())[rng.choice(len(PLANS), p=_SHARES)]
    strength = 5.0 * rng.uniform(0.15, 1.0)
    ranges = plan.units | {
        str(unit): (1.0, 0.3, 1.0)
        for unit in rng.choice(list(SHAPES), size=rng.integers(*plan.any_of, endpoint=True), replace=False)
    }
    units = {
        unit: float(min(strength * rng.uniform(low, high), 5.0))
        for unit, (chance, low, high) in ranges.items()
        if rng.random() < chance
    }
    chance, low, high = plan.lids
    uneven = 0.5 if rng.random() < 0.06 else 0.08
    return Expression(
        units=units,
        closure=float(rng.uniform(low, high) if rng.random() < chance else abs(rng.normal(0.0, 0.1))),
        tilt={unit: float(np.clip(rng.normal(0.0, uneven), -0.9, 0.9)) for unit in units},
        wink=float(rng.uniform(-1, 1)) if rng.random() < 0.03 else 0.0,
    )


_SHARES = np.array([plan.share for plan in PLANS.values()]) / sum(plan.share for plan in PLANS.values())
