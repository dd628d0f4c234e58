"""Rendered faces, painted over, as the device sees them: crops, and which cells of each are covered."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt

from npng_edge.infer.align import align, place
from npng_edge.infer.mesh import OUTLINE, Region
from npng_edge.infer.pipeline import MIN_PRESENCE
from training.columns import OfPeople
from training.occlusion.covers import COVERS, cover
from training.occlusion.harmless import HARMLESS, leave_bare, photographed
from training.occlusion.scene import Bytes, Floats, Scene

if TYPE_CHECKING:
    from pathlib import Path

    from npng_edge.infer.mesh import FaceMesh, Landmarks
    from npng_edge.units import Image

CELLS = 7
"""Rows and columns of the map of covered cells; a cell is 16 pixels of the crop."""
KINDS = ("nothing", *COVERS)
"""What is before a face, by number."""
SHARES = np.array([6, 4, 1, 1, 1, 2, 2], np.float64)
"""How often each of `KINDS`, relative to the others."""
HARMLESS_SHARE = 0.2
"""How often each harmless thing is painted."""
QUARTERS = tuple((rows, columns) for rows in (slice(0, 4), slice(3, 7)) for columns in (slice(0, 4), slice(3, 7)))
"""Cells of the quarters of a crop; they overlap by one row or column."""


@dataclass(frozen=True, eq=False)
class Samples(OfPeople):
    """Painted faces and the truth about them, one row each."""

    crops: Bytes
    """(n, 112, 112) as the device draws them."""
    covered: Floats
    """(n, 7, 7) covered part of each cell, 0..1."""
    face: Floats
    """(n, 7, 7) part of each cell that the face takes up, 0..1."""
    kinds: npt.NDArray[np.int64]
    """(n,) numbers of `KINDS`."""
    harmless: npt.NDArray[np.bool_]
    """(n, 4) which of `HARMLESS` are painted."""
    people: npt.NDArray[np.int64]
    """(n,) identity of each face."""


def quarter_weights(face: Floats) -> Floats:
    """How much each cell counts in each quarter.

    Args:
        face: (7, 7) part of each cell that a face usually takes up.

    Returns:
        (49, 4), each column sums to 1.
    """
    columns = []
    for rows, across in QUARTERS:
        weights = np.zeros_like(face)
        weights[rows, across] = face[rows, across]
        columns.append((weights / weights.sum()).ravel())
    return np.stack(columns, axis=1).astype(np.float32)


def most_covered(cells: Floats, weights: Floats) -> Floats:
    """Covered part of the most covered quarter, (n,), of (n, 7, 7) cells."""
    return np.asarray((cells.reshape(len(cells), -1) @ weights).max(axis=1), np.float32)


def paint(shard: Path, mesh: FaceMesh, repeats: int, seed: int) -> Samples:
    """Paint over the faces of one shard of `training.world.samples.write_shards`.

    Args:
        shard: the file.
        mesh: of the device.
        repeats: samples per rendered face; those in which the mesh no longer sees a face are left out, as the device
            says then that there is none.
        seed: of everything that is painted, together with the shard's own first seed.

    Raises:
        ValueError: When not one face could be used.
    """
    data = np.load(shard)
    rng = np.random.default_rng([seed, int(data["seed"][0])])
    rows: list[dict[str, Any]] = []
    for image, person in zip(data["image"], data["identity"], strict=True):
        side = float(image.shape[0])
        first = mesh.fit(image, Region((side - 1) / 2, (side - 1) / 2, side, 0.0))
        fit = mesh.fit(image, Region.of(first.landmarks))
        if fit.presence >= MIN_PRESENCE:
            drawn = (one(rng, mesh, image, fit.landmarks) for _ in range(repeats))
            rows += [row | {"people": person} for row in drawn if row is not None]
    if not rows:
        raise ValueError(f"{shard}: the face mesh accepted none of the faces; look at what was rendered")
    return Samples(**{part.name: np.array([row[part.name] for row in rows]) for part in fields(Samples)})


def one(rng: np.random.Generator, mesh: FaceMesh, image: Image, landmarks: Landmarks) -> dict[str, Any] | None:
    """One row of `Samples` without its person; None when the mesh no longer sees a face.

    Args:
        rng: of everything.
        mesh: of the device.
        image: (size, size, 3) uint8 BGR.
        landmarks: of the bare face, (468, 3).
    """
    scene = Scene.of(image, landmarks)
    mask, outline = scene.blank(), scene.polygon(OUTLINE)
    harmless = rng.random(len(HARMLESS)) < HARMLESS_SHARE
    for kind in np.array(list(HARMLESS))[harmless]:
        scene = leave_bare(rng, scene, kind)
    kind = int(rng.choice(len(KINDS), p=SHARES / SHARES.sum()))
    if kind:
        scene, mask = cover(rng, scene, KINDS[kind])
    picture = photographed(rng, scene)
    # Tracking looks where the face was in the last picture, so the mesh starts a little off, and is fitted again.
    region = Region.of(landmarks)
    x, y = (float(v) for v in rng.normal(0, 0.03 * region.size, 2))
    size, roll = region.size * float(rng.uniform(0.92, 1.08)), region.roll + float(rng.normal(0, 5))
    first = mesh.fit(picture, Region(region.x + x, region.y + y, size, roll))
    fit = mesh.fit(picture, Region.of(first.landmarks))
    if fit.presence < MIN_PRESENCE:
        return None
    crop = align(np.asarray(cv2.cvtColor(fit.drawn, cv2.COLOR_BGR2GRAY), np.uint8), fit.in_drawn)
    covered, face = (
        _cells(align(shape * np.uint8(255), fit.landmarks, place(fit.landmarks))) for shape in (mask, outline)
    )
    return {"crops": crop, "covered": covered, "face": face, "kinds": kind, "harmless": harmless}


def _cells(mask: Bytes) -> Floats:
    return np.asarray(cv2.resize(mask.astype(np.float32), (CELLS, CELLS), interpolation=cv2.INTER_AREA) / 255.0)
