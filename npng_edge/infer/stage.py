"""The inference thread: newest frame in, Reading out, at the configured rate."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Protocol

from npng_edge.infer.runtime import ModelError
from npng_edge.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from npng_edge.latest import Latest
    from npng_edge.units import Frame, Reading

logger = logging.getLogger(__name__)

RETRY_S = 15.0
"""A model file that is missing or altered is looked for again after so long."""
WAIT_S = 0.5


class Reader(Protocol):
    """What the stage needs of a pipeline."""

    @property
    def timings(self) -> Mapping[str, float]:
        """Seconds per step of the last frame."""
        ...

    def read(self, frame: Frame) -> Reading:
        """Everything inferred from one frame."""
        ...


class InferenceStage(Stage):
    """Opens the models, then reads frames; without models it says so and tries again."""

    def __init__(
        self,
        frames: Latest[Frame],
        *,
        on_reading: Callable[[Reading, Mapping[str, float]], None],
        on_fault: Callable[[str | None], None],
        on_death: Callable[[str, BaseException], None],
        on_frame: Callable[[Frame], None] | None = None,
    ) -> None:
        """Set up; nothing is opened before `use`.

        Args:
            frames: Where the newest frame is taken from.
            on_reading: Called with each reading and the seconds each step of it took.
            on_fault: Called with the reason why no model can be used, and with None once one can.
            on_death: Called when the stage dies of an unexpected error.
            on_frame: Called with each frame that was read, after its reading.
        """
        super().__init__("inference", on_death)
        self._frames = frames
        self._on_reading = on_reading
        self._on_fault = on_fault
        self._on_frame = on_frame
        self._open: Callable[[], Reader] | None = None
        self._reader: Reader | None = None
        self._interval = 0.0
        self._due = 0.0

    def use(self, open_reader: Callable[[], Reader], max_fps: float) -> None:
        """Read with this reader from the next turn on; it is opened in the stage's own thread.

        Args:
            open_reader: Makes the reader; raises ModelError when a model cannot be used.
            max_fps: Frames read per second at the most.
        """
        self._interval = 1.0 / max_fps
        self._open, self._reader, self._due = open_reader, None, 0.0

    def turn(self) -> None:
        """Open the models if need be, or read one frame when it is due."""
        wait = self._due - time.monotonic()
        if wait > 0:
            self._stopping.wait(min(wait, WAIT_S))
            return
        opener, reader = self._open, self._reader
        if reader is None and opener is not None:
            try:
                reader = opener()
            except ModelError as error:
                logger.error("no model can be used: %s", error)  # noqa: TRY400 - the message says it all
                self._on_fault(str(error))
                self._due = time.monotonic() + RETRY_S
                return
            self._on_fault(None)
            if self._open is opener:
                self._reader = reader
        frame = self._frames.take(WAIT_S)
        if frame is None or reader is None:
            return
        self._due = time.monotonic() + self._interval
        self._on_reading(reader.read(frame), reader.timings)
        if self._on_frame is not None:
            self._on_frame(frame)
