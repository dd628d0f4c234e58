"""The thread that reads one opening of a source. It may hang in a driver for ever; its supervisor then gives it up."""

from __future__ import annotations

import itertools
import threading
import time
from typing import TYPE_CHECKING

from npng_edge.capture.liveness import Liveness
from npng_edge.capture.orient import Orientation
from npng_edge.capture.sources import open_camera, resolve, split
from npng_edge.units import Frame

if TYPE_CHECKING:
    from npng_edge.capture.camera import RawFrame
    from npng_edge.latest import Latest
    from npng_edge.settings import Camera
    from npng_edge.units import Image


class Outlet:
    """Where readers put good frames, numbered through all openings of the source."""

    def __init__(self, slot: Latest[Frame]) -> None:
        self.delivered = 0
        """Good frames handed on since the start."""
        self._slot = slot
        self._numbers = itertools.count()

    def put(self, time_: float, image: Image, *, good: bool) -> None:
        """Number a frame, and hand it on if it is good."""
        number = next(self._numbers)
        if good:
            self.delivered += 1
            self._slot.put(Frame(number, time_, image))


class Reader(threading.Thread):
    """Opens the source, reads it until it fails or is given up, and closes it, all in this thread.

    Args:
        camera: The source's settings; `auto` and `demo` are resolved here: looking for cameras may hang.
        outlet: Takes the frames.
        wake: Set when the supervisor should look: at the first picture and at the end.
        before: The latest picture of the previous opening: seeing it again is no sign of life.
    """

    def __init__(self, camera: Camera, outlet: Outlet, wake: threading.Event, before: Image | None) -> None:
        super().__init__(name="capture-reader", daemon=True)
        now = time.monotonic()
        self.camera = camera
        self.liveness = Liveness(last_frame=now, last_good=now, image=before)
        """Replaced as a whole, never changed, so that the supervisor reads it without a lock."""
        self.failure: Exception | None = None
        """Why the thread ended by itself; unexpected unless it is a `SourceError`."""
        self._outlet = outlet
        self._wake = wake
        self._given_up = False
        self._handover = threading.Lock()

    def give_up(self) -> None:
        """No frame is handed on after this; the thread ends as soon as the source lets it."""
        with self._handover:
            self._given_up = True

    def run(self) -> None:
        """Read; the outcome is in `failure`."""
        try:
            self._read()
        except Exception as error:  # noqa: BLE001 - handed to the supervisor, which knows what is expected
            self.failure = error
        finally:
            self._wake.set()

    def _read(self) -> None:
        self.camera = resolve(self.camera)
        may_repeat = split(self.camera.source)[0] == "images"
        orient = Orientation(self.camera)
        opened = open_camera(self.camera, pace=True)
        try:
            while not self._given_up:
                self._take(opened.read(), orient, may_repeat=may_repeat)
        finally:
            opened.close()

    def _take(self, raw: RawFrame, orient: Orientation, *, may_repeat: bool) -> None:
        image = orient(raw.image)
        liveness = self.liveness.seen(image, time.monotonic(), may_repeat=may_repeat)
        with self._handover:
            if self._given_up:
                return
            self.liveness = liveness
            self._outlet.put(raw.time, image, good=liveness.sign is None)
        if liveness.frames == 1:
            self._wake.set()
