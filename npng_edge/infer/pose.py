"""Head pose in degrees, from the placement of the mean face in the picture.

The placement's rotation is read as roll about the line of sight, then yaw, then pitch. The mesh is a weak-perspective
projection, so no camera calibration is needed; the angles are those against the line from the camera to the face.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from npng_edge.units import Pose

if TYPE_CHECKING:
    from npng_edge.infer.align import Placement


def head_pose(placement: Placement, turned: float = 0.0) -> Pose:
    """Read the head pose from where the mean face lies.

    Args:
        placement: Of the face's landmarks.
        turned: Degrees clockwise by which the picture was turned back before these landmarks were found in it.

    Returns:
        Degrees; yaw -90..90, pitch and roll -180..180, with the signs of `units.Pose`.
    """
    (xx, _, _), (yx, _, _), (zx, zy, zz) = placement.rotation.tolist()
    return Pose(
        yaw=math.degrees(math.asin(min(max(zx, -1.0), 1.0))),
        pitch=math.degrees(math.atan2(-zy, zz)),
        roll=(math.degrees(math.atan2(yx, xx)) + turned + 180.0) % 360.0 - 180.0,
    )
