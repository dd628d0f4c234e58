"""A face to paint on, and what surfaces are made of."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from npng_edge.infer.mesh import Landmarks
    from npng_edge.units import Image

Floats: TypeAlias = npt.NDArray[np.float32]
Bytes: TypeAlias = npt.NDArray[np.uint8]
Vector: TypeAlias = npt.NDArray[np.float64]

CHEEKS = (50, 280, 151, 205, 425)
"""Mesh points of plain skin."""


@dataclass(frozen=True, eq=False)
class Scene:
    """One face and where its points are."""

    picture: Floats
    """(height, width, 3) BGR, 0..255."""
    points: Vector
    """(468, 2) mesh points, pixels."""

    @classmethod
    def of(cls, image: Image, landmarks: Landmarks) -> Scene:
        """From a picture and its mesh in image pixels."""
        return cls(image.astype(np.float32), landmarks[:, :2].astype(np.float64))

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the picture."""
        return self.picture.shape[0], self.picture.shape[1]

    @property
    def width(self) -> float:
        """Of the face, ear to ear, pixels."""
        return math.dist(self.points[234], self.points[454]) + 1.0

    @property
    def skin(self) -> Vector:
        """Its colour, (3,) BGR."""
        height, width = self.size
        at = np.clip(self.points[list(CHEEKS)], 0, [width - 1, height - 1]).astype(int)
        return np.asarray(np.median(self.picture[at[:, 1], at[:, 0]], axis=0), np.float64)

    def blank(self) -> Bytes:
        """(height, width) zeros."""
        return np.zeros(self.size, np.uint8)

    def polygon(self, corners: Vector | Sequence[int]) -> Bytes:
        """(height, width), 1 inside.

        Args:
            corners: (n, 2) pixels, or numbers of mesh points.
        """
        shape = self.blank()
        pixels = corners if isinstance(corners, np.ndarray) else self.points[list(corners)]
        cv2.fillPoly(shape, [np.round(pixels).astype(np.int32)], (1,))
        return shape


def pixel(point: Vector) -> tuple[int, int]:
    """A point as OpenCV wants it."""
    return round(float(point[0])), round(float(point[1]))


def noise(rng: np.random.Generator, size: tuple[int, int], finest: float, coarsest: float) -> Floats:
    """(height, width) smooth noise, spread about 0.4; cells of 2 ** finest to 2 ** coarsest pixels."""
    height, width = size
    total = np.zeros(size, np.float32)
    for _ in range(3):
        cell = int(2 ** rng.uniform(finest, coarsest))
        coarse = rng.normal(0, 1, (max(2, height // cell), max(2, width // cell))).astype(np.float32)
        total += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC) * rng.uniform(0.2, 1.0) / 3.0
    return total


def surface(rng: np.random.Generator, size: tuple[int, int], colour: Vector, *, woven: bool = False) -> Floats:
    """(height, width, 3) of something lit from a side; woven things have folds and stripes."""
    height, width = size
    y, x = np.mgrid[:height, :width].astype(np.float32)
    angle = rng.uniform(0, 2 * math.pi)
    light = noise(rng, size, 3, 6) * rng.uniform(3, 30)
    slope = ((x - width / 2) * math.cos(angle) + (y - height / 2) * math.sin(angle)) / width
    light += slope * rng.uniform(0, 120)
    for _ in range(int(rng.integers(0, 4)) if woven else 0):
        angle, wave = rng.uniform(0, math.pi), rng.uniform(4, 60)
        along = x * math.cos(angle) + y * math.sin(angle) + 8 * noise(rng, size, 4, 6)
        light += np.sin(along * (2 * math.pi / wave) + rng.uniform(0, 6)) * rng.uniform(2, 25)
    light += rng.normal(0, rng.uniform(0, 5), size).astype(np.float32)
    return np.asarray(colour.astype(np.float32) + light[..., np.newaxis], np.float32)


def any_colour(rng: np.random.Generator) -> Vector:
    """A dull colour of any brightness, (3,) BGR."""
    return rng.uniform(20, 240) + rng.normal(0, 22, 3)
