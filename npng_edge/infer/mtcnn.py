"""MTCNN: a cascade of three small nets, run on a pyramid of the picture.

Zhang et al. 2016, "Joint Face Detection and Alignment Using Multitask Cascaded Convolutional Networks". Thresholds,
strides and box arithmetic are those of the package `mtcnn` 1.0.0, whose weights are used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import cv2
import numpy as np

from npng_edge.infer.detection import EIGHTH_TURNS, Detection, Keypoints, Point, overlap
from npng_edge.units import Box

if TYPE_CHECKING:
    import numpy.typing as npt

    from npng_edge.infer.detection import Floats
    from npng_edge.infer.runtime import Model
    from npng_edge.units import Image

SIDE = 480
MIN_FACE = 20
"""Pixels; smaller faces are not looked for."""
CELL, STRIDE = 12, 2
"""Window of the first net and the step between windows, pixels of a pyramid level."""
SHRINK = 0.709
"""From one pyramid level to the next."""
PROPOSED, REFINED, ACCEPTED = 0.6, 0.7, 0.8
"""Beliefs needed to leave the first, second and third net."""


class Mtcnn:
    """The cascade."""

    side = SIDE
    parts: tuple[float, ...] = ()
    rolls = EIGHTH_TURNS
    second_look = False

    def __init__(self, pnet: Model, rnet: Model, onet: Model) -> None:
        self._pnet, self._rnet, self._onet = pnet, rnet, onet

    def find(self, square: Image) -> list[Detection]:
        """Find the faces in one square; see `Detector.find`."""
        boxes = self._propose(square)
        if not len(boxes):
            return []
        offsets, face = self._rnet(_patches(square, boxes, 24))
        keep = face[:, 1] > REFINED
        boxes = _moved(boxes[keep], offsets[keep])
        boxes = _squared(boxes[_suppress(boxes, face[keep, 1], 0.7)])
        if not len(boxes):
            return []
        offsets, points, face = self._onet(_patches(square, boxes, 48))
        keep = face[:, 1] > ACCEPTED
        places = _placed(boxes[keep], points[keep])
        boxes, scores = _moved(boxes[keep], offsets[keep]), face[keep, 1]
        best = _suppress(boxes, scores, 0.7, over_smaller=True)
        return [_detection(boxes[i], float(scores[i]), places[i]) for i in best]

    def _propose(self, square: Image) -> Floats:
        """Windows that the first net takes for faces on any level of the pyramid, (n, 4) squares in pixels."""
        boxes, scores = [np.empty((0, 4), np.float32)], [np.empty(0, np.float32)]
        scale = CELL / MIN_FACE
        while scale * SIDE >= CELL:
            size = round(scale * SIDE)
            level = cv2.resize(square, (size, size), interpolation=cv2.INTER_AREA)
            offsets, face = self._pnet(_normalised([level]))
            rows, columns = np.nonzero(face[0, 1] > PROPOSED)
            corner = np.stack([columns, rows], axis=1).astype(np.float32) * STRIDE
            moved = np.concatenate([corner, corner + CELL], axis=1) + CELL * offsets[0, :, rows, columns]
            belief = face[0, 1, rows, columns]
            keep = _suppress(moved, belief, 0.5)
            boxes.append(moved[keep] * np.float32(SIDE / size))
            scores.append(belief[keep])
            scale *= SHRINK
        everything = np.concatenate(boxes)
        return _squared(everything[_suppress(everything, np.concatenate(scores), 0.7)])


def _patches(square: Image, boxes: Floats, side: int) -> Floats:
    """(n, 3, side, side) normalised RGB drawings of the boxes; grey where a box leaves the picture."""
    drawn = []
    for left, top, right, bottom in boxes.tolist():
        width, height = (right - left) / (side - 1), (bottom - top) / (side - 1)
        to_square = np.array([[width, 0.0, left], [0.0, height, top]])
        drawn.append(
            cv2.warpAffine(
                square,
                to_square,
                (side, side),
                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                borderValue=(127, 127, 127),
            )
        )
    return _normalised(drawn)


def _normalised(images: list[npt.NDArray[Any]]) -> Floats:
    """BGR pictures of one size as (n, 3, height, width) RGB, -1..1."""
    return cast("Floats", cv2.dnn.blobFromImages(images, 1 / 128, mean=(127.5, 127.5, 127.5), swapRB=True))


def _moved(boxes: Floats, offsets: Floats) -> Floats:
    """Boxes with their corners moved by offsets in box sizes."""
    sizes = boxes[:, 2:] - boxes[:, :2] + 1
    moved: Floats = boxes + offsets * np.concatenate([sizes, sizes], axis=1)
    return moved


def _placed(boxes: Floats, points: Floats) -> Floats:
    """(n, 5, 2) pixels from five x and five y in shares of the box."""
    sizes = boxes[:, 2:] - boxes[:, :2] + 1
    placed: Floats = boxes[:, None, :2] + points.reshape(-1, 2, 5).transpose(0, 2, 1) * sizes[:, None]
    return placed


def _squared(boxes: Floats) -> Floats:
    """Boxes widened to squares around their middles."""
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    half = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, keepdims=True) / 2
    return np.concatenate([middle - half, middle + half], axis=1)


def _suppress(boxes: Floats, scores: Floats, limit: float, *, over_smaller: bool = False) -> list[int]:
    """Indices of the best box of each heap of overlapping ones, the surest first."""
    kept = []
    rest = np.argsort(-scores)
    while rest.size:
        kept.append(int(rest[0]))
        apart = overlap(boxes[rest[1:]], boxes[rest[0]], over_smaller=over_smaller) <= limit
        rest = rest[1:][apart]
    return kept


def _detection(box: Floats, score: float, places: Floats) -> Detection:
    left, top, right, bottom = box.tolist()
    right_eye, left_eye, nose, mouth_right, mouth_left = (Point(x, y) for x, y in places.tolist())
    mouth = Point((mouth_right.x + mouth_left.x) / 2, (mouth_right.y + mouth_left.y) / 2)
    keypoints = Keypoints(right_eye, left_eye, nose, mouth)
    return Detection(Box(left, top, right - left, bottom - top), score, keypoints, keypoints.roll)
