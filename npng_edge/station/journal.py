"""What a station has heard of alarms, safe on its disk: only what is in here gets a receipt.

One SQLite file, WAL, synchronous=FULL, used from one thread; others may read it meanwhile.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

KEEP = 100_000
"""Alarms that are kept, the newest: about 100 MB."""
_TRIM = 1000
"""Older ones are removed when so many are too many."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS heard (
    place INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, bed TEXT NOT NULL, boot_id TEXT NOT NULL,
    sequence INTEGER NOT NULL, heard_utc REAL NOT NULL, times INTEGER NOT NULL, payload BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS heard_run ON heard (bed, boot_id, sequence);
"""


class JournalError(Exception):
    """The journal cannot be used; the message names the file, what is wrong and what to do."""


@dataclass(frozen=True, slots=True)
class Heard:
    """One alarm message."""

    id: str
    bed: str
    """facility/unit/bed."""
    boot_id: str
    sequence: int
    payload: bytes


class Journal:
    """Stores alarms, each once.

    Args:
        file: Made when it is missing.
        keep: Alarms that are kept, the newest.
        wall: Clock of timestamps, seconds since 1970 UTC.

    Raises:
        JournalError: The file cannot be used.
    """

    def __init__(self, file: Path, *, keep: int = KEEP, wall: Callable[[], float] = time.time) -> None:
        self._file = file
        self._keep = keep
        self._wall = wall
        try:
            self._db = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.executescript(_SCHEMA)
        except sqlite3.Error as error:
            raise self._trouble(error) from error

    def store(self, heard: Sequence[Heard]) -> None:
        """Store alarms in one transaction; one that is there already is only counted.

        Raises:
            JournalError: They are not stored; no receipt may be sent.
        """
        now = self._wall()
        rows = [(one.id, one.bed, one.boot_id, one.sequence, now, one.payload) for one in heard]
        try:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany(
                "INSERT INTO heard (id, bed, boot_id, sequence, heard_utc, times, payload) "
                "VALUES (?, ?, ?, ?, ?, 1, ?) ON CONFLICT (id) DO UPDATE SET times = times + 1",
                rows,
            )
            self._trim()
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            with suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            raise self._trouble(error) from error

    def missing(self, bed: str, boot_id: str) -> tuple[int, int] | None:
        """The first gap in the sequence of a run, behind the first of its alarms that was heard: first and last number.

        Raises:
            JournalError: The file cannot be read.
        """
        query = (
            "SELECT sequence + 1, following - 1 FROM (SELECT sequence, LEAD(sequence) OVER (ORDER BY sequence) AS "
            "following FROM heard WHERE bed = ? AND boot_id = ?) WHERE following > sequence + 1 LIMIT 1"
        )
        try:
            row = self._db.execute(query, (bed, boot_id)).fetchone()
        except sqlite3.Error as error:
            raise self._trouble(error) from error
        return None if row is None else (row[0], row[1])

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _trim(self) -> None:
        first, last = self._db.execute("SELECT MIN(place), MAX(place) FROM heard").fetchone()
        if last is not None and last - first + 1 >= self._keep + _TRIM:
            self._db.execute("DELETE FROM heard WHERE place <= ?", (last - self._keep,))

    def _trouble(self, error: sqlite3.Error) -> JournalError:
        return JournalError(f"{self._file}: {error}. Check the disk, or give another file.")
