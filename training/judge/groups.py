"""People or pictures in groups, by a measure or by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Step: TypeAlias = tuple[float, str]
"""From which value on, and what that is called."""


class Groups(NamedTuple):
    """Who belongs where."""

    names: tuple[str, ...]
    """In the order to show them."""
    of: tuple[str | None, ...]
    """The group of each; None where it is not known."""

    def members(self, fewest: int = 1) -> Iterator[tuple[str, npt.NDArray[np.int64]]]:
        """Name and numbers of the members of each group that has so many."""
        for name in self.names:
            rows = np.array([row for row, group in enumerate(self.of) if group == name], np.int64)
            if len(rows) >= fewest:
                yield name, rows


def stepped(values: Sequence[float | None], steps: Sequence[Step]) -> Groups:
    """Groups by a measure.

    Args:
        values: of each; None where it is not known.
        steps: from the lowest; values below the first belong to it too.
    """
    starts = [least for least, _ in steps]
    places = [None if value is None else max(np.searchsorted(starts, value, "right") - 1, 0) for value in values]
    return Groups(tuple(name for _, name in steps), tuple(None if at is None else steps[at][1] for at in places))


def named(values: Sequence[str]) -> Groups:
    """Groups by name, in alphabetical order."""
    return Groups(tuple(sorted(set(values))), tuple(values))
