"""A folder of stills: `images:FOLDER`, sorted by name."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import cv2

from npng_edge.capture.camera import RawFrame, SourceError
from npng_edge.units import CameraFault

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from npng_edge.units import Image

log = logging.getLogger(__name__)

SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})


def list_stills(folder: Path) -> list[Path]:
    """The pictures directly in the folder, by name.

    Raises:
        SourceError: MISSING when the folder does not exist or holds no picture.
    """
    if not folder.is_dir():
        raise SourceError(CameraFault.MISSING, f"{folder} is not a folder; check the path")
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    if not found:
        raise SourceError(CameraFault.MISSING, f"{folder} holds no picture ({', '.join(sorted(SUFFIXES))})")
    return found


def read_still(path: Path) -> Image | None:
    """One picture, (height, width, 3) uint8 BGR, turned as its EXIF data says; None when it cannot be read."""
    cv2.setLogLevel(2)  # errors only: that it cannot be read is said by the caller
    return cv2.imread(str(path), cv2.IMREAD_COLOR)  # type: ignore[return-value]


def play(folder: Path, fps: float) -> Generator[RawFrame, None, None]:
    """Show the readable stills one after the other; unreadable ones are named in the log and counted.

    Args:
        folder: Where they lie.
        fps: Stills per second of media time.

    Raises:
        SourceError: MISSING when there is nothing to show.
    """
    paths = list_stills(folder)
    shown = 0
    for path in paths:
        image = read_still(path)
        if image is None:
            log.warning("%s is no picture that can be read; it is left out", path)
            continue
        yield RawFrame(image, shown / fps)
        shown += 1
    if shown < len(paths):
        log.warning("%d of the %d pictures in %s could not be read", len(paths) - shown, len(paths), folder)
    if not shown:
        raise SourceError(CameraFault.MISSING, f"none of the {len(paths)} pictures in {folder} can be read")
