"""What every face detector gives, whichever net it uses."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from npng_edge.units import Box, Image

Floats: TypeAlias = npt.NDArray[np.float32]


QUARTER_TURNS = (0.0, 90.0, 270.0, 180.0)
EIGHTH_TURNS = (*QUARTER_TURNS, 45.0, 315.0, 135.0, 225.0)
"""Roll angles to try, for detectors that see a face rolled by up to 45 degrees, and by up to about 25."""


class Point(NamedTuple):
    """A place in a picture, pixels; x to the right, y down."""

    x: float
    y: float


class Keypoints(NamedTuple):
    """Where parts of the face are; right and left are the person's own. What a detector does not place is None."""

    right_eye: Point
    left_eye: Point
    nose: Point
    mouth: Point
    """Its middle."""
    right_ear: Point | None = None
    left_ear: Point | None = None

    @property
    def roll(self) -> float:
        """Of the head in degrees, -180..180, positive when it is rotated clockwise in the picture.

        The line between the eyes and the line from between the eyes to the mouth vote with their lengths, so that
        the one that a turned or nodding head foreshortens counts less.
        """
        across_x, across_y = self.left_eye.x - self.right_eye.x, self.left_eye.y - self.right_eye.y
        down_x = self.mouth.x - (self.left_eye.x + self.right_eye.x) / 2
        down_y = self.mouth.y - (self.left_eye.y + self.right_eye.y) / 2
        return math.degrees(math.atan2(across_y - down_x, across_x + down_y))


@dataclass(frozen=True, slots=True)
class Detection:
    """One face found."""

    box: Box
    """From the brows to the chin and as wide as the face, pixels. Its sides follow the picture's, but their lengths
    are those of the face seen upright: a box of a rolled face does not grow with the roll."""
    score: float
    """The net's belief, 0..1; comparable only within one detector."""
    keypoints: Keypoints
    roll_degrees: float
    """Of the head, -180..180, positive when it is rotated clockwise in the picture."""


class Detector(Protocol):
    """Finds faces that stand more or less upright in a square picture."""

    @property
    def side(self) -> int:
        """Width and height of the square it looks at, pixels."""

    @property
    def parts(self) -> tuple[float, ...]:
        """Sizes of the parts of a picture to look at for small faces, in its shorter sides, the largest first."""

    @property
    def second_look(self) -> bool:
        """Whether its beliefs tell, from near, a face from what is none and which way round it stands."""

    @property
    def rolls(self) -> tuple[float, ...]:
        """Roll angles to try so that a face is found at any, degrees clockwise, how patients lie most often first."""

    def find(self, square: Image) -> list[Detection]:
        """Find the faces in one square.

        Args:
            square: (side, side, 3) uint8 BGR.

        Returns:
            Every face once, the surest first, in pixels of the square.
        """


def overlap(boxes: Floats, one: Floats, *, over_smaller: bool = False) -> Floats:
    """Intersection over union of boxes with one box, or over the smaller of the two.

    Args:
        boxes: (n, 4) left, top, right, bottom.
        one: (4,) likewise.
        over_smaller: Divide by the smaller area instead of the union: 1 where one box lies in the other.

    Returns:
        (n,) 0..1.
    """
    sides = np.minimum(boxes[:, 2:], one[2:]) - np.maximum(boxes[:, :2], one[:2])
    common = np.prod(np.maximum(sides, 0.0), axis=1)
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    area = np.prod(one[2:] - one[:2])
    whole = np.minimum(areas, area) if over_smaller else areas + area - common
    share: Floats = common / np.maximum(whole, np.float32(1e-9))
    return share
