"""Rendered samples to what a learner needs: the model's inputs, found by the device's own code, and the truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from npng_edge.infer.action_units import prepare
from npng_edge.infer.mesh import Region
from npng_edge.infer.pipeline import MIN_PRESENCE
from npng_edge.units import ACTION_UNITS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from npng_edge.infer.mesh import FaceMesh, Fit
    from npng_edge.units import Image

Floats: TypeAlias = npt.NDArray[np.float32]
Bytes: TypeAlias = npt.NDArray[np.uint8]

OUTPUTS = (*ACTION_UNITS, "eye-left", "eye-right")
"""Columns of the targets."""
MOST = np.array([5.0] * len(ACTION_UNITS) + [1.0, 1.0], np.float32)
"""End of each column's scale."""
NEUTRAL_SHARES = np.array([0.9 if name == "AU4" else 0.97 for name in OUTPUTS], np.float32)
"""Share of neutral faces that reads about 0. AU4 alone tells distress from a laugh, so it is kept more sensitive."""


@dataclass(frozen=True, eq=False)
class Examples:
    """Faces and the truth about them, one row each."""

    crops: Bytes
    """(n, 112, 112)"""
    landmarks: Floats
    """(n, 468, 3), normalised."""
    targets: Floats
    """(n, 16) in the order of `OUTPUTS`."""
    people: npt.NDArray[np.int64]
    """(n,) identity of each face."""
    neutral: npt.NDArray[np.bool_]
    """(n,)"""

    def __len__(self) -> int:
        return len(self.people)

    def rows(self, chosen: npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> Examples:
        """Only these rows."""
        return Examples(
            self.crops[chosen], self.landmarks[chosen], self.targets[chosen], self.people[chosen], self.neutral[chosen]
        )

    def split(self, every: int = 8) -> tuple[Examples, Examples]:
        """People to fit to, and every eighth person to check with."""
        held_out = self.people % every == 0
        return self.rows(~held_out), self.rows(held_out)

    def batches(self, size: int = 256) -> Iterator[Examples]:
        """In pieces of `size`."""
        for start in range(0, len(self), size):
            yield self.rows(np.arange(start, min(start + size, len(self))))

    def save(self, path: Path) -> None:
        """Write all arrays to an `.npz` file."""
        np.savez(
            path, crops=self.crops, landmarks=self.landmarks, targets=self.targets, people=self.people,
            neutral=self.neutral,
        )  # fmt: skip

    @classmethod
    def load(cls, path: Path) -> Examples:
        """Read a file that `save` wrote."""
        part = np.load(path)
        return cls(part["crops"], part["landmarks"], part["targets"], part["people"], part["neutral"])

    @classmethod
    def join(cls, parts: Sequence[Examples]) -> Examples:
        """One after the other."""
        return cls(
            np.concatenate([part.crops for part in parts]),
            np.concatenate([part.landmarks for part in parts]),
            np.concatenate([part.targets for part in parts]),
            np.concatenate([part.people for part in parts]),
            np.concatenate([part.neutral for part in parts]),
        )


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


def gather(shard: Path, mesh: FaceMesh) -> Examples:
    """Run the device's code over one shard of `samples.write_shards`, over each picture and its mirror image.

    Args:
        shard: the file.
        mesh: of the device.

    Raises:
        ValueError: When not one face could be used.
    """
    data = np.load(shard)
    # Seeded by the shard's own first seed: the same examples whatever other shards are read.
    rng = np.random.default_rng([17, int(data["seed"][0])])
    crops, meshes, rows, mirrored = [], [], [], []
    for row, image in enumerate(data["image"]):
        for mirror in (False, True):
            fit = find(mesh, np.ascontiguousarray(image[:, ::-1]) if mirror else image, rng)
            if fit is not None:
                crop, normal = prepare(fit.drawn, fit.in_drawn)
                crops.append(crop)
                meshes.append(normal)
                rows.append(row)
                mirrored.append(mirror)
    if not rows:
        raise ValueError(f"{shard}: the face mesh accepted none of the faces; look at what was rendered")
    eyes = data["eyes_closed"][rows]
    eyes = np.where(np.array(mirrored)[:, np.newaxis], eyes[:, ::-1], eyes)
    return Examples(
        crops=np.stack(crops),
        landmarks=np.stack(meshes),
        targets=np.concatenate([data["intensity"][rows], eyes], axis=1).astype(np.float32),
        people=data["identity"][rows].astype(np.int64),
        neutral=data["neutral"][rows].astype(np.bool_),
    )
