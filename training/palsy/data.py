"""Rendered people as the device sees them, and as the origin document's models do."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from npng_edge.infer.action_units import prepare
from npng_edge.infer.align import CROP, place
from npng_edge.infer.pose import head_pose
from training.columns import Columns
from training.palsy import pictures
from training.units.features import find

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from npng_edge.infer.detection import Detector, Keypoints
    from npng_edge.infer.mesh import FaceMesh
    from npng_edge.units import Image

Floats: TypeAlias = npt.NDArray[np.float32]
Bytes: TypeAlias = npt.NDArray[np.uint8]
Rows: TypeAlias = npt.NDArray[np.int64]
Flags: TypeAlias = npt.NDArray[np.bool_]

SOUND = -1
"""Side of a face without a palsy."""
_PLACES = np.array([[34.5, 34.2], [77.5, 34.2], [56.0, 56.1], [56.0, 81.2]], np.float32)
"""Where the right eye, left eye, nose tip and middle of the mouth come to lie in an aligned picture, pixels of `CROP`:
their means on the mesh of rendered faces, so that the picture shows what the device's own crop shows."""


@dataclass(frozen=True, eq=False)
class Faces(Columns):
    """Faces and what is true of them, one row each."""

    crops: Bytes
    """(n, 112, 112) grey, as the device draws them."""
    landmarks: Floats
    """(n, 468, 3) normalised, as the device does it."""
    pose: Floats
    """(n, 3) yaw, pitch and roll that the device reads, degrees."""
    aligned: Bytes
    """(n, 112, 112) grey, aligned by the five points of MTCNN."""
    detected: Flags
    """(n,) whether MTCNN found the face; otherwise the mesh's points stand for its."""
    people: Rows
    """(n,)"""
    tasks: Rows
    """(n,) number in `pictures.ORDER`."""
    side: Rows
    """(n,) number in `asymmetry.SIDES` of the weak side, or `SOUND`."""
    lost: Floats
    """(n, 3) share of movement lost in each of `asymmetry.REGIONS`."""

    @property
    def palsy(self) -> Flags:
        """(n,) whether there is a weak side."""
        return np.asarray(self.side != SOUND)


def gather(seeds: Sequence[int], path: Path, mesh: FaceMesh, mtcnn: Detector) -> Faces:
    """Render pictures and read each; those in which the mesh sees no face are left out.

    Args:
        seeds: of the pictures.
        path: of the packed face model.
        mesh: of the device.
        mtcnn: of the device.

    Raises:
        ValueError: When not one face could be used.
    """
    rows = []
    for seed in seeds:
        sample = pictures.render(seed, path)
        fit = find(mesh, sample.image, np.random.default_rng([29, seed]))
        if fit is None:
            continue
        placement = place(fit.in_drawn)
        crop, normal = prepare(fit.drawn, fit.in_drawn, placement)
        pose = head_pose(placement, fit.region.roll)
        points = found_by(mtcnn, sample.image)
        there = _from_mesh(fit.landmarks) if points is None else points
        weak = sample.weakness
        rows.append(
            Faces(
                crops=crop,
                landmarks=normal,
                pose=np.array([pose.yaw, pose.pitch, pose.roll], np.float32),
                aligned=upright(sample.image, there),
                detected=np.array(points is not None),
                people=np.array(sample.person),
                tasks=np.array(sample.task),
                side=np.array(weak.side if weak else SOUND),
                lost=np.array(weak.lost if weak else (0.0, 0.0, 0.0), np.float32),
            )
        )
    if not rows:
        raise ValueError("the face mesh accepted none of the faces; look at what was rendered")
    return Faces(**{part.name: np.stack([getattr(row, part.name) for row in rows]) for part in fields(Faces)})


def found_by(mtcnn: Detector, image: Image) -> Floats | None:
    """(4, 2) right eye, left eye, nose and mouth of the surest face in a square picture, pixels; None without one."""
    square = cv2.resize(image, (mtcnn.side, mtcnn.side), interpolation=cv2.INTER_LINEAR)
    faces = mtcnn.find(np.asarray(square, np.uint8))
    if not faces:
        return None
    points: Keypoints = faces[0].keypoints
    placed = np.array([points.right_eye, points.left_eye, points.nose, points.mouth], np.float32)
    return (placed + 0.5) * np.float32(image.shape[0] / mtcnn.side) - 0.5


def upright(image: Image, points: Floats) -> Bytes:
    """The face drawn upright, centred and at one size by four points, (112, 112) grey."""
    # Least squares over moves, turns and scalings: a complex number turns and scales at once.
    seen, wanted = (part[:, 0] + 1j * part[:, 1] for part in (points, _PLACES))
    turn = np.vdot(seen - seen.mean(), wanted - wanted.mean()) / np.vdot(seen - seen.mean(), seen - seen.mean())
    move = wanted.mean() - turn * seen.mean()
    matrix = np.array([[turn.real, -turn.imag, move.real], [turn.imag, turn.real, move.imag]])
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    return np.asarray(cv2.warpAffine(grey, matrix, (CROP, CROP), borderMode=cv2.BORDER_REPLICATE), np.uint8)


def _from_mesh(landmarks: Floats) -> Floats:
    corners = (33, 133), (362, 263), (4, 4), (13, 14)
    return np.stack([landmarks[list(pair), :2].mean(axis=0) for pair in corners]).astype(np.float32)
