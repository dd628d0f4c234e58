"""What hides a little of a face: glasses, an oxygen tube, a plaster. Painted on the skin, so it moves with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from training.paint import Canvas, blank, blurred, mixed

if TYPE_CHECKING:
    from training.face_model import Floats

GLASSES_SHARE, TUBE_SHARE, PLASTER_SHARE = 0.14, 0.08, 0.03


def wear(image: Floats, rng: np.random.Generator) -> None:
    """Paint what this person wears, mostly nothing, over a (384, 384, 3) face."""
    canvas = Canvas(rng)
    if rng.random() < GLASSES_SHARE:
        _glasses(canvas, image)
    if rng.random() < TUBE_SHARE:
        _oxygen_tube(canvas, image)
    if rng.random() < PLASTER_SHARE:
        _plaster(canvas, image)


def _glasses(canvas: Canvas, image: Floats) -> None:
    rng = canvas.rng
    frame, glare = blank(), blank()
    wide, high, square = rng.uniform(1.9, 2.5), rng.uniform(1.2, 1.9), rng.uniform(0.5, 1.0)
    middle, width = np.array([3.25, rng.uniform(3.0, 3.5)]), rng.uniform(0.06, 0.3)
    turn = np.linspace(0, 2 * np.pi, 40)
    around = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    # A superellipse: round for exponent 1, nearly square for a small one.
    rim = middle + np.sign(around) * np.abs(around) ** square * [wide, high]
    for side in (-1.0, 1.0):
        mirror = np.array([side, 1.0])
        canvas.line(frame, rim * mirror, width, 1.0)
        canvas.line(frame, [(side * (3.25 + wide), middle[1] + 0.4), (side * 9.5, 3.6)], width, 1.0)
        canvas.line(glare, [(side * 2.2, 2.2), (side * 3.4, 4.6)], rng.uniform(0.2, 0.8), 1.0)
    canvas.line(frame, [(wide - 3.25, 3.9), (0, 4.1), (3.25 - wide, 3.9)], width, 1.0)
    image[:] = mixed(image, (1.0, 1.0, 1.0), blurred(glare, 0.2) * rng.uniform(0.0, 0.35))
    colour = rng.uniform(0.02, 0.9) * np.clip(rng.normal(1.0, 0.25, 3), 0.2, 1.1)
    image[:] = mixed(image, colour, blurred(frame, 0.04) * rng.uniform(0.7, 1.0))


def _oxygen_tube(canvas: Canvas, image: Floats) -> None:
    rng = canvas.rng
    tube, light = blank(), blank()
    low = rng.uniform(-2.1, -1.7)
    for side in (-1.0, 1.0):
        way = np.array([(0.0, low), (1.5, low - 0.1), (4.0, -0.9), (6.5, 0.9), (9.5, 2.6)]) * [side, 1.0]
        canvas.line(tube, way, rng.uniform(0.3, 0.45), 1.0)
        canvas.line(light, way + np.array([0.0, 0.1]), 0.1, 1.0)
        canvas.line(tube, [(side * 0.5, low), (side * 0.55, -1.2)], 0.35, 1.0)
    colour = rng.uniform(0.55, 0.9) * np.array([0.9, 1.0, rng.uniform(0.95, 1.1)])
    image[:] = mixed(image, colour, blurred(tube, 0.04) * rng.uniform(0.5, 0.9))
    image[:] = mixed(image, (1.0, 1.0, 1.0), blurred(light, 0.04) * 0.6)


def _plaster(canvas: Canvas, image: Floats) -> None:
    rng = canvas.rng
    strip = blank()
    start = rng.uniform([-5.0, -2.0], [5.0, 8.5])
    canvas.line(strip, [start, start + rng.uniform(-2.5, 2.5, 2)], rng.uniform(0.8, 1.6), 1.0)
    image[:] = mixed(image, rng.uniform(0.7, 0.97) * np.array([1.0, 0.96, 0.9]), blurred(strip, 0.05))
