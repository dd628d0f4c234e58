"""A USB or other V4L2 camera: `v4l2:/dev/videoN`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import cv2

from npng_edge.capture.camera import RawFrame, SourceError
from npng_edge.capture.clock import monotonic_of
from npng_edge.units import CameraFault

if TYPE_CHECKING:
    from npng_edge.settings import Camera


def list_devices() -> list[str]:
    """The video devices of this machine, in order; not all of them are cameras."""
    return [str(path) for path in sorted(Path("/dev").glob("video*"), key=lambda path: (len(path.name), path.name))]


class V4l2Camera:
    """The camera behind a device node; frames carry the driver's time."""

    def __init__(self, address: str, settings: Camera) -> None:
        self._device = address
        if not Path(address).exists():
            found = ", ".join(list_devices()) or "none"
            raise SourceError(
                CameraFault.MISSING, f"{address} does not exist; plug the camera in (video devices here: {found})"
            )
        cv2.setLogLevel(2)  # errors only
        self._capture = cv2.VideoCapture(address, cv2.CAP_V4L2)
        if not self._capture.isOpened():
            raise SourceError(
                CameraFault.MISSING,
                f"{address} cannot be opened: not a camera, used by another program, or not permitted (the user must "
                "be in the group video)",
            )
        # Motion JPEG first: raw pictures of this size do not fit through USB 2 at this rate.
        self._capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
        self._capture.set(cv2.CAP_PROP_FRAME_WIDTH, settings.width)
        self._capture.set(cv2.CAP_PROP_FRAME_HEIGHT, settings.height)
        self._capture.set(cv2.CAP_PROP_FPS, settings.fps)
        # One to fill while the other is decoded: OpenCV holds a buffer meanwhile, so with one alone frames are missed.
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 2)

    def read(self) -> RawFrame:
        """Wait for the next frame; see `Camera.read`. OpenCV itself gives up after 10 s."""
        success, image = self._capture.read()
        if not success:
            gone = "is gone" if not Path(self._device).exists() else "stopped delivering"
            raise SourceError(CameraFault.LOST, f"{self._device} {gone}; check the plug and the cable")
        # For V4L2 this property is the buffer's own time stamp, CLOCK_MONOTONIC with all usual drivers.
        stamp = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000.0
        return RawFrame(image, monotonic_of(stamp, time.CLOCK_MONOTONIC))  # type: ignore[arg-type]

    def close(self) -> None:
        """Release the device."""
        self._capture.release()
