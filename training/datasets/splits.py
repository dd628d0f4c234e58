"""Which items are learnt from and which are judged: by random item, and one person left out at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import GroupKFold, LeaveOneGroupOut, train_test_split

if TYPE_CHECKING:
    from collections.abc import Iterator

Places: TypeAlias = npt.NDArray[np.int64]

SHARES = (0.64, 0.16, 0.20)
"""Train, choose, test: as in the origin document. Nothing is chosen here, so the second part is not used at all."""


class Fold(NamedTuple):
    """Places of items; nobody is in both."""

    train: Places
    test: Places


def by_item(items: int, seed: int) -> Fold | None:
    """A random split: frames of one person, and neighbours in time, are on both sides.

    Args:
        items: How many there are.
        seed: Of the choice.

    Returns:
        None for fewer than five, which cannot be split so.
    """
    if items * SHARES[2] < 1:
        return None
    rest, test = train_test_split(np.arange(items), test_size=SHARES[2], random_state=seed)
    train, _ = train_test_split(rest, test_size=SHARES[1] / (1 - SHARES[2]), random_state=seed)
    return Fold(train, test)


def by_subject(subjects: npt.NDArray[np.str_]) -> Iterator[Fold]:
    """One fold a person, who is judged by what the others taught; none when there is only one person.

    Args:
        subjects: (n,) whose each item is.
    """
    if len(np.unique(subjects)) > 1:
        for train, test in LeaveOneGroupOut().split(subjects, groups=subjects):
            yield Fold(train, test)


def by_people(subjects: npt.NDArray[np.str_], most: int) -> Iterator[Fold]:
    """At most so many folds, each of whole people: for what takes long to learn.

    Args:
        subjects: (n,) whose each item is, of two people or more.
        most: Folds.
    """
    folds = GroupKFold(min(most, len(np.unique(subjects))))
    for train, test in folds.split(subjects, groups=subjects):
        yield Fold(train, test)
