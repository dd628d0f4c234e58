"""Whether a face is seen well enough to be scored.

Each measure is turned into a mark of 0..1 that is 0.5 exactly at its limit, so the worst mark is the quality and a face
of 0.5 or better passes the gate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from npng_edge.units import Reason

if TYPE_CHECKING:
    import numpy.typing as npt

    from npng_edge.infer.mesh import Landmarks
    from npng_edge.settings import Quality
    from npng_edge.units import Pose

GATE = 0.5
"""Quality at which a face is just scored."""
MAX_OUTSIDE = 0.08
"""Part of the mesh that may lie outside the picture: the rim of the chin or of the forehead carries no unit."""
FACE_IN_CROP = (slice(8, 104), slice(16, 96))
"""Rows and columns of an aligned crop that hold skin and features, hardly hair or wall: brows to chin, eye to eye."""


@dataclass(frozen=True, slots=True)
class Measures:
    """How well one face is seen."""

    width: float
    """Of the face seen straight on, image pixels."""
    sharpness: float
    """0 blurred .. 1 crisp."""
    exposure: float
    """Mean luminance, 0..1."""
    outside: float
    """Part of the face beyond the picture's edge, 0..1."""
    occlusion: float
    """Part of the face that is covered, 0..1."""


def sharpness_and_exposure(crop: npt.NDArray[np.uint8]) -> tuple[float, float]:
    """Measure how a face is drawn, near and far faces alike.

    Args:
        crop: (112, 112) uint8 grey, as `align` draws it.

    Returns:
        Spread of the Laplacian over the spread of the luminance, at most 1; mean luminance, 0..1.
    """
    face = crop[FACE_IN_CROP]
    mean, spread = cv2.meanStdDev(face)
    _, edges = cv2.meanStdDev(cv2.Laplacian(face, cv2.CV_16S))
    # A face without any contrast is not sharp; one grey level keeps the ratio finite.
    return min(edges.item() / max(spread.item(), 1.0), 1.0), mean.item() / 255.0


def outside(landmarks: Landmarks, size: tuple[int, int]) -> float:
    """Part of a mesh that lies outside a picture.

    Args:
        landmarks: (468, 3) in image pixels.
        size: Height and width of the picture.

    Returns:
        0..1.
    """
    height, width = size
    x, y = landmarks[:, 0], landmarks[:, 1]
    if x.min() >= 0 and y.min() >= 0 and x.max() < width and y.max() < height:
        return 0.0
    return float(np.mean((x < 0) | (y < 0) | (x >= width) | (y >= height)))


def assess(seen: Measures, pose: Pose, limits: Quality) -> tuple[float, tuple[Reason, ...]]:
    """Judge a face by all measures.

    Args:
        seen: The measures.
        pose: Of the head.
        limits: The gate.

    Returns:
        Quality 0..1, and a reason for each measure below the gate, the worst first; none from 0.5 on.
    """
    marks = {
        Reason.TOO_SMALL: _at_least(seen.width, limits.min_face_px),
        Reason.BLURRED: _at_least(seen.sharpness, limits.min_sharpness),
        Reason.DARK: _at_least(seen.exposure, limits.min_exposure),
        Reason.OVEREXPOSED: _at_least(1.0 - seen.exposure, 1.0 - limits.max_exposure),
        Reason.TURNED_AWAY: min(
            _at_most(abs(pose.yaw), limits.max_yaw_deg), _at_most(abs(pose.pitch), limits.max_pitch_deg)
        ),
        Reason.OUT_OF_FRAME: _at_most(seen.outside, MAX_OUTSIDE),
        Reason.OCCLUDED: _at_most(seen.occlusion, limits.max_occlusion),
    }
    failed = sorted((mark, reason) for reason, mark in marks.items() if mark < GATE)
    return min(marks.values()), tuple(reason for _, reason in failed)


def _at_least(value: float, limit: float) -> float:
    return 1.0 if limit <= 0.0 else min(GATE * value / limit, 1.0)


def _at_most(value: float, limit: float) -> float:
    return float(value <= 0.0) if limit <= 0.0 else max(1.0 - (1.0 - GATE) * value / limit, 0.0)
