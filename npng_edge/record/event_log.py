"""The stream of events of one run as JSON lines, written while it happens and read to replay it. Numbers only.

The first line of a file is its header, each further line one event (see `event_rows`). A log is for looking back and
not for safety: it is not synchronised to the disk line by line.

Files: `events.jsonl` is written; when it is full it becomes `events.jsonl.1`, that one `events.jsonl.2`, and so on. A
run always begins a new file.
"""

from __future__ import annotations

import json
import logging
import os
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

from npng_edge.record import event_rows
from npng_edge.record.codec import CodecError
from npng_edge.units import ACTION_UNITS, MOTION_REGIONS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import FileIO
    from pathlib import Path

    from npng_edge.policy.events import Event
    from npng_edge.units import Moment

SCHEMA = "npng/event-log/1"
MOST_BUFFERED = 4 * 2**20
"""Bytes kept while the disk fails; what comes then is lost, counted and marked in the log."""
MOST_FILES = 99
_FLUSH_BYTES = 256 * 2**10
_LOST = b'["lost",'
_VOCABULARY = {"action_units": list(ACTION_UNITS), "motion_regions": list(MOTION_REGIONS)}
"""The order of the figures in a reading: a log written with another one cannot be read."""

logger = logging.getLogger(__name__)


class EventLogError(Exception):
    """A log cannot be read. The message names file and line."""

    def __init__(self, path: Path, line: int, what: str) -> None:
        super().__init__(f"{path}:{line}: {what}")


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says of itself."""

    run: str
    """Identity of the run."""
    part: int
    """0 in the first file of a run, and one more in each that follows."""


class EventWriter:
    """Writes one run's events into a bounded number of files. Errors of the disk end up in `fault`.

    Args:
        path: Of the file now written, e.g. `events.jsonl`; its folder is made when it is missing.
        run: Identity of the run.
        max_bytes: Of one file.
        files: So many full ones are kept, of this run and earlier ones. A run that ended early takes less space, so
            that many restarts do not push out what led to them; at the most `MOST_FILES`.
    """

    def __init__(self, path: Path, *, run: str, max_bytes: int, files: int = 8) -> None:
        self._path = path
        self._run = run
        self._max_bytes = max_bytes
        self._files = files
        self._part = -1
        self._file: FileIO | None = None
        self._size = 0
        """Of the file up to the last line that was written whole."""
        self._lines: list[bytes] = []
        self._waiting = 0
        self.lost = 0
        """Events lost since the start, because the disk failed for long."""
        self._unmarked = 0
        self.fault: str | None = None
        """Why nothing can be written, for people; None while it can."""

    def write(self, moment: Moment, event: Event) -> None:
        """Take one event; it is on the disk after the next `flush`."""
        line = event_rows.encode(moment, event)
        if self.fault is not None and self._waiting + len(line) > MOST_BUFFERED:
            self.lost += 1
            self._unmarked += 1
            return
        self._lines.append(line)
        self._waiting += len(line)
        if self._waiting > _FLUSH_BYTES and self.fault is None:
            self.flush()

    def forget(self, before_utc: float) -> int:
        """Delete the files that were last written before a time, seconds since 1970; returns how many were deleted."""
        old = []
        try:
            old = [one for one in self._path.parent.glob(f"{self._path.name}*") if one.stat().st_mtime < before_utc]
            for file in old:
                file.unlink()
        except OSError as error:
            logger.warning("%s: what is too old cannot be deleted: %s", self._path, error.strerror)
        return sum(not file.exists() for file in old)

    def flush(self) -> None:
        """Hand everything over to the system; call it about once a second."""
        if not self._lines:
            return
        lines = b"".join(self._lines)
        if self._unmarked:
            lines += _LOST + b"%d]\n" % self._unmarked
        try:
            self._put(lines)
        except OSError as error:
            reason = f"{self._path}: events cannot be recorded: {error.strerror or error}."
            if reason != self.fault:
                logger.error("%s They wait in memory.", reason)  # noqa: TRY400 - the text says it all
            self.fault = reason
            self._close()
            return
        self._lines, self._waiting, self._unmarked = [], 0, 0
        if self.fault is not None:
            logger.warning("%s is written again; %d events are lost", self._path, self.lost)
            self.fault = None

    def close(self) -> None:
        """Flush and end."""
        self.flush()
        self._close()

    def _put(self, lines: bytes) -> None:
        if self._part < 0 or self._size + len(lines) > self._max_bytes:
            self._begin()
        if self._file is None:  # The disk failed: what it may have taken of a line goes.
            self._file = self._open("r+b")
            self._file.truncate(self._size)
            self._file.seek(self._size)
        _write_all(self._file, lines)
        self._size += len(lines)

    def _begin(self) -> None:
        """Begin a new file; the others move on by one, and what has no space any more goes."""
        self._close()
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._path.exists():
            self._make_room()
        header = {"schema": SCHEMA, "run": self._run, "part": self._part + 1, **_VOCABULARY}
        line = json.dumps(header).encode() + b"\n"
        try:
            self._file = self._open("wb")
            _write_all(self._file, line)
        except OSError:
            self._path.unlink(missing_ok=True)
            raise
        self._part, self._size = self._part + 1, len(line)

    def _make_room(self) -> None:
        for number in range(MOST_FILES, 0, -1):
            younger = _rotated(self._path, number - 1)
            if younger.exists():
                younger.replace(_rotated(self._path, number))
        space = (self._files - 1) * self._max_bytes
        for number in range(1, MOST_FILES + 1):
            older = _rotated(self._path, number)
            if older.exists():
                space -= older.stat().st_size
                if space < 0:
                    older.unlink()

    def _open(self, mode: str) -> FileIO:
        return open(self._path, mode, buffering=0, opener=lambda name, flags: os.open(name, flags, 0o600))  # type: ignore[return-value]

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def read_header(path: Path) -> Header:
    """Read the first line of a file.

    Raises:
        EventLogError: It is no event log, or one of another version.
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        return _header(path, file.readline())


def read_events(path: Path) -> Iterator[tuple[Moment, Event]]:
    """The events of a run, oldest first: those of the file, and before them those of the run's earlier files.

    What a loss of power cut short at the end of a file is left out, with a note in the journal; so is a gap, and a
    beginning that was already deleted.

    Args:
        path: As given to the writer, or one of the rotated files.

    Raises:
        EventLogError: A line cannot be read.
        OSError: A file cannot be read.
    """
    files = [path]
    header = read_header(path)
    for number in count(1):
        older = _rotated(path, number)
        if header.part == 0 or not older.exists():
            break
        before = read_header(older)
        if before != Header(header.run, header.part - 1):
            break
        files.insert(0, older)
        header = before
    if header.part > 0:
        logger.warning("%s: the beginning of this run is not kept any more", files[0])
    for file in files:
        yield from _read_file(file)


def _read_file(path: Path) -> Iterator[tuple[Moment, Event]]:
    with path.open("rb") as file:
        _header(path, file.readline())
        for number, line in enumerate(file, start=2):
            moment_event = _decode(path, number, line)
            if moment_event is not None:
                yield moment_event


def _decode(path: Path, number: int, line: bytes) -> tuple[Moment, Event] | None:
    try:
        return event_rows.decode(line)
    except (ValueError, CodecError) as error:
        if not line.endswith(b"\n"):
            logger.warning("%s:%d: cut short; left out", path, number)
        elif line.startswith(_LOST):
            logger.warning("%s:%d: events were lost here: %s", path, number, line.decode().strip())
        else:
            raise EventLogError(path, number, "not an event: " + "; ".join(str(error).splitlines()[:3])) from error
    return None


def _header(path: Path, line: bytes) -> Header:
    try:
        found = json.loads(line)
    except ValueError as error:
        raise EventLogError(path, 1, f"no event log: {error}") from error
    if not isinstance(found, dict) or found.get("schema") != SCHEMA:
        raise EventLogError(path, 1, f"no event log of this version ({SCHEMA})")
    if any(found.get(name) != names for name, names in _VOCABULARY.items()):
        what = "written with other action units or regions than this program knows: replay it with the version it is of"
        raise EventLogError(path, 1, what)
    return Header(str(found["run"]), int(found["part"]))


def _rotated(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}") if number else path


def _write_all(file: FileIO, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]
