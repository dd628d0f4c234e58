"""Seven parts to learn from, two to stop by, one to judge by: by random picture as the origin did, and by person."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from training.palsy.data import Flags, Rows

PARTS = ("learn", "stop", "judge")
SHARES = (0.7, 0.2, 0.1)
SPLITS = ("by picture", "by person")


def split(people: Rows, how: str, seed: int) -> tuple[Flags, Flags, Flags]:
    """Which rows are for what.

    Args:
        people: (n,) who is shown.
        how: one of `SPLITS`; by picture the same person is on all sides, which flatters.
        seed: of the dice.

    Returns:
        (n,) each, in the order of `PARTS`.
    """
    drawn = people if how == "by person" else np.arange(len(people))
    # Every other person has a palsy: dealt in pairs, each part has as many with it as without.
    units = np.unique(drawn // 2) if how == "by person" else np.unique(drawn)
    order = np.random.default_rng([31, seed]).permutation(units)
    ends = np.round(np.cumsum(SHARES) * len(order)).astype(int)
    mine = drawn // 2 if how == "by person" else drawn
    learn, stop, judge = (np.isin(mine, part) for part in np.split(order, ends[:-1]))
    return learn, stop, judge


def folds(people: Rows, count: int, seed: int) -> Rows:
    """(n,) number of the fold of each row; all pictures of two neighbours, one with a palsy, are in one."""
    pairs, row = np.unique(people // 2, return_inverse=True)
    dealt = np.random.default_rng([37, seed]).permutation(len(pairs)) % count
    return np.asarray(dealt[row.reshape(-1)], np.int64)
