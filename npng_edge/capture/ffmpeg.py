"""Opening anything FFmpeg reads, through OpenCV, without its chatter on the standard error stream."""

from __future__ import annotations

import os

import cv2

os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # AV_LOG_QUIET; OpenCV reads it once, at the backend's first use
# Lost UDP packets would smear over a face. OpenCV reads this at every opening, and only network cameras heed it.
os.environ.setdefault("OPENCV_FFMPEG_CAPTURE_OPTIONS", "rtsp_transport;tcp")


def open_video(address: str, options: list[int]) -> cv2.VideoCapture:
    """Open a file or stream by OpenCV's FFmpeg backend; `isOpened()` of the result tells whether it worked.

    Args:
        address: Path or URL. FFmpeg's and OpenCV's own messages are silenced, because they may repeat the address
            with its credentials, and go round the log.
        options: Property, value, property, value, as OpenCV takes them.
    """
    cv2.setLogLevel(2)  # errors only
    return cv2.VideoCapture(address, cv2.CAP_FFMPEG, options)
