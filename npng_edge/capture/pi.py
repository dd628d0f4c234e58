"""A Raspberry Pi camera module by picamera2: `picamera2` or `picamera2:N`.

A camera is configured once and kept: making it anew in one process leaks contiguous memory (picamera2 issues 1102 and
1125), so closing only stops it and opening starts it again. What that does not mend, a new process must.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from npng_edge.capture.camera import RawFrame, SourceError
from npng_edge.capture.clock import monotonic_of
from npng_edge.units import CameraFault

if TYPE_CHECKING:
    from npng_edge.settings import Camera

_devices: dict[int, Any] = {}
"""Every Picamera2 object of this process, by camera number."""
_wanted: dict[int, tuple[int, int, float]] = {}
"""Width, height and rate each is configured for."""
_users: dict[int, PiCamera] = {}
"""Who opened each last: a reader that was stuck and given up must not stop the camera under its successor."""


def list_cameras() -> list[str]:
    """Models of the cameras libcamera knows, by number; empty without picamera2."""
    try:
        from picamera2 import Picamera2  # noqa: PLC0415 - only there on a Raspberry Pi
    except ImportError:
        return []
    return [str(info.get("Model", "camera")) for info in Picamera2.global_camera_info()]


class PiCamera:
    """Camera number `address` (0 when empty), in video configuration; frames carry the sensor's own time."""

    def __init__(self, address: str, settings: Camera) -> None:
        self._number = int(address or 0)
        try:
            self._device = _start(self._number, settings)
        except ImportError as error:
            raise SourceError(
                CameraFault.MISSING,
                "picamera2 is not installed: sudo apt install python3-picamera2, in an environment made with "
                "--system-site-packages",
            ) from error
        except (IndexError, RuntimeError, OSError) as error:  # what picamera2 and libcamera raise
            raise SourceError(
                CameraFault.MISSING,
                f"Raspberry Pi camera {self._number} cannot be opened ({error}); check the ribbon cable, try "
                "`rpicam-hello --list-cameras`, and see that no other program uses it",
            ) from error
        _users[self._number] = self

    def read(self) -> RawFrame:
        """Wait for the next frame; see `Camera.read`."""
        try:
            request = self._device.capture_request()
            try:
                # libcamera calls BGR in memory "RGB888". The array is a copy; rows may be padded.
                image = np.ascontiguousarray(request.make_array("main"))
                stamp = request.get_metadata().get("SensorTimestamp", 0)
            finally:
                request.release()
        except (RuntimeError, OSError) as error:
            raise SourceError(CameraFault.LOST, f"the Raspberry Pi camera failed ({error}); check its cable") from error
        # The documentation of libcamera says CLOCK_BOOTTIME; drivers stamp with CLOCK_MONOTONIC. Both are the same
        # on a device that never sleeps.
        return RawFrame(image, monotonic_of(stamp / 1e9, time.CLOCK_BOOTTIME, time.CLOCK_MONOTONIC))

    def close(self) -> None:
        """Stop the camera, but keep it configured."""
        if _users.get(self._number) is self:
            self._device.stop()


def _start(number: int, settings: Camera) -> Any:
    from picamera2 import Picamera2  # noqa: PLC0415 - only there on a Raspberry Pi

    device = _devices.get(number)
    if device is None:
        device = _devices[number] = Picamera2(number)
    elif device.started:
        device.stop()
    wanted = (settings.width, settings.height, settings.fps)
    if _wanted.get(number) != wanted:  # the first time, or after a reload of the daemon's configuration
        main = {"size": (settings.width, settings.height), "format": "RGB888"}
        device.configure(
            device.create_video_configuration(main=main, controls={"FrameRate": settings.fps}, buffer_count=4)
        )
        _wanted[number] = wanted
    device.start()
    return device
