"""How a face is seen: pose, gaze, light, what is behind it, and what the camera makes of it. All at random."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np

from npng_edge.units import Pose
from training.world.render import Lighting

if TYPE_CHECKING:
    import numpy.typing as npt

    from npng_edge.units import Image
    from training.world.face_model import Floats


def pose(rng: np.random.Generator) -> Pose:
    """Half of the heads look about straight into the camera, the others anywhere the product still scores."""
    wide = 1.0 if rng.random() < 0.5 else 0.4
    yaw, pitch, roll = rng.uniform(-1, 1, 3) * (40.0 * wide, 25.0 * wide, 20.0 * wide)
    return Pose(float(yaw), float(pitch), float(roll))


def gaze(rng: np.random.Generator) -> Floats:
    """(3,) unit vector in head coordinates, mostly forward."""
    x, y = rng.normal(0, 0.16, 2)
    direction = np.array([np.clip(x, -0.4, 0.4), np.clip(y, -0.25, 0.25), 1.0])
    return np.asarray(direction / np.linalg.norm(direction), dtype=np.float32)


def lighting(rng: np.random.Generator, *, infrared: bool) -> Lighting:
    """Three lamps of any colour; at night infra-red ones beside the lens."""
    directions = rng.normal(0, [1.0, 0.8, 0.5], (3, 3)) + np.array([0.0, 0.35, 0.7])
    if infrared:  # lamps beside the lens
        directions = rng.normal(0, 0.25, (3, 3)) + np.array([0.0, 0.0, 1.0])
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    power = rng.dirichlet([1.2, 0.8, 0.6]) * rng.uniform(0.7, 1.6)
    tint = np.clip(rng.normal(1.0, 0.12, (3, 3)), 0.5, 1.4)
    ambient = rng.uniform(0.12, 0.6) * np.clip(rng.normal(1.0, 0.08, 3), 0.6, 1.3)
    total = power.sum() * 0.55 + ambient.mean()
    return Lighting(
        directions=directions.astype(np.float32),
        colours=(power[:, None] * tint).astype(np.float32),
        sky=ambient.astype(np.float32),
        ground=(ambient * rng.uniform(0.3, 0.9)).astype(np.float32),
        exposure=float((0.9 if infrared else 1.5) / total * math.exp(rng.normal(0, 0.35))),
        hollows=float(rng.uniform(0.2, 1.6)),
        shadow=float(power[0] * 0.55 / total * rng.uniform(0.3, 1.0)) if rng.random() < 0.7 else 0.0,
    )


def pixels(size: int, rng: np.random.Generator) -> int:
    """How many of `size` pixels a side the camera really has for the picture: a quarter to all of them."""
    return size if rng.random() < 0.4 else int(size * math.exp(rng.uniform(math.log(0.25), 0.0)))


def background(size: int, rng: np.random.Generator) -> Image:
    """(size, size, 3) a pillow, a wall or things."""
    kind = rng.random()
    if kind < 0.35:  # a pillow: pale and softly folded
        base = np.full((size, size, 3), rng.uniform(130, 235), np.float32) * rng.normal(1.0, 0.04, 3)
        for cells, height in ((3, 0.14), (6, 0.10), (14, 0.05)):
            base *= 1.0 + height * rng.uniform(0.3, 1.3) * _field(size, cells, rng)[..., None]
    elif kind < 0.55:  # a plain wall
        base = np.full((size, size, 3), rng.uniform(15, 235, 3), np.float32)
        base *= 1.0 + rng.uniform(0, 0.25) * _field(size, 2, rng)[..., None]
    else:  # things
        cells = int(rng.integers(2, 24))
        mode = cv2.INTER_NEAREST if rng.random() < 0.3 else cv2.INTER_CUBIC
        colours = rng.uniform(0, 255, (cells, cells, 3)).astype(np.float32)
        pale = colours.mean(axis=2, keepdims=True) * rng.uniform(0, 1)
        base = np.asarray(
            cv2.resize(colours * rng.uniform(0.3, 1.0) * 0.6 + pale * 0.4, (size, size), interpolation=mode)
        )
    return np.asarray(np.clip(base, 0, 255), dtype=np.uint8)


def _field(size: int, cells: int, rng: np.random.Generator) -> Floats:
    coarse = rng.normal(size=(cells + 1, cells + 1)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC), dtype=np.float32)


def composed(drawn: Image, background: Image, size: int) -> Image:
    """Scale (n, n, 4) drawn heads down and lay them over the background."""
    small = cv2.resize(drawn, (size, size), interpolation=cv2.INTER_AREA).astype(np.float32)
    alpha = small[..., 3:] / 255.0
    return np.asarray(np.clip(small[..., :3] + background * (1.0 - alpha), 0, 255), dtype=np.uint8)


HAND_SHARE = 0.04


def hand(image: Image, skin: npt.NDArray[np.float64], rng: np.random.Generator) -> None:
    """Sometimes lay fingers over a part of an (n, n, 3) picture: skin is sRGB 0..1, and the hand comes from below."""
    if rng.random() > HAND_SHARE:
        return
    size = image.shape[0]
    wide = size * rng.uniform(0.05, 0.08)
    root = np.array([rng.uniform(0.1, 0.9) * size, rng.uniform(0.95, 1.2) * size])
    tip = np.array([rng.uniform(0.35, 0.65), rng.uniform(0.45, 0.75)]) * size
    colour = np.clip(skin[::-1] * 255.0 * rng.uniform(0.55, 1.0), 0, 255)
    along = (tip - root) / np.linalg.norm(tip - root)
    across = np.array([-along[1], along[0]]) * wide
    for finger, short in enumerate((0.16, 0.03, 0.0, 0.08)):
        end = tip - along * short * size + across * (finger - 1.5)
        start = root + across * (finger - 1.5)
        for dark, thick in ((0.6, 1.0), (0.95, 0.8), (1.0, 0.45)):
            shades = tuple(float(value) * dark for value in colour)
            ends = (np.stack([start, end]) * 8.0).astype(np.int32)
            cv2.polylines(image, [ends], False, shades, max(1, round(wide * thick)), cv2.LINE_AA, 3)


def degraded(image: Image, size: int, rng: np.random.Generator, *, grey: bool) -> Image:
    """(n, n, 3) to (size, size, 3) with what a camera does: focus, motion, noise, compression, a far face enlarged."""
    if grey or rng.random() < 0.15:
        single = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        image = np.repeat(np.asarray(single, dtype=np.uint8)[..., None], 3, axis=2)
    if rng.random() < 0.4:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 1.2)), dtype=np.uint8)
    if rng.random() < 0.1:
        kernel = np.zeros((5, 5), np.float32)
        kernel[2, :] = 0.2
        image = np.asarray(cv2.filter2D(image, -1, kernel if rng.random() < 0.5 else kernel.T), dtype=np.uint8)
    noise = rng.normal(0, abs(rng.normal(0, 5.0)), (*image.shape[:2], 1 if grey else 3))
    image = np.asarray(np.clip(image + noise, 0, 255), dtype=np.uint8)
    if rng.random() < 0.5:
        encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(35, 95))])[1]
        image = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), dtype=np.uint8)
    if image.shape[0] != size:
        mode = cv2.INTER_CUBIC if rng.random() < 0.5 else cv2.INTER_LINEAR
        image = np.asarray(cv2.resize(image, (size, size), interpolation=mode), dtype=np.uint8)
    return image
