"""What every source of pictures is to the rest of the daemon."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from npng_edge.units import CameraFault, Image


@dataclass(frozen=True, slots=True)
class RawFrame:
    """One picture as the source delivered it: not yet masked, rotated or mirrored."""

    image: Image
    """(height, width, 3) uint8, BGR, writable; it belongs to the receiver, the source keeps no reference to it."""
    time: float
    """Seconds on the frame clock: the monotonic clock for a live source, media time for a recording."""


class SourceError(Exception):
    """The source gives no (more) pictures; `fault` says which kind of fault, the message what to do."""

    def __init__(self, fault: CameraFault, message: str) -> None:
        super().__init__(message)
        self.fault = fault


class Camera(Protocol):
    """An open source. Both methods are called by one thread only, the one that opened it."""

    def read(self) -> RawFrame:
        """Wait for the next picture.

        Raises:
            SourceError: The source ended, failed or timed out; it must be closed and may be opened anew.
        """

    def close(self) -> None:
        """Release the source; called once, also after a failed read."""
