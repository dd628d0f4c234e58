"""Where skin folds when action units move it: heights painted in the frontal projection of the mean face."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from training.world.paint import SIZE, Bytes, Canvas, blurred

FOLDS = ("glabella", "nose-root", "forehead-inner", "forehead-outer", "crows-feet", "lower-lid", "nasolabial", "chin")
"""Where skin folds; the first four are the channels of `folds_upper`, the others of `folds_lower`."""
DEEPEST = np.array([0.11, 0.09, 0.09, 0.09, 0.07, 0.07, 0.13, 0.06])
"""Typical depth of each fold at full activation, centimetres."""

Strokes: TypeAlias = list[tuple[npt.NDArray[np.float64], float, float]]
"""Points, width in centimetres, height (negative: a groove)."""


def painted_folds(canvas: Canvas, channels: list[Strokes]) -> Bytes:
    """(384, 384, channels) heights, 128 = flat, row 0 is the lowest."""
    layers = []
    for strokes in channels:
        grooves, bulges = (np.zeros((SIZE, SIZE), dtype=np.float32) for _ in range(2))
        for points, width, height in strokes:
            layer = grooves if height < 0 else bulges
            for number in range(len(points) - 1):
                # Folds run out at both ends.
                end = min(number + 1, len(points) - 1 - number) / max(len(points) / 3, 1)
                canvas.line(layer, points[number : number + 2], width, abs(height) * min(end, 1.0))
        layers.append(1.6 * blurred(bulges, 0.28) - 1.5 * blurred(grooves, 0.075) - 0.5 * blurred(grooves, 0.2))
    stacked = np.clip(np.stack(layers, axis=2), -1.0, 1.0)
    return np.asarray(stacked * 127.0 + 128.0, dtype=np.uint8)


def _both(points: object) -> list[npt.NDArray[np.float64]]:
    array = np.asarray(points, dtype=np.float64)
    return [array, array * [-1.0, 1.0]]


def _curve(rng: np.random.Generator, points: object, spread: float = 0.12) -> npt.NDArray[np.float64]:
    """A smooth line through the points, each moved a little."""
    array = np.asarray(points, dtype=np.float64)
    array = array + rng.normal(0, spread, array.shape)
    position = np.linspace(0, len(array) - 1, 6 * len(array))
    wavy = np.stack([np.interp(position, np.arange(len(array)), column) for column in array.T], axis=1)
    kernel = np.ones(5) / 5
    padded = np.pad(wavy, ((2, 2), (0, 0)), mode="edge")
    return np.stack([np.convolve(column, kernel, mode="valid") for column in padded.T], axis=1)


def upper_folds(rng: np.random.Generator) -> list[Strokes]:
    """Strokes of the first four `FOLDS`, a little different on every face."""
    glabella: Strokes = []
    for side in (-1.0, 1.0):
        x, tilt = rng.uniform(0.4, 0.75), rng.uniform(-0.1, 0.35)
        top = rng.uniform(6.5, 7.3)
        line = _curve(rng, [(side * x, 5.0), (side * (x + 0.05), 5.8), (side * (x + tilt), top)], 0.06)
        glabella.append((line, rng.uniform(0.08, 0.16), -rng.uniform(0.6, 1.0)))
        glabella.append((np.array([(side * 1.4, 5.6), (side * 2.2, 5.9)]), 0.5, 0.5))
    glabella.append((np.array([(0.0, 5.4), (0.0, 6.4)]), 0.45, 0.6))
    if rng.random() < 0.4:
        glabella.append((_curve(rng, [(0.0, 5.2), (0.02, 6.7)], 0.04), 0.08, -0.6))
    nose: Strokes = []
    for y in rng.uniform(0.35, 0.6) * np.arange(3) + rng.uniform(3.5, 4.0):
        half = rng.uniform(0.5, 0.9)
        nose.append(
            (_curve(rng, [(-half, y - 0.1), (0, y + 0.1), (half, y - 0.1)], 0.05), 0.09, -rng.uniform(0.5, 1.0))
        )
    for offset in (0.0, 0.4):
        side_line = _curve(rng, [(0.7, 1.7 + offset), (1.2, 2.3 + offset), (1.7, 2.7 + offset)], 0.06)
        nose.extend((line, 0.08, -rng.uniform(0.3, 0.8)) for line in _both(side_line))
    nose.append((np.array([(-0.4, 4.1), (0.4, 4.1)]), 0.4, 0.4))
    inner: Strokes = []
    outer: Strokes = []
    lines = int(rng.integers(3, 6))
    for y in np.linspace(rng.uniform(7.0, 7.5), rng.uniform(9.2, 10.5), lines):
        rise = rng.uniform(-0.2, 0.35)
        depth = -rng.uniform(0.5, 1.0)
        inner.append((_curve(rng, [(-2.8, y + rise), (-1.2, y), (1.2, y), (2.8, y + rise)], 0.1), 0.1, depth))
        for line in _both(_curve(rng, [(2.4, y + rise), (3.8, y + rise), (5.4, y - 0.1)], 0.1)):
            outer.append((line, 0.1, depth))
        inner.append((np.array([(-2.2, y + 0.4), (2.2, y + 0.4)]), 0.2, 0.3))
    return [glabella, nose, inner, outer]


def lower_folds(rng: np.random.Generator) -> list[Strokes]:
    """Strokes of the last four `FOLDS`, a little different on every face."""
    crow: Strokes = []
    for y, far in ((4.6, 6.2), (3.7, 6.5), (2.9, 6.5), (2.2, 6.1)):
        if rng.random() < 0.85:
            ray = _curve(rng, [(4.95, 3.5 + 0.25 * (y - 3.5)), (5.5, 3.4 + 0.6 * (y - 3.4)), (far, y)], 0.08)
            crow.extend((line, 0.08, -rng.uniform(0.5, 1.0)) for line in _both(ray))
    bag = _curve(rng, [(1.9, 2.4), (2.7, 1.85), (3.7, 1.75), (4.8, 2.2)], 0.08)
    crow.extend((line, 0.09, -rng.uniform(0.3, 0.7)) for line in _both(bag))
    crow.extend((line, 0.5, 0.45) for line in _both([(2.9, 1.0), (4.6, 1.2)]))
    lid: Strokes = []
    under = _curve(rng, [(1.9, 2.85), (2.7, 2.55), (3.6, 2.5), (4.5, 2.85)], 0.05)
    lid.extend((line, 0.08, -rng.uniform(0.6, 1.0)) for line in _both(under))
    lid.extend((line, 0.2, 0.6) for line in _both([(2.3, 2.85), (3.2, 2.75), (4.1, 2.85)]))
    nasolabial: Strokes = []
    low = rng.uniform(-4.8, -3.6)
    fold = _curve(rng, [(1.35, -0.2), (2.0, -1.1), (2.75, -2.2), (3.2, -3.3), (3.3, low)], 0.1)
    nasolabial.extend((line, rng.uniform(0.1, 0.18), -rng.uniform(0.6, 1.0)) for line in _both(fold))
    nasolabial.extend((line, 0.7, 0.4) for line in _both([(2.6, -0.6), (3.5, -1.8), (4.0, -3.0)]))
    chin: Strokes = []
    corner = _curve(rng, [(2.75, -3.7), (3.1, -4.3), (3.1, -5.1)], 0.08)
    chin.extend((line, 0.1, -rng.uniform(0.4, 0.9)) for line in _both(corner))
    chin.append((_curve(rng, [(-1.4, -5.1), (0, -4.85), (1.4, -5.1)], 0.08), 0.12, -0.8))
    for _ in range(14):
        x, y = rng.uniform(-1.3, 1.3), rng.uniform(-6.8, -5.4)
        chin.append((np.array([(x, y), (x + 0.12, y)]), 0.12, float(rng.choice([-0.7, 0.5]))))
    return [crow, lid, nasolabial, chin]
