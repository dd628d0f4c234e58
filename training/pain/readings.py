"""What the device reads in the films: the numbers that the shared net boils a face down to, units and lids."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from training.columns import Columns
from training.pain.acts import PAIN_NUMBERS
from training.pain.store import Films

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from npng_edge.infer.runtime import Model

    Floats: TypeAlias = npt.NDArray[np.float32]
    Ints: TypeAlias = npt.NDArray[np.int64]
    Flags: TypeAlias = npt.NDArray[np.bool_]

PARTS = {"fit": (0, 16), "choose": (16, 20), "test": (20, 25)}
"""Of every 25 people: 64, 16 and 20 of 100, as the origin document splits."""
CLEAR = 1.0
"""Pain that shows less PSPI than this is neither pain nor none for who learns or is judged by single pictures."""


@dataclass(frozen=True, eq=False)
class Readings(Columns):
    """Pictures of many films as the device reads them, one row each, in order of film and time."""

    features: Floats
    """(n, 256); zeros where there is no face."""
    units: Floats
    """(n, 22): `ACTION_UNITS`, 0..5, then both lids, 0..1; zeros where there is no face."""
    times: npt.NDArray[np.float64]
    seen: Flags
    shown: Ints
    pspi: Floats
    films: Ints
    people: Ints
    kinds: Ints
    """These as in `Films`."""

    @property
    def pain(self) -> Flags:
        """(n,) whether pain is shown now."""
        return np.asarray(np.isin(self.shown, PAIN_NUMBERS))

    @property
    def clear(self) -> Flags:
        """(n,) whether there is a face of which a single picture can tell pain or none."""
        return np.asarray(self.seen & ~(self.pain & (self.pspi < CLEAR)))

    def part(self, name: str) -> Readings:
        """Only people of a part of `PARTS`."""
        return self.rows(of_part(self.people, name))

    def each(self) -> list[Readings]:
        """Film by film."""
        starts = np.flatnonzero(np.r_[True, self.films[1:] != self.films[:-1]])
        return [self.rows(np.arange(a, b)) for a, b in zip(starts, [*starts[1:], len(self)], strict=True)]


def of_part(people: Ints, name: str) -> Flags:
    """(n,) which of these people belong to a part of `PARTS`."""
    begin, end = PARTS[name]
    return np.asarray((people % 25 >= begin) & (people % 25 < end))


def read(films: Films, model: Model) -> Readings:
    """Read films with the action-unit model.

    Args:
        films: As rendered.
        model: Of action units, with its outputs `intensity`, `eyes_closed` and `features`.
    """
    places = [
        [tensor.name for tensor in model.outputs].index(name) for name in ("intensity", "eyes_closed", "features")
    ]
    rows: list[tuple[Any, ...]] = []
    for crop, landmarks in zip(films.crops[films.seen], films.landmarks[films.seen], strict=True):
        out = model(crop[np.newaxis], landmarks[np.newaxis])
        rows.append(tuple(out[place][0] for place in places))
    intensity, closed, features = (np.stack(column) for column in zip(*rows, strict=True))
    units = np.concatenate([intensity, closed], axis=1)

    def placed(values: Floats) -> Floats:
        whole = np.zeros((len(films), values.shape[1]), np.float32)
        whole[films.seen] = values
        return whole

    kept = {name: getattr(films, name) for name in ("times", "seen", "shown", "pspi", "films", "people", "kinds")}
    return Readings(placed(features), placed(units), **kept)


def read_all(paths: Iterable[Path], model: Model, part: str | None = None) -> Readings:
    """Read files of films, one at a time: the pictures of all do not fit into little memory.

    Args:
        paths: Of files of `store.make`, one at least.
        model: As for `read`.
        part: Of `PARTS`, to read only these people; None: everybody.
    """
    readings = []
    for films in (Films.load(path) for path in paths):
        wanted = films.rows(of_part(films.people, part)) if part else films
        if wanted.seen.any():
            readings.append(read(wanted, model))
    return Readings.join(readings)
