"""Arrays of equal length that belong together, and the files that they lie in."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt
    from typing_extensions import Self


@dataclass(frozen=True, eq=False)
class Columns:
    """One row each; what the arrays are, the fields of a subclass say."""

    def __len__(self) -> int:
        return len(next(iter(vars(self).values())))

    def rows(self, chosen: npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> Self:
        """Only these rows."""
        return type(self)(**{name: array[chosen] for name, array in vars(self).items()})

    def save(self, path: Path) -> None:
        """Write all arrays to an `.npz` file, which has its name only when it is complete."""
        partial = path.with_suffix(".part.npz")
        np.savez(partial, **vars(self))
        partial.rename(path)

    @classmethod
    def load(cls, *paths: Path) -> Self:
        """Read files that `save` wrote, one after the other."""
        with ExitStack() as opened:
            files = [opened.enter_context(np.load(path)) for path in paths]
            return cls(**{item.name: np.concatenate([file[item.name] for file in files]) for item in fields(cls)})

    @classmethod
    def join(cls, parts: Sequence[Self]) -> Self:
        """One after the other."""
        return cls(**{item.name: np.concatenate([getattr(part, item.name) for part in parts]) for item in fields(cls)})


class OfPeople(Columns):
    """Rows that each show a person."""

    people: npt.NDArray[np.int64]
    """(n,) who; a field of each subclass."""

    def split(self, every: int = 8) -> tuple[Self, Self]:
        """People to learn from, and every eighth person to check with: the same ones for all our models."""
        held_out = self.people % every == 0
        return self.rows(~held_out), self.rows(held_out)
