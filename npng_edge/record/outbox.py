"""The outbox: what must reach the station, and which alarms are present, safe on disk before anything is sent.

An alarm transition, the level it leads to and what changes in the patient's record are written in ONE transaction
(see `store` for what happens when the disk fails). A row goes only when `done` says so; of alarms that are done the
newest are kept apart, to be sent again when a station asks for them.

On disk, scores are thinned oldest-first above `max_bytes` and alarms never. In memory everything is bounded by
`MEMORY_BYTES`: scores go first, then the oldest alarms, each counted and logged.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

from npng_edge.record import history, tables
from npng_edge.record.store import Store

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path

MEMORY_BYTES = 8 * 2**20
"""Limit of the messages while they are in memory only."""
_THIN_ROWS = 100
_CHECKED = "checked"
_DROP_LEVEL = {"alarm": logging.ERROR, "score": logging.DEBUG}

logger = logging.getLogger(__name__)


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
        self._boot_id = boot_id
        self._max_bytes = max_bytes
        self._monotonic = monotonic
        self._wall = wall
        self._dropped = {"alarm": 0, "score": 0}
        self._store = Store(directory, monotonic=monotonic, wall=wall)
        self.history = history.History(self._store)
        """The patient's record, in the same file."""

    @property
    def fault(self) -> str | None:
        """Why the disk is not used, for people; None while it is."""
        return self._store.fault

    @property
    def vanished(self) -> str | None:
        """That the file was gone lately and a new one was made, for people; None: it was not."""
        return self._store.vanished

    @property
    def era(self) -> int:
        """Changes when places that `next_alarm` gave mean nothing any more."""
        return self._store.era

    @property
    def set_aside(self) -> Path | None:
        """Where a damaged file was moved to, the last time one was found."""
        return self._store.set_aside

    def commit(
        self,
        messages: Sequence[Outgoing] = (),
        present: Mapping[str, bytes] | None = None,
        changes: history.Changes = history.NOTHING,
    ) -> None:
        """Store messages, the alarms now present and what changes in the patient's record, in one transaction.

        Args:
            messages: In the order in which they are to be sent. One whose id is already stored is left as it is.
            present: alarm_id -> body of every alarm now present; None leaves the stored level as it is.
            changes: Of profile and history.
        """
        stamp = (self._wall(), self._monotonic(), self._boot_id)
        rows: list[tables.MessageRow] = [(m.id, m.kind, m.topic, m.payload, *stamp) for m in messages]

        def work(db: sqlite3.Connection) -> int:
            tables.insert(db, rows)
            if present is not None:
                tables.set_present(db, present)
            return history.put(db, changes)

        self.history.count_dropped(self._store.write(work, documents=history.documents(changes)))
        self._thin()

    def next_alarm(self, topic: str, after: int = 0) -> tuple[int, Outgoing] | None:
        """The oldest alarm of a topic behind a place, and its own place; None: there is none.

        Args:
            topic: Where this bed's alarms go.
            after: A place, as this function gave it; 0: before all.
        """
        row = self._store.read(partial(tables.next_alarm, topic=topic, after=after))
        return None if row is None else (row[0], Outgoing(*row[1:]))

    def others(self, topic: str, limit: int, skip_topics: Collection[str] = ()) -> list[Outgoing]:
        """What waits beside the alarms of a topic: those of another bed that this device was, then scores.

        Args:
            topic: Where this bed's alarms go.
            limit: At most so many.
            skip_topics: Topics whose turn it is not.
        """
        rows = self._store.read(partial(tables.others, skip_topics={topic, *skip_topics}, limit=limit))
        return [Outgoing(*row[1:]) for row in rows]

    def done(self, ids: Collection[str]) -> None:
        """Remove delivered messages; unknown ids are ignored."""
        if ids:
            self._store.settle(ids)

    def again(self, boot_id: str, chosen: Callable[[bytes], bool]) -> int:
        """Put delivered alarms of one run back among those that wait; returns how many wait now.

        Args:
            boot_id: The run that made them.
            chosen: Says of a payload whether it is one of them.
        """
        stamp = (self._wall(), self._monotonic(), self._boot_id)

        def work(db: sqlite3.Connection) -> int:
            rows = [row for row in tables.delivered(db, boot_id) if chosen(row[3])]
            tables.insert(db, [(*row[:4], *stamp) for row in rows])
            return len(rows)

        return self._store.write(work)

    def forget(self, before_utc: float) -> None:
        """Delete the delivered alarms that are older than a time."""
        self._store.write(lambda db: tables.forget_delivered(db, before_utc))

    def present(self) -> dict[str, bytes]:
        """alarm_id -> body of the alarms present at the last commit; after a restart, those of the run that ended."""
        return dict(self._store.read(lambda db: db.execute("SELECT alarm_id, body FROM alarms_present").fetchall()))

    def status(self) -> OutboxStatus:
        """Count what waits."""
        counts = self._store.read(
            lambda db: db.execute("SELECT count, bytes FROM totals WHERE kind <> 'history' ORDER BY kind").fetchall()
        )
        (alarms, alarm_bytes), (scores, score_bytes) = counts
        oldest = self._store.read(
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
        """Try to return to the disk, when it failed and it is time; cheap otherwise. Call it about once a second."""
        self._store.tend()
        self._thin()

    def check(self) -> str | None:
        """Write something now; why the disk is not used, for people, or None when it took it."""
        self._store.write(
            lambda db: tables.set_document(db, _CHECKED, str(self._wall()).encode()), documents=(_CHECKED,)
        )
        return self.fault

    def close(self) -> None:
        """Close the file; the outbox cannot be used afterwards."""
        self._store.close()

    def _age(self, created_utc: float, created_monotonic: float, boot_id: str) -> float:
        if boot_id == self._boot_id:
            return self._monotonic() - created_monotonic
        return max(0.0, self._wall() - created_utc)

    def _thin(self) -> None:
        """Bring the size below its limit: scores, oldest first; then, only in memory, the oldest alarms."""
        in_memory = self.fault is not None
        limit = MEMORY_BYTES if in_memory else self._max_bytes
        for kind in ("score", "alarm") if in_memory else ("score",):
            while self._store.read(partial(tables.size, kinds=("alarm", "score"))) > limit:
                oldest = self._store.read(partial(tables.oldest_ids, kind=kind, limit=_THIN_ROWS))
                if not oldest:
                    break
                lost = self._store.drop(oldest)
                self._dropped[kind] += lost
                logger.log(_DROP_LEVEL[kind], "%d undelivered messages (%s) dropped for want of space", lost, kind)
        self.history.thin()
