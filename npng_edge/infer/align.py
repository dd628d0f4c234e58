"""Where a face looks, and the same face drawn upright, centred and at one size.

Twelve mesh points that expressions hardly move are fitted to their places on a mean face (in three dimensions).
The fit gives position, size and rotation at once; unlike the distance between the eyes it does not shrink when the
head turns.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    Floats: TypeAlias = npt.NDArray[np.float32]
    Bytes: TypeAlias = npt.NDArray[np.uint8]

CROP = 112
"""Side of the aligned crop, pixels."""
PIXELS_PER_UNIT = 60.0
"""Crop pixels per unit of the mean face; a unit is the distance between the outer eye corners."""
CENTRE_IN_CROP = (56.0, 34.0)
"""Where the middle between the eyes lies in the crop: brows fold above it, the jaw drops below."""

RIGID = (33, 133, 362, 263, 127, 356, 234, 454, 168, 6, 197, 195)
"""Mesh points on eye corners, temples, cheek edges and nose bridge."""
_RIGID_ROWS = np.array(RIGID)
_MEAN_FACE = np.array(
    # Mesh points on 24 neutral faces drawn from the ICT face model, made symmetric; x to the image's right, y down,
    # z away from the camera, origin between the outer eye corners.
    [
        [-0.500, 0.000, 0.000], [-0.197, 0.009, -0.055], [0.197, 0.009, -0.055], [0.500, 0.000, 0.000],
        [-0.792, 0.048, 0.562], [0.792, 0.048, 0.562], [-0.781, 0.211, 0.625], [0.781, 0.211, 0.625],
        [0.000, -0.040, -0.253], [0.000, 0.034, -0.296], [0.000, 0.111, -0.345], [0.000, 0.185, -0.401],
    ],
    dtype=np.float64,
)  # fmt: skip
_MIDDLE: npt.NDArray[np.float64] = _MEAN_FACE.mean(axis=0)
_SPREAD: npt.NDArray[np.float64] = _MEAN_FACE - _MIDDLE
_TO_AXES_AND_MIDDLE: npt.NDArray[np.float64] = np.column_stack(
    # The first three columns sum to zero each, so that points need no centring before.
    [_SPREAD @ np.linalg.inv(_SPREAD.T @ _SPREAD), np.full(len(RIGID), 1 / len(RIGID))]
)


@dataclass(frozen=True, slots=True)
class Placement:
    """How the mean face lies in the picture: `pixels = size * rotation @ face + origin`."""

    size: float
    """Pixels per unit, that is between the outer eye corners of the head seen straight on."""
    rotation: npt.NDArray[np.float64]
    """(3, 3), face to camera."""
    origin: npt.NDArray[np.float64]
    """(3,) pixels, the middle between the outer eye corners."""

    @property
    def roll(self) -> float:
        """In-plane rotation in radians, positive clockwise in the image."""
        return math.atan2(self.rotation[1, 0], self.rotation[0, 0])


def place(landmarks: Floats) -> Placement:
    """Fit the mean face to a mesh.

    Args:
        landmarks: (468, 3) in image pixels, z in the same scale, growing away from the camera.

    Raises:
        ValueError: When the points are not finite or all lie in one place.
    """
    # Columns: where the face's own x, y and z axes point in the picture, by least squares, and the points' middle. The
    # axes are made a rotation from x and z, which the twelve points span widely; y follows.
    points = landmarks.take(_RIGID_ROWS, axis=0).astype(np.float64)
    x_axis, _, z_axis, middle = (_TO_AXES_AND_MIDDLE.T @ points).tolist()
    size = math.hypot(*x_axis)
    if not 0.0 < size < math.inf:
        raise ValueError("the mesh's points are not numbers or lie all in one place; no face can be placed by them")
    x0, x1, x2 = (c / size for c in x_axis)
    along = x0 * z_axis[0] + x1 * z_axis[1] + x2 * z_axis[2]
    z0, z1, z2 = z_axis[0] - along * x0, z_axis[1] - along * x1, z_axis[2] - along * x2
    depth = math.hypot(z0, z1, z2)
    if not depth > 0.0:
        raise ValueError("the mesh is flat; no face can be placed by it")
    z0, z1, z2 = z0 / depth, z1 / depth, z2 / depth
    rotation = np.array([[x0, z1 * x2 - z2 * x1, z0], [x1, z2 * x0 - z0 * x2, z1], [x2, z0 * x1 - z1 * x0, z2]])
    return Placement(size, rotation, np.array(middle) - size * (rotation @ _MIDDLE))


def align(image: Bytes, landmarks: Floats, placement: Placement | None = None) -> Bytes:
    """Draw the face upright, centred and at one size; the picture's edge is repeated outside of it.

    Args:
        image: (height, width, 3) BGR or (height, width) grey, uint8.
        landmarks: (468, 3) in image pixels.
        placement: of these landmarks, if it is known already.

    Returns:
        (112, 112) uint8 grey.

    Raises:
        ValueError: When no face can be placed by the landmarks.
    """
    at = place(landmarks) if placement is None else placement
    # Only the part of the picture that the crop can reach is touched; a large face is first averaged down, because
    # a single bilinear step would skip most of its pixels.
    cos, sin = math.cos(at.roll), math.sin(at.roll)
    step = at.size / PIXELS_PER_UNIT
    dx, dy = (CROP / 2 - c for c in CENTRE_IN_CROP)
    x, y = at.origin[0] + (cos * dx - sin * dy) * step, at.origin[1] + (sin * dx + cos * dy) * step
    reach = CROP * step * 0.5 * (abs(cos) + abs(sin)) + 2.0
    height, width = image.shape[:2]
    left, right = (min(max(int(v), 0), width) for v in (x - reach, x + reach + 1))
    top, bottom = (min(max(int(v), 0), height) for v in (y - reach, y + reach + 1))
    if left >= right or top >= bottom:
        return np.zeros((CROP, CROP), np.uint8)
    part = image[top:bottom, left:right]
    grey = cv2.cvtColor(part, cv2.COLOR_BGR2GRAY) if part.ndim == 3 else part
    if (shrink := round(step)) > 1:
        size = (max(grey.shape[1] // shrink, 1), max(grey.shape[0] // shrink, 1))
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    fx, fy = grey.shape[1] / part.shape[1], grey.shape[0] / part.shape[0]
    # Pixel centres are whole numbers for OpenCV, hence the halves.
    cx, cy = CENTRE_IN_CROP
    ox, oy = at.origin[0] - cos * step * cx + sin * step * cy, at.origin[1] - sin * step * cx - cos * step * cy
    crop_to_part = np.array(
        [
            [cos * step * fx, -sin * step * fx, (ox - left + 0.5) * fx - 0.5],
            [sin * step * fy, cos * step * fy, (oy - top + 0.5) * fy - 0.5],
        ]
    )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    drawn = cv2.warpAffine(grey, crop_to_part, (CROP, CROP), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(drawn, np.uint8)


def normalise_landmarks(landmarks: Floats, placement: Placement | None = None) -> Floats:
    """Take position, size and head pose out of a mesh, so that what is left is the face and its expression.

    Args:
        landmarks: (468, 3) in image pixels.
        placement: of these landmarks, if it is known already.

    Returns:
        (468, 3) in units of the mean face: x to the image's right, y down, z away from the camera, origin between
        the outer eye corners.

    Raises:
        ValueError: When no face can be placed by the landmarks.
    """
    at = place(landmarks) if placement is None else placement
    return (landmarks - at.origin.astype(np.float32)) @ (at.rotation / at.size).astype(np.float32)
