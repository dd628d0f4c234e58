"""Action units to the face model's shapes, and what is then true of the face.

The gains were set by eye against photographs: the model's brow and lid shapes move less than a strong real expression.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from npng_edge.units import ACTION_UNITS
from training.world.folds import FOLDS

if TYPE_CHECKING:
    from training.world.face_model import FaceModel, Floats
    from training.world.people import Person

SHAPES: dict[str, tuple[tuple[str, float], ...]] = {
    "AU1": (("browInnerUp", 1.9),),
    "AU2": (("browOuterUp", 1.4),),
    "AU4": (("browDown", 1.9),),
    "AU5": (("eyeWide", 1.6),),
    "AU6": (("cheekSquint", 1.0), ("cheekRaiser", 0.9)),
    "AU7": (("eyeSquint", 2.2),),
    "AU9": (("noseSneer", 1.1), ("browDown", 0.3)),
    "AU10": (("mouthUpperUp", 1.1),),
    "AU11": (("mouthUpperUp", 0.25), ("noseSneer", 0.15)),
    "AU12": (("mouthSmile", 1.0),),
    "AU14": (("mouthDimple", 0.9),),
    "AU15": (("mouthFrown", 1.5),),
    "AU16": (("mouthLowerDown", 1.3),),
    "AU17": (("mouthShrugLower*", 1.0), ("mouthShrugUpper*", 0.3)),
    "AU18": (("mouthPucker*", 0.9),),
    "AU20": (("mouthStretch", 1.3), ("mouthFrown", 0.15)),
    "AU22": (("mouthFunnel*", 0.8),),
    "AU23": (("mouthRollLower*", 0.35), ("mouthRollUpper*", 0.35), ("mouthPucker*", 0.2)),
    "AU24": (("mouthPress", 1.1), ("mouthRollUpper*", 0.15)),
    "AU26": (("jawOpen*", 0.65),),
    "AU27": (("jawOpen*", 1.0),),
    "AU28": (("mouthRollLower*", 0.6), ("mouthRollUpper*", 0.6)),
    "AU34": (("cheekPuff", 0.7),),
    "lips-together": (("mouthClose*", 0.65),),
    "jaw-left": (("jawLeft*", 0.5), ("mouthLeft*", 0.5)),
    "jaw-right": (("jawRight*", 0.5), ("mouthRight*", 0.5)),
}
"""Shapes of each unit and their activation at intensity 5; `*` has no left and right, the others get `_L` and `_R`."""

FOLD_OF: dict[str, dict[str, float]] = {
    "glabella": {"AU4": 1.0, "AU9": 0.3, "AU7": 0.1},
    "nose-root": {"AU9": 1.0, "AU4": 0.12},
    "forehead-inner": {"AU1": 1.0, "AU2": 0.35},
    "forehead-outer": {"AU2": 1.0, "AU5": 0.1},
    "crows-feet": {"AU6": 1.0, "AU12": 0.2, "AU7": 0.25},
    "lower-lid": {"AU7": 1.0, "AU6": 0.6},
    "nasolabial": {"AU12": 0.8, "AU10": 0.9, "AU9": 0.8, "AU6": 0.3, "AU11": 0.9, "AU20": 0.3},
    "chin": {"AU17": 1.0, "AU15": 0.7, "AU20": 0.4, "AU24": 0.3, "AU14": 0.3},
}
"""Which units fold the skin where, relative to the deepest fold."""

EYES = {"left": ((43, 44), (47, 46)), "right": ((37, 38), (41, 40))}
"""Multi-PIE numbers of the upper and lower lid of each of the person's eyes."""
INNER_LIPS = ((61, 62, 63), (67, 66, 65))
"""Multi-PIE numbers of the inner edges of the upper and lower lip."""
MEETING_LIPS_CM = 0.07
"""Gap between the landmarks of lips that meet, a little less than on the mean face."""
WIDEST_LIDS_CM = 1.4
"""No eye opens wider."""
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
    lid_gaps: tuple[float, float]
    """Left, right: centimetres between the lids."""
    lip_gap: float
    """Centimetres between the inner lips beyond the neutral face's."""
    sides: tuple[dict[str, float], dict[str, float]]
    """Left, right: intensity 0..5 per unit asked for, with the expression's tilt and the person's weak side."""
    coefficients: Floats
    """(57,) activation of each of the model's shapes, in the order of its `names`."""


def at_rest(model: FaceModel, person: Person) -> Floats:
    """(vertices, 3) of a person who does nothing, with lips that meet: parted ones would be AU25."""
    vertices = model.person(person.shape) + model.offsets(person.resting)
    opened = model.offsets({"jawOpen": 1.0})
    gap = _lips(model, vertices) - MEETING_LIPS_CM
    raised = np.clip(gap / (_lips(model, vertices + opened) - _lips(model, vertices)), 0.0, 0.1)
    return np.asarray(vertices - np.float32(raised) * opened, dtype=np.float32)


def move(model: FaceModel, neutral: Floats, expression: Expression, person: Person) -> Moved:
    """Apply an expression to a person.

    Args:
        model: the shapes.
        neutral: (vertices, 3) of this person at rest.
        expression: what to do.
        person: how far the units move this face, where it folds, and which side is weak.
    """
    activations: dict[str, float] = {}
    left, right = (
        {
            unit: float(np.clip(value * (1.0 + sign * expression.tilt.get(unit, 0.0)) * (1.0 - lost), 0.0, 5.0))
            for unit, value in expression.units.items()
        }
        for sign, lost in zip((1.0, -1.0), person.weakness, strict=True)
    )
    for side, intensity in (("L", left), ("R", right)):
        for unit, value in intensity.items():
            for shape, gain in SHAPES[unit]:
                name, share = (shape[:-1], 0.5) if shape.endswith("*") else (f"{shape}_{side}", 1.0)
                amount = share * gain * person.strength.get(unit, 1.0) * value / 5.0
                activations[name] = activations.get(name, 0.0) + amount
    vertices = neutral + model.offsets(activations)
    closed, gaps = [], []
    for sign, lost, (side, (upper, lower)) in zip((1.0, -1.0), person.weakness, EYES.items(), strict=True):
        lids = model.landmarks[np.array([upper, lower])]
        rest, gap = _gap(neutral[lids]), _gap(vertices[lids])
        shut = f"eyeBlink_{'L' if side == 'left' else 'R'}"
        offsets = model.offsets({shut: 1.0})
        asked = float(np.clip((expression.closure + sign * expression.wink) * (1.0 - 0.7 * lost), 0.0, 1.0))
        # Opening an eye wide (AU5) is no matter of closure, lids that meet are never pushed through each other.
        wanted = min(max(gap, 0.0), (1.0 - asked) * min(max(rest, gap), WIDEST_LIDS_CM))
        amount = (gap - wanted) / max(gap - _gap((vertices + offsets)[lids]), 1e-3)
        vertices = vertices + np.float32(amount) * offsets
        activations[shut] = amount
        closed.append(float(np.clip(1.0 - wanted / rest, 0.0, 1.0)))
        gaps.append(wanted)
    depth = np.array(
        [
            [sum(w * side.get(u, 0.0) for u, w in FOLD_OF[name].items()) / 5.0 for name in FOLDS]
            for side in (left, right)
        ]
    )
    return Moved(
        vertices=vertices.astype(np.float32),
        folds=(person.folding[0] + person.folding[1] * np.minimum(depth, 1.3)).astype(np.float32),
        closed=(closed[0], closed[1]),
        lid_gaps=(gaps[0], gaps[1]),
        lip_gap=max(_lips(model, vertices) - max(_lips(model, neutral), 0.0), 0.0),
        sides=(left, right),
        coefficients=np.array([activations.get(name, 0.0) for name in model.names], dtype=np.float32),
    )


def _lips(model: FaceModel, vertices: Floats) -> float:
    upper, lower = (model.landmarks[list(row)] for row in INNER_LIPS)
    return float(np.mean(vertices[upper, 1] - vertices[lower, 1]))


def _gap(lids: Floats) -> float:
    return float(np.mean(lids[0, :, 1] - lids[1, :, 1]))


def lips_parted(gap: float) -> float:
    """Intensity of AU25, 0..5, from the lip gap in centimetres: most of the scale lies in small gaps, as in FACS."""
    return 5.0 * float(np.clip((gap - 0.03) / WIDE_OPEN_CM, 0.0, 1.0) ** 0.6)


def side_labels(moved: Moved) -> tuple[dict[str, float], dict[str, float]]:
    """Left, right: intensity 0..5 per unit of `ACTION_UNITS` that can be seen.

    AU25 comes from the lips, AU26 counts a mouth stretched open (AU27) too, and behind a closed lid there is no AU5.
    """
    seen = []
    for side, closed in zip(moved.sides, moved.closed, strict=True):
        intensity = {unit: side.get(unit, 0.0) for unit in ACTION_UNITS}
        intensity["AU25"] = lips_parted(moved.lip_gap)
        intensity["AU26"] = max(intensity["AU26"], intensity["AU27"])
        if closed > 0.5:
            intensity["AU5"] = 0.0
        seen.append(intensity)
    return seen[0], seen[1]


def labels(moved: Moved) -> dict[str, float]:
    """The mean of both sides of `side_labels`, per unit."""
    left, right = side_labels(moved)
    return {unit: (value + right[unit]) / 2.0 for unit, value in left.items()}
