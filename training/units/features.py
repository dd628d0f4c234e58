"""Rendered samples to what a learner needs: the model's inputs, found by the device's own code, and the truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt
import scipy.linalg

from npng_edge.infer.action_units import prepare
from npng_edge.infer.mesh import Region
from npng_edge.infer.pipeline import MIN_PRESENCE
from npng_edge.units import ACTION_UNITS
from training.columns import OfPeople

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from npng_edge.infer.mesh import FaceMesh, Fit
    from npng_edge.units import Image

Floats: TypeAlias = npt.NDArray[np.float32]
Bytes: TypeAlias = npt.NDArray[np.uint8]

OUTPUTS = (*ACTION_UNITS, "eye-left", "eye-right")
"""Columns of the targets."""
MOST = np.array([5.0] * len(ACTION_UNITS) + [1.0, 1.0], np.float32)
"""End of each column's scale."""
HINTS = ("sides", "lip_gap", "lid_gaps", "coefficients")
"""Arrays of a shard that a net learns besides: each side by itself, gaps, shapes of the face."""
SIDES = 2 * len(ACTION_UNITS)
"""Columns of `sides`, the first of the hints: all units of the person's left, then of the right."""


@dataclass(frozen=True, eq=False)
class Examples(OfPeople):
    """Faces and the truth about them, one row each."""

    crops: Bytes
    """(n, 112, 112)"""
    landmarks: Floats
    """(n, 468, 3), normalised."""
    targets: Floats
    """(n, 22) in the order of `OUTPUTS`."""
    people: npt.NDArray[np.int64]
    """(n,) identity of each face."""
    seeds: npt.NDArray[np.int64]
    """(n,) of the picture; one seed has two rows, the picture and its mirror image."""
    neutral: npt.NDArray[np.bool_]
    """(n,)"""
    hints: Floats
    """(n, h) what else is known of a rendered face, see `hints`."""

    def batches(self, size: int = 256) -> Iterator[Examples]:
        """In pieces of `size`."""
        for start in range(0, len(self), size):
            yield self.rows(np.arange(start, min(start + size, len(self))))


def hints(shard: Mapping[str, npt.NDArray[Any]]) -> Floats:
    """(n, h) what a shard of `samples.write_shards` tells beyond the outputs, as seen from the person's left.

    The columns are those of `HINTS`, one array after the other.
    """
    count = len(shard["seed"])
    return np.concatenate([shard[name].reshape(count, -1) for name in HINTS], axis=1).astype(np.float32)


def directions(landmarks: Floats, count: int) -> Floats:
    """(1404, count) principal axes of normalised meshes, (n, 468, 3): what these differ in most, least first."""
    points = landmarks.reshape(len(landmarks), -1)
    points = points - points.mean(axis=0)
    most = points.shape[1]
    _, axes = scipy.linalg.eigh(points.T @ points, subset_by_index=[most - count, most - 1])
    return np.asarray(axes, np.float32)


def mirrored(shapes: Sequence[str]) -> npt.NDArray[np.int64]:
    """For each column of `hints` the one that a mirror image has in its place.

    Args:
        shapes: names of the face model's expression shapes, in its order.
    """
    orders = {
        "sides": np.roll(np.arange(SIDES), SIDES // 2),
        "lip_gap": np.arange(1),
        "lid_gaps": np.array([1, 0]),
        "coefficients": np.array([list(shapes).index(_opposite(name)) for name in shapes]),
    }
    starts = np.cumsum([0, *(len(orders[name]) for name in HINTS)])
    return np.concatenate([start + orders[name] for start, name in zip(starts, HINTS, strict=False)])


def _opposite(name: str) -> str:
    """The shape that does the same on the other side."""
    for end, other in (("_L", "_R"), ("_R", "_L"), ("Left", "Right"), ("Right", "Left")):
        if name.endswith(end):
            return name.removesuffix(end) + other
    return name


def find(mesh: FaceMesh, image: Image, rng: np.random.Generator) -> Fit | None:
    """The mesh of the one face that fills a square picture, from a region that is a little off, as tracking's is.

    Args:
        mesh: of the device.
        image: (size, size, 3) uint8, BGR.
        rng: of the jitter.

    Returns:
        None when the mesh does not believe in the face.
    """
    side = float(image.shape[0])
    region = Region.of(mesh.fit(image, Region(side / 2, side / 2, side, 0.0)).landmarks)
    x, y = rng.normal(0.0, 0.02 * region.size, 2)
    size, roll = region.size * float(np.exp(rng.normal(0.0, 0.05))), region.roll + float(rng.normal(0.0, 4.0))
    fit = mesh.fit(image, Region(region.x + float(x), region.y + float(y), size, roll))
    return fit if fit.presence >= MIN_PRESENCE else None


def gather(shard: Path, mesh: FaceMesh, shapes: Sequence[str]) -> Examples:
    """Run the device's code over one shard of `samples.write_shards`, over each picture and its mirror image.

    Args:
        shard: the file.
        mesh: of the device.
        shapes: names of the face model's expression shapes, in its order.

    Raises:
        ValueError: When not one face could be used.
    """
    data = np.load(shard)
    # Seeded by the shard's own first seed: the same examples whatever other shards are read.
    rng = np.random.default_rng([17, int(data["seed"][0])])
    crops, meshes, rows, flipped = [], [], [], []
    for row, image in enumerate(data["image"]):
        for mirror in (False, True):
            fit = find(mesh, np.ascontiguousarray(image[:, ::-1]) if mirror else image, rng)
            if fit is not None:
                crop, normal = prepare(fit.drawn, fit.in_drawn)
                crops.append(crop)
                meshes.append(normal)
                rows.append(row)
                flipped.append(mirror)
    if not rows:
        raise ValueError(f"{shard}: the face mesh accepted none of the faces; look at what was rendered")
    flips = np.array(flipped)[:, np.newaxis]
    eyes, more = data["eyes_closed"][rows], hints(data)[rows]
    return Examples(
        crops=np.stack(crops),
        landmarks=np.stack(meshes),
        targets=np.concatenate([data["intensity"][rows], np.where(flips, eyes[:, ::-1], eyes)], axis=1).astype(
            np.float32
        ),
        people=data["identity"][rows].astype(np.int64),
        seeds=data["seed"][rows].astype(np.int64),
        neutral=data["neutral"][rows].astype(np.bool_),
        hints=np.where(flips, more[:, mirrored(shapes)], more),
    )
