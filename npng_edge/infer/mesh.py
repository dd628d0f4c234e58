"""The face mesh: 468 points on a face, found in a rotated square cut from the picture.

The net is MediaPipe's face mesh (Kartynnik et al., 2019, arXiv:1907.06724). Because the square turns with the head it
works at any roll angle. The square for the next frame follows from the landmarks of this one, by MediaPipe's rule:
box of the landmarks, turned by the line through the outer eye corners, enlarged 1.5 times.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from npng_edge.units import Box

if TYPE_CHECKING:
    import numpy.typing as npt

    from npng_edge.infer.runtime import Model
    from npng_edge.units import Image

    Landmarks = npt.NDArray[np.float32]
    """(468, 3) in image pixels; z in the same scale, growing away from the camera."""

POINTS = 468
SIDE = 192
"""Pixels of the net's square input."""
MARGIN = 1.5
"""Square over the longest side of the landmarks' box."""
OUTLINE = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
"""Mesh points around the face, clockwise in an upright image from the middle of the forehead."""
RIGHT_EYE_OUTER, LEFT_EYE_OUTER, NOSE_TIP = 33, 263, 4

_EYES_AND_EXTREMES = np.array([RIGHT_EYE_OUTER, LEFT_EYE_OUTER, *OUTLINE, NOSE_TIP])
"""From the third on, no other point reaches beyond these, the nose only in profile: 37 points cost less than 468."""


@dataclass(frozen=True, slots=True)
class Region:
    """A square of the picture that holds a face, turned so that the face is upright in it."""

    x: float
    """Centre, image pixels."""
    y: float
    size: float
    """Side, image pixels."""
    roll: float
    """Degrees, positive when the head is rotated clockwise in the image."""

    @classmethod
    def around(cls, box: Box, roll: float) -> Region:
        """The region to look for the mesh in, from a detector's box.

        Args:
            box: Of the face, in image pixels.
            roll: Of the head, degrees clockwise.
        """
        return cls(box.x + box.width / 2, box.y + box.height / 2, MARGIN * max(box.width, box.height), roll)

    @classmethod
    def of(cls, landmarks: Landmarks) -> Region:
        """The region in which to look for the same face in the next frame."""
        return _extent(landmarks)[1]

    def to_image(self, side: int) -> npt.NDArray[np.float64]:
        """The (2, 3) affine map from the pixels of a `side` x `side` drawing of this region to the image's."""
        scale, angle, middle = self.size / side, math.radians(self.roll), (side - 1) / 2
        cos, sin = math.cos(angle) * scale, math.sin(angle) * scale
        return np.array(
            [[cos, -sin, self.x - (cos - sin) * middle], [sin, cos, self.y - (sin + cos) * middle]], np.float64
        )


@dataclass(frozen=True, slots=True)
class Fit:
    """What the net found in one region."""

    landmarks: Landmarks
    presence: float
    """The net's belief that the region holds a face, 0..1."""
    drawn: Image
    """The region as the net saw it: (192, 192, 3) BGR, upright. Overwritten by the next fit."""
    in_drawn: Landmarks
    """The landmarks in the pixels of `drawn`."""
    region: Region
    """Where the net looked."""
    box: Box
    """The upright rectangle around the landmarks, image pixels."""
    following: Region
    """Where to look for the same face in the next frame."""


class FaceMesh:
    """Finds the mesh of one face in a region."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._first_is_mesh = math.prod(size for size in model.outputs[0].shape if isinstance(size, int)) > 1
        # Reused by every fit: fresh memory for each frame costs more than what is done in it.
        self._drawn: Image = np.empty((SIDE, SIDE, 3), np.uint8)
        self._rgb = np.empty_like(self._drawn)
        self._input = np.empty((1, SIDE, SIDE, 3), np.float32)
        self._scale = np.float32(1.0 / 255.0)

    def fit(self, image: Image, region: Region) -> Fit:
        """Run the net once.

        Args:
            image: (height, width, 3) uint8 BGR.
            region: Where the face is; it may reach outside the image.

        Raises:
            ValueError: When the net returns values that are not numbers.
        """
        to_image = region.to_image(SIDE)
        cv2.warpAffine(
            image,
            to_image,
            (SIDE, SIDE),
            dst=self._drawn,
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        cv2.cvtColor(self._drawn, cv2.COLOR_BGR2RGB, dst=self._rgb)
        np.multiply(self._rgb, self._scale, out=self._input[0])
        first, second = self._model(self._input)
        mesh, logit = (first, second) if self._first_is_mesh else (second, first)
        in_drawn = mesh.reshape(POINTS, 3)
        belief = float(logit.item())
        if not math.isfinite(belief + float(in_drawn.sum())):
            raise ValueError("the face mesh returned values that are not numbers")
        # One matrix turns and scales all points: x and y by the map above, z by its scale alone.
        (a, b, x), (c, d, y) = to_image.tolist()
        landmarks = in_drawn @ np.array([[a, c, 0.0], [b, d, 0.0], [0.0, 0.0, region.size / SIDE]], np.float32)
        landmarks += np.array([x, y, 0.0], np.float32)
        presence = 1.0 / (1.0 + math.exp(-min(max(belief, -50.0), 50.0)))
        return Fit(landmarks, presence, self._drawn, in_drawn, region, *_extent(landmarks))


def bounds(landmarks: Landmarks) -> Box:
    """The upright rectangle around a mesh, image pixels."""
    return _extent(landmarks)[0]


def _extent(landmarks: Landmarks) -> tuple[Box, Region]:
    """What `Fit.box` and `Fit.following` hold, in one pass over the points."""
    points = landmarks.take(_EYES_AND_EXTREMES, axis=0)[:, :2]
    (right_x, right_y), (left_x, left_y) = points[:2].tolist()
    length = math.hypot(left_x - right_x, left_y - right_y) or 1.0
    cos, sin = (left_x - right_x) / length, (left_y - right_y) / length
    # Columns: x and y as they are, and turned back by the head's roll.
    both = points[2:] @ np.array([[1.0, 0.0, cos, -sin], [0.0, 1.0, sin, cos]], np.float32)
    left, top, turned_left, turned_top = both.min(axis=0).tolist()
    right, bottom, turned_right, turned_bottom = both.max(axis=0).tolist()
    x, y = (turned_left + turned_right) / 2, (turned_top + turned_bottom) / 2
    size = MARGIN * max(turned_right - turned_left, turned_bottom - turned_top)
    roll = math.degrees(math.atan2(sin, cos))
    return Box(left, top, right - left, bottom - top), Region(cos * x - sin * y, sin * x + cos * y, size, roll)
