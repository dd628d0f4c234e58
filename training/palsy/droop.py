"""A palsy drawn into pictures of sound real faces, for want of pictures of a real one; nothing is fitted to these.

The picture is bent so that 68 points of the face go where a palsy at rest takes them on our face model, and everything
between them follows smoothly. The same picture bent on both sides alike has the same traces of the bending and no weak
side: what the model tells one from the other by is the droop.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from scipy.interpolate import RBFInterpolator

from npng_edge.capture.frames import stills
from npng_edge.infer.align import place
from npng_edge.infer.asymmetry import SIDES
from npng_edge.settings import Camera
from npng_edge.units import Frame
from training.datasets.metrics import auc, mean
from training.judge.faces import Finder, expression
from training.palsy.measures import HALF
from training.palsy.weakness import Weakness, drooping

if TYPE_CHECKING:
    from pathlib import Path

    from npng_edge.infer.pipeline import Pipeline
    from npng_edge.units import Image
    from training.palsy.data import Floats
    from training.world.face_model import FaceModel

DEGREES = {"slight": 0.4, "moderate": 0.6, "severe": 0.8}
"""Droop of each region: what is usual, by `weakness.random_weakness`, with 0.5, 0.75 and all of the movement lost."""
EXPRESSIONS = ("neutral", "happiness")
"""Of the pictures that are bent."""
POINTS = (
    127, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 356,
    70, 63, 105, 66, 107, 336, 296, 334, 293, 300, 168, 197, 5, 4, 75, 97, 2, 326, 305,
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,
    61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181, 78, 82, 13, 312, 308, 317, 14, 87,
)  # fmt: skip
"""Mesh points that lie where the face model's 68 landmarks do."""
_EYES = (36, 45)
"""Landmarks that are one unit of the mean face apart: the outer eye corners."""
_TURN = np.array([1.0, -1.0, -1.0], np.float32)
"""From the face model's axes (y up, z towards the camera) to the mean face's."""
_REACH = 1.2
"""Units from the middle of the face to where nothing moves any more."""
_CELLS = 64
"""The bending is computed at so many places a side, and drawn out between them."""


def moves(model: FaceModel, *weaknesses: Weakness) -> Floats:
    """(68, 3) by how much a palsy at rest, or two, move `POINTS`, in units and axes of the mean face.

    Args:
        model: whose shapes a droop is made of.
        weaknesses: whose droops are added up.
    """
    total = sum(model.offsets(drooping(weakness))[model.landmarks] for weakness in weaknesses)
    right, left = model.neutral[model.landmarks[list(_EYES)]]
    return np.asarray(total * _TURN / np.linalg.norm(left - right), np.float32)


def bent(image: Image, landmarks: Floats, moved: Floats) -> Image:
    """Draw a face with its points moved.

    Args:
        image: (height, width, 3) BGR.
        landmarks: (468, 3) of the face, image pixels.
        moved: of `moves`.
    """
    at = place(landmarks)
    points, shift = landmarks[list(POINTS)], at.size * moved @ at.rotation.T
    middle, reach = points[:, :2].mean(axis=0), _REACH * at.size
    edge = np.linspace(-reach, reach, 7)
    frame = np.array([(x, y) for x in edge for y in edge if max(abs(x), abs(y)) == reach]) + middle
    # Each pixel of the new picture asks where it was in the old one.
    places = np.concatenate([points[:, :2] + shift[:, :2], frame])
    back = RBFInterpolator(places, np.concatenate([-shift[:, :2], np.zeros_like(frame)]))
    (left, top), side = np.floor(middle - reach).astype(int), int(2.0 * reach)
    cells = (np.arange(_CELLS) + 0.5) * side / _CELLS - 0.5
    x, y = np.meshgrid(left + cells, top + cells)
    field = back(np.stack([x.ravel(), y.ravel()], axis=1)).reshape(_CELLS, _CELLS, 2)
    # Laid out at its place in the picture; beyond it nothing moves.
    lay = np.array([[side / _CELLS, 0.0, x[0, 0]], [0.0, side / _CELLS, y[0, 0]]])
    height, width = image.shape[:2]
    maps = cv2.warpAffine(field.astype(np.float32), lay, (width, height), flags=cv2.INTER_LINEAR)
    maps += np.indices((height, width), np.float32)[::-1].transpose(1, 2, 0)
    drawn = cv2.remap(image, maps[..., 0], maps[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(drawn, np.uint8)


def both(model: FaceModel, droop: float, side: int) -> tuple[Floats, Floats]:
    """`moves` of a whole weak side, and of the same droop on both sides.

    Args:
        model: of the face.
        droop: of all regions.
        side: number in `asymmetry.SIDES`.
    """
    one, other = (Weakness(k, (droop,) * 3, (droop,) * 3) for k in (side, 1 - side))
    return moves(model, one), moves(model, one, other)


def judged(folder: Path, pipeline: Pipeline, finder: Finder, model: FaceModel, limit: float) -> list[dict[str, Any]]:
    """What the device says of bent pictures, a row per degree.

    Args:
        folder: with pictures of sound faces, whose names say the expression.
        pipeline: of the device.
        finder: of the faces that are bent.
        model: whose palsy is drawn.
        limit: above the same picture left as it was, the face is newly asymmetrical.
    """

    def said(image: Image) -> float:
        value = pipeline.read_still(Frame(0, 0.0, image)).asymmetry
        return np.nan if value is None else value

    chosen = ((path, frame) for path, frame in stills(Camera(), folder) if expression(path.stem) in EXPRESSIONS)
    found = []
    for number, (_, frame) in enumerate(chosen):
        fit = None if frame is None else finder.find(frame.image)
        if frame is not None and fit is not None:
            # The side changes from person to person, where two pictures in a row are one person's.
            side, bend = number // 2 % len(SIDES), partial(bent, frame.image, fit.landmarks)
            pairs = [[said(bend(one)) for one in both(model, droop, side)] for droop in DEGREES.values()]
            found.append([said(frame.image), *np.ravel(pairs)])
    table = np.array(found).reshape(len(found), 1 + 2 * len(DEGREES))
    table = table[~np.isnan(table).any(axis=1)]
    present = np.repeat([False, True], len(table))
    rows = []
    for name, (weak, control) in zip(DEGREES, table[:, 1:].reshape(len(table), -1, 2).transpose(1, 2, 0), strict=True):
        rows.append(
            {
                "set": folder.name, "degree": name, "pictures": len(table),
                "auc": auc(present, np.concatenate([control, weak])),
                "found": mean((weak >= HALF).tolist()), "control": mean((control >= HALF).tolist()),
                "above_own": mean((weak - table[:, 0] >= limit).tolist()),
                "control_above_own": mean((control - table[:, 0] >= limit).tolist()),
            }
        )  # fmt: skip
    return rows
