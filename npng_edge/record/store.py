"""The one file of the device, and memory while the disk fails. Nothing here raises because of the disk.

One SQLite file, one connection (WAL, synchronous=FULL, exclusive lock: no second process, no shared-memory file).
`outbox` and `history` are views on it, and what they write together is one transaction.

* Build it in one thread if you like, then use it from one thread only.
* When the file cannot be opened, written or read, the same tables go on in memory, with everything that could still be
  read, and `fault` says what is wrong and what to do (raise a technical alarm from it). Call `tend()` about once a
  second: every `RETRY_S` it tries the disk again, carries the memory over in one transaction and clears `fault`.
* A file that was deleted or moved away while it was in use could still be written, and all of it would be gone at the
  restart: `tend()` makes a new one with everything that was in it.
* A damaged file is set aside at the next opening, under the name in `set_aside`, a new one is begun, and everything
  that could still be read of the old one is carried over.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from contextlib import closing, suppress
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, TypeVar

from npng_edge.record import tables

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

FILE_NAME = "outbox.sqlite3"
RETRY_S = 30.0
"""Wait between attempts to return from memory to the disk, seconds."""
TOLD_S = 30.0
"""That the file was deleted or moved away is told for so long, seconds."""
MEMORY_HISTORY_BYTES = 4 * 2**20
"""So much of the newest history is carried from a failing disk into memory; the rest stays where it is."""
_KEPT_DAMAGED = 3
_KINDS = ("alarm", "score")
_VANISHED = "deleted or moved away while in use"

_T = TypeVar("_T")

logger = logging.getLogger(__name__)


class _UnusableError(Exception):
    """The disk cannot be used. The message names the file, the reason and what to do."""


class Store:
    """Reads and writes the tables, on disk or in memory.

    Args:
        directory: Folder of the file; made when it is missing.
        monotonic: Clock of durations, seconds.
        wall: Clock of timestamps, seconds since 1970 UTC.
    """

    def __init__(
        self, directory: Path, *, monotonic: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time
    ) -> None:
        self._directory = directory
        self._monotonic = monotonic
        self._wall = wall
        self._retry_at = 0.0
        self._identity: tuple[int, int] | None = None  # of the open file
        self._vanished_at: float | None = None
        self._rescued = tables.Contents()  # from a damaged file, until it is stored again
        self._on_disk: set[str] = set()  # while in memory: messages that the file holds as well ..
        self._gone: set[str] = set()  # .. and those of them that must go when the disk is back
        self._carried = 0  # while in memory: the first so many rows of history are in the file as well
        self._documents_set: set[str] = set()  # while in memory: keys that were written, or came from a damaged file
        self.era = 0
        """Counts the times that other tables took the place of those in use, so that places in them mean nothing."""
        self.fault: str | None = None
        """Why the disk is not used, for people; None while it is."""
        self.set_aside: Path | None = None
        """Where a damaged file was moved to, the last time one was found."""
        try:
            self._db = self._open_file()
        except _UnusableError as error:
            self._db = tables.create(":memory:")
            self._go_without_disk(str(error))

    @property
    def vanished(self) -> str | None:
        """That the file was gone lately and a new one was made, for people; None: it was not."""
        if self._vanished_at is None or self._monotonic() - self._vanished_at >= TOLD_S:
            return None
        return f"{self._path} was {_VANISHED}; a new one was made. Leave the files in this folder to this device."

    def read(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        """Ask the tables; `work` is done again in memory when the disk fails."""
        try:
            return work(self._db)
        except sqlite3.Error as error:
            self._move_to_memory(error)
            return work(self._db)

    def write(self, work: Callable[[sqlite3.Connection], _T], *, documents: Collection[str] = ()) -> _T:
        """Change the tables in one transaction; `work` is done again in memory when the disk fails.

        Args:
            work: Only statements, for it may be done twice.
            documents: Keys of the documents that it sets or deletes.
        """
        try:
            result = self._transact(work)
        except sqlite3.Error as error:
            self._move_to_memory(error)
            result = self._transact(work)
        if self.fault is not None:
            self._documents_set.update(documents)
        return result

    def settle(self, ids: Collection[str]) -> None:
        """Delete delivered messages here, and from the failing disk when it is back; unknown ids are ignored."""
        self.write(lambda db: tables.settle(db, ids))
        self._gone |= self._on_disk.intersection(ids)

    def drop(self, ids: Collection[str]) -> int:
        """Delete messages here for want of space; one that the failing disk holds as well is still there.

        Returns:
            How many of them were here alone, and are lost.
        """
        self.write(lambda db: tables.remove(db, ids))
        return len(set(ids) - self._on_disk)

    def drop_history(self, sequences: Collection[int]) -> int:
        """Delete rows of history here for want of space; one that the failing disk holds as well is still there.

        Returns:
            How many of them were here alone, and are lost.
        """
        self.write(lambda db: tables.remove_history(db, sequences))
        return sum(sequence > self._carried for sequence in sequences)

    def tend(self) -> None:
        """Try to return to the disk, when it failed and it is time, or to a file that has a name; cheap otherwise."""
        if self.fault is None:
            self._stay_with_the_name()
            return
        if self._monotonic() < self._retry_at:
            return
        try:
            disk = self._open_file()
        except _UnusableError as error:
            self._go_without_disk(str(error))
            return
        contents = tables.readable(self._db, _KINDS)
        try:
            self._carry_to(disk, contents, self._documents_set)
        except sqlite3.Error as error:
            self._go_without_disk(self._explain(error))
            return
        self.fault = None
        self._on_disk, self._gone, self._documents_set, self._carried = set(), set(), set(), 0
        logger.warning(
            "%s is used again; %d messages and %d rows of history were carried over from memory",
            self._path,
            len(contents.messages),
            len(contents.history),
        )

    def scrub(self, before_utc: float) -> None:
        """Make what was deleted unreadable in the file, and delete damaged files set aside before a time."""
        self.read(tables.scrub)
        with suppress(OSError):
            for file in self._damaged():
                if file.name < self._damaged_name(before_utc):
                    file.unlink()
                    logger.info("%s deleted: its time is over", file)

    def close(self) -> None:
        """Close the file; the store cannot be used afterwards."""
        with suppress(sqlite3.Error):
            self._db.close()

    def _stay_with_the_name(self) -> None:
        if self._identity is not None and self._identify() == self._identity:
            return
        try:
            disk = self._open_file()
        except _UnusableError:
            self._move_to_memory(sqlite3.OperationalError(_VANISHED))
            return
        contents = tables.readable(self._db, _KINDS)
        try:
            self._carry_to(disk, contents, contents.documents)
        except sqlite3.Error as error:
            self._move_to_memory(error)
            return
        self._vanished_at = self._monotonic()
        logger.error("%s", self.vanished)

    def _carry_to(self, disk: sqlite3.Connection, contents: tables.Contents, documents: Collection[str]) -> None:
        """Put contents into another file, these documents in place of its own, and use it; or close it and raise."""
        try:
            with tables.transaction(disk):
                tables.settle(disk, self._gone)
                tables.restore(disk, contents, documents)
        except sqlite3.Error:
            disk.close()
            raise
        self._use(disk)

    def _identify(self) -> tuple[int, int] | None:
        """Device and inode of the file that has our name; None: there is none."""
        with suppress(OSError):
            found = self._path.stat()
            return found.st_dev, found.st_ino
        return None

    def _use(self, db: sqlite3.Connection) -> None:
        """Work on other tables from now on."""
        self.close()
        self._db = db
        self.era += 1

    @property
    def _path(self) -> Path:
        return self._directory / FILE_NAME

    def _transact(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        with tables.transaction(self._db):
            return work(self._db)

    def _open_file(self) -> sqlite3.Connection:
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise _UnusableError(
                f"{self._directory}: the folder cannot be made: {error.strerror}. Set storage.directory to a folder "
                "the service may write to."
            ) from error
        try:
            db = tables.create(str(self._path))
        except sqlite3.OperationalError as error:
            raise _UnusableError(self._explain(error)) from error
        except sqlite3.DatabaseError as error:
            try:
                db = self._replace_damaged(error)
            except (OSError, sqlite3.Error) as second:
                raise _UnusableError(f"{self._path}: damaged, and cannot be replaced: {second}.") from second
        self._identity = self._identify()
        return db

    def _replace_damaged(self, damage: sqlite3.DatabaseError) -> sqlite3.Connection:
        with closing(sqlite3.connect(self._path, isolation_level=None)) as old:
            self._rescued = tables.readable(old, ("alarm",))
        self.set_aside = self._path.replace(self._directory / self._damaged_name(self._wall()))
        for suffix in ("-wal", "-shm", "-journal"):
            self._path.with_name(FILE_NAME + suffix).unlink(missing_ok=True)
        for older in self._damaged()[:-_KEPT_DAMAGED]:
            older.unlink()
        logger.error(
            "%s is damaged (%s): moved to %s; saved: %d alarms, %d documents, %d rows of history",
            self._path,
            damage,
            self.set_aside.name,
            len(self._rescued.messages),
            len(self._rescued.documents),
            len(self._rescued.history),
        )
        new = tables.create(str(self._path))
        with tables.transaction(new):
            tables.restore(new, self._rescued)
        self._rescued = tables.Contents()
        return new

    def _damaged(self) -> list[Path]:
        return sorted(self._directory.glob(f"{FILE_NAME}.damaged-*"))

    def _damaged_name(self, utc: float) -> str:
        return f"{FILE_NAME}.damaged-{datetime.fromtimestamp(utc, timezone.utc):%Y%m%dT%H%M%S.%fZ}"

    def _move_to_memory(self, error: sqlite3.Error) -> None:
        if self.fault is not None:  # Already there: this is no disk fault.
            raise error
        contents = tables.readable(self._db, ("alarm",), MEMORY_HISTORY_BYTES)
        self._use(tables.create(":memory:"))
        with tables.transaction(self._db):
            tables.restore(self._db, contents)
        self._on_disk = {row[0] for row in contents.messages}
        self._carried = len(contents.history)
        self._go_without_disk(self._explain(error))

    def _go_without_disk(self, reason: str) -> None:
        if reason != self.fault:
            logger.error("%s Everything is kept in memory until the disk is back.", reason)
        self.fault = reason
        self._retry_at = self._monotonic() + RETRY_S
        if self._rescued != tables.Contents():
            self._take_rescued()

    def _take_rescued(self) -> None:
        """What was saved from a damaged file goes before what memory knows, which is newer."""
        rescued, self._rescued = self._rescued, tables.Contents()
        here = tables.readable(self._db, _KINDS)
        self._use(tables.create(":memory:"))
        with tables.transaction(self._db):
            tables.restore(self._db, rescued)
            tables.remove(self._db, self._gone)
            tables.restore(self._db, replace(here, present=here.present or rescued.present), self._documents_set)
        self._documents_set |= rescued.documents.keys()
        self._on_disk, self._carried = set(), 0

    def _explain(self, error: sqlite3.Error) -> str:
        text = str(error)
        advice = "Check that the folder is writable and the disk is sound."
        if "full" in text:
            advice = "Free some space on the disk, or lower storage.max_mb."
        elif "locked" in text:
            advice = "Another process uses this folder: stop it, or give this device a folder of its own."
        return f"{self._path}: {text}. {advice}"
