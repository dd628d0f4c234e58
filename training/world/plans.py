"""What faces do, and how often: pain of every strength, everything that looks like it, and units of their own."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from npng_edge.units import ACTION_UNITS
from training.world.expressions import SHAPES, Expression


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
    uneven: float = 0.08
    """Spread of the difference between left and right, see `Expression.tilt`."""


PLANS: dict[str, Plan] = {
    "neutral": Plan(0.05),
    "pain": Plan(
        0.21,
        {"AU4": (1.0, 0.5, 1.1), "AU6": (0.7, 0.4, 1.1), "AU7": (0.75, 0.4, 1.1), "AU9": (0.5, 0.3, 1.0),
         "AU10": (0.6, 0.3, 1.0), "AU20": (0.35, 0.3, 1.0), "AU17": (0.15, 0.3, 1.0), "AU12": (0.2, 0.2, 0.7),
         "AU26": (0.3, 0.1, 0.9), "AU27": (0.1, 0.3, 1.0), "AU16": (0.4, 0.3, 1.0), "AU1": (0.15, 0.2, 0.8),
         "AU15": (0.12, 0.3, 1.0), "AU23": (0.06, 0.3, 1.0), "AU24": (0.08, 0.3, 1.0), "AU11": (0.08, 0.3, 1.0)},
        lids=(0.55, 0.7, 1.0),
    ),
    "distress": Plan(  # a crying face: the inner brow is raised as it is lowered, the mouth is pressed or drawn wide
        0.05,
        {"AU4": (1.0, 0.4, 1.1), "AU1": (0.8, 0.3, 1.1), "AU6": (0.5, 0.3, 0.9), "AU7": (0.6, 0.3, 1.0),
         "AU20": (0.5, 0.3, 1.0), "AU15": (0.5, 0.3, 1.0), "AU17": (0.5, 0.3, 1.0), "AU16": (0.3, 0.3, 1.0),
         "AU11": (0.3, 0.3, 1.0), "AU24": (0.2, 0.3, 1.0), "AU10": (0.2, 0.2, 0.7), "AU26": (0.2, 0.1, 0.6)},
        lids=(0.6, 0.6, 1.0),
    ),
    "mouth of distress": Plan(  # the same mouth below a calm brow
        0.04,
        {"AU20": (0.6, 0.4, 1.1), "AU15": (0.5, 0.4, 1.1), "AU17": (0.5, 0.4, 1.1), "AU16": (0.3, 0.3, 1.0),
         "AU24": (0.2, 0.3, 1.0), "AU23": (0.1, 0.3, 1.0), "AU26": (0.2, 0.1, 0.6)},
        lids=(0.25, 0.3, 1.0),
    ),
    "laugh": Plan(
        0.12,
        {"AU6": (1.0, 0.5, 1.1), "AU12": (1.0, 0.7, 1.1), "AU10": (0.6, 0.2, 0.9), "AU16": (0.5, 0.3, 1.0),
         "AU26": (0.6, 0.1, 0.8), "AU27": (0.08, 0.3, 0.9), "AU7": (0.4, 0.2, 0.8), "AU9": (0.15, 0.2, 0.7)},
        lids=(0.2, 0.6, 1.0),
    ),
    "smile": Plan(
        0.06,
        {"AU12": (1.0, 0.4, 1.1), "AU6": (0.6, 0.2, 0.8), "AU14": (0.2, 0.3, 1.0), "AU16": (0.3, 0.3, 1.0),
         "AU10": (0.2, 0.2, 0.5), "AU1": (0.1, 0.2, 0.6), "AU2": (0.1, 0.2, 0.6)},
        lids=(0.08, 0.5, 1.0),
    ),
    "talk": Plan(
        0.06,
        {"AU26": (0.8, 0.1, 0.6), "AU22": (0.3, 0.3, 1.0), "AU18": (0.25, 0.3, 1.0), "AU16": (0.6, 0.3, 1.0),
         "AU10": (0.2, 0.2, 0.7), "AU12": (0.3, 0.1, 0.5), "AU17": (0.15, 0.3, 1.0), "AU20": (0.2, 0.3, 1.0),
         "AU1": (0.15, 0.3, 1.0), "AU2": (0.15, 0.3, 1.0), "AU4": (0.1, 0.2, 0.5), "lips-together": (0.2, 0.3, 1.0)},
        lids=(0.08, 0.3, 1.0),
    ),
    "chew": Plan(
        0.02,
        {"AU26": (1.0, 0.2, 0.7), "lips-together": (0.7, 0.5, 1.0), "jaw-left": (0.4, 0.3, 1.0),
         "AU24": (0.3, 0.3, 1.0), "AU34": (0.3, 0.2, 0.8), "AU18": (0.2, 0.2, 0.8)},
    ),
    "sleep": Plan(0.05, {"AU26": (0.4, 0.05, 0.5), "AU4": (0.06, 0.1, 0.3)}, lids=(1.0, 0.85, 1.0)),
    "surprise": Plan(
        0.05,
        {"AU1": (1.0, 0.6, 1.1), "AU2": (1.0, 0.6, 1.1), "AU5": (0.8, 0.3, 1.1), "AU26": (0.6, 0.3, 1.0),
         "AU27": (0.2, 0.3, 1.0), "AU16": (0.2, 0.3, 1.0)},
    ),
    "fear": Plan(
        0.04,
        {"AU1": (1.0, 0.5, 1.1), "AU2": (0.7, 0.3, 1.0), "AU4": (0.9, 0.3, 1.0), "AU5": (0.8, 0.4, 1.1),
         "AU20": (0.7, 0.4, 1.1), "AU16": (0.4, 0.3, 1.0), "AU26": (0.5, 0.2, 0.8), "AU7": (0.2, 0.2, 0.6)},
    ),
    "sadness": Plan(
        0.05,
        {"AU1": (1.0, 0.6, 1.1), "AU4": (0.7, 0.3, 0.9), "AU15": (0.8, 0.4, 1.1), "AU17": (0.5, 0.3, 1.0),
         "AU11": (0.2, 0.3, 1.0), "AU7": (0.15, 0.2, 0.6), "AU20": (0.1, 0.3, 1.0)},
        lids=(0.3, 0.1, 0.6),
    ),
    "anger": Plan(
        0.07,
        {"AU4": (1.0, 0.7, 1.1), "AU7": (0.6, 0.3, 1.0), "AU5": (0.5, 0.3, 1.1), "AU24": (0.35, 0.3, 1.0),
         "AU23": (0.4, 0.3, 1.0), "AU17": (0.3, 0.3, 1.0), "AU10": (0.25, 0.3, 1.0), "AU16": (0.2, 0.3, 1.0),
         "AU9": (0.1, 0.3, 1.0), "AU27": (0.15, 0.3, 1.0)},
    ),
    "disgust": Plan(
        0.07,
        {"AU9": (0.75, 0.5, 1.1), "AU10": (0.65, 0.4, 1.1), "AU4": (0.3, 0.2, 0.7), "AU17": (0.4, 0.3, 1.0),
         "AU15": (0.3, 0.3, 1.0), "AU7": (0.35, 0.3, 1.0), "AU6": (0.2, 0.2, 0.6), "AU26": (0.2, 0.1, 0.4),
         "AU16": (0.1, 0.3, 0.8)},
        lids=(0.1, 0.3, 1.0),
    ),
    "contempt": Plan(0.02, {"AU14": (1.0, 0.5, 1.1), "AU12": (0.3, 0.1, 0.5), "AU10": (0.15, 0.2, 0.6)}, uneven=0.9),
    "squint": Plan(
        0.04,
        {"AU7": (1.0, 0.6, 1.1), "AU6": (0.5, 0.3, 1.0), "AU4": (0.4, 0.2, 0.7), "AU10": (0.15, 0.3, 1.0)},
        lids=(0.4, 0.05, 0.5),
    ),
    "sneeze": Plan(
        0.015,
        {"AU9": (0.8, 0.3, 1.0), "AU10": (0.7, 0.3, 1.0), "AU26": (0.8, 0.2, 0.8), "AU1": (0.4, 0.3, 1.0),
         "AU4": (0.3, 0.2, 0.7), "AU7": (0.5, 0.3, 1.0)},
        lids=(0.8, 0.5, 1.0),
    ),
    "yawn": Plan(
        0.02,
        {"AU27": (1.0, 0.9, 1.2), "AU4": (0.2, 0.3, 1.0), "AU7": (0.4, 0.3, 1.0), "AU1": (0.2, 0.2, 0.8),
         "AU16": (0.3, 0.3, 1.0)},
        lids=(0.7, 0.4, 1.0),
    ),
    "single": Plan(0.13, any_of=(1, 1), lids=(0.1, 0.0, 1.0)),
    "mixture": Plan(0.06, any_of=(2, 5), lids=(0.2, 0.0, 1.0)),
    "weeping": Plan(  # the brow of distress above corners drawn up, as weeping and laughing share them
        0.06,
        {"AU4": (1.0, 0.4, 1.1), "AU1": (0.85, 0.3, 1.1), "AU12": (1.0, 0.2, 0.8), "AU6": (0.5, 0.2, 0.8),
         "AU7": (0.6, 0.3, 1.0), "AU20": (0.4, 0.2, 0.8), "AU17": (0.4, 0.2, 0.8), "AU15": (0.25, 0.2, 0.7),
         "AU24": (0.3, 0.3, 1.0), "AU11": (0.3, 0.3, 1.0), "AU10": (0.2, 0.2, 0.6), "AU26": (0.2, 0.1, 0.4)},
        lids=(0.7, 0.6, 1.0),
    ),
}  # fmt: skip
"""What faces do. Mixes that are easily taken for pain (laughs with a raised lip, disgust, squints) are frequent."""
RARE = ("AU11", "AU14", "AU16", "AU23", "AU24", "AU27")
"""Units that no score of pain is made of: half as frequent as the others by themselves and in mixtures."""

_CHANCES = np.array([2.0 if unit in ACTION_UNITS and unit not in RARE else 1.0 for unit in SHAPES])
_CHANCES /= _CHANCES.sum()
_SHARES = np.array([plan.share for plan in PLANS.values()]) / sum(plan.share for plan in PLANS.values())


def random_expression(rng: np.random.Generator, *, combinations: bool = True) -> Expression:
    """One of the `PLANS`, of any strength, not quite symmetrical.

    Args:
        rng: of everything.
        combinations: whether units that belong together are shown; otherwise only units at random.
    """
    plan = list(PLANS.values())[rng.choice(len(PLANS), p=_SHARES)]
    if not combinations:
        plan = PLANS["mixture"]
    return show(plan, 5.0 * rng.uniform(0.06, 1.0) ** 0.7, rng)  # from 0.7 to 5, half of them above 3


def show(plan: Plan, strength: float, rng: np.random.Generator) -> Expression:
    """An expression of one kind.

    Args:
        plan: the kind.
        strength: 0..5, of which each unit has its share.
        rng: of everything else.
    """
    ranges = plan.units | {
        str(unit): (1.0, 0.4, 1.1)
        for unit in rng.choice(list(SHAPES), rng.integers(*plan.any_of, endpoint=True), replace=False, p=_CHANCES)
    }
    units = {
        unit: float(min(strength * rng.uniform(low, high), 5.0))
        for unit, (chance, low, high) in ranges.items()
        if rng.random() < chance
    }
    chance, low, high = plan.lids
    uneven = max(plan.uneven, 0.5 if rng.random() < 0.06 else 0.0)
    return Expression(
        units=units,
        closure=float(rng.uniform(low, high) if rng.random() < chance else abs(rng.normal(0.0, 0.1))),
        tilt={unit: float(np.clip(rng.normal(0.0, uneven), -1.0, 1.0)) for unit in units},
        wink=float(rng.uniform(-1, 1)) if rng.random() < 0.03 else 0.0,
    )
