"""The supervised capture stage: keeps frames coming, notices when none do, says so, and opens the source anew."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from npng_edge.capture.camera import SourceError
from npng_edge.capture.reader import Outlet, Reader
from npng_edge.capture.sources import redact
from npng_edge.stage import Stage
from npng_edge.units import CameraFault, CameraStatus, Frame

if TYPE_CHECKING:
    from collections.abc import Callable

    from npng_edge.latest import Latest
    from npng_edge.settings import Camera
    from npng_edge.units import Image

log = logging.getLogger(__name__)

TICK_S = 0.1
"""Longest pause between two looks at the reader."""
OPENING_REPORT_S = 4.5
"""A source that is still opening, or has not sent its first picture, is reported after this."""
OPENING_LIMIT_S = 15.0
"""... and given up after this: some cameras need seconds to start."""
CLOSE_S = 0.5
"""Time given to a source to close before it is opened again."""
SETTLED_S = 10.0
"""Good frames for so long make the next wait start from the shortest again."""
MAX_STUCK = 3
"""Readers that hang in a driver and cannot be ended; with so many, only a new process helps."""

_KEEPS_READING = frozenset({CameraFault.BLACK, CameraFault.FROZEN})
"""Faults that may pass by themselves while the source stays open."""
_DETAIL = {
    CameraFault.BLACK: "only black pictures: check the light, the lens cover, and that nothing covers the camera",
    CameraFault.FROZEN: "the same picture again and again: the camera will be restarted; if it stays, replace it",
    CameraFault.HUNG: "open, but no picture arrives: check the cable and the power of the camera",
}


class RestartNeededError(RuntimeError):
    """The camera's driver holds on to every reader; only a new process can open it again."""


class CaptureStage(Stage):
    """One supervisor thread, and one reader thread for each opening of the source.

    Black pictures, and pictures identical to the one before, are never handed on. They become a fault when they last.

    Args:
        camera: The source's settings.
        slot: Where the newest good frame goes.
        on_status: Called by the supervisor's thread when the fault changes, and at the first good frame.
        on_death: Called when the stage cannot go on: `RestartNeededError`, or any unexpected error.
    """

    def __init__(
        self,
        camera: Camera,
        slot: Latest[Frame],
        on_status: Callable[[CameraStatus], None],
        on_death: Callable[[str, BaseException], None],
    ) -> None:
        super().__init__("capture", on_death)
        self._camera = camera
        self._outlet = Outlet(slot)
        self._on_status = on_status
        self._wake = threading.Event()
        self._fault: CameraFault | None = None
        self._detail = ""
        self._known = False
        self._reader: Reader | None = None
        self._given_up: list[Reader] = []
        self._before: Image | None = None
        self._opened = 0
        self._wait_s = camera.reopen_min_s
        self._reopen_at: float | None = None
        self._good_since: float | None = None

    @property
    def delivered(self) -> int:
        """Good frames handed on since the start."""
        return self._outlet.delivered

    @property
    def status(self) -> CameraStatus:
        """What is known now; without a fault before anything is known."""
        return CameraStatus(redact(self._camera.source), self._fault, self._detail, max(0, self._opened - 1))

    def stop(self, timeout: float = 1.0) -> bool:
        """Stop, within `timeout` seconds even when the source hangs.

        Returns:
            Whether the source was closed; False when its reader had to be left behind.
        """
        deadline = time.monotonic() + timeout
        self._stopping.set()
        self._wake.set()
        ended = super().stop(timeout)
        for reader in self._given_up:
            reader.join(max(0.0, deadline - time.monotonic()))
        return ended and not any(reader.is_alive() for reader in self._given_up)

    def turn(self) -> None:
        """Look at the reader once; report, give it up, or open anew as needed."""
        now = time.monotonic()
        if self._opened == 0:
            self._open()
        if self._reader is not None:
            self._look(self._reader, now)
        if self._reopen_at is not None and now >= self._reopen_at:
            self._reopen_at = None
            self._open()
        self._wake.wait(TICK_S)
        self._wake.clear()

    def close(self) -> None:
        """Leave no reader behind that could still hand on a frame."""
        self._give_up_reader()

    def _look(self, reader: Reader, now: float) -> None:
        self._camera = reader.camera  # `auto` and `demo` are decided by the first reader that finds one
        if reader.failure is not None:
            if not isinstance(reader.failure, SourceError):
                raise reader.failure
            self._fail(reader.failure.fault, redact(str(reader.failure)), now)
        elif reader.liveness.frames == 0:
            waiting = now - reader.liveness.last_frame
            if waiting >= OPENING_LIMIT_S:
                self._fail(CameraFault.HUNG, _DETAIL[CameraFault.HUNG], now)
            elif waiting >= OPENING_REPORT_S and self._fault is None:
                self._report(CameraFault.HUNG, _DETAIL[CameraFault.HUNG])
        elif fault := reader.liveness.fault(now, stall_s=self._camera.stall_s, still_s=self._camera.still_s):
            self._fail(fault, _DETAIL[fault], now)
        elif reader.liveness.sign is None:
            self._is_good(now)

    def _is_good(self, now: float) -> None:
        self._reopen_at = None
        if self._good_since is None:
            self._good_since = now
        elif now - self._good_since >= SETTLED_S:
            self._wait_s = self._camera.reopen_min_s
        if self._fault is not None or not self._known:
            self._report(None, "")

    def _fail(self, fault: CameraFault, detail: str, now: float) -> None:
        self._good_since = None
        if (fault, detail) != (self._fault, self._detail):
            self._report(fault, detail)
        if self._reopen_at is None:
            self._reopen_at = now + self._wait_s
            self._wait_s = min(2 * self._wait_s, max(self._camera.reopen_max_s, self._camera.reopen_min_s))
        if fault not in _KEEPS_READING:
            self._give_up_reader()

    def _report(self, fault: CameraFault | None, detail: str) -> None:
        self._known, self._fault, self._detail = True, fault, detail
        if fault is None:
            log.info("camera %s: good pictures arrive", self.status.source)
        else:
            log.warning("camera %s: %s: %s", self.status.source, fault.value, detail)
        self._on_status(self.status)

    def _give_up_reader(self) -> None:
        if self._reader is not None:
            self._reader.give_up()
            self._given_up.append(self._reader)
            self._before = self._reader.liveness.image
            self._reader = None

    def _open(self) -> None:
        """Start a new reader, after the old one has had its time to close."""
        self._give_up_reader()
        if self._given_up:
            self._given_up[-1].join(CLOSE_S)
        self._given_up = [reader for reader in self._given_up if reader.is_alive()]
        if len(self._given_up) >= MAX_STUCK:
            self._report(CameraFault.HUNG, "the camera's driver is stuck; the program must restart")
            raise RestartNeededError(f"{len(self._given_up)} readers of {self.status.source} hang in its driver")
        self._reader = Reader(self._camera, self._outlet, self._wake, self._before)
        self._opened += 1
        self._reader.start()
