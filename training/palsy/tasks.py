"""What people are asked to do before the camera, and how uneven faces without a palsy are all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from training.world.expressions import Expression
from training.world.plans import random_expression

if TYPE_CHECKING:
    from collections.abc import Callable

    Ranges = dict[str, tuple[float, float, float]]

HABITUAL = (
    "browDown", "browOuterUp", "browInnerUp", "eyeSquint", "eyeWide", "eyeBlink", "mouthSmile", "mouthFrown",
    "cheekSquint", "noseSneer",
)  # fmt: skip
"""Shapes in which the two sides of any face differ at rest."""
BOTH = ("jaw", "mouth")
"""Shapes that shift the middle."""


def habit(rng: np.random.Generator) -> dict[str, float]:
    """One person's own asymmetry at rest, as activations of the face model's shapes; most have little, some much."""
    spread = 0.02 + 0.1 * rng.beta(1.5, 3.0)
    found: dict[str, float] = {}
    for shape in HABITUAL:
        difference = float(rng.normal(0.0, spread))
        found |= {f"{shape}_L": difference, f"{shape}_R": -difference}
    for shape in BOTH:
        aside = float(rng.normal(0.0, spread))
        found[f"{shape}{'Left' if aside > 0 else 'Right'}"] = abs(aside)
    return found


def ask(task: str, rng: np.random.Generator, lean: dict[str, float]) -> Expression:
    """What a sound face does when it is asked.

    Args:
        task: one of `TASKS`, or `one-sided`.
        rng: of everything else.
        lean: by how much this person's left is usually stronger, per unit, -1..1.
    """
    asked = _ONE_SIDED(rng) if task == "one-sided" else TASKS[task](rng)
    uneven = {unit: lean.get(unit, 0.0) + float(rng.normal(0.0, 0.06)) for unit in asked.units}
    tilt = {unit: float(np.clip(asked.tilt.get(unit, 0.0) + uneven[unit], -1.0, 1.0)) for unit in asked.units}
    return Expression(asked.units, asked.closure, tilt, asked.wink)


def random_lean(rng: np.random.Generator) -> dict[str, float]:
    """A habit of moving one side more, per unit."""
    spread = 0.15 * rng.beta(1.5, 2.5)
    units = ("AU1", "AU2", "AU4", "AU6", "AU7", "AU9", "AU10", "AU12", "AU14", "AU15", "AU16", "AU20")
    return {unit: float(rng.normal(0.0, spread)) for unit in units}


def _some(rng: np.random.Generator, ranges: Ranges) -> dict[str, float]:
    """Units at random: per unit its chance, and the range of its intensity."""
    return {
        unit: float(rng.uniform(low, high)) for unit, (chance, low, high) in ranges.items() if rng.random() < chance
    }


def _open(rng: np.random.Generator) -> float:
    """Closure of eyes that nobody closes."""
    return float(abs(rng.normal(0.0, 0.08)))


def _rest(rng: np.random.Generator) -> Expression:
    ranges = {
        "AU4": (0.15, 0.2, 1.0), "AU12": (0.15, 0.2, 1.0), "AU24": (0.1, 0.3, 1.5), "AU26": (0.15, 0.2, 1.5),
    }  # fmt: skip
    return Expression(_some(rng, ranges), _open(rng))


def _smile(rng: np.random.Generator) -> Expression:
    ranges = {
        "AU12": (1.0, 3.0, 5.0), "AU6": (0.8, 1.0, 4.0), "AU16": (0.5, 0.5, 3.0), "AU10": (0.3, 0.5, 2.0),
        "AU26": (0.3, 0.3, 1.5),
    }  # fmt: skip
    return Expression(_some(rng, ranges), _open(rng))


def _brow(rng: np.random.Generator) -> Expression:
    """Raised, or drawn together."""
    ranges: Ranges = {"AU1": (1.0, 2.5, 5.0), "AU2": (1.0, 2.5, 5.0), "AU5": (0.4, 0.5, 3.0)}
    if rng.random() < 0.4:
        ranges = {"AU4": (1.0, 2.5, 5.0), "AU7": (0.4, 0.5, 3.0)}
    return Expression(_some(rng, ranges), _open(rng))


def _shut(rng: np.random.Generator) -> Expression:
    """Gently, or tightly."""
    ranges: Ranges = {"AU26": (0.1, 0.2, 1.0)}
    if rng.random() < 0.5:
        ranges = {"AU6": (1.0, 1.5, 4.5), "AU7": (1.0, 1.5, 4.5), "AU4": (0.7, 0.5, 3.0), "AU9": (0.3, 0.5, 2.0)}
    return Expression(_some(rng, ranges), float(rng.uniform(0.9, 1.0)))


def _speak(rng: np.random.Generator) -> Expression:
    ranges = {
        "AU26": (0.9, 0.3, 3.0), "AU16": (0.7, 0.5, 3.5), "AU22": (0.35, 1.0, 4.0), "AU18": (0.3, 1.0, 4.0),
        "AU10": (0.3, 0.5, 2.5), "AU12": (0.4, 0.5, 2.5), "AU20": (0.3, 0.5, 3.0), "AU17": (0.2, 0.5, 3.0),
    }  # fmt: skip
    return Expression(_some(rng, ranges), _open(rng))


def _one_sided(rng: np.random.Generator) -> Expression:
    """What a sound face does on purpose: half a smile, contempt, a wink, one brow."""
    towards, kind = float(rng.choice([-1.0, 1.0])), rng.integers(4)
    if kind == 3:
        return Expression({"AU6": float(rng.uniform(0.5, 3.0))}, 0.5, {"AU6": towards}, towards * 0.5)
    ranges: Ranges = (
        {"AU12": (1.0, 1.5, 4.0), "AU6": (0.5, 0.5, 2.0)},
        {"AU14": (1.0, 1.5, 5.0), "AU12": (0.4, 0.3, 1.5), "AU10": (0.3, 0.3, 2.0)},
        {"AU2": (1.0, 2.0, 5.0), "AU1": (0.6, 1.0, 3.5)},
    )[kind]
    units = _some(rng, ranges)
    return Expression(units, _open(rng), {unit: towards * float(rng.uniform(0.6, 1.0)) for unit in units})


_ONE_SIDED: Callable[[np.random.Generator], Expression] = _one_sided
TASKS: dict[str, Callable[[np.random.Generator], Expression]] = {
    "rest": _rest,
    "smile": _smile,
    "brow": _brow,
    "eyes shut": _shut,
    "speech": _speak,
    "anything": random_expression,
}
"""Each draws a symmetrical expression, `anything` a nearly symmetrical one."""
