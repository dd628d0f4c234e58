"""Privacy masks, rotation and mirroring, prepared once and applied to every frame first of all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from npng_edge.settings import Camera, Point, Polygon
    from npng_edge.units import Image

Rotation = Literal[0, 90, 180, 270]
_TURNS: dict[tuple[int, bool], tuple[bool, int | None]] = {
    (0, False): (False, None),
    (0, True): (False, 1),
    (90, False): (True, 1),
    (90, True): (True, None),
    (180, False): (False, -1),
    (180, True): (False, 0),
    (270, False): (True, 0),
    (270, True): (True, -1),
}
"""Rotation clockwise, mirror -> transpose or not, then cv2's flip code: the fewest passes over the picture."""


class Orientation:
    """Turns raw pictures into those the daemon works on.

    The masks are drawn into the raw picture's own memory before it is turned, so no unmasked copy exists afterwards
    anywhere in the process.
    """

    def __init__(self, settings: Camera) -> None:
        self._transpose, self._flip = _TURNS[settings.rotation, settings.mirror]
        self._masks = [_to_raw(mask, settings.rotation, mirror=settings.mirror) for mask in settings.masks]
        self._size: tuple[int, int] | None = None
        self._polygons: list[npt.NDArray[np.int32]] = []

    def __call__(self, image: Image) -> Image:
        """Mask, rotate and mirror one picture.

        Args:
            image: (height, width, 3) uint8, writable; its masked areas are blackened in place.

        Returns:
            The upright picture; the same array when there is nothing to turn.
        """
        if self._masks:
            self._blacken(image)
        if self._transpose:
            image = cv2.transpose(image)  # type: ignore[assignment]
        if self._flip is not None:
            image = cv2.flip(image, self._flip)  # type: ignore[assignment]
        return image

    def _blacken(self, image: Image) -> None:
        height, width = image.shape[:2]
        if self._size != (width, height):
            self._size = (width, height)
            # fillPoly also fills the pixels its outline runs through, so a mask never covers less than was asked for.
            corners = np.array([width - 1, height - 1])
            self._polygons = [np.minimum(mask * (width, height), corners).astype(np.int32) for mask in self._masks]
        for polygon in self._polygons:  # one by one: in a single call overlapping polygons would cancel each other out
            cv2.fillPoly(image, [polygon], (0, 0, 0))


def _to_raw(mask: Polygon, rotation: Rotation, *, mirror: bool) -> npt.NDArray[np.float64]:
    """Fractions of the upright picture to fractions of the raw one."""

    def undo(point: Point) -> Point:
        x, y = (1.0 - point[0] if mirror else point[0]), point[1]
        return {0: (x, y), 90: (y, 1.0 - x), 180: (1.0 - x, 1.0 - y), 270: (1.0 - y, x)}[rotation]

    return np.array([undo(point) for point in mask])
