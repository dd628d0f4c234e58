"""Finding faces anywhere in a picture and at any roll angle: a patient lies.

Every detector only knows upright faces in a square. Here the picture is looked at through turned squares: first the
whole, then parts of it for small faces, until one shows a face; then each face is looked at once more, from near and
turned upright, which confirms it and places it better.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, cast

import cv2

from npng_edge.infer.detection import Detection, Keypoints, Point
from npng_edge.infer.mesh import Region
from npng_edge.infer.people import overlap
from npng_edge.units import Box

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import numpy as np
    import numpy.typing as npt

    from npng_edge.infer.detection import Detector
    from npng_edge.units import Image

PART_STEP = 0.65
"""Step between the parts of a picture, in part sizes; what is left overlaps, so that no face is cut by all."""
NEAR = 2.5
"""Side of the near look, in face sizes."""
SAME_FACE = 0.3
"""Intersection over union from which two finds are one face."""
KNOWN_FACE = 0.4
"""Part of the smaller of two boxes, a find's and a known face's, from which they are one face: their margins differ."""


def acquire(
    detector: Detector,
    image: Image,
    rolls: Sequence[float] | None = None,
    last_roll: float | None = None,
    known: Sequence[Box] = (),
) -> list[Detection]:
    """Find the faces of the first roll angle that shows any.

    Args:
        detector: Looks at the squares.
        image: (height, width, 3) uint8 BGR, of any size.
        rolls: Roll angles to try, degrees clockwise; by default those that the detector needs. One or two per picture
            spread the work over several pictures.
        last_roll: Of the face when it was lost, tried first.
        known: Faces in view that need not be found, image pixels. While there is one, only faces that are large in the
            picture are looked for besides.

    Returns:
        The faces, the surest first, in pixels of the image, without the known ones; empty when no angle shows one.
    """
    order = detector.rolls if rolls is None else rolls
    if last_roll is not None:
        order = (last_roll, *order)
    picture = _Pyramid(image, detector)
    for roll in order:
        found = picture.faces(roll, known)
        if found:
            return found
    return []


def look(detector: Detector, image: Image, roll: float = 0.0) -> list[Detection]:
    """Find all faces that are rolled by about `roll` degrees; see `acquire`."""
    return acquire(detector, image, (roll,))


class _Pyramid:
    """One picture, shrunk by halves as far as the views need it, and looked at through them."""

    def __init__(self, image: Image, detector: Detector) -> None:
        self._detector = detector
        self._levels = [image]

    def faces(self, roll: float, known: Sequence[Box]) -> list[Detection]:
        """All confirmed faces of about one roll angle, the surest first; small ones only where no larger one is."""
        height, width = self._levels[0].shape[:2]
        for views in _views(width, height, roll, self._detector.parts):
            found = _distinct(face for view in views for face in self._find(view))
            found = [face for face in found if all(overlap(face.box, box) <= KNOWN_FACE for box in known)]
            if self._detector.second_look:
                found = _distinct(face for first in found for face in self._again(first))
            if found or known:
                return found
        return []

    def _again(self, first: Detection) -> list[Detection]:
        """The same face from near and upright, where the detector still sees it there.

        The detectors take some faces that stand on their head for upright ones, so both ways round are looked at.
        """
        box = first.box
        x, y, size = box.x + box.width / 2, box.y + box.height / 2, NEAR * max(box.width, box.height)
        views = (Region(x, y, size, first.roll_degrees + turn) for turn in (0.0, 180.0))
        return _distinct(face for view in views for face in self._find(view) if _overlap(face.box, box) > SAME_FACE)

    def _find(self, view: Region) -> Iterator[Detection]:
        side = self._detector.side
        to_image = view.to_image(side)
        level = max(0, math.floor(math.log2(max(1.0, view.size / side))))
        while len(self._levels) <= level:
            last = self._levels[-1]
            half = (max(last.shape[1] // 2, 1), max(last.shape[0] // 2, 1))
            self._levels.append(cast("Image", cv2.resize(last, half, interpolation=cv2.INTER_AREA)))
        shrunk = self._levels[level]
        scale = shrunk.shape[1] / self._levels[0].shape[1]
        # Pixel centres, not corners, carry whole numbers: half a pixel is shifted when the scale changes.
        to_shrunk = to_image * scale
        to_shrunk[:, 2] += (scale - 1) / 2
        square = cv2.warpAffine(shrunk, to_shrunk, (side, side), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
        for face in self._detector.find(cast("Image", square)):
            yield _mapped(face, to_image, view)


def _views(width: int, height: int, roll: float, parts: Sequence[float]) -> Iterator[list[Region]]:
    """The whole picture and its large parts; then its smaller parts, and so on."""
    angle = math.radians(roll)
    cos, sin = abs(math.cos(angle)), abs(math.sin(angle))
    whole = Region((width - 1) / 2, (height - 1) / 2, max(width * cos + height * sin, width * sin + height * cos), roll)
    grids = []
    for part in parts:
        size = part * min(width, height)
        middles = itertools.product(_middles(width, size), _middles(height, size))
        grids.append([Region(x, y, size * (cos + sin), roll) for x, y in middles])
    yield [whole, *(grids[0] if grids and len(grids[0]) > 1 else [])]
    yield from grids[1:]


def _middles(length: int, size: float) -> list[float]:
    """Middles of the parts along one side of the picture."""
    steps = math.ceil((length - size) / (PART_STEP * size))
    return [(size - 1) / 2 + (length - size) * step / max(steps, 1) for step in range(steps + 1)]


def _mapped(face: Detection, to_image: npt.NDArray[np.float64], view: Region) -> Detection:
    """A find in a drawing of a view, in pixels of the picture."""

    def place(point: Point) -> Point:
        x, y = to_image @ (point.x, point.y, 1.0)
        return Point(float(x), float(y))

    scale = math.hypot(to_image[0, 0], to_image[1, 0])
    roll = (face.roll_degrees + view.roll + 180) % 360 - 180
    middle = place(Point(face.box.x + face.box.width / 2, face.box.y + face.box.height / 2))
    # The sides change places by a quarter turn, and gradually between.
    share = math.sin(math.radians(view.roll)) ** 2
    width = scale * (face.box.width * (1 - share) + face.box.height * share)
    height = scale * (face.box.height * (1 - share) + face.box.width * share)
    eyes_nose_mouth, ears = face.keypoints[:4], face.keypoints[4:]
    keypoints = Keypoints(*map(place, eyes_nose_mouth), *(ear and place(ear) for ear in ears))
    return Detection(Box(middle.x - width / 2, middle.y - height / 2, width, height), face.score, keypoints, roll)


def _distinct(faces: Iterable[Detection]) -> list[Detection]:
    """Every face once, the surest find of it, the surest face first."""
    kept: list[Detection] = []
    for face in sorted(faces, key=lambda face: -face.score):
        if all(_overlap(face.box, other.box) <= SAME_FACE for other in kept):
            kept.append(face)
    return kept


def _overlap(one: Box, other: Box) -> float:
    """Intersection over union, 0..1."""
    width = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
    height = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
    common = max(width, 0.0) * max(height, 0.0)
    return common / (one.width * one.height + other.width * other.height - common)
