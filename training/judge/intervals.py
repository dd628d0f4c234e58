"""How sure a figure is: 95 % intervals by drawing people anew, not faces, which resemble each other (Efron, 1979)."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    Indices = npt.NDArray[np.int64]

DRAWS = 300
SEED = 51


class Estimate(TypedDict):
    """A figure and its interval; None where it cannot be said."""

    value: float | None
    low: float | None
    high: float | None


def estimate(figure: Callable[[Indices], float | None], people: npt.NDArray[np.generic]) -> Estimate:
    """A figure of some faces, and where it lies for 95 of 100 draws of as many people with replacement.

    Args:
        figure: of the faces in these rows; None where they do not say.
        people: (n,) who is on each face; any values.

    Returns:
        The percentile interval; it is None where half of the draws do not say.
    """
    rows = [np.flatnonzero(people == one) for one in np.unique(people)]
    rng = np.random.default_rng(SEED)
    drawn = []
    for _ in range(DRAWS):
        value = figure(np.concatenate([rows[one] for one in rng.integers(len(rows), size=len(rows))])) if rows else None
        if value is not None:
            drawn.append(value)
    low, high = np.quantile(drawn, [0.025, 0.975]) if 2 * len(drawn) > DRAWS else (None, None)
    return {
        "value": figure(np.arange(len(people))) if rows else None,
        "low": None if low is None else float(low),
        "high": None if high is None else float(high),
    }
