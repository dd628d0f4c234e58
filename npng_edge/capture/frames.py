"""Recordings as a plain stream of frames, for analysis: the same masks and turning as live, no threads."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from npng_edge.capture.camera import SourceError
from npng_edge.capture.images import list_stills, read_still
from npng_edge.capture.orient import Orientation
from npng_edge.capture.sources import open_camera
from npng_edge.units import CameraFault, Frame

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from npng_edge import settings

log = logging.getLogger(__name__)


def frames(camera: settings.Camera, source: str, *, pace: bool = False) -> Iterator[Frame]:
    """Read a source once, from its start to its end.

    Args:
        camera: Rotation, mirror, masks, rate of stills; its own source and `loop` are not used.
        source: As in `camera.source`, or the bare path of a file or folder.
        pace: Deliver in real time, with times on the monotonic clock, instead of at once with media times.

    Yields:
        Frames, numbered from 0.

    Raises:
        SourceError: The source cannot be opened or is damaged; the frames yielded before are good.
    """
    orient = Orientation(camera)
    opened = open_camera(camera.model_copy(update={"source": source, "loop": False}), pace=pace)
    sequence = 0
    try:
        while True:
            raw = opened.read()
            yield Frame(sequence, raw.time, orient(raw.image))
            sequence += 1
    except SourceError as error:
        if error.fault is not CameraFault.ENDED:
            raise
    finally:
        opened.close()


def stills(camera: settings.Camera, folder: Path) -> Iterator[tuple[Path, Frame | None]]:
    """Read a folder of stills, by name, each as a picture of its own.

    Args:
        camera: Rotation, mirror and masks.
        folder: Where they lie.

    Yields:
        Each picture's path and its frame, all at time 0; None in place of a frame that cannot be read.

    Raises:
        SourceError: The folder does not exist or holds no picture.
    """
    orient = Orientation(camera)
    for sequence, path in enumerate(list_stills(folder)):
        image = read_still(path)
        yield path, None if image is None else Frame(sequence, 0.0, orient(image))
