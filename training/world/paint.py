"""What is painted on a face: skin, lips, brows, lids, beard, freckles. In the frontal projection of the mean face."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from training.world.face_model import Floats

Bytes: TypeAlias = npt.NDArray[np.uint8]
Doubles: TypeAlias = npt.NDArray[np.float64]

SIZE = 384
"""Pixels of the square textures; they cover 20 cm from `CORNER` in the frontal projection of the mean face."""
CORNER = np.array([-10.0, -8.0])


@dataclass(frozen=True, eq=False)
class Complexion:
    """The colours of a person, sRGB 0..1, (3,) each."""

    skin: Doubles
    hair: Doubles
    brows: Doubles
    iris: Doubles
    melanin: float
    """0 very light .. 1 very dark."""
    age: float
    """0 young .. 1 old."""
    infrared: bool
    """Whether these are the greys that a night camera sees."""


class Canvas:
    """Draws in mean-face centimetres on the textures' grid."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def line(self, layer: Floats, points: object, width: float, value: float) -> None:
        """A polyline through (n, 2) points in centimetres, `width` in centimetres."""
        pixels = (np.asarray(points, dtype=np.float64) - CORNER) * (SIZE / 20.0) * 16
        thickness = max(1, round(width * SIZE / 20.0))
        cv2.polylines(layer, [pixels.round().astype(np.int32)], False, (value,), thickness, cv2.LINE_AA, 4)

    def blot(self, x: float, y: float, wide: float, high: float) -> Floats:
        """(384, 384) Gaussian of height 1."""
        columns = np.exp(-(((_AXIS + CORNER[0] - x) / wide) ** 2))
        rows = np.exp(-(((_AXIS + CORNER[1] - y) / high) ** 2))
        return np.asarray(np.outer(rows, columns), dtype=np.float32)

    def noise(self, cells: int) -> Floats:
        """(384, 384) smooth noise with about so many cells across, mean 0, spread about 1."""
        coarse = self.rng.normal(size=(cells, cells)).astype(np.float32)
        return np.asarray(cv2.resize(coarse, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC), dtype=np.float32)


_AXIS = (np.arange(SIZE) + 0.5) * (20.0 / SIZE)


def blurred(layer: Floats, centimetres: float) -> Floats:
    """Gaussian blur with a standard deviation in centimetres."""
    return np.asarray(cv2.GaussianBlur(layer, (0, 0), centimetres * SIZE / 20.0), dtype=np.float32)


def blank() -> Floats:
    """(384, 384) of zeros, to draw on."""
    return np.zeros((SIZE, SIZE), dtype=np.float32)


def mixed(base: Floats, colour: object, amount: Floats) -> Floats:
    """Blend (384, 384, 3) towards a colour by (384, 384) amounts of 0..1."""
    return np.asarray(base + (np.asarray(colour, dtype=np.float32) - base) * amount[..., None], dtype=np.float32)


def paint_face(canvas: Canvas, complexion: Complexion, *, beards: bool = True) -> Floats:
    """(384, 384, 3) RGB 0..1, row 0 is the lowest.

    Args:
        canvas: to draw with.
        complexion: of the person.
        beards: without them the same people are shaved.
    """
    skin = complexion.skin
    rng = canvas.rng
    image = np.tile(skin.astype(np.float32), (SIZE, SIZE, 1))
    mottle = 0.5 * canvas.noise(12) + 0.4 * canvas.noise(40) + 0.3 * canvas.noise(200)
    image *= (1.0 + mottle * rng.uniform(0.01, 0.045))[..., None]
    pink = np.array([skin[0], skin[1] * 0.72, skin[2] * 0.72])
    flush = sum(canvas.blot(x, y, 1.9, 1.6) for x, y in ((-4.2, 0.4), (4.2, 0.4)))
    flush = flush * rng.uniform(0, 0.6) + canvas.blot(0, 0.3, 1.3, 1.3) * rng.uniform(0, 0.6)
    image = mixed(image, pink, np.clip(flush, 0, 1))
    hollow = sum(canvas.blot(x, 2.4, 1.3, 0.55) for x in (-3.0, 3.0)) * rng.uniform(0.0, 0.35)
    image = mixed(image, skin * np.array([0.72, 0.62, 0.64]), np.asarray(hollow))
    for _ in range(int(rng.integers(0, 6))):
        spot = canvas.blot(rng.uniform(-6, 6), rng.uniform(-6, 9), *rng.uniform(0.06, 0.16, 2))
        image = mixed(image, skin * 0.45, spot * rng.uniform(0.3, 0.9))
    if rng.random() < 0.2:
        freckles = np.clip(canvas.noise(170) - 0.9, 0, 1) * (canvas.blot(0, 1.5, 5, 3) * 0.9)
        image = mixed(image, skin * np.array([0.66, 0.52, 0.42]), np.clip(freckles * rng.uniform(0.4, 1.4), 0, 0.8))
    bearded = _beard(canvas, image if beards else image.copy(), complexion)
    _lips(canvas, image, complexion, made_up=not bearded)
    _eyelids(canvas, image, skin)
    _brows(canvas, image, complexion.brows)
    return image


def _beard(canvas: Canvas, image: Floats, complexion: Complexion) -> bool:
    """Perhaps a beard, a moustache or both; whether there is one."""
    rng = canvas.rng
    if rng.random() > 0.38 or complexion.age < 0.12:
        return False
    region = blank()
    jaw = [(-7.4, 1.0), (-6.6, -2.4), (-4.6, -6.0), (0, -7.2), (4.6, -6.0), (6.6, -2.4), (7.4, 1.0)]
    width = rng.uniform(1.5, 3.5)
    kind = rng.random()
    if kind < 0.7:
        canvas.line(region, jaw, width, 1.0)
    if kind > 0.15:
        canvas.line(region, [(-2.9, -3.6), (-1.6, -1.95), (0, -1.8), (1.6, -1.95), (2.9, -3.6)], 0.7, 1.0)
    canvas.line(region, [(-1.4, -5.9), (0, -5.6), (1.4, -5.9)], 1.5, 1.0)
    region *= np.clip((_AXIS + CORNER[1] + 7.6) / 0.8, 0, 1).astype(np.float32)[:, None]  # the edge is clamped
    hairs = np.clip(0.6 + 0.6 * canvas.noise(256), 0, 1)
    image[:] = mixed(image, complexion.brows, blurred(region, 0.25) * hairs * rng.uniform(0.1, 0.95))
    return True


def _lips(canvas: Canvas, image: Floats, complexion: Complexion, *, made_up: bool) -> None:
    rng, skin = canvas.rng, complexion.skin
    outline = np.array([
        (-2.5, -3.5), (-1.7, -2.8), (-0.73, -2.44), (0, -2.52), (0.73, -2.44), (1.7, -2.8), (2.5, -3.5),
        (1.8, -4.05), (1.03, -4.3), (0, -4.38), (-1.03, -4.3), (-1.8, -4.05),
    ])  # fmt: skip
    region = blank()
    pixels = ((outline - CORNER) * (SIZE / 20.0) * 16).round().astype(np.int32)
    cv2.fillPoly(region, [pixels], (1.0,), cv2.LINE_AA, 4)
    red = skin * np.array([0.88, 0.58, 0.6]) if complexion.melanin < 0.7 else skin * np.array([1.0, 0.72, 0.75])
    amount = rng.uniform(0.3, 1.0)
    if complexion.infrared:
        red, amount = skin * rng.uniform(0.85, 1.0), 1.0
    elif rng.random() < 0.15 and made_up:
        red, amount = np.array([rng.uniform(0.45, 0.8), 0.1, rng.uniform(0.1, 0.3)]), rng.uniform(0.4, 0.9)
    image[:] = mixed(image, red, blurred(region, rng.uniform(0.06, 0.16)) * amount)


def _eyelids(canvas: Canvas, image: Floats, skin: Doubles) -> None:
    rng = canvas.rng
    lashes, crease, shadow = (blank() for _ in range(3))
    lower, fold = rng.uniform(0.0, 0.6), rng.uniform(0.05, 0.4)
    for side in (-1, 1):
        mirror = np.array([side, 1.0])
        upper_lid = np.array([(1.85, 3.3), (2.3, 3.75), (2.8, 3.97), (3.4, 4.03), (3.9, 3.9), (4.5, 3.45)])
        canvas.line(lashes, (upper_lid + np.array([0, 0.04])) * mirror, rng.uniform(0.12, 0.34), rng.uniform(0.7, 1.0))
        canvas.line(lashes, np.array([(2.3, 3.1), (3.2, 3.0), (3.9, 3.05), (4.5, 3.4)]) * mirror, 0.05, lower)
        canvas.line(crease, (upper_lid + np.array([0, fold])) * mirror, 0.08, 1.0)
        canvas.line(shadow, (upper_lid + np.array([0, 0.2])) * mirror, 0.5, 1.0)
    image[:] = mixed(image, skin * 0.55, blurred(crease, 0.07) * rng.uniform(0.0, 0.6))
    if rng.random() < 0.15:
        image[:] = mixed(image, rng.uniform(0.1, 0.6, 3), blurred(shadow, 0.2) * rng.uniform(0.1, 0.6))
    image[:] = mixed(image, (0.05, 0.035, 0.03), blurred(lashes, 0.04) * rng.uniform(0.4, 1.0))


def _brows(canvas: Canvas, image: Floats, hair: Doubles) -> None:
    rng = canvas.rng
    hairs = blank()
    inner, outer = rng.uniform(0.7, 1.5), rng.uniform(5.0, 6.1)
    low, arch, tail = rng.normal(5.75, 0.15), rng.uniform(-0.05, 0.6), rng.uniform(-0.6, 0.25)
    thick, density = rng.uniform(0.16, 0.5), int(rng.uniform(60, 260))
    for side in (-1.0, 1.0):
        along = rng.random(density) ** 1.1
        x = inner + along * (outer - inner)
        bow = 4 * along * (1 - along)
        taper = np.minimum(1.0, 2.6 * (1.05 - along)) * np.minimum(1.0, 0.6 + 4 * along)
        y = low + arch * bow + tail * along**2 + rng.uniform(-1, 1, density) * thick * taper
        length = rng.uniform(0.25, 0.6, density)
        angle = np.radians(75.0 - 85.0 * along + rng.normal(0, 12, density))
        tips = np.stack([x + length * np.cos(angle), y + length * np.sin(angle) * 0.5], axis=1)
        for start, tip in zip(np.stack([x, y], axis=1), tips, strict=True):
            canvas.line(hairs, np.array([start, tip]) * [side, 1.0], 0.04, float(rng.uniform(0.5, 1.0)))
    soft = np.clip(blurred(hairs, 0.05) * 0.7 + blurred(hairs, 0.2) * 0.6, 0, 1)
    image[:] = mixed(image, hair, np.clip(soft * rng.uniform(0.55, 1.35), 0, 0.96))
