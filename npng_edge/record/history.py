"""The patient's record on the device: the profile, and what happened in each stay until its time is over.

Bodies are bytes here; `codec` makes and reads them. They are written by `Outbox.commit`, in one transaction with the
alarms that changed with them. In memory, while the disk fails, the profile is kept whole and history is bounded by
`MEMORY_BYTES`.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import astuple, dataclass
from datetime import datetime, timezone
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from npng_edge.record import tables

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Sequence

    from npng_edge.record.store import Store

Kind: TypeAlias = Literal["hour", "episode", "audit", "profile"]

MOST_ROWS: MappingProxyType[str, int] = MappingProxyType(
    {"hour": 4_000, "episode": 8_000, "audit": 8_000, "profile": 1}
)
"""Per stay, so that a flood of one kind never pushes out another; hours of 166 days."""
MOST_BYTES = 64 * 2**20
"""Of all bodies on disk: some 550 episodes at their full length, or far more short ones."""
MEMORY_BYTES = 8 * 2**20
"""Of all bodies while they are in memory only."""
NO_STAY = ""
"""The stay of what happened while no patient was assigned."""
_PROFILE = "profile"
_ASIDE = "profile-unreadable-"
_KEPT_ASIDE = 3
_THIN_ROWS = 100

logger = logging.getLogger(__name__)


class Keep(Enum):
    """The value that leaves a thing as it is."""

    KEEP = "keep"


KEEP: Final = Keep.KEEP


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One thing that happened. A later row of the same stay, kind and id takes its place."""

    stay: str
    """`Profile.stay`, or `NO_STAY`."""
    kind: Kind
    id: str
    """Unique within the stay and kind: of the episode, the hour or the request."""
    utc: float
    """When it happened, seconds since 1970."""
    body: bytes


@dataclass(frozen=True, slots=True)
class Changes:
    """What changes in the record, all at once."""

    profile: bytes | Keep | None = KEEP
    """The present patient's; None: nobody is assigned any more."""
    rows: Sequence[HistoryRow] = ()
    ended: tuple[str, float] | None = None
    """A stay that ends, and when (UTC); its retention begins."""


NOTHING: Final = Changes()


@dataclass(frozen=True, slots=True)
class KeptStay:
    """A stay of which something is kept."""

    stay: str
    rows: int
    last_utc: float | None
    """Of the newest row; None without rows."""
    ended_utc: float | None
    """None: it goes on, or its end was lost with a broken disk."""

    @property
    def over_utc(self) -> float:
        """When its retention began, should it not be going on: its end, else its newest row."""
        return self.ended_utc if self.ended_utc is not None else self.last_utc or 0.0


@dataclass(frozen=True, slots=True)
class Forgotten:
    """Proof of what was deleted, without what it said."""

    stay: str
    rows: int
    sha256: str
    """Of the deleted rows in order, hex; see `digest`."""


class History:
    """Reads the record, keeps it within its bounds and deletes what is over.

    Args:
        store: Where it is kept.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self.dropped = 0
        """Rows dropped for want of space since the start."""

    def profile(self) -> bytes | None:
        """The present patient's profile; None: nobody is assigned."""
        query = "SELECT body FROM documents WHERE key = ?"
        row = self._store.read(lambda db: db.execute(query, (_PROFILE,)).fetchone())
        return None if row is None else bytes(row[0])

    def set_profile_aside(self, utc: float) -> None:
        """Take away a profile that cannot be read, but keep it under another key; see `aside`."""
        body = self.profile()
        key = f"{_ASIDE}{datetime.fromtimestamp(utc, timezone.utc):%Y%m%dT%H%M%S.%fZ}"
        surplus = [] if body is None else sorted(self.aside())[: 1 - _KEPT_ASIDE]

        def work(db: sqlite3.Connection) -> None:
            tables.set_document(db, key, body)
            for other in (_PROFILE, *surplus):
                tables.set_document(db, other, None)

        self._store.write(work, documents=(key, _PROFILE, *surplus))

    def aside(self) -> dict[str, bytes]:
        """Profiles that could not be read: key, which holds the time -> body."""
        query = "SELECT key, body FROM documents WHERE key LIKE ? ORDER BY key"
        return dict(self._store.read(lambda db: db.execute(query, (f"{_ASIDE}%",)).fetchall()))

    def stay_rows(self, stay: str) -> list[HistoryRow]:
        """Everything kept of a stay, in the order in which it was first written."""
        query = "SELECT stay, kind, id, utc, body FROM history WHERE stay = ? ORDER BY sequence"
        return [HistoryRow(*row) for row in self._store.read(lambda db: db.execute(query, (stay,)).fetchall())]

    def row(self, stay: str, kind: Kind, row_id: str) -> HistoryRow | None:
        """One row; None: not kept."""
        query = "SELECT stay, kind, id, utc, body FROM history WHERE stay = ? AND kind = ? AND id = ?"
        found = self._store.read(lambda db: db.execute(query, (stay, kind, row_id)).fetchone())
        return None if found is None else HistoryRow(*found)

    def stays(self) -> list[KeptStay]:
        """All stays of which something is kept, `NO_STAY` included."""
        query = (
            "SELECT stay, COUNT(history.sequence), MAX(history.utc), MAX(stays_ended.utc) "
            "FROM (SELECT stay FROM history UNION SELECT stay FROM stays_ended) "
            "LEFT JOIN history USING (stay) LEFT JOIN stays_ended USING (stay) GROUP BY stay ORDER BY stay"
        )
        return [KeptStay(*row) for row in self._store.read(lambda db: db.execute(query).fetchall())]

    def forget_stays(
        self, before_utc: float, *, going_on: str | None, note: Callable[[Forgotten], HistoryRow]
    ) -> tuple[Forgotten, ...]:
        """Delete every stay that was over before a time, and keep a note of each in the same transaction.

        A stay without a known end is over with its newest row. What happened without a patient goes row by row, and
        unreadable profiles and damaged files set aside before that time go as well. While the disk fails nothing is
        deleted: call again later. Call it only with a wall clock that can be trusted.

        Args:
            before_utc: Now less the retention, seconds since 1970.
            going_on: The present patient's stay, never deleted; None: nobody is assigned.
            note: Makes the row that remains, under another stay (`NO_STAY`).

        Returns:
            What was deleted.
        """
        if self._store.fault is not None:
            return ()
        over = [one.stay for one in self.stays() if one.stay not in (going_on, NO_STAY) and one.over_utc < before_utc]
        forgotten = []
        for stay in over:
            rows = self.stay_rows(stay)
            forgotten.append(Forgotten(stay, len(rows), digest(rows)))
        notes = [astuple(note(one)) for one in forgotten]
        limit = f"{_ASIDE}{datetime.fromtimestamp(before_utc, timezone.utc):%Y%m%dT%H%M%S.%fZ}"
        keys = [key for key in self.aside() if key < limit]

        def work(db: sqlite3.Connection) -> None:
            db.executemany("DELETE FROM history WHERE stay = ?", [(stay,) for stay in over])
            db.executemany("DELETE FROM stays_ended WHERE stay = ?", [(stay,) for stay in over])
            db.execute("DELETE FROM history WHERE stay = ? AND utc < ?", (NO_STAY, before_utc))
            for key in keys:
                tables.set_document(db, key, None)
            tables.put_history(db, notes)

        self._store.write(work, documents=keys)
        self._store.scrub(before_utc)
        for one in forgotten:
            logger.info("Stay %s deleted: %d rows, SHA-256 %s", one.stay, one.rows, one.sha256)
        return tuple(forgotten)

    def thin(self) -> None:
        """Bring the size below its limit: oldest episodes first, for they are large, then the oldest of all."""
        limit = MOST_BYTES if self._store.fault is None else MEMORY_BYTES
        query = f"SELECT sequence FROM history ORDER BY kind <> 'episode', sequence LIMIT {_THIN_ROWS}"  # noqa: S608 - a constant
        while self._store.read(lambda db: tables.size(db, ("history",))) > limit:
            oldest = [row[0] for row in self._store.read(lambda db: db.execute(query).fetchall())]
            if not oldest:
                break
            self.count_dropped(self._store.drop_history(oldest))

    def count_dropped(self, count: int) -> None:
        """Take note of rows dropped for want of space."""
        if count:
            self.dropped += count
            logger.warning("%d rows of history dropped for want of space", count)


def put(db: sqlite3.Connection, changes: Changes) -> int:
    """The statements of a change, to be made within a transaction.

    Returns:
        Rows deleted because their stay has too many of their kind.
    """
    if changes.profile is not KEEP:
        tables.set_document(db, _PROFILE, changes.profile)
    tables.put_history(db, [astuple(row) for row in changes.rows])
    if changes.ended is not None:
        tables.end_stays(db, dict([changes.ended]))
    return sum(_bound(db, stay, kind) for stay, kind in {(row.stay, row.kind) for row in changes.rows})


def documents(changes: Changes) -> tuple[str, ...]:
    """Keys of the documents that a change sets or deletes."""
    return () if changes.profile is KEEP else (_PROFILE,)


def digest(rows: Iterable[HistoryRow]) -> str:
    """SHA-256 of rows, hex: of each the line `kind id utc length` and the body."""
    total = hashlib.sha256()
    for row in rows:
        total.update(f"{row.kind} {row.id} {row.utc!r} {len(row.body)}\n".encode())
        total.update(row.body)
    return total.hexdigest()


def _bound(db: sqlite3.Connection, stay: str, kind: str) -> int:
    query = "SELECT COUNT(*) FROM history WHERE stay = ? AND kind = ?"
    surplus = int(db.execute(query, (stay, kind)).fetchone()[0]) - MOST_ROWS[kind]
    if surplus <= 0:
        return 0
    query = "SELECT sequence FROM history WHERE stay = ? AND kind = ? ORDER BY sequence LIMIT ?"
    tables.remove_history(db, [row[0] for row in db.execute(query, (stay, kind, surplus)).fetchall()])
    return surplus
