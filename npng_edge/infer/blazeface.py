"""BlazeFace, MediaPipe's face detector (Bazarevsky et al. 2019, arXiv:1907.05047), short and full range.

The nets give, for a fixed grid of anchors, a belief and 16 numbers relative to the anchor: box centre, box size and
six points. Anchors and thresholds are those of MediaPipe's graphs `face_detection_{short,full}_range`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from npng_edge.infer.detection import EIGHTH_TURNS, QUARTER_TURNS, Detection, Keypoints, Point, overlap
from npng_edge.units import Box

if TYPE_CHECKING:
    import numpy.typing as npt

    from npng_edge.infer.detection import Floats
    from npng_edge.infer.runtime import Model
    from npng_edge.units import Image

SAME_FACE = 0.3
"""Candidates that overlap more (intersection over union) are one face."""


@dataclass(frozen=True, slots=True)
class Variant:
    """What differs between the ranges."""

    side: int
    grids: tuple[tuple[int, int], ...]
    """Cells per side and anchors per cell, in the order of the net's rows."""
    min_score: float
    parts: tuple[float, ...]
    """See `Detector.parts`."""
    rolls: tuple[float, ...]
    """See `Detector.rolls`."""


SHORT = Variant(side=128, grids=((16, 2), (8, 6)), min_score=0.5, parts=(1.0, 0.5), rolls=QUARTER_TURNS)
FULL = Variant(side=192, grids=((48, 1),), min_score=0.6, parts=(1.0,), rolls=EIGHTH_TURNS)


class BlazeFace:
    """One of the two nets with its decoding."""

    second_look = True

    def __init__(self, model: Model, variant: Variant) -> None:
        self.side, self.parts, self.rolls = variant.side, variant.parts, variant.rolls
        self._model = model
        self._anchors = _anchors(variant)
        # The belief is a sigmoid; comparing before it spares computing it for 99 % of the anchors.
        self._min_logit = float(np.log(variant.min_score / (1 - variant.min_score)))
        self._rgb = np.empty((self.side, self.side, 3), np.uint8)
        self._input = np.empty((1, self.side, self.side, 3), np.float32)

    def find(self, square: Image) -> list[Detection]:
        """Find the faces in one square; see `Detector.find`."""
        cv2.cvtColor(square, cv2.COLOR_BGR2RGB, dst=self._rgb)
        np.multiply(self._rgb, np.float32(1 / 127.5), out=self._input[0])
        np.subtract(self._input, np.float32(1.0), out=self._input)
        numbers, beliefs = self._model(self._input)
        logits = beliefs[0, :, 0]
        rows = np.flatnonzero(logits > self._min_logit)
        if not rows.size:
            return []
        scores = 1.0 / (1.0 + np.exp(-logits[rows].clip(-80.0, 80.0)))
        return _merge(self._decode(numbers[0, rows], rows), scores)

    def _decode(self, numbers: Floats, rows: npt.NDArray[np.intp]) -> Floats:
        """(n, 16) relative to the anchors -> left, top, right, bottom and six points, in pixels."""
        decoded = np.empty_like(numbers)
        centre = numbers[:, :2] + self._anchors[rows]
        half = numbers[:, 2:4] / 2
        decoded[:, :2], decoded[:, 2:4] = centre - half, centre + half
        decoded[:, 4:] = numbers[:, 4:] + np.tile(self._anchors[rows], 6)
        return decoded


def _anchors(variant: Variant) -> Floats:
    """(n, 2) centres of the anchors in pixels, row by row."""
    layers = []
    for cells, repeats in variant.grids:
        middles = (np.arange(cells, dtype=np.float32) + 0.5) * (variant.side / cells)
        y, x = np.meshgrid(middles, middles, indexing="ij")
        layers.append(np.repeat(np.stack([x.ravel(), y.ravel()], axis=1), repeats, axis=0))
    return np.concatenate(layers).astype(np.float32)


def _merge(decoded: Floats, scores: Floats) -> list[Detection]:
    """Blend the candidates of each face, weighted by belief, instead of keeping only the best (steadier boxes)."""
    faces = []
    rest = np.argsort(-scores)
    while rest.size:
        same = overlap(decoded[rest, :4], decoded[rest[0], :4]) > SAME_FACE
        same[0] = True
        group = rest[same]
        left, top, right, bottom, *points = np.average(decoded[group], axis=0, weights=scores[group]).tolist()
        keypoints = Keypoints(*(Point(x, y) for x, y in zip(points[::2], points[1::2], strict=True)))
        box = Box(left, top, right - left, bottom - top)
        faces.append(Detection(box, float(scores[rest[0]]), keypoints, keypoints.roll))
        rest = rest[~same]
    return faces
