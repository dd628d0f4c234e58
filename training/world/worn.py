"""What hides a little of a face: glasses, oxygen, a tube, a plaster. Painted on the skin, so it moves with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from training.world.paint import CORNER, SIZE, Canvas, blank, blurred, mixed

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.world.face_model import Floats


def wear(image: Floats, rng: np.random.Generator) -> tuple[str, ...]:
    """Paint what this person wears, mostly nothing, over a (384, 384, 3) face; names of `THINGS`, in order."""
    canvas = Canvas(rng)
    worn = []
    for name, (share, painted) in THINGS.items():
        if rng.random() < share:
            painted(canvas, image)
            worn.append(name)
    return tuple(worn)


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


def _oxygen_mask(canvas: Canvas, image: Floats) -> None:
    """A clear one: what the mouth does can be seen through it."""
    rng = canvas.rng
    shell, rim, strap = blank(), blank(), blank()
    half = np.array([(0.0, 1.6), (1.1, 0.6), (2.6, -1.4), (3.4, -3.8), (2.6, -5.8), (0.0, -6.5)])
    outline = np.concatenate([half, half[::-1] * [-1.0, 1.0]]) * rng.uniform(0.9, 1.1)
    pixels = ((outline - CORNER) * (SIZE / 20.0) * 16).round().astype(np.int32)
    cv2.fillPoly(shell, [pixels], (1.0,), cv2.LINE_AA, 4)
    canvas.line(rim, outline, rng.uniform(0.15, 0.4), 1.0)
    for side in (-1.0, 1.0):
        canvas.line(strap, [(side * 3.2, -3.0), (side * 6.5, -0.6), (side * 9.5, 1.8)], rng.uniform(0.15, 0.4), 1.0)
        canvas.line(rim, [(side * 1.6, -2.6), (side * 2.2, -3.6)], 0.7, 0.6)
    image[:] = mixed(image, rng.uniform(0.75, 0.95) * np.array([0.94, 1.0, 0.97]), shell * rng.uniform(0.08, 0.35))
    image[:] = mixed(image, rng.uniform(0.5, 0.95, 3), blurred(np.maximum(rim, strap), 0.05) * rng.uniform(0.4, 0.9))


def _taped_tube(canvas: Canvas, image: Floats) -> None:
    """A tube in the corner of the mouth or in the nose, and the tape that holds it."""
    rng = canvas.rng
    tape, tube = blank(), blank()
    side = float(rng.choice([-1.0, 1.0]))
    nasal = rng.random() < 0.6
    start = np.array([0.5, -1.2]) if nasal else np.array([1.5, -3.4])
    way = np.array([start, [start[0] + 0.9, start[1] - 0.6], [start[0] + 3.0, start[1] - 0.2], [7.5, -1.0]]) * [
        side,
        1.0,
    ]
    level = rng.uniform(-2.3, -1.9)
    if nasal:
        canvas.line(tape, np.array([(0.0, 0.9), (0.45, -0.9)]) * [side, 1.0], rng.uniform(0.8, 1.3), 1.0)
    else:
        canvas.line(tape, [(-4.5, level + 0.5), (0.0, level), (4.5, level + 0.5)], rng.uniform(0.5, 0.9), 1.0)
    canvas.line(tube, way, 0.35 if nasal else 0.8, 1.0)
    image[:] = mixed(image, rng.uniform(0.55, 0.95) * np.array([0.92, 1.0, 1.0]), blurred(tube, 0.05) * 0.85)
    image[:] = mixed(image, rng.uniform(0.7, 0.97) * np.array([1.0, 0.97, 0.92]), blurred(tape, 0.05) * 0.95)


THINGS: dict[str, tuple[float, Callable[[Canvas, Floats], None]]] = {
    "glasses": (0.14, _glasses),
    "oxygen tube": (0.08, _oxygen_tube),
    "plaster": (0.03, _plaster),
    "oxygen mask": (0.03, _oxygen_mask),
    "taped tube": (0.03, _taped_tube),
}
"""What may be worn: the share of people who do, and what paints it."""
