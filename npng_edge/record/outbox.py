"""The outbox: what must reach the station, and which alarms are present, safe on disk before anything is sent.

One SQLite file, one connection (WAL, synchronous=FULL, exclusive lock: no second process, no shared-memory file). An
alarm transition and the level it leads to are written in ONE transaction. A row goes only when `done` says so.

What the caller needs to know:

* Build it in one thread if you like, then use it from one thread only.
* Nothing here raises because of the disk. When the file cannot be opened, written or read, the same tables go on in
  memory, with every alarm that could still be read, and `fault` says what is wrong and what to do (raise a technical
  alarm from it). Call `tend()` about once a second: every `RETRY_S` it tries the disk again, carries the memory over
  in one transaction and clears `fault`.
* A damaged file is set aside at the next opening, under the name in `set_aside`, a new one is begun, and the alarms
  that could still be read of the old one are carried over.
* On disk, scores are thinned oldest-first above `max_bytes` and alarms never. In memory everything is bounded by
  `MEMORY_BYTES`: scores go first, then the oldest alarms, each counted and logged.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial
from typing import TYPE_CHECKING, Literal, TypeVar

from npng_edge.record import tables

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path

FILE_NAME = "outbox.sqlite3"
RETRY_S = 30.0
"""Wait between attempts to return from memory to the disk, seconds."""
MEMORY_BYTES = 8 * 2**20
"""Limit of the tables while they are in memory only."""
_KEPT_DAMAGED = 3
_THIN_ROWS = 100
_KINDS = ("alarm", "score")
_DROP_LEVEL = {"alarm": logging.ERROR, "score": logging.DEBUG}

_T = TypeVar("_T")

logger = logging.getLogger(__name__)


class _UnusableError(Exception):
    """The disk cannot keep the outbox. The message names the file, the reason and what to do."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message to be delivered at least once."""

    id: str
    """Unique for ever; the station drops a second message with the same id."""
    kind: Literal["alarm", "score"]
    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class OutboxStatus:
    """How full the outbox is."""

    depth: int
    """Messages waiting, alarms and scores."""
    alarms: int
    """Alarm transitions among them."""
    bytes: int
    """Size of their payloads."""
    oldest_s: float | None
    """Age of the oldest one, seconds; None when nothing waits."""
    thinned: int
    """Scores dropped for want of space since the start."""
    alarms_lost: int
    """Alarms dropped since the start; only ever in memory, while the disk fails."""


class Outbox:
    """Keeps messages until they are delivered, and the alarms that are present.

    Args:
        directory: Folder of the file; made when it is missing.
        boot_id: Identity of this run; ages of its rows are taken from the monotonic clock.
        max_bytes: Payload bytes above which scores are thinned.
        monotonic: Clock of durations, seconds.
        wall: Clock of timestamps, seconds since 1970 UTC.
    """

    def __init__(
        self,
        directory: Path,
        *,
        boot_id: str,
        max_bytes: int,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._directory = directory
        self._boot_id = boot_id
        self._max_bytes = max_bytes
        self._monotonic = monotonic
        self._wall = wall
        self._dropped = {"alarm": 0, "score": 0}
        self._retry_at = 0.0
        self._rescued: list[tables.Row] = []  # from a damaged file, until they are stored again
        self._on_disk: set[str] = set()  # while in memory: rows that the file holds as well ..
        self._gone: set[str] = set()  # .. and those of them that are done and must go when the disk is back
        self.fault: str | None = None
        """Why the disk is not used, for people; None while it is."""
        self.set_aside: Path | None = None
        """Where a damaged file was moved to, the last time one was found."""
        try:
            self._db = self._open_file()
        except _UnusableError as error:
            self._db = tables.create(":memory:")
            self._go_without_disk(str(error))

    def commit(self, messages: Sequence[Outgoing], present: Mapping[str, bytes] | None = None) -> None:
        """Store messages and, when given, the alarms now present, in one transaction.

        Args:
            messages: In the order in which they are to be sent. One whose id is already stored is left as it is.
            present: alarm_id -> body of every alarm now present; None leaves the stored level as it is.
        """
        stamp = (self._wall(), self._monotonic(), self._boot_id)
        rows: list[tables.Row] = [(m.id, m.kind, m.topic, m.payload, *stamp) for m in messages]

        def work(db: sqlite3.Connection) -> None:
            tables.insert(db, rows)
            if present is not None:
                tables.set_present(db, present)

        self._write(work)
        self._thin()

    def pending(self, limit: int, skip_topics: Collection[str] = ()) -> list[Outgoing]:
        """The next messages to send: alarms before scores, oldest first.

        Args:
            limit: At most so many.
            skip_topics: Topics whose turn it is not.
        """
        marks = ",".join("?" * len(skip_topics))
        # 'alarm' sorts before 'score'.
        query = (
            f"SELECT id, kind, topic, payload FROM outbox WHERE topic NOT IN ({marks}) ORDER BY kind, sequence LIMIT ?"  # noqa: S608 - only question marks are put in
        )
        return [Outgoing(*row) for row in self._read(lambda db: db.execute(query, (*skip_topics, limit)).fetchall())]

    def done(self, ids: Collection[str]) -> None:
        """Remove delivered messages; unknown ids are ignored."""
        if ids:
            self._write(lambda db: tables.remove(db, ids))
            self._gone |= self._on_disk.intersection(ids)

    def present(self) -> dict[str, bytes]:
        """alarm_id -> body of the alarms present at the last commit; after a restart, those of the run that ended."""
        return dict(self._read(lambda db: db.execute("SELECT alarm_id, body FROM alarms_present").fetchall()))

    def status(self) -> OutboxStatus:
        """Count what waits."""
        counts = self._read(lambda db: db.execute("SELECT count, bytes FROM totals ORDER BY kind").fetchall())
        (alarms, alarm_bytes), (scores, score_bytes) = counts
        oldest = self._read(
            lambda db: db.execute(
                "SELECT created_utc, created_monotonic, boot_id FROM outbox ORDER BY sequence LIMIT 1"
            ).fetchone()
        )
        return OutboxStatus(
            depth=alarms + scores,
            alarms=alarms,
            bytes=alarm_bytes + score_bytes,
            oldest_s=None if oldest is None else self._age(*oldest),
            thinned=self._dropped["score"],
            alarms_lost=self._dropped["alarm"],
        )

    def tend(self) -> None:
        """Try to return to the disk, when it failed and it is time; cheap otherwise."""
        if self.fault is None or self._monotonic() < self._retry_at:
            return
        rows, present = tables.readable(self._db, _KINDS)
        try:
            disk = self._open_file()
        except _UnusableError as error:
            self._go_without_disk(str(error))
            return
        try:
            with tables.transaction(disk):
                tables.remove(disk, self._gone)
                tables.insert(disk, rows)
                tables.set_present(disk, present)
        except sqlite3.Error as error:
            disk.close()
            self._go_without_disk(self._explain(error))
            return
        self._db.close()
        self._db, self.fault = disk, None
        self._on_disk, self._gone = set(), set()
        logger.warning("%s is used again; %d messages were carried over from memory", self._path, len(rows))

    def close(self) -> None:
        """Close the file; the outbox cannot be used afterwards."""
        with suppress(sqlite3.Error):
            self._db.close()

    @property
    def _path(self) -> Path:
        return self._directory / FILE_NAME

    def _age(self, created_utc: float, created_monotonic: float, boot_id: str) -> float:
        if boot_id == self._boot_id:
            return self._monotonic() - created_monotonic
        return max(0.0, self._wall() - created_utc)

    def _open_file(self) -> sqlite3.Connection:
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise _UnusableError(
                f"{self._directory}: the folder cannot be made: {error.strerror}. Set storage.directory to a folder "
                "the service may write to."
            ) from error
        try:
            return tables.create(str(self._path))
        except sqlite3.OperationalError as error:
            raise _UnusableError(self._explain(error)) from error
        except sqlite3.DatabaseError as error:
            try:
                return self._replace_damaged(error)
            except (OSError, sqlite3.Error) as second:
                raise _UnusableError(f"{self._path}: damaged, and cannot be replaced: {second}.") from second

    def _replace_damaged(self, damage: sqlite3.DatabaseError) -> sqlite3.Connection:
        with closing(sqlite3.connect(self._path, isolation_level=None)) as old:
            self._rescued, present = tables.readable(old, ("alarm",))
        name = f"{FILE_NAME}.damaged-{datetime.fromtimestamp(self._wall(), timezone.utc):%Y%m%dT%H%M%S.%fZ}"
        self.set_aside = self._path.replace(self._directory / name)
        for suffix in ("-wal", "-shm", "-journal"):
            self._path.with_name(FILE_NAME + suffix).unlink(missing_ok=True)
        for older in sorted(self._directory.glob(f"{FILE_NAME}.damaged-*"))[:-_KEPT_DAMAGED]:
            older.unlink()
        logger.error("%s is damaged (%s): moved to %s; %d alarms saved", self._path, damage, name, len(self._rescued))
        new = tables.create(str(self._path))
        with tables.transaction(new):
            tables.insert(new, self._rescued)
            tables.set_present(new, present)
        self._rescued = []
        return new

    def _read(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        try:
            return work(self._db)
        except sqlite3.Error as error:
            self._move_to_memory(error)
            return work(self._db)

    def _write(self, work: Callable[[sqlite3.Connection], None]) -> None:
        try:
            with tables.transaction(self._db):
                work(self._db)
        except sqlite3.Error as error:
            self._move_to_memory(error)
            with tables.transaction(self._db):
                work(self._db)

    def _move_to_memory(self, error: sqlite3.Error) -> None:
        if self.fault is not None:  # Already there: this is no disk fault.
            raise error
        rows, present = tables.readable(self._db, ("alarm",))
        self.close()
        self._db = tables.create(":memory:")
        with tables.transaction(self._db):
            tables.insert(self._db, rows)
            tables.set_present(self._db, present)
        self._on_disk = {row[0] for row in rows}
        self._go_without_disk(self._explain(error))
        self._thin()

    def _go_without_disk(self, reason: str) -> None:
        if reason != self.fault:
            logger.error("%s Messages are kept in memory until the disk is back.", reason)
        tables.insert(self._db, self._rescued)
        self._rescued = []
        self.fault = reason
        self._retry_at = self._monotonic() + RETRY_S

    def _explain(self, error: sqlite3.Error) -> str:
        text = str(error)
        advice = "Check that the folder is writable and the disk is sound."
        if "full" in text:
            advice = "Free some space on the disk, or lower storage.max_mb."
        elif "locked" in text:
            advice = "Another process uses this folder: stop it, or give this device a folder of its own."
        return f"{self._path}: {text}. {advice}"

    def _thin(self) -> None:
        """Bring the size below its limit: scores, oldest first; then, only in memory, the oldest alarms."""
        in_memory = self.fault is not None
        limit = MEMORY_BYTES if in_memory else self._max_bytes
        for kind in ("score", "alarm") if in_memory else ("score",):
            while self._bytes() > limit:
                oldest = self._read(partial(tables.oldest_ids, kind=kind, limit=_THIN_ROWS))
                if not oldest:
                    break
                self._write(partial(tables.remove, ids=oldest))
                lost = len(set(oldest) - self._on_disk)
                self._dropped[kind] += lost
                logger.log(_DROP_LEVEL[kind], "%d undelivered messages (%s) dropped for want of space", lost, kind)

    def _bytes(self) -> int:
        return int(self._read(lambda db: db.execute("SELECT SUM(bytes) FROM totals").fetchone())[0])
