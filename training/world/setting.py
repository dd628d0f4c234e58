"""What a seed shows, before anything is drawn: who, by day or night, doing what, how it is lit and looked at.

Eight seeds in a row are one person (`identity_of`); the first of them is the person's neutral face.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from training.world import views
from training.world.expressions import Expression
from training.world.ingredients import WHOLE
from training.world.plans import random_expression

if TYPE_CHECKING:
    from npng_edge.units import Pose
    from training.world.face_model import Floats
    from training.world.ingredients import World
    from training.world.render import Lighting

SEEDS_PER_PERSON = 8
INFRARED_SHARE = 0.15


@dataclass(frozen=True, eq=False)
class Setting:
    """One picture to be taken."""

    infrared: bool
    neutral: bool
    """Whether the face is asked to do nothing at all."""
    expression: Expression
    pose: Pose
    gaze: Floats
    """(3,) unit vector in head coordinates."""
    centre: tuple[float, float]
    """Of the head, as in `Head`."""
    span: float
    light: Lighting
    pixels: int
    """That the camera has for each side of the picture."""
    field_of_view: float
    """Degrees."""
    rng: np.random.Generator
    """Of what is behind the head and of what the camera does."""


def identity_of(seed: int) -> int:
    """The person a seed shows."""
    return seed // SEEDS_PER_PERSON


def setting(seed: int, size: int, world: World = WHOLE) -> Setting:
    """Roll the dice of one picture.

    Args:
        seed: not negative.
        size: of the square picture, pixels.
        world: what there is in it.
    """
    rng = np.random.default_rng([11, seed])
    # All pictures of one person are taken by day or by night, so that the person's own neutral can be compared.
    night = np.random.default_rng([13, identity_of(seed)]).random() < INFRARED_SHARE
    infrared = world.infrared and bool(night)
    neutral = seed % SEEDS_PER_PERSON == 0
    still = Expression(closure=abs(rng.normal(0, 0.06))) if neutral else None
    expression = still or random_expression(rng, combinations=world.combinations)
    pose, gaze = views.pose(rng), views.gaze(rng)
    centre, span = (float(rng.normal(0, 0.06)), float(rng.normal(0, 0.06))), float(rng.uniform(21.0, 30.0))
    light = views.lighting(rng, infrared=infrared)
    seen = views.pixels(size, rng)
    return Setting(
        infrared=infrared,
        neutral=neutral,
        expression=expression,
        pose=pose,
        gaze=gaze,
        centre=centre,
        span=span,
        light=light if world.shadows else replace(light, hollows=0.0, shadow=0.0),
        pixels=seen if world.camera else size,
        field_of_view=float(rng.uniform(14.0, 45.0)),
        rng=rng,
    )
