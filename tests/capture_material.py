"""Pictures and clips for the capture tests, and ways to wait for what threads report."""

from __future__ import annotations

import queue
import time
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

from npng_edge.capture.camera import SourceError
from npng_edge.capture.stage import CaptureStage
from npng_edge.latest import Latest
from npng_edge.settings import Camera

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from typing_extensions import Self

    from npng_edge.capture.camera import Camera as OpenCamera
    from npng_edge.units import CameraFault, CameraStatus, Frame, Image

WIDTH, HEIGHT, FPS = 160, 120, 20.0


def picture(number: int) -> Image:
    """A picture whose like never comes again: smooth colours with a bar that moves."""
    x, y = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    image = np.stack([x + 40, y + 80, 200 - x], axis=-1).astype(np.uint8)
    left = number * 7 % (WIDTH - 30)
    image[:, left : left + 30] = (20, 40 + number % 150, 230)
    return image


def black() -> Image:
    return np.zeros((HEIGHT, WIDTH, 3), np.uint8)


def write_clip(path: Path, images: Iterable[Image], codec: str = "mp4v") -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), FPS, (WIDTH, HEIGHT))
    assert writer.isOpened()
    for image in images:
        writer.write(image)
    writer.release()
    return path


def fault_of(camera: OpenCamera) -> CameraFault:
    """Read what is still on its way, up to the fault."""
    with pytest.raises(SourceError) as caught:  # noqa: PT012 - how many frames are still on their way is not known
        for _ in range(200):
            camera.read()
    return caught.value.fault


class Watched:
    """A stage on a real source, and all it reports."""

    def __init__(self, source: str, **settings: Any) -> None:
        impatient: dict[str, Any] = {"stall_s": 0.5, "still_s": 0.6, "reopen_min_s": 0.1, "reopen_max_s": 0.4}
        self.slot: Latest[Frame] = Latest()
        self.statuses: queue.SimpleQueue[CameraStatus] = queue.SimpleQueue()
        self.deaths: queue.SimpleQueue[BaseException] = queue.SimpleQueue()
        camera = Camera(**({"source": source, "width": WIDTH, "height": HEIGHT, "fps": FPS} | impatient | settings))
        self.stage = CaptureStage(camera, self.slot, self.statuses.put, lambda _name, error: self.deaths.put(error))

    def __enter__(self) -> Self:
        self.stage.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stage.stop()

    def next_fault(self, timeout: float = 10.0) -> CameraFault | None:
        return self.statuses.get(timeout=timeout).fault

    def wait_for(self, fault: CameraFault | None, timeout: float = 10.0) -> CameraStatus:
        """The next report of this fault; others before it are passed over."""
        deadline = time.monotonic() + timeout
        while True:
            status = self.statuses.get(timeout=max(0.01, deadline - time.monotonic()))
            if status.fault is fault:
                return status
