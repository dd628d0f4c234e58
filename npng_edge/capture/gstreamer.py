"""Anything GStreamer can show: `gstreamer:PIPELINE`, and the Jetson's camera as `nvargus[:N]`.

The pipeline runs in a child process that hands over raw pictures through a pipe: the wheels of OpenCV are built without
GStreamer, and a crash or hang of a camera stack in a child can be ended, in a thread it cannot.
"""

from __future__ import annotations

import atexit
import os
import selectors
import shutil
import subprocess
import time
from typing import IO, TYPE_CHECKING

import numpy as np

from npng_edge.capture.camera import RawFrame, SourceError
from npng_edge.units import CameraFault

if TYPE_CHECKING:
    from npng_edge.settings import Camera

FIRST_FRAME_S = 10.0
"""A Jetson's camera daemon takes some seconds to deliver the first picture."""
SAID_BYTES = 2000
"""Of what the child says about its trouble, the last part is kept."""


def open_nvargus(address: str, settings: Camera) -> GstreamerCamera:
    """A CSI camera of a Jetson by its number (0 when empty)."""
    caps = f"video/x-raw(memory:NVMM),width={settings.width},height={settings.height},framerate={round(settings.fps)}/1"
    return GstreamerCamera(
        f"nvarguscamerasrc sensor-id={int(address or 0)} ! {caps} ! nvvidconv ! video/x-raw,format=BGRx", settings
    )


class GstreamerCamera:
    """The pictures of a pipeline, scaled to the requested size with borders; they carry the time of arrival.

    Args:
        address: The pipeline as for `gst-launch-1.0`, up to and without a sink.
        settings: Size and rate wanted, and the patience.
    """

    def __init__(self, address: str, settings: Camera) -> None:
        launcher = shutil.which("gst-launch-1.0")
        if launcher is None:
            raise SourceError(
                CameraFault.MISSING, "gst-launch-1.0 is not installed: sudo apt install gstreamer1.0-tools"
            )
        self._width, self._height = settings.width, settings.height
        self._row_bytes = (settings.width * 3 + 3) // 4 * 4  # GStreamer pads rows to multiples of 4 bytes
        self._patience_s = settings.stall_s
        self._first = True
        self._said = b""
        reading, writing = os.pipe()
        tail = (
            "! queue leaky=downstream max-size-buffers=1 "
            f"! videorate drop-only=true max-rate={round(settings.fps) or 1} "
            f"! videoconvert ! videoscale ! video/x-raw,format=BGR,width={settings.width},height={settings.height} "
            f"! fdsink fd={writing} sync=false"
        )
        try:
            # gst-launch joins its arguments by blanks, so splitting at blanks keeps its own quoting intact.
            self._child = subprocess.Popen(  # noqa: S603 - the pipeline comes from the configuration, and no shell reads it
                [launcher, "-q", *address.split(), *tail.split()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                pass_fds=[writing],
            )
        finally:
            os.close(writing)
        atexit.register(self._child.kill)
        self._pictures = os.fdopen(reading, "rb", buffering=0)
        self._errors: IO[bytes] = self._child.stderr  # type: ignore[assignment]  # a pipe was asked for above
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._pictures, selectors.EVENT_READ)
        self._selector.register(self._errors, selectors.EVENT_READ)

    def read(self) -> RawFrame:
        """Wait for the next picture; see `Camera.read`."""
        patience = max(FIRST_FRAME_S, self._patience_s) if self._first else self._patience_s
        deadline = time.monotonic() + patience
        buffer = bytearray(self._row_bytes * self._height)
        rest = memoryview(buffer)
        while rest:
            events = self._selector.select(max(0.0, deadline - time.monotonic()))
            if not events:
                raise SourceError(CameraFault.HUNG, f"the pipeline runs but delivers nothing for {patience:.0f} s")
            for key, _ in events:
                if key.fileobj is self._errors:
                    self._listen()
                else:
                    count = self._pictures.readinto(rest)
                    if not count:
                        raise self._ending()
                    rest = rest[count:]
        self._first = False
        rows = np.frombuffer(buffer, np.uint8).reshape(self._height, self._row_bytes)[:, : self._width * 3]
        return RawFrame(np.ascontiguousarray(rows).reshape(self._height, self._width, 3), time.monotonic())

    def close(self) -> None:
        """End the child, at once."""
        self._child.kill()
        self._child.wait()
        atexit.unregister(self._child.kill)
        self._selector.close()
        self._pictures.close()
        self._errors.close()

    def _listen(self) -> bool:
        """Take what the child says; False when it will say no more."""
        said = os.read(self._errors.fileno(), SAID_BYTES)
        self._said = (self._said + said)[-SAID_BYTES:]
        if not said:
            self._selector.unregister(self._errors)
        return bool(said)

    def _ending(self) -> SourceError:
        """Why the pictures stopped."""
        while self._errors in self._selector.get_map() and self._listen():
            pass
        # gst-launch still says "freeing pipeline" and the like at the end; the trouble is in a line with ERROR.
        lines = self._said.decode(errors="replace").strip().splitlines()
        why = next((line for line in lines if "error" in line.lower()), lines[-1] if lines else "")
        if self._child.wait() == 0 and not why:
            return SourceError(CameraFault.ENDED, "the pipeline is at its end")
        fault = CameraFault.MISSING if self._first else CameraFault.LOST
        return SourceError(fault, f"the pipeline failed: {why or 'it says nothing'}; try it with gst-launch-1.0")
