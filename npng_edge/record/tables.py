"""The tables of the outbox, in a file or in memory, and the few statements on them. Errors are sqlite3's own."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

_SCHEMA = """
CREATE TABLE IF NOT EXISTS outbox (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, topic TEXT NOT NULL,
    payload BLOB NOT NULL, created_utc REAL NOT NULL, created_monotonic REAL NOT NULL, boot_id TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS outbox_order ON outbox (kind, sequence);
CREATE TABLE IF NOT EXISTS alarms_present (alarm_id TEXT PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS totals (kind TEXT PRIMARY KEY, count INTEGER NOT NULL, bytes INTEGER NOT NULL);
INSERT OR IGNORE INTO totals VALUES ('alarm', 0, 0), ('score', 0, 0);
CREATE TRIGGER IF NOT EXISTS outbox_added AFTER INSERT ON outbox BEGIN
    UPDATE totals SET count = count + 1, bytes = bytes + LENGTH(NEW.payload) WHERE kind = NEW.kind;
END;
CREATE TRIGGER IF NOT EXISTS outbox_removed AFTER DELETE ON outbox BEGIN
    UPDATE totals SET count = count - 1, bytes = bytes - LENGTH(OLD.payload) WHERE kind = OLD.kind;
END;
"""
_COLUMNS = "id, kind, topic, payload, created_utc, created_monotonic, boot_id"


Row = tuple[str, str, str, bytes, float, float, str]
"""id, kind, topic, payload, created_utc, created_monotonic, boot_id."""


def create(path: str) -> sqlite3.Connection:
    """Open a file or `:memory:`, check it and make the tables.

    Raises:
        sqlite3.OperationalError: It cannot be opened, locked or written.
        sqlite3.DatabaseError: It is damaged.
    """
    db = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
    try:
        db.execute("PRAGMA locking_mode=EXCLUSIVE")
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.execute("PRAGMA journal_size_limit=1048576")
        found = db.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise sqlite3.DatabaseError(found)
        db.executescript(f"BEGIN IMMEDIATE;{_SCHEMA}COMMIT;")
    except sqlite3.Error:
        db.close()
        raise
    return db


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """All of the body, or none of it."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            db.execute("ROLLBACK")
        raise


def insert(db: sqlite3.Connection, rows: Sequence[Row]) -> None:
    """Add messages in this order, except those whose id is there already."""
    db.executemany(f"INSERT OR IGNORE INTO outbox ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)", rows)  # noqa: S608 - a constant


def remove(db: sqlite3.Connection, ids: Collection[str]) -> None:
    """Delete messages; unknown ids are ignored."""
    db.executemany("DELETE FROM outbox WHERE id = ?", [(one,) for one in ids])


def set_present(db: sqlite3.Connection, present: Mapping[str, bytes]) -> None:
    """Replace the alarms present."""
    db.execute("DELETE FROM alarms_present")
    db.executemany("INSERT INTO alarms_present VALUES (?, ?)", list(present.items()))


def readable(db: sqlite3.Connection, kinds: Collection[str]) -> tuple[list[Row], dict[str, bytes]]:
    """Whatever can be read of a file that may be damaged or on a failing disk: messages of these kinds, and alarms."""
    rows: list[Row] = []
    present: dict[str, bytes] = {}
    marks = ",".join("?" * len(kinds))
    query = f"SELECT {_COLUMNS} FROM outbox WHERE kind IN ({marks}) ORDER BY sequence"  # noqa: S608 - only question marks are put in
    with suppress(sqlite3.Error):
        rows.extend(db.execute(query, tuple(kinds)))
    with suppress(sqlite3.Error):
        present.update(db.execute("SELECT alarm_id, body FROM alarms_present"))
    return rows, present


def oldest_ids(db: sqlite3.Connection, kind: str, limit: int) -> list[str]:
    """Ids of the oldest messages of a kind."""
    rows = db.execute("SELECT id FROM outbox WHERE kind = ? ORDER BY sequence LIMIT ?", (kind, limit))
    return [row[0] for row in rows]
