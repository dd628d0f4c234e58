"""A network camera: `rtsp://...` or `rtsps://...`, over TCP."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import cv2

from npng_edge.capture.camera import RawFrame, SourceError
from npng_edge.capture.ffmpeg import open_video
from npng_edge.units import CameraFault

if TYPE_CHECKING:
    from npng_edge.settings import Camera

OPEN_MS = 5000


class RtspCamera:
    """A network camera's stream. Frames carry the time of arrival: the camera's own clock is not known here."""

    def __init__(self, address: str, settings: Camera) -> None:
        self._stall_s = settings.stall_s
        options = [
            cv2.CAP_PROP_OPEN_TIMEOUT_MSEC,
            OPEN_MS,
            cv2.CAP_PROP_READ_TIMEOUT_MSEC,
            int(settings.stall_s * 1000),
            cv2.CAP_PROP_N_THREADS,  # each further decoder thread holds back one more frame
            1,
        ]
        self._capture = open_video(address, options)
        if not self._capture.isOpened():
            raise SourceError(
                CameraFault.MISSING,
                "the network camera does not answer or refuses; check its power, the address, user name and password",
            )

    def read(self) -> RawFrame:
        """Wait for the next frame; see `Camera.read`."""
        asked = time.monotonic()
        success, image = self._capture.read()
        if success:
            return RawFrame(image, time.monotonic())  # type: ignore[arg-type]
        if time.monotonic() - asked >= self._stall_s:
            raise SourceError(CameraFault.HUNG, "the network camera is connected but sends no pictures; restart it")
        raise SourceError(CameraFault.LOST, "the network camera closed the connection; check its power and the network")

    def close(self) -> None:
        """Close the connection."""
        self._capture.release()
