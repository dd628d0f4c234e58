"""How much moves, and where: optical flow on a tiny picture, summed up by regions around the patient's face.

The picture is shrunk to 64 pixels, so that nobody could be recognised in what is kept of it, and its local contrast is
made even, so that brighter is not faster. What the whole background does is the camera's own movement and is taken
away. Flow by dense inverse search: Kroeger, Timofte, Dai and Van Gool, "Fast Optical Flow using Dense Inverse Search",
ECCV 2016 (OpenCV's DISOpticalFlow).
"""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from npng_edge.units import MOTION_REGIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from npng_edge.units import Box, Face, Frame, Image

    Floats: TypeAlias = npt.NDArray[np.float32]

LONG_SIDE, SHORT_SIDE = 64, 16
"""Pixels of the longer side of the small picture, and of the shorter at the least."""
THIN = 4
"""Only every fourth pixel of every fourth row goes into the small picture: its averages need no more."""
STEP_S = 0.19
"""Pictures closer together than this are not compared: five times a second is often enough for what is kept, and
movement far below a pixel is measured badly."""
LONGEST_STEP_S = 1.0
"""Nor are pictures further apart: nobody knows what went on between them."""
EVEN_PX = 13, 13
"""Contrast is made even over a square of so many pixels."""
NOISE = 8.0
"""Grey levels of 255: contrast that a camera's noise makes, left as small as it is."""
GAIN = 40.0
"""Grey levels that one standard deviation of contrast is given in the picture made even."""
TEXTURE = 9.0
"""Gradient, grey levels per pixel in the picture made even, below which a pixel cannot show movement."""
LEAST_TEXTURE = 0.1
"""A region's mean is taken over this share of it at the least, however few of its pixels show movement."""
LEAST_BACKGROUND = 20
"""Pixels of each half that must show movement before the camera's own is taken away."""
STILL_PX = 0.1
"""Flow per step that is taken for noise, pixels."""
LIGHT_CHANGE = 1.25
"""Ratio of median brightness between two pictures from which the light was switched, and nothing is known."""
FACE_ASPECT = 1.16
"""Height over width of the box around an upright face's landmarks, measured on the bundled clips."""

HEAD = (0.9, 1.1)
"""Half width and half height of the head region, face widths from the middle of the face."""
TRUNK_HALF, SIDE_HALF = 1.2, 3.0
"""Half width of the trunk, and how far the sides reach, face widths."""
BELOW, ABOVE = 5.0, 1.5
"""How far trunk and sides reach towards the feet, and the sides beyond the head, face widths."""


class MotionMeter:
    """Measures movement from picture to picture of one camera. Not thread-safe."""

    def __init__(self) -> None:
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        # The preset stops at a quarter of the resolution, which is too coarse for a picture this small.
        self._flow.setFinestScale(0)
        self._small: Image | None = None
        self._level = 0.0
        self._time = -math.inf
        self._face: tuple[Box, float] | None = None
        self._labels: tuple[object, npt.NDArray[np.intp]] | None = None
        self._last: Mapping[str, float] | None = None

    def measure(self, frame: Frame, face: Face | None) -> Mapping[str, float] | None:
        """Compare a picture with the one before.

        Args:
            frame: The next picture of the same camera.
            face: The patient's face in it; None when it is not seen, then the last one places the regions.

        Returns:
            Per region of `MOTION_REGIONS` the mean speed of what can be seen to move, face widths per second (for a
            picture that comes too soon, the last figures again). None when no face was ever found, for the first
            picture, after a gap or a change of size, when the light was switched, and for a picture too small.
        """
        if face is not None:
            self._face = face.box, face.pose.roll
        if self._face is None or min(frame.image.shape[:2]) < SHORT_SIDE:
            return None
        passed = frame.time - self._time
        if 0.0 <= passed < STEP_S:
            return self._last
        grey, level = _shrink(frame.image)
        before, was = self._small, self._level
        self._small, self._level, self._time, self._last = grey, level, frame.time, None
        if before is None or before.shape != grey.shape or not 0.0 < passed <= LONGEST_STEP_S:
            return None
        if max(level, was) > LIGHT_CHANGE * min(level, was):
            return None
        box, roll = self._face
        scale = grey.shape[1] / frame.image.shape[1]
        labels = self._regions(box, roll, scale, grey.shape)
        flow = self._flow.calc(before, grey, np.zeros((*grey.shape, 2), np.float32))
        per_pixel = 1.0 / (passed * face_width(box) * scale)
        self._last = _by_region(np.asarray(flow, np.float32), _texture(before), labels, per_pixel)
        return self._last

    def _regions(self, box: Box, roll: float, scale: float, shape: tuple[int, ...]) -> npt.NDArray[np.intp]:
        """Region of each pixel; made again only when the face has moved by a pixel of the small picture."""
        key = tuple(round(value * scale) for value in (box.x, box.y, box.width, box.height)), round(roll / 5.0), shape
        if self._labels is None or self._labels[0] != key:
            self._labels = key, region_labels(box, roll, scale, shape)
        return self._labels[1]


def face_width(box: Box) -> float:
    """Width of a face in pixels from the box around it, whatever its roll."""
    return max(math.hypot(box.width, box.height) / math.hypot(1.0, FACE_ASPECT), 1.0)


def region_labels(box: Box, roll: float, scale: float, shape: tuple[int, ...]) -> npt.NDArray[np.intp]:
    """Which region of `MOTION_REGIONS` each pixel of the small picture belongs to.

    Args:
        box: Of the face, pixels of the full picture.
        roll: Of the head, degrees, positive clockwise.
        scale: Small pixels per full pixel.
        shape: (height, width) of the small picture.

    Returns:
        (height, width), index in `MOTION_REGIONS`.
    """
    head, trunk, left, right, around = range(len(MOTION_REGIONS))
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    width, turn = face_width(box), math.radians(roll)
    x = ((columns + 0.5) / scale - box.x - box.width / 2) / width
    y = ((rows + 0.5) / scale - box.y - box.height / 2) / width
    # In the head's own frame: `across` towards the person's own left, `down` towards the chin.
    across, down = math.cos(turn) * x + math.sin(turn) * y, math.cos(turn) * y - math.sin(turn) * x
    labels = np.full(across.shape, around, np.intp)
    beside = (np.abs(across) <= SIDE_HALF) & (down >= -ABOVE) & (down <= BELOW)
    labels[beside & (across > 0)] = left
    labels[beside & (across <= 0)] = right
    labels[(np.abs(across) <= TRUNK_HALF) & (down > 0) & (down <= BELOW)] = trunk
    labels[(np.abs(across) <= HEAD[0]) & (np.abs(down) <= HEAD[1])] = head
    return labels


def _shrink(image: Image) -> tuple[Image, float]:
    """The small picture with even contrast, and its median brightness plus one."""
    thin = np.ascontiguousarray(image[THIN // 2 :: THIN, THIN // 2 :: THIN, 1])
    scale = LONG_SIDE / max(thin.shape)
    size = max(round(thin.shape[1] * scale), SHORT_SIDE), max(round(thin.shape[0] * scale), SHORT_SIDE)
    small = np.asarray(cv2.resize(thin, size, interpolation=cv2.INTER_AREA), np.float32)
    detail = small - cv2.blur(small, EVEN_PX)
    contrast = cv2.sqrt(cv2.blur(detail * detail, EVEN_PX))
    even = detail / (contrast + NOISE) * GAIN + 128.0
    return np.clip(even, 0.0, 255.0).astype(np.uint8), _middle(small[::2, ::2]) + 1.0


def _texture(grey: Image) -> npt.NDArray[np.bool_]:
    """(height, width): where the picture has an edge that can be followed."""
    across, down = cv2.spatialGradient(grey)
    # Sobel's kernel sums up to eight times the gradient.
    return np.maximum(np.abs(across), np.abs(down)) >= 8.0 * TEXTURE


def _by_region(
    flow: Floats, texture: npt.NDArray[np.bool_], labels: npt.NDArray[np.intp], unit: float
) -> Mapping[str, float]:
    """Mean speed per region, of what can be seen to move, without what the background does as a whole."""
    count = len(MOTION_REGIONS)
    background = texture & (labels != 0)
    across, down = (flow[..., axis] - _common(flow[..., axis], background) for axis in (0, 1))
    speed = np.hypot(across, down)
    speed *= texture & (speed > STILL_PX)
    moved = np.bincount(labels.ravel(), speed.ravel(), count)
    shown = np.bincount(labels.ravel(), texture.ravel(), count)
    area = np.bincount(labels.ravel(), minlength=count)
    means = moved / np.maximum(np.maximum(shown, LEAST_TEXTURE * area), 1.0) * unit
    return MappingProxyType(dict(zip(MOTION_REGIONS, means.tolist(), strict=True)))


def _common(flow: Floats, background: npt.NDArray[np.bool_]) -> float:
    """What the left and the right half of the background do alike: the camera moves both, a person only one."""
    half = flow.shape[1] // 2
    sides = [flow[:, columns][background[:, columns]] for columns in (slice(half), slice(half, None))]
    if min(side.size for side in sides) < LEAST_BACKGROUND:
        return 0.0
    one, other = sorted((_middle(side) for side in sides), key=abs)
    return one if one * other > 0.0 else 0.0


def _middle(values: Floats) -> float:
    """Median, for an even number the upper one; several times as quick as `np.median` on so few values."""
    return float(np.partition(values, values.size // 2, axis=None)[values.size // 2])
