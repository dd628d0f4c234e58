"""A video file: `file:PATH`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2

from npng_edge.capture.camera import RawFrame, SourceError
from npng_edge.capture.ffmpeg import open_video
from npng_edge.units import CameraFault

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from npng_edge.units import Image

MISSING_SHARE = 0.03
"""Share of its announced length that may be missing at a file's end before it counts as damaged: some containers only
estimate it."""


def play(path: Path) -> Generator[RawFrame, None, None]:
    """Read a clip from its start, with media time in seconds from 0, strictly rising.

    Raises:
        SourceError: MISSING when there is no such file or it holds no video; LOST, after the last readable frame, when
            the file ends before it should.
    """
    if not path.exists():
        raise SourceError(CameraFault.MISSING, f"{path} does not exist; check the path")
    video = open_video(str(path), [])
    try:
        if not video.isOpened():
            raise SourceError(
                CameraFault.MISSING,
                f"{path} is no readable video, or its end is cut off; copy it again or convert it to MP4 (H.264)",
            )
        fps = video.get(cv2.CAP_PROP_FPS)
        frame_s = 1.0 / fps if fps > 0 else 0.04
        frames = 0
        now = -frame_s
        while (image := _read(video)) is not None:
            stamp = video.get(cv2.CAP_PROP_POS_MSEC) / 1000.0
            # Some files carry no or jumping stamps; the frame clock must rise all the same.
            now = stamp if now < stamp else now + frame_s
            frames += 1
            yield RawFrame(image, now)
        length = video.get(cv2.CAP_PROP_FRAME_COUNT) * frame_s
        if now + frame_s < length - max(3 * frame_s, MISSING_SHARE * length):
            raise SourceError(
                CameraFault.LOST,
                f"{path} is damaged or cut off: {frames} frames, {now + frame_s:.1f} of {length:.1f} s, could be read",
            )
    finally:
        video.release()


def _read(video: cv2.VideoCapture) -> Image | None:
    success, image = video.read()
    return image if success else None  # type: ignore[return-value]
