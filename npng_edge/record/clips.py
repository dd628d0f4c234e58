"""Encrypted low-rate clips of episodes, with the seconds before the onset. Off by default; the patient must agree too.

Pictures are held in memory only, a few seconds of them, and only while the configuration and the patient allow it.
When an episode has ended they are sealed and written, one file a clip. Nothing that could be looked at is ever on disk.

Threads: `add` belongs to the inference thread; `allow`, `begin` and `end` are quick and may be called by any other;
`tend` and `delete` wait for the disk and belong to one thread. Nothing here raises because of the disk or the key:
`fault` says what is wrong.
"""

from __future__ import annotations

import logging
import re
import threading
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import cv2

from npng_edge.record import clip_file
from npng_edge.record.clip_file import ClipError, Header, Picture
from npng_edge.record.keys import KeyFileError, read_key

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from npng_edge.policy.stays.profile import Profile
    from npng_edge.record.clip_file import Label
    from npng_edge.settings import Clips as ClipsSettings
    from npng_edge.units import Frame, Moment

FOLDER = "clips"
SUFFIX = ".npngclip"
HINDSIGHT_S = 15.0
"""An onset is found so much later at the most: pictures are held for as long beyond `before_s`."""
MEMORY_BYTES = 32 * 2**20
"""Of the pictures held before an onset, and again of those of an episode; a clip ends when it is full."""
MOST_WAITING = 4
"""Clips that wait for the disk; further ones are dropped and reported."""
MOST_CLIPS = 200
MOST_BYTES = 512 * 2**20
"""On disk; the oldest are deleted beyond either."""
CHECK_S = 60.0
"""Time between looks for what is too old, seconds."""
JPEG_QUALITY = 70
Reason: TypeAlias = Literal["retention", "withdrawn", "stay-deleted", "space", "unfinished"]
"""Why a clip was deleted. `unfinished`: its key was erased before, and power failed before it was removed."""
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Kept:
    """A clip is on disk."""

    episode_id: str
    stay: str
    sha256: str
    """Of the sealed pictures, hexadecimal."""
    pictures: int
    size: int
    """Bytes of the file."""


@dataclass(frozen=True, slots=True)
class Deletion:
    """A clip was made unreadable and removed: the proof of it, for the record of the stay."""

    episode_id: str
    stay: str
    sha256: str
    """The same as when it was kept."""
    utc: float
    reason: Reason


@dataclass(slots=True)
class _Recording:
    episode_id: str
    stay: str
    patient: str
    until: float
    pictures: list[tuple[float, bytes]]
    size: int = 0


class Clips:
    """Holds pictures while that is allowed, and keeps them when there is an episode.

    Args:
        directory: Of the storage; the clips are in a folder of it.
        settings: Of clips.
    """

    def __init__(self, directory: Path, settings: ClipsSettings) -> None:
        self._folder = directory / FOLDER
        self._settings = settings
        self._lock = threading.Lock()
        self._allowed: tuple[str, str] | None = None  # stay and patient
        self._due = 0.0
        self._before: deque[tuple[float, bytes]] = deque()
        self._before_bytes = 0
        self._recording: _Recording | None = None
        self._waiting: deque[tuple[Header, list[Picture]]] = deque()
        self._unwanted: dict[str, Reason] = {}  # stays whose clips could not be deleted yet
        self._checked: float | None = None
        self._faults: dict[str, str] = {}  # by what failed: key, write or delete
        self._lost: str | None = None

    @property
    def fault(self) -> str | None:
        """What is wrong, for people; None while all is well."""
        return "; ".join(tuple(self._faults.values())) or None

    def allow(self, profile: Profile | None) -> None:
        """Say who lies here; call it at every change. Pictures of anybody else are forgotten at once."""
        consents = self._settings.enabled and profile is not None and profile.clips
        allowed = (profile.stay, profile.patient) if profile is not None and consents else None
        with self._lock:
            if allowed != self._allowed:
                self._allowed = allowed
                self._before.clear()
                self._before_bytes = 0
                self._recording = None

    def add(self, frame: Frame) -> None:
        """Hold a picture, if one is due and allowed. Called for every frame; costs nothing unless one is."""
        allowed = self._allowed
        # A clock that went back is that of another source.
        if allowed is None or self._due - 1 / self._settings.fps <= frame.time < self._due:
            return
        self._due = frame.time + 1 / self._settings.fps
        jpeg = _encode(frame, self._settings.width)
        with self._lock:
            if self._allowed != allowed:
                return
            self._before.append((frame.time, jpeg))
            self._before_bytes += len(jpeg)
            held_s = self._settings.before_s + HINDSIGHT_S
            while self._before[0][0] < frame.time - held_s or self._before_bytes > MEMORY_BYTES:
                self._before_bytes -= len(self._before.popleft()[1])
            recording = self._recording
            if recording is not None and frame.time <= recording.until and recording.size < MEMORY_BYTES:
                recording.pictures.append((frame.time, jpeg))
                recording.size += len(jpeg)

    def begin(self, episode_id: str, onset: float) -> None:
        """An episode began: keep what is held from `before_s` before its onset, and what follows.

        Args:
            episode_id: Names the episode for ever; the file is named after it.
            onset: Frame clock seconds.
        """
        if _SAFE.fullmatch(episode_id) is None:
            raise ValueError(f"{episode_id!r} cannot name a file")
        with self._lock:
            if self._allowed is None:
                return
            first = onset - self._settings.before_s
            pictures = [(time, jpeg) for time, jpeg in self._before if time >= first]
            size = sum(len(jpeg) for _, jpeg in pictures)
            until = first + self._settings.longest_s
            self._recording = _Recording(episode_id, *self._allowed, until, pictures, size)

    def end(self, moment: Moment) -> None:
        """The episode ended: its clip waits to be written by `tend`."""
        with self._lock:
            recording, self._recording = self._recording, None
        if recording is None or not recording.pictures:
            return
        ahead = moment.utc - moment.time
        pictures = [Picture(time + ahead, jpeg) for time, jpeg in recording.pictures]
        header = Header(
            episode_id=recording.episode_id,
            stay=recording.stay,
            patient=recording.patient,
            begin_utc=pictures[0].utc,
            end_utc=pictures[-1].utc,
            pictures=len(pictures),
        )
        with self._lock:
            if len(self._waiting) < MOST_WAITING:
                self._waiting.append((header, pictures))
                return
        self._fail("write", f"the clip of episode {recording.episode_id} was dropped: the disk is too slow")

    def tend(self, now_utc: float, *, sure: bool = True) -> tuple[Kept | Deletion, ...]:
        """Write what waits, and delete what is too old or too much; call it about every second.

        Args:
            now_utc: Seconds since 1970.
            sure: False while the wall clock is known to be wrong: nothing is too old then.

        Returns:
            What was kept and what was deleted, for the record of the stay.
        """
        done: list[Kept | Deletion] = []
        while (clip := self._next()) is not None:
            kept = self._write(*clip)
            if kept is not None:
                done.append(kept)
        if done or self._checked is None or abs(now_utc - self._checked) >= CHECK_S:
            self._checked = now_utc
            done += self._tidy(now_utc, sure=sure)
        return tuple(done)

    def delete(self, stay: str, now_utc: float, reason: Reason = "withdrawn") -> tuple[Deletion, ...]:
        """Delete every clip of a stay: the patient no longer agrees, or its record is deleted.

        Returns:
            The proofs. Is one missing, `fault` says why, and `tend` tries again.
        """
        with self._lock:
            if self._recording is not None and self._recording.stay == stay:
                self._recording = None
            self._waiting = deque(item for item in self._waiting if item[0].stay != stay)
        paths = [path for path, label in self._files() if label is not None and label.header.stay == stay]
        done = tuple(deletion for path in paths for deletion in self._erase(path, now_utc, reason))
        if len(done) < len(paths):
            self._unwanted[stay] = reason
        return done

    def _next(self) -> tuple[Header, list[Picture]] | None:
        with self._lock:
            return self._waiting.popleft() if self._waiting else None

    def _write(self, header: Header, pictures: list[Picture]) -> Kept | None:
        key = self._key()
        if key is None:
            return None
        data = clip_file.seal(header, pictures, key)
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            clip_file.write(self._folder / f"{header.episode_id}{SUFFIX}", data)
        except OSError as error:
            self._fail("write", f"the clip of episode {header.episode_id} was not kept: {error}")
            return None
        self._faults.pop("write", None)
        return Kept(header.episode_id, header.stay, clip_file.digest(data), len(pictures), len(data))

    def _key(self) -> bytes | None:
        assert self._settings.key_file is not None, "the settings demand it"
        try:
            key = read_key(self._settings.key_file)
        except KeyFileError as error:
            self._fail("key", f"no clips are kept: {error}")
            return None
        self._faults.pop("key", None)
        return key

    def _tidy(self, now_utc: float, *, sure: bool) -> Iterator[Deletion]:
        """Delete what was to be deleted before, what is damaged or too old, and the oldest of what is too much."""
        self._faults.pop("delete", None)
        # That a clip was lost is said until the look after the next: nothing brings it back.
        before, self._lost = self._lost, self._faults.get("write")
        if before is not None and before == self._lost:
            del self._faults["write"]
        if self._settings.enabled:
            self._key()  # so that a missing key is known before there is an episode
        for part in self._folder.glob("*.part"):
            self._remove(part)
        limit = now_utc - 3600 * self._settings.retention_h
        left: list[tuple[float, int, Path]] = []
        for path, label in self._files():
            if label is None:
                logger.error("%s is no clip and is removed", path)
                self._remove(path)
            elif label.erased:
                yield from self._erase(path, now_utc, "unfinished")
            elif label.header.stay in self._unwanted:
                yield from self._erase(path, now_utc, self._unwanted[label.header.stay])
            elif sure and label.header.end_utc < limit:
                yield from self._erase(path, now_utc, "retention")
            else:
                left.append((label.header.end_utc, label.size, path))
        left.sort()
        size = sum(one for _, one, _ in left)
        while len(left) > MOST_CLIPS or size > MOST_BYTES:
            _, one, path = left.pop(0)
            size -= one
            yield from self._erase(path, now_utc, "space")

    def _files(self) -> Iterator[tuple[Path, Label | None]]:
        for path in sorted(self._folder.glob(f"*{SUFFIX}")):
            yield path, _label(path)

    def _erase(self, path: Path, now_utc: float, reason: Reason) -> Iterator[Deletion]:
        try:
            label, digest = clip_file.erase(path)
        except (OSError, ClipError) as error:
            self._fail("delete", f"{path} could not be deleted: {error}")
            return
        logger.info("%s is deleted: %s", path, reason)
        yield Deletion(label.header.episode_id, label.header.stay, digest, now_utc, reason)

    def _remove(self, path: Path) -> None:
        try:
            clip_file.remove(path)
        except OSError as error:
            self._fail("delete", f"{path} could not be deleted: {error}")

    def _fail(self, what: str, why: str) -> None:
        self._faults[what] = why
        logger.error("%s", why)


def _label(path: Path) -> Label | None:
    with suppress(ClipError):
        return clip_file.read_label(path)
    return None


def _encode(frame: Frame, width: int) -> bytes:
    """A small JPEG of the frame; never wider than the frame is."""
    rows, columns = frame.image.shape[:2]
    if columns > width:
        size = (width, max(1, round(rows * width / columns)))
        image = cv2.resize(frame.image, size, interpolation=cv2.INTER_AREA)
    else:
        image = frame.image
    _, jpeg = cv2.imencode(".jpg", image, (cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY))
    return jpeg.tobytes()
