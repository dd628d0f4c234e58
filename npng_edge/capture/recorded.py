"""Recordings behave like a camera: played once or looped, at their own pace or as fast as they are read."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from npng_edge.capture.camera import RawFrame, SourceError
from npng_edge.units import CameraFault

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    Recording = Callable[[], Generator[RawFrame, None, None]]
    """Plays a recording from its start, with media time from 0."""

LATE_S = 0.5
"""Behind its pace by more than this, a recording continues from now on instead of rushing to catch up."""


class Recorded:
    """A recording as a `Camera`.

    Args:
        recording: Starts the recording anew at each call.
        frame_s: Length of the only frame of a recording that has just one, in seconds.
        loop: Start again at the end.
        pace: Deliver in real time, with times on the monotonic clock; else at once, with media times.
    """

    def __init__(self, recording: Recording, *, frame_s: float, loop: bool, pace: bool) -> None:
        self._recording = recording
        self._frame_s = frame_s
        self._loop = loop
        self._pace = pace
        self._frames = recording()
        self._round_starts = 0.0
        self._last: float | None = None
        self._zero: float | None = None

    def read(self) -> RawFrame:
        """Wait for the next frame to be due; see `Camera.read`."""
        raw = next(self._frames, None)
        if raw is None:
            raw = self._next_round()
        media = self._round_starts + raw.time
        if self._last is not None:
            self._frame_s = media - self._last
        self._last = media
        return RawFrame(raw.image, self._wait(media) if self._pace else media)

    def close(self) -> None:
        """Close the recording."""
        self._frames.close()

    def _next_round(self) -> RawFrame:
        if self._last is None:
            raise SourceError(CameraFault.LOST, "the recording holds no frame that can be read")
        if not self._loop:
            raise SourceError(CameraFault.ENDED, "the recording is at its end")
        self._round_starts = self._last + self._frame_s
        self._frames = self._recording()
        raw = next(self._frames, None)
        if raw is None:
            raise SourceError(CameraFault.LOST, "the recording could not be read again")
        return raw

    def _wait(self, media: float) -> float:
        """Wait until the frame is due; its time on the monotonic clock."""
        now = time.monotonic()
        if self._zero is None or now - (self._zero + media) > LATE_S:
            self._zero = now - media
        due = self._zero + media
        if due > now:
            time.sleep(due - now)
        return due
