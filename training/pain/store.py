"""Films on disk, some dozens a file, and all of them in one place for whoever learns from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from npng_edge.infer.manifest import FILE_NAME, Manifest, open_model
from npng_edge.infer.mesh import FaceMesh
from npng_edge.infer.pipeline import MESH
from training.columns import Columns
from training.pain.acts import KINDS, SLOTS
from training.pain.film import RATE, shoot

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from training.pain.film import Film

    Ints: TypeAlias = npt.NDArray[np.int64]
    Flags: TypeAlias = npt.NDArray[np.bool_]

PER_SHARD = len(SLOTS[0])
"""Films a file: each kind has its share in every file."""


@dataclass(frozen=True, eq=False)
class Films(Columns):
    """Pictures of many films, one row each, in order of film and time."""

    crops: npt.NDArray[np.uint8]
    """(n, 112, 112)"""
    landmarks: npt.NDArray[np.float32]
    """(n, 468, 3)"""
    times: npt.NDArray[np.float64]
    """(n,) seconds since the film's begin."""
    seen: Flags
    """(n,) whether there is a face."""
    shown: Ints
    """(n,) number of `KINDS`, -1: nothing."""
    pspi: npt.NDArray[np.float32]
    """(n,) true PSPI."""
    films: Ints
    """(n,) seed of the film."""
    people: Ints
    """(n,)"""
    kinds: Ints
    """(n,) what the film is about, number of `KINDS`."""

    @classmethod
    def of(cls, films: Iterable[tuple[int, Film]]) -> Films:
        """From (seed, film) pairs."""
        names = list(KINDS)
        parts = [
            cls(
                film.crops, film.landmarks, film.times, film.seen, film.shown, film.pspi,
                *(np.full(len(film.times), value) for value in (seed, film.person, names.index(film.kind))),
            )
            for seed, film in films
        ]  # fmt: skip
        return cls.join(parts)


def make(seeds: range, folder: Path, models: Path, face: Path, rate: float = RATE) -> None:
    """Render some films and read them with the device's own code; keeps what is there.

    Args:
        seeds: Of the films.
        folder: Where the file goes, named after the first seed.
        models: Folder with the manifest.
        face: The packed face model.
        rate: Pictures a second.
    """
    target = folder / f"{seeds[0]:06d}.npz"
    if target.exists():
        return
    cv2.setNumThreads(1)
    mesh = FaceMesh(open_model(Manifest.load(models / FILE_NAME), MESH))
    Films.of((seed, shoot(seed, mesh, face, rate)) for seed in seeds).save(target)
