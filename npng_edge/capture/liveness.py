"""Whether a source that is open still shows the world: pure, time passed in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from npng_edge.units import CameraFault

if TYPE_CHECKING:
    from npng_edge.units import Image

BLACK_MEAN = 6.0
"""Mean level below which a picture may be black, of 255; sensors and codecs leave an offset of a few levels."""
BLACK_SPREAD = 4.0
"""Standard deviation below which it is: sensor noise stays below it, anything lit does not."""
STEP = 8
"""Every so many rows and columns are looked at for blackness."""


@dataclass(frozen=True, slots=True)
class Liveness:
    """What the frames of one opening of a source have shown so far; seconds on the monotonic clock."""

    last_frame: float
    """When the latest picture came, good or not; before the first one, when the source was opened."""
    last_good: float
    """When the latest good picture came; before the first one, when the source was opened."""
    frames: int = 0
    sign: CameraFault | None = None
    """BLACK or FROZEN when the latest picture is; such a picture must not be scored."""
    image: Image | None = None
    """The latest picture, masked, to compare the next one with."""

    def seen(self, image: Image, now: float, *, may_repeat: bool = False) -> Liveness:
        """Take one more picture into account.

        Args:
            image: (height, width, 3) uint8, masked; it must not be changed afterwards.
            now: When it came.
            may_repeat: Identical pictures are legitimate: the source is a folder of stills.
        """
        sign = None
        if is_black(image):
            sign = CameraFault.BLACK
        elif not may_repeat and self.image is not None and is_same(self.image, image):
            sign = CameraFault.FROZEN
        return Liveness(
            last_frame=now,
            last_good=self.last_good if sign else now,
            frames=self.frames + 1,
            sign=sign,
            image=None if may_repeat else image,
        )

    def fault(self, now: float, *, stall_s: float, still_s: float) -> CameraFault | None:
        """The fault at this moment: no good picture for `still_s`, or no picture at all for `stall_s` seconds."""
        if self.sign and now - self.last_good >= still_s:
            return self.sign
        if now - self.last_frame >= stall_s:
            return CameraFault.HUNG
        return None


def is_black(image: Image) -> bool:
    """Nearly no light and no texture, judged on every eighth pixel in each direction."""
    sample = image[::STEP, ::STEP]
    return bool(sample.mean() < BLACK_MEAN and sample.std() < BLACK_SPREAD)


def is_same(one: Image, other: Image) -> bool:
    """Identical in every bit; pictures that differ are told apart by a sixty-fourth of their pixels in most cases."""
    return np.array_equal(one[::STEP, ::STEP], other[::STEP, ::STEP]) and np.array_equal(one, other)
