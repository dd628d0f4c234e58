"""The tables of the device's one file, on disk or in memory, and the statements on them. Errors are sqlite3's own."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

_SCHEMA = """
CREATE TABLE IF NOT EXISTS outbox (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, topic TEXT NOT NULL,
    payload BLOB NOT NULL, created_utc REAL NOT NULL, created_monotonic REAL NOT NULL, boot_id TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS outbox_order ON outbox (kind, sequence);
CREATE INDEX IF NOT EXISTS outbox_topics ON outbox (topic, kind, sequence);
CREATE TABLE IF NOT EXISTS delivered (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, topic TEXT NOT NULL,
    payload BLOB NOT NULL, created_utc REAL NOT NULL, created_monotonic REAL NOT NULL, boot_id TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS alarms_present (alarm_id TEXT PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS documents (key TEXT PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS history (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, stay TEXT NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL,
    utc REAL NOT NULL, body BLOB NOT NULL, UNIQUE (stay, kind, id)
);
CREATE TABLE IF NOT EXISTS stays_ended (stay TEXT PRIMARY KEY, utc REAL NOT NULL);
CREATE TABLE IF NOT EXISTS totals (kind TEXT PRIMARY KEY, count INTEGER NOT NULL, bytes INTEGER NOT NULL);
INSERT OR IGNORE INTO totals VALUES ('alarm', 0, 0), ('score', 0, 0), ('history', 0, 0);
CREATE TRIGGER IF NOT EXISTS outbox_added AFTER INSERT ON outbox BEGIN
    UPDATE totals SET count = count + 1, bytes = bytes + LENGTH(NEW.payload) WHERE kind = NEW.kind;
END;
CREATE TRIGGER IF NOT EXISTS outbox_removed AFTER DELETE ON outbox BEGIN
    UPDATE totals SET count = count - 1, bytes = bytes - LENGTH(OLD.payload) WHERE kind = OLD.kind;
END;
CREATE TRIGGER IF NOT EXISTS history_added AFTER INSERT ON history BEGIN
    UPDATE totals SET count = count + 1, bytes = bytes + LENGTH(NEW.body) WHERE kind = 'history';
END;
CREATE TRIGGER IF NOT EXISTS history_changed AFTER UPDATE ON history BEGIN
    UPDATE totals SET bytes = bytes + LENGTH(NEW.body) - LENGTH(OLD.body) WHERE kind = 'history';
END;
CREATE TRIGGER IF NOT EXISTS history_removed AFTER DELETE ON history BEGIN
    UPDATE totals SET count = count - 1, bytes = bytes - LENGTH(OLD.body) WHERE kind = 'history';
END;
"""
DELIVERED_ROWS = 5000
"""Delivered alarms that are kept, to be sent again when a station finds a gap: about 5 MB."""
_MESSAGE = "id, kind, topic, payload, created_utc, created_monotonic, boot_id"
_WAITING = "sequence, id, kind, topic, payload"
_HISTORY = "stay, kind, id, utc, body"


MessageRow = tuple[str, str, str, bytes, float, float, str]
"""id, kind, topic, payload, created_utc, created_monotonic, boot_id."""
HistoryTuple = tuple[str, str, str, float, bytes]
"""stay, kind, id, utc, body."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What was read of one set of tables, to be put into another."""

    messages: list[MessageRow] = field(default_factory=list)
    """Oldest first."""
    present: dict[str, bytes] = field(default_factory=dict)
    documents: dict[str, bytes] = field(default_factory=dict)
    history: list[HistoryTuple] = field(default_factory=list)
    """Oldest first."""
    ended: dict[str, float] = field(default_factory=dict)
    """stay -> when it ended."""
    delivered: list[MessageRow] = field(default_factory=list)
    """Oldest first."""


def create(path: str) -> sqlite3.Connection:
    """Open a file or `:memory:`, check it and make the tables.

    What is deleted is overwritten with zeros (secure_delete); the write-ahead log keeps it until `scrub`.

    Raises:
        sqlite3.OperationalError: It cannot be opened, locked or written.
        sqlite3.DatabaseError: It is damaged.
    """
    db = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
    try:
        db.execute("PRAGMA locking_mode=EXCLUSIVE")
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.execute("PRAGMA secure_delete=ON")
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


def scrub(db: sqlite3.Connection) -> None:
    """Empty the write-ahead log, so that nothing deleted can be read in it."""
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def insert(
    db: sqlite3.Connection, rows: Sequence[MessageRow], table: Literal["outbox", "delivered"] = "outbox"
) -> None:
    """Add messages in this order, except those whose id is there already."""
    db.executemany(f"INSERT OR IGNORE INTO {table} ({_MESSAGE}) VALUES (?, ?, ?, ?, ?, ?, ?)", rows)  # noqa: S608 - constants


def remove(db: sqlite3.Connection, ids: Collection[str]) -> None:
    """Delete messages; unknown ids are ignored."""
    db.executemany("DELETE FROM outbox WHERE id = ?", [(one,) for one in ids])


def settle(db: sqlite3.Connection, ids: Collection[str]) -> None:
    """Delete delivered messages; the newest alarms among them are kept apart. Unknown ids are ignored."""
    rows = [(one,) for one in ids]
    db.executemany(
        f"INSERT OR IGNORE INTO delivered ({_MESSAGE}) SELECT {_MESSAGE} FROM outbox WHERE id = ? AND kind = 'alarm'",  # noqa: S608 - a constant
        rows,
    )
    db.execute("DELETE FROM delivered WHERE sequence <= (SELECT MAX(sequence) FROM delivered) - ?", (DELIVERED_ROWS,))
    remove(db, ids)


def delivered(db: sqlite3.Connection, boot_id: str) -> list[MessageRow]:
    """The delivered alarms of one run that are still kept, oldest first."""
    return db.execute(f"SELECT {_MESSAGE} FROM delivered WHERE boot_id = ? ORDER BY sequence", (boot_id,)).fetchall()  # noqa: S608 - a constant


def forget_delivered(db: sqlite3.Connection, before_utc: float) -> None:
    """Delete delivered alarms that are older than a time."""
    db.execute("DELETE FROM delivered WHERE created_utc < ?", (before_utc,))


def next_alarm(db: sqlite3.Connection, topic: str, after: int) -> Any:
    """The oldest alarm of a topic behind a sequence number: sequence, id, kind, topic, payload; None: there is none."""
    chosen = "topic = ? AND kind = 'alarm' AND sequence > ? ORDER BY sequence LIMIT 1"
    return db.execute(f"SELECT {_WAITING} FROM outbox WHERE {chosen}", (topic, after)).fetchone()  # noqa: S608 - constants


def others(db: sqlite3.Connection, skip_topics: Collection[str], limit: int) -> list[Any]:
    """The same of messages on other topics: alarms first, then oldest first.

    One look into the index per topic: a topic that is held back, with a table full of its messages, costs nothing.
    """
    topics = db.execute(
        "WITH RECURSIVE topics (topic) AS (SELECT MIN(topic) FROM outbox UNION ALL "
        "SELECT (SELECT MIN(topic) FROM outbox WHERE topic > topics.topic) FROM topics WHERE topic IS NOT NULL) "
        "SELECT topic FROM topics WHERE topic IS NOT NULL"
    ).fetchall()
    query = f"SELECT {_WAITING} FROM outbox WHERE topic = ? ORDER BY kind, sequence LIMIT ?"  # noqa: S608 - a constant
    free = [topic for (topic,) in topics if topic not in skip_topics]
    rows = [row for topic in free for row in db.execute(query, (topic, limit))]
    return sorted(rows, key=lambda row: (row[2], row[0]))[:limit]  # 'alarm' sorts before 'score'.


def oldest_ids(db: sqlite3.Connection, kind: str, limit: int) -> list[str]:
    """Ids of the oldest messages of a kind."""
    rows = db.execute("SELECT id FROM outbox WHERE kind = ? ORDER BY sequence LIMIT ?", (kind, limit))
    return [row[0] for row in rows]


def size(db: sqlite3.Connection, kinds: Collection[str]) -> int:
    """Bytes kept of these kinds: `alarm`, `score`, `history`."""
    marks = ",".join("?" * len(kinds))
    query = f"SELECT SUM(bytes) FROM totals WHERE kind IN ({marks})"  # noqa: S608 - only question marks are put in
    return int(db.execute(query, tuple(kinds)).fetchone()[0])


def set_present(db: sqlite3.Connection, present: Mapping[str, bytes]) -> None:
    """Replace the alarms present."""
    db.execute("DELETE FROM alarms_present")
    db.executemany("INSERT INTO alarms_present VALUES (?, ?)", list(present.items()))


def set_document(db: sqlite3.Connection, key: str, body: bytes | None) -> None:
    """Replace a document; None deletes it."""
    db.execute("DELETE FROM documents WHERE key = ?", (key,))
    if body is not None:
        db.execute("INSERT INTO documents VALUES (?, ?)", (key, body))


def put_history(db: sqlite3.Connection, rows: Iterable[HistoryTuple]) -> None:
    """Add rows in this order; one whose stay, kind and id are there already takes the older one's place."""
    db.executemany(
        f"INSERT INTO history ({_HISTORY}) VALUES (?, ?, ?, ?, ?) "  # noqa: S608 - a constant
        "ON CONFLICT (stay, kind, id) DO UPDATE SET utc = excluded.utc, body = excluded.body",
        rows,
    )


def remove_history(db: sqlite3.Connection, sequences: Collection[int]) -> None:
    """Delete rows of history."""
    db.executemany("DELETE FROM history WHERE sequence = ?", [(one,) for one in sequences])


def end_stays(db: sqlite3.Connection, ended: Mapping[str, float]) -> None:
    """Note when stays ended."""
    db.executemany("INSERT OR REPLACE INTO stays_ended VALUES (?, ?)", list(ended.items()))


def readable(db: sqlite3.Connection, kinds: Collection[str], history_bytes: int | None = None) -> Contents:
    """Whatever can be read of a file that may be damaged or on a failing disk.

    Args:
        db: The tables; may be any file that SQLite opened.
        kinds: Of the messages.
        history_bytes: About so much of the newest history; None: all.
    """
    marks = ",".join("?" * len(kinds))
    return Contents(
        messages=_rows(db, f"{_MESSAGE} FROM outbox NOT INDEXED WHERE kind IN ({marks})", tuple(kinds)),
        present=dict(_some(db, "SELECT alarm_id, body FROM alarms_present")),
        documents=dict(_some(db, "SELECT key, body FROM documents")),
        history=_rows(db, f"{_HISTORY} FROM history NOT INDEXED")
        if history_bytes is None
        else _newest(db, history_bytes),
        ended=dict(_some(db, "SELECT stay, utc FROM stays_ended")),
        delivered=_rows(db, f"{_MESSAGE} FROM delivered NOT INDEXED"),
    )


def restore(db: sqlite3.Connection, contents: Contents, replaced: Collection[str] = ()) -> None:
    """Put contents beside what is there: the alarms present and rows of history replace, the rest only adds.

    Args:
        db: The tables.
        contents: What is put there.
        replaced: Keys of documents that `contents` knows better: replaced, or deleted when it does not have them.
    """
    insert(db, contents.messages)
    insert(db, contents.delivered, "delivered")
    set_present(db, contents.present)
    for key in replaced:
        set_document(db, key, None)
    db.executemany("INSERT OR IGNORE INTO documents VALUES (?, ?)", list(contents.documents.items()))
    put_history(db, contents.history)
    end_stays(db, contents.ended)


def _some(db: sqlite3.Connection, query: str, values: tuple[str, ...] = ()) -> list[Any]:
    """The rows up to the first that cannot be read."""
    rows: list[Any] = []
    with suppress(sqlite3.Error):
        rows.extend(db.execute(query, values))
    return rows


def _rows(db: sqlite3.Connection, rest: str, values: tuple[str, ...] = ()) -> list[Any]:
    """Rows in order of their sequence: from the front up to the damage, and from the back down to it."""
    found: dict[int, Any] = {}
    for direction in ("ASC", "DESC"):
        try:
            for sequence, *row in db.execute(f"SELECT sequence, {rest} ORDER BY sequence {direction}", values):
                found[sequence] = tuple(row)
            break
        except sqlite3.Error:
            continue
    return [found[sequence] for sequence in sorted(found)]


def _newest(db: sqlite3.Connection, limit: int) -> list[HistoryTuple]:
    rows: list[HistoryTuple] = []
    with suppress(sqlite3.Error):
        for row in db.execute(f"SELECT {_HISTORY} FROM history ORDER BY sequence DESC"):  # noqa: S608 - a constant
            limit -= len(row[-1])
            if limit < 0:
                break
            rows.append(row)
    return rows[::-1]
