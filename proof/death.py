"""Kill -9 from within, at a moment that a kill from outside hardly ever meets: beside a commit."""

from __future__ import annotations

import itertools
import os
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

from npng_edge.record import tables

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator


def at_transaction(number: int, *, before: bool) -> None:
    """From now on, this process is killed at one of its transactions.

    Args:
        number: Which one, counted from 1.
        before: Whether it dies before the commit, with everything else of the transaction done; else right after it.
    """
    transaction, count = tables.transaction, itertools.count(1)

    @contextmanager
    def deadly(db: sqlite3.Connection) -> Iterator[None]:
        last = next(count) == number
        with transaction(db):
            yield
            if last and before:
                os.kill(os.getpid(), signal.SIGKILL)
        if last:
            os.kill(os.getpid(), signal.SIGKILL)

    tables.transaction = deadly
