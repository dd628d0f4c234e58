"""A bed to send wrong messages to: the real stage that decides, with a real outbox; the broker is made up here."""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar
from unittest.mock import patch

from npng_edge.bedside.events import ReadingMade
from npng_edge.bedside.filming import Filming
from npng_edge.bedside.stage import Bedside
from npng_edge.indicate.player import Player
from npng_edge.policy.events import Fault
from npng_edge.publish.events import Published, Received, Ticket
from npng_edge.publish.messages import Response
from npng_edge.settings import Policy, Settings, Storage
from npng_edge.settings.policy import Interlock
from npng_edge.units import ACTION_UNITS, ActionUnits, Box, EyeClosure, Face, Pose, Reading
from proof.fuzzing.judge import BrokenRuleError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from pathlib import Path

    from npng_edge.policy.state import State
    from npng_edge.publish.topics import Manner

_T = TypeVar("_T")

PATIENT = "P-0001"
"""Who lies in the bed; also in the examples of the contract."""
_PAIN = MappingProxyType({"AU4": 4.0, "AU6": 3.0, "AU7": 3.5, "AU9": 2.0, "AU10": 2.5})


class Line:
    """In place of the connection: takes every message, and nothing ever comes from it by itself."""

    thread_alive = True
    connection = 1
    certificate_ends: datetime | None = None

    def __init__(self, *_: object, **__: object) -> None:
        self.sent: list[tuple[Ticket, str, bytes]] = []
        self._count = 0

    def publish(self, topic: str, payload: bytes, manner: Manner, *, correlation: bytes | None = None) -> Ticket:
        """Take a message."""
        del manner, correlation
        self._count += 1
        ticket = Ticket(self.connection, self._count)
        self.sent.append((ticket, topic, payload))
        return ticket

    def start(self) -> None:
        """There is no thread."""

    def stop(self, final: object) -> None:
        """There is nothing to end."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that a message may change, but the record of what was asked."""

    policy: State
    words: str
    """The same state written out: an object that is changed in place is still equal to itself."""
    tables: tuple[tuple[str, tuple[tuple[Any, ...], ...]], ...]
    """Every row of every table: profile, history, alarms present, outbox, delivered."""
    heard: float | None
    """When a receipt was taken last."""


class HandDrivenBed(Bedside):
    """The stage without its thread: one message in, what follows looked at, the next one.

    Args:
        folder: For its files; must be new.
        key: The hospital's key file.
        assigned: Whether a patient lies in it, in pain, with alarms of all kinds; else nobody does.
    """

    def __init__(self, folder: Path, key: Path, *, assigned: bool) -> None:
        storage = Storage(directory=folder, transfer_key_file=key, record_events=True)
        settings = Settings(policy=Policy(interlock=Interlock(enabled=True)), storage=storage)

        def died(name: str, error: BaseException) -> None:
            raise BrokenRuleError(f"stage {name} died: {error!r}")

        with patch("npng_edge.bedside.stage.Client", Line):
            super().__init__(
                settings,
                counts=lambda: (0, 0),
                filming=Filming(storage, on_death=died),
                local=Player(settings.local_alarm, on_death=died),
                on_death=died,
            )
        assert isinstance(self._client, Line)
        self.line: Line = self._client
        self.assigned: bool = assigned
        self.now: float = time.monotonic()
        self._frames: int = 0
        for condition in ("camera", "storage", "model"):
            self._take(Fault(condition, "Made up."), self.now)
        self.put_right()
        for _ in range(20):
            self.pass_time()

    @property
    def place(self) -> str:
        """The bed's topic."""
        return self._topics.bed

    def sealed(self) -> str:
        """The stay of its patient, for another bed."""
        return self.ask("export", patient=PATIENT).bundle or "none"

    def put_right(self) -> None:
        """Let a patient lie here, or nobody, as it is meant to be."""
        profile = self._state.profile
        if self.assigned and profile is None:
            self.ask("assign", patient=PATIENT, clips=False)
        elif not self.assigned and profile is not None:
            self.ask("discharge", patient=profile.patient)

    def ask(self, name: str, **fields: Any) -> Response:
        """Ask as staff would; returns the answer."""
        request = {
            "schema": f"npng/request-{name}/1",
            "id": str(uuid.uuid4()),
            "who": "nurse Kim",
            "expires": _iso(timedelta(hours=1)),
            **fields,
        }
        self.line.sent.clear()
        event = Received(self._topics.request(name), json.dumps(request).encode(), False, None, None)
        self._take(event, self.now)
        return self.responses()[-1]

    def responses(self) -> list[Response]:
        """The answers sent since `line.sent` was cleared."""
        begin = f"{self.place}/response/"
        return [Response.parse(payload) for _, topic, payload in self.line.sent if topic.startswith(begin)]

    def pass_time(self) -> None:
        """A quarter of a second: a face in pain is read, the broker acknowledges, timers run."""
        self.now += 0.25
        self._frames += 1
        units = ActionUnits(MappingProxyType(dict.fromkeys(ACTION_UNITS, 0.0) | _PAIN), EyeClosure(0.0, 0.0))
        face = Face(Box(10, 10, 100, 100), Pose(0, 0, 0), 0.9)
        self._take(ReadingMade(Reading(self._frames, self.now, 1, face, units, (), 1), {}), self.now)
        for ticket, _, _ in self.line.sent:
            self._take(Published(ticket, 0, "Success"), self.now)
        self.line.sent.clear()
        self._tick(self.now)

    def hear(self, event: Received) -> None:
        """Take one message, as a turn of the stage does."""
        self.now += 0.001
        self._take(event, self.now)
        self._delivery.step(self.now)

    def snapshot(self) -> Snapshot:
        """Everything as it is now."""
        self._delivery.flush()
        return Snapshot(self._state, repr(self._state), self._rows(_tables), self._delivery.status(self.now).heard)

    def audits(self) -> tuple[bytes, ...]:
        """The record of what was asked, the oldest first."""
        return self._rows(lambda db: tuple(row[0] for row in db.execute(_AUDITS)))

    def known(self, name: str) -> str:
        """What a placeholder stands for: `@now@`, `@id@`, `@alarm@` .. at this moment."""
        if name in ("now", "soon", "past"):
            return _iso(timedelta(hours={"now": 0, "soon": 1, "past": -1}[name]))
        if name == "alarm":
            return next((alarm.id for alarm in self._state.alarms.alarms.values()), "none")
        if name == "message":
            return self._rows(_oldest_alarm)
        if name == "episode":
            return self._rows(_episode)
        return {"id": str(uuid.uuid4()), "run": self._stamp.boot_id}[name]

    def end(self) -> None:
        """Close the files."""
        self._outbox.close()
        if self._log is not None:
            self._log.close()

    def _rows(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        # Straight from the tables: a check must not ask the queries that it checks.
        return self._outbox._store.read(work)  # noqa: SLF001


_AUDITS = "SELECT body FROM history WHERE kind = 'audit' ORDER BY sequence"


def _tables(db: sqlite3.Connection) -> tuple[tuple[str, tuple[tuple[Any, ...], ...]], ...]:
    names = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
    queries = {name: f"SELECT * FROM {name}" for name in names if name not in ("totals", "sqlite_sequence")}  # noqa: S608 - names of the file itself
    queries["history"] += " WHERE kind <> 'audit'"
    return tuple((name, tuple(db.execute(query).fetchall())) for name, query in queries.items())


def _oldest_alarm(db: sqlite3.Connection) -> str:
    row = db.execute("SELECT id FROM outbox WHERE kind = 'alarm' ORDER BY sequence LIMIT 1").fetchone()
    return "none" if row is None else str(row[0])


def _episode(db: sqlite3.Connection) -> str:
    row = db.execute("SELECT id FROM history WHERE kind = 'episode' ORDER BY sequence DESC LIMIT 1").fetchone()
    return "none" if row is None else str(row[0])


def _iso(ahead: timedelta) -> str:
    return (datetime.now(timezone.utc) + ahead).isoformat()
