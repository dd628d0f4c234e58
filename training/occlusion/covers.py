"""Things that cover a face, painted before it with a known outline: hands, masks, blankets, cloths, tubes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from training.occlusion.scene import Bytes, Floats, Scene, Vector, any_colour, noise, pixel, surface

if TYPE_CHECKING:
    from collections.abc import Callable

TARGETS = (4, 13, 152, 33, 263, 50, 280, 168, 151, 205, 425)
"""Mesh points that things are laid on: nose, mouth, chin, eyes, cheeks, forehead."""
JAW = (93, 132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361, 323)
"""From the patient's right ear under the chin to the left."""
CUP = (6, 114, 129, 203, 206, 210, 211, 32, 208, 199, 428, 262, 431, 430, 426, 423, 358, 343)
"""Where the rim of an oxygen mask lies: from the bridge of the nose around the mouth."""
FABRICS = ((210, 180, 120), (235, 235, 230), (200, 210, 160), (60, 60, 60), (230, 200, 190))
"""Of surgical masks, BGR."""


@dataclass(frozen=True, eq=False)
class Layer:
    """Something before the face."""

    shape: Bytes
    """(height, width), 1 where it covers."""
    colours: Floats
    """(height, width, 3)."""
    opacity: float = 1.0


def cover(rng: np.random.Generator, scene: Scene, kind: str) -> tuple[Scene, Bytes]:
    """Put something before a face.

    Args:
        rng: of everything about it.
        scene: the face.
        kind: one of `COVERS`.

    Returns:
        The painted scene, and (height, width) 1 where it is covered.
    """
    layer = COVERS[kind](rng, scene)
    height, width = scene.size
    shape = layer.shape.astype(np.float32)
    picture = scene.picture
    if rng.random() < 0.6:
        x, y = rng.normal(0, 0.06 * scene.width, 2)
        moved = cv2.warpAffine(shape, np.array([[1, 0, x], [0, 1, y]], np.float32), (width, height))
        shadow = cv2.GaussianBlur(moved, (0, 0), 0.05 * scene.width) * rng.uniform(0.1, 0.5)
        picture = picture * (1.0 - shadow[..., np.newaxis])
    edge = cv2.GaussianBlur(shape, (0, 0), rng.uniform(0.5, 1.5))[..., np.newaxis] * layer.opacity
    painted = np.clip(picture * (1.0 - edge) + layer.colours * edge, 0, 255)
    return Scene(np.asarray(painted, np.float32), scene.points), layer.shape


def _target(rng: np.random.Generator, scene: Scene) -> Vector:
    return np.asarray(scene.points[rng.choice(TARGETS)] + rng.normal(0, 0.12 * scene.width, 2))


def _direction(angle: float) -> Vector:
    return np.array([math.cos(angle), math.sin(angle)])


def _rounded(shape: Bytes, thickness: float) -> Floats:
    """Brightness of something round, darker at its sides."""
    depth = np.sqrt(cv2.distanceTransform(shape, cv2.DIST_L2, 3) / (thickness / 2 + 1e-3))
    return np.asarray(np.clip(0.45 + 0.55 * depth, 0.0, 1.08), np.float32)


def _hand(rng: np.random.Generator, scene: Scene) -> Layer:
    """Two to four fingers, mostly from below or a side, often with the back of the hand."""
    width, tips = scene.width, _target(rng, scene)
    angle = rng.uniform(-0.3, math.pi + 0.3) if rng.random() < 0.85 else rng.uniform(0, 2 * math.pi)
    down = _direction(angle)
    aside = np.array([-down[1], down[0]])
    thick, spread, fingers = rng.uniform(0.085, 0.15) * width, rng.uniform(0.95, 1.5), int(rng.integers(2, 5))
    hand, shade = scene.blank(), np.zeros(scene.size, np.float32)
    for finger in rng.permutation(fingers):
        off = finger - (fingers - 1) / 2
        tip = tips + aside * off * thick * spread + down * (rng.uniform(0, 0.18) + 0.07 * abs(off)) * width
        knuckle = tip + (down + aside * off * rng.uniform(-0.05, 0.15)) * rng.uniform(0.45, 0.7) * width
        one = scene.blank()
        cv2.line(one, pixel(tip), pixel(knuckle), (1,), max(2, int(thick)))
        cv2.line(one, pixel(knuckle), pixel(knuckle + down * 0.4 * width), (1,), max(2, int(1.1 * thick)))
        shade = np.where(one > 0, _rounded(one, thick), shade)
        hand |= one
    if rng.random() < 0.6:
        back = scene.blank()
        axes = 0.5 * width * rng.uniform(0.8, 1.2), 0.6 * width
        middle = tips + down * rng.uniform(0.75, 1.0) * width
        cv2.ellipse(back, pixel(middle), pixel(np.array(axes)), math.degrees(angle), 0, 360, (1,), -1)
        shade = np.where((back > 0) & (hand == 0), np.float32(rng.uniform(0.8, 1.05)), shade)
        hand |= back
    skin = surface(rng, scene.size, scene.skin * rng.uniform(0.7, 1.25))
    return Layer(hand, np.asarray(skin * shade[..., np.newaxis], np.float32))


def _surgical_mask(rng: np.random.Generator, scene: Scene) -> Layer:
    """From the jaw up to the nose; sometimes pulled below it. Often pleated."""
    low = int(rng.choice([6, 197, 195, 5, 4, 2]))
    sides = (425, low, 205) if low in (4, 2) else (347, low, 118)
    corners = scene.points[[*JAW, *sides]]
    middle = corners.mean(axis=0)
    shape = scene.polygon(middle + (corners - middle) * rng.uniform(0.85, 1.1))
    colour = np.array(FABRICS[rng.integers(len(FABRICS))]) * rng.uniform(0.5, 1.1)
    colours = surface(rng, scene.size, colour, woven=rng.random() < 0.5)
    if rng.random() < 0.5:
        across = scene.points[454] - scene.points[234]
        for pleat in range(3):
            start = scene.points[234] + (scene.points[152] - scene.points[10]) * (0.1 + 0.12 * pleat)
            cv2.line(colours, pixel(start), pixel(start + across), (colour * rng.uniform(0.6, 0.9)).tolist(), 1)
    return Layer(shape, colours)


def _oxygen_mask(rng: np.random.Generator, scene: Scene) -> Layer:
    """A cup of clear plastic over nose and mouth: it dims what is below it, and its rim and its ribs shine."""
    corners = scene.points[list(CUP)]
    middle = corners.mean(axis=0)
    corners = middle + (corners - middle) * rng.uniform(0.95, 1.35)
    shape = scene.polygon(corners)
    colour = rng.uniform(90, 230) * np.array([1.0, rng.uniform(0.98, 1.15), rng.uniform(0.85, 1.0)])
    colours = surface(rng, scene.size, colour)
    bright = (colour * rng.uniform(1.1, 1.6)).tolist()
    thin = max(1, round(0.02 * scene.width))
    for share in (1.0, rng.uniform(0.55, 0.8)):
        rim = np.round(middle + (corners - middle) * share).astype(np.int32)
        cv2.polylines(colours, [rim], True, bright, thin, cv2.LINE_AA)
    port = pixel(middle + rng.normal(0, 0.04 * scene.width, 2))
    cv2.circle(colours, port, max(2, round(rng.uniform(0.06, 0.12) * scene.width)), (colour * 0.7).tolist(), -1)
    for ear, side in ((234, CUP[3]), (454, CUP[-3])):
        for picture, value in ((shape, (1,)), (colours, (colour * 0.9).tolist())):
            cv2.line(picture, pixel(scene.points[side]), pixel(scene.points[ear]), value, thin)
    return Layer(shape, colours, opacity=float(rng.uniform(0.45, 0.95)))


def _blanket(rng: np.random.Generator, scene: Scene) -> Layer:
    """Drawn up from below; its edge is wavy."""
    return _half_plane(rng, scene, rng.normal(math.pi / 2, 0.25))


def _cloth(rng: np.random.Generator, scene: Scene) -> Layer:
    """A sheet or a pillow from any side, or a towel, a plaster or a pad laid on."""
    if rng.random() < 0.4:
        return _half_plane(rng, scene, rng.uniform(0, 2 * math.pi))
    middle, angle = _target(rng, scene), rng.uniform(0, 180)
    axes = np.array([rng.uniform(0.2, 0.6), rng.uniform(0.15, 0.5)]) * scene.width
    if rng.random() < 0.5:
        shape = scene.blank()
        cv2.ellipse(shape, pixel(middle), pixel(axes), angle, 0, 360, (1,), -1)
    else:
        shape = scene.polygon(cv2.boxPoints((middle.tolist(), (2 * axes).tolist(), angle)).astype(np.float64))
    colour = any_colour(rng) if rng.random() < 0.6 else scene.skin * rng.uniform(0.7, 1.25)
    return Layer(shape, surface(rng, scene.size, colour, woven=rng.random() < 0.5))


def _half_plane(rng: np.random.Generator, scene: Scene, angle: float) -> Layer:
    height, width = scene.size
    y, x = np.mgrid[:height, :width].astype(np.float32)
    start, towards = _target(rng, scene), _direction(angle)
    beyond = (x - start[0]) * towards[0] + (y - start[1]) * towards[1]
    beyond += noise(rng, scene.size, 4, 6) * rng.uniform(0, 0.35) * scene.width
    return Layer((beyond > 0).astype(np.uint8), surface(rng, scene.size, any_colour(rng), woven=True))


def _tube(rng: np.random.Generator, scene: Scene) -> Layer:
    """A thick tube, a forearm, a rail of the bed."""
    middle, along = _target(rng, scene), _direction(rng.uniform(0, math.pi)) * scene.width
    thick = rng.uniform(0.15, 0.4) * scene.width
    shape = scene.blank()
    cv2.line(shape, pixel(middle - along), pixel(middle + along * rng.uniform(0, 1)), (1,), max(2, int(thick)))
    colour = any_colour(rng) if rng.random() < 0.5 else scene.skin * rng.uniform(0.7, 1.25)
    round_shade = _rounded(shape, thick)[..., np.newaxis]
    return Layer(shape, np.asarray(surface(rng, scene.size, colour) * round_shade, np.float32))


COVERS: dict[str, Callable[[np.random.Generator, Scene], Layer]] = {
    "hand": _hand,
    "surgical mask": _surgical_mask,
    "oxygen mask": _oxygen_mask,
    "blanket": _blanket,
    "cloth": _cloth,
    "tube": _tube,
}
"""How each kind is painted."""
