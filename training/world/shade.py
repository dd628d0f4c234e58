"""What light does not reach: hollows, and the shadow of the brow and the nose. From the depth of a drawn picture.

Screen-space methods (Mittring, SIGGRAPH 2007 course on CryEngine 2; Ritschel and others, I3D 2009), in centimetres.
They see only what the camera sees, which is enough for a face.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from training.world.face_model import Floats

REACHES = ((0.8, 0.5), (2.4, 1.0))
"""Sizes of the hollows that darken, standard deviation in centimetres, and how much each counts."""
STEPS, STEP_CM, BIAS_CM, THICK_CM = 9, 0.35, 0.12, 6.0
"""The way towards a lamp: how many steps of which length, from how far above the skin, below what it counts as free."""


def hollows(nearness: Floats, covered: Floats, pixel: float) -> Floats:
    """How deep each pixel lies below its surroundings.

    Args:
        nearness: (h, w) height towards the camera, centimetres; anything where nothing is drawn.
        covered: (h, w) 1 where something is drawn, else 0.
        pixel: centimetres a pixel covers.

    Returns:
        (h, w) depth of the hollow over its size, 0 for flat or raised.
    """
    total = np.zeros_like(nearness)
    for reach, share in REACHES:
        sigma = reach / pixel
        weight = cv2.GaussianBlur(covered, (0, 0), sigma)
        around = cv2.GaussianBlur(nearness * covered, (0, 0), sigma) / np.maximum(weight, 1e-3)
        # At its outline a head falls off towards nothing, which is no hollow.
        inside = np.clip(2.5 * weight - 1.4, 0.0, 1.0)
        total += share * inside * np.clip((around - nearness) / reach, 0.0, 1.0)
    return np.asarray(total * covered, dtype=np.float32)


def shadow(nearness: Floats, covered: Floats, pixel: float, toward: Floats) -> Floats:
    """Where the way to a lamp is barred.

    Args:
        nearness: as in `hollows`.
        covered: as in `hollows`.
        pixel: as in `hollows`.
        toward: (3,) unit vector to the lamp, camera coordinates.

    Returns:
        (h, w) 0 lit .. 1 in the shadow, soft at the edges.
    """
    height, width = nearness.shape
    barred = np.zeros_like(nearness)
    relief = np.where(covered > 0, nearness, np.float32(-1e3))
    for step in range(1, STEPS + 1):
        way = STEP_CM * step * (1.0 + 0.08 * step)
        x, y = float(toward[0]) * way / pixel, -float(toward[1]) * way / pixel
        moved = cv2.warpAffine(
            relief,
            np.array([[1.0, 0.0, -x], [0.0, 1.0, -y]]),
            (width, height),
            flags=cv2.INTER_NEAREST,
            borderValue=(-1e3,),
        )
        above = moved - nearness - float(toward[2]) * way - BIAS_CM
        barred = np.maximum(barred, np.where(above < THICK_CM, np.clip(above / 0.4, 0.0, 1.0), 0.0))
    return np.asarray(cv2.GaussianBlur(barred * covered, (0, 0), max(0.25 / pixel, 0.5)), dtype=np.float32)
