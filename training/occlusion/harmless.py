"""Things on a face that do not cover it: shadows, glasses, hair, beards. And what a camera does to it all."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np

from training.occlusion.covers import JAW
from training.occlusion.scene import Scene, noise, pixel

if TYPE_CHECKING:
    from collections.abc import Callable

    from npng_edge.units import Image
    from training.occlusion.scene import Floats

EYES = ((33, 133, 159, 145), (263, 362, 386, 374))
LIPS = (61, 40, 37, 0, 267, 270, 291, 321, 314, 17, 84, 91)
BEARD = (*JAW[1:-1], 426, 2, 206)


def leave_bare(rng: np.random.Generator, scene: Scene, kind: str) -> Scene:
    """Paint one of `HARMLESS` on a face."""
    return Scene(np.clip(HARMLESS[kind](rng, scene), 0, 255), scene.points)


def _shadow(rng: np.random.Generator, scene: Scene) -> Floats:
    """An edge between light and shade across the face, sharp or soft."""
    height, width = scene.size
    y, x = np.mgrid[:height, :width].astype(np.float32)
    angle, middle = rng.uniform(0, 2 * math.pi), scene.points[4] + rng.normal(0, 0.3 * scene.width, 2)
    into = (x - middle[0]) * math.cos(angle) + (y - middle[1]) * math.sin(angle)
    into = np.clip(into / (rng.uniform(0.02, 0.5) * scene.width), -20, 20)
    darker = rng.uniform(0.1, 0.65) / (1.0 + np.exp(-into))
    return np.asarray(scene.picture * (1.0 - darker[..., np.newaxis]), np.float32)


def _glasses(rng: np.random.Generator, scene: Scene) -> Floats:
    picture, width = scene.picture.copy(), scene.width
    colour, thick = [float(rng.uniform(10, 90))] * 3, max(1, int(rng.uniform(0.008, 0.03) * width))
    x, y = scene.points[263] - scene.points[33]
    axes = pixel(np.array([0.18 * rng.uniform(0.85, 1.1), 0.13 * rng.uniform(0.7, 1.1)]) * width)
    for eye in EYES:
        middle = pixel(scene.points[list(eye)].mean(axis=0) + np.array([0.0, 0.02 * width]))
        cv2.ellipse(picture, middle, axes, math.degrees(math.atan2(y, x)), 0, 360, colour, thick, cv2.LINE_AA)
    bridge, half = scene.points[168], np.array([0.06 * width, 0.0])
    cv2.line(picture, pixel(bridge - half), pixel(bridge + half), colour, thick, cv2.LINE_AA)
    return np.asarray(picture, np.float32)


def _hair(rng: np.random.Generator, scene: Scene) -> Floats:
    """A few strands over the forehead or a temple."""
    picture, width = scene.picture.copy(), scene.width
    root = scene.points[rng.choice([151, 10, 109, 338, 54, 284])] - [0.0, 0.2 * width]
    for _ in range(int(rng.integers(3, 25))):
        start = root + rng.normal(0, 0.15 * width, 2)
        end = start + np.array([rng.normal(0, 0.2), rng.uniform(0.1, 0.35)]) * width
        cv2.line(picture, pixel(start), pixel(end), [float(rng.uniform(10, 80))] * 3, 1, cv2.LINE_AA)
    return np.asarray(picture, np.float32)


def _beard(rng: np.random.Generator, scene: Scene) -> Floats:
    """Stubble to a full beard around bare lips."""
    chin, lips = (scene.polygon(points).astype(np.float32) for points in (BEARD, LIPS))
    bare = 1.0 - cv2.GaussianBlur(lips, (0, 0), 1.0)
    beard = cv2.GaussianBlur(chin, (0, 0), 0.03 * scene.width) * bare * float(rng.uniform(0.2, 0.85))
    hairs = noise(rng, scene.size, 0, 2) * 40.0 + rng.uniform(15, 120)
    painted = scene.picture * (1.0 - beard[..., np.newaxis]) + (beard * hairs)[..., np.newaxis]
    return np.asarray(painted, np.float32)


HARMLESS: dict[str, Callable[[np.random.Generator, Scene], Floats]] = {
    "shadow": _shadow,
    "glasses": _glasses,
    "hair": _hair,
    "beard": _beard,
}
"""How each kind is painted."""


def photographed(rng: np.random.Generator, scene: Scene) -> Image:
    """The scene as a camera gives it: exposure, contrast, blur, compression, noise."""
    height, width = scene.size
    light = (scene.picture / 255.0) ** rng.uniform(0.6, 1.6)
    light = np.clip((light - 0.5) * rng.uniform(0.5, 1.2) + 0.5 + rng.uniform(-0.15, 0.15), 0, 1).astype(np.float32)
    if rng.random() < 0.5:
        share = rng.uniform(0.25, 0.9)
        small = cv2.resize(light, (int(width * share), int(height * share)), interpolation=cv2.INTER_AREA)
        light = np.asarray(cv2.resize(small, (width, height)), np.float32)
    image = (light * 255.0).astype(np.uint8)
    if rng.random() < 0.5:
        coded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 90))])[1]
        image = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)
    noisy = image + rng.normal(0, rng.uniform(0, 6), image.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)
