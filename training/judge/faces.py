"""Real faces as a learner sees them: found and placed by the device's own code, whatever a model then makes of them."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import cv2
import numpy as np

from npng_edge.capture.images import read_still
from npng_edge.infer.acquire import acquire
from npng_edge.infer.action_units import prepare
from npng_edge.infer.detector import make_detector
from npng_edge.infer.manifest import FILE_NAME, Manifest, open_model
from npng_edge.infer.mesh import FaceMesh, Region
from npng_edge.infer.pipeline import MESH, MIN_PRESENCE
from npng_edge.settings import Seeing

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import numpy.typing as npt

    from npng_edge.infer.mesh import Fit
    from npng_edge.units import Image

    Prepared: TypeAlias = tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]

SMALL = 48
"""Width in pixels that real faces are brought down to, as a camera across a room sees them."""


def expression(stem: str) -> str:
    """What a picture shows, by its file's name, which begins with it or ends with it."""
    return next(part for part in stem.split("_") if not part.isdigit())


class Faces(NamedTuple):
    """Faces that were found, in the order of the pictures."""

    places: npt.NDArray[np.int64]
    """(n,) which of the pictures shows each."""
    crops: npt.NDArray[np.uint8]
    """(n, 112, 112)"""
    landmarks: npt.NDArray[np.float32]
    """(n, 468, 3), normalised."""


class Finder:
    """The device's detector and mesh, without anything that judges a face."""

    def __init__(self, models: Path) -> None:
        """Open them.

        Args:
            models: folder with the manifest.

        Raises:
            ModelError: If one is missing or unusable.
        """
        manifest = Manifest.load(models / FILE_NAME)
        self._detector = make_detector(Seeing().detector, manifest)
        self._mesh = FaceMesh(open_model(manifest, MESH))

    def read(self, paths: Iterable[Path], width: float | None = None) -> Faces:
        """The largest face of each picture.

        Args:
            paths: of the pictures.
            width: pixels that each face is brought down to first; None leaves it as it is.
        """
        places, crops, meshes = [], [], []
        for place, path in enumerate(paths):
            image = read_still(path)
            found = None if image is None else self._prepared(image, width)
            if found is not None:
                places.append(place)
                crops.append(found[0])
                meshes.append(found[1])
        return Faces(np.array(places), np.stack(crops), np.stack(meshes))

    def find(self, image: Image) -> Fit | None:
        """The mesh of the largest face; its `drawn` is overwritten by the next."""
        found = max(acquire(self._detector, image), key=lambda face: face.box.width, default=None)
        if found is None:
            return None
        fit = self._mesh.fit(image, Region.around(found.box, found.roll_degrees))
        fit = self._mesh.fit(image, fit.following)
        return fit if fit.presence >= MIN_PRESENCE else None

    def _prepared(self, image: Image, width: float | None) -> Prepared | None:
        fit = self.find(image)
        if fit is None:
            return None
        if width is not None:
            return self._prepared(enlarged(image, width / fit.box.width), None)
        return prepare(fit.drawn, fit.in_drawn)


def enlarged(image: Image, scale: float) -> Image:
    """A picture brought down by `scale`, enlarged four times, with a border in which a face finder finds its way."""
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    large = cv2.resize(small, None, fx=4.0, fy=4.0, interpolation=cv2.INTER_CUBIC)
    wide = max(large.shape) // 4
    return np.asarray(cv2.copyMakeBorder(large, wide, wide, wide, wide, cv2.BORDER_REPLICATE), dtype=np.uint8)


def coded(path: Path) -> dict[str, dict[str, bool]]:
    """Units that an annotator saw in pictures.

    Args:
        path: a table with the column `file` and one a unit: 1 present, 0 absent, empty where it was not judged.

    Returns:
        Per unit, file to presence.
    """
    with path.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    units = [name for name in rows[0] if name != "file"]
    return {unit: {row["file"]: row[unit] == "1" for row in rows if row[unit]} for unit in units}


def labelled(folder: Path) -> dict[str, dict[str, str]]:
    """The rows of a folder's `labels.csv` by their `file`."""
    with (folder / "labels.csv").open(encoding="utf-8", newline="") as lines:
        return {row["file"]: row for row in csv.DictReader(lines)}
