"""One shard of the rendered world, from seeds to what a learner needs, in a process of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2

from npng_edge.infer.manifest import FILE_NAME, Manifest, open_model
from npng_edge.infer.mesh import FaceMesh
from npng_edge.infer.pipeline import MESH
from training.units.features import gather
from training.world import face_model, samples

if TYPE_CHECKING:
    from pathlib import Path

PER_SHARD = 500
"""Pictures."""


def make(start: int, work: Path, models: Path, face: Path) -> None:
    """Render a shard and read it with the device's own code; keeps what is there.

    Args:
        start: first seed.
        work: folder with `shards/` and `examples/`.
        models: folder with the manifest.
        face: the packed face model.
    """
    cv2.setNumThreads(1)
    samples.write_shards(work / "shards", range(start, start + PER_SHARD), PER_SHARD, path=face)
    examples = work / "examples" / f"{start:06d}.npz"
    if not examples.exists():
        mesh = FaceMesh(open_model(Manifest.load(models / FILE_NAME), MESH))
        gather(work / "shards" / examples.name, mesh, face_model.load(face).names).save(examples)
