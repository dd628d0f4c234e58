"""What a bed decided, written down beside the outbox and before it: survives kill -9, and the outbox cannot correct it.

Each bed has one file. A line is written with one `write` to an `O_APPEND` file, so what was written is the kernel's
and stays when the process dies. A line that a kill tore is passed over: what it announced had not begun.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from npng_edge.record.history import NOTHING, Changes
from npng_edge.record.outbox import Outbox

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from npng_edge.record.outbox import Outgoing


@dataclass(frozen=True, slots=True)
class Decided:
    """One alarm transition, as it was handed to the outbox."""

    id: str
    bed: str
    """facility/unit/bed."""
    run: str
    """The `boot_id`."""
    sequence: int
    digest: str
    """Of the payload, see `digest`."""
    at: float
    """When it was handed over, seconds since 1970 UTC."""
    kept: bool
    """Whether the outbox said that it has it, and on the disk: from then on it must arrive, whatever dies."""


@dataclass(frozen=True, slots=True)
class Decisions:
    """What one bed decided."""

    alarms: tuple[Decided, ...] = ()
    """In the order of the decisions, over all runs."""
    connected: tuple[float, ...] = ()
    """When the bed's connections to the broker began, seconds since 1970 UTC."""


def digest(payload: bytes) -> str:
    """Short name of a content."""
    return hashlib.sha256(payload).hexdigest()[:32]


class Ledger:
    """Writes, in the bed's own process.

    Args:
        path: The bed's file; it goes on where an earlier run of the bed was killed.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(self._file, b"\n")  # The line before may be torn.

    def intend(self, messages: Sequence[Outgoing]) -> None:
        """These alarms are about to be handed to the outbox."""
        alarms = []
        for message in messages:
            body = json.loads(message.payload)
            named = {"id": message.id, "bed": body["bed"], "run": body["boot_id"], "sequence": body["sequence"]}
            alarms.append({**named, "digest": digest(message.payload)})
        self._write({"intent": alarms, "at": time.time()})

    def kept(self, messages: Sequence[Outgoing]) -> None:
        """The outbox has said that these are on the disk."""
        self._write({"kept": [message.id for message in messages]})

    def connected(self) -> None:
        """The broker has accepted a connection."""
        self._write({"connected": time.time()})

    def _write(self, line: Mapping[str, Any]) -> None:
        os.write(self._file, json.dumps(line).encode() + b"\n")


def watch_outbox(ledger: Ledger, on_level: Callable[[Mapping[str, bytes]], None] = lambda _: None) -> None:
    """From now on every outbox of this process tells the ledger of the alarms it is given, before and after.

    Args:
        ledger: To be written.
        on_level: Told the alarms present, alarm_id -> body, each time they change.
    """
    commit = Outbox.commit

    def watched(
        self: Outbox,
        messages: Sequence[Outgoing] = (),
        present: Mapping[str, bytes] | None = None,
        changes: Changes = NOTHING,
    ) -> None:
        alarms = [message for message in messages if message.kind == "alarm"]
        if alarms:
            ledger.intend(alarms)
        commit(self, messages, present, changes)
        if alarms and self.fault is None:
            ledger.kept(alarms)
        if present is not None:
            on_level(present)

    Outbox.commit = watched  # type: ignore[method-assign]


def read(path: Path) -> Decisions:
    """Everything a bed wrote so far; nothing when there is no file."""
    intended: dict[str, dict[str, Any]] = {}
    kept: set[str] = set()
    connected = []
    for text in path.read_bytes().splitlines() if path.exists() else ():
        try:
            line = json.loads(text)
        except ValueError:
            continue
        if "intent" in line:
            intended |= {alarm["id"]: {**alarm, "at": line["at"]} for alarm in line["intent"]}
        elif "kept" in line:
            kept.update(line["kept"])
        else:
            connected.append(line["connected"])
    alarms = tuple(Decided(**alarm, kept=id_ in kept) for id_, alarm in intended.items())
    return Decisions(alarms, tuple(connected))
