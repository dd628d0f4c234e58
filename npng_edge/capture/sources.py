"""Which source a configured string means: the table of all kinds, and the choice of `auto` and `demo`."""

from __future__ import annotations

import functools
import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING

import npng_edge
from npng_edge.capture import file, images
from npng_edge.capture.camera import Camera, SourceError
from npng_edge.capture.gstreamer import GstreamerCamera, open_nvargus
from npng_edge.capture.pi import PiCamera, list_cameras
from npng_edge.capture.recorded import Recorded
from npng_edge.capture.rtsp import RtspCamera
from npng_edge.capture.v4l2 import V4l2Camera, list_devices
from npng_edge.units import CameraFault

if TYPE_CHECKING:
    from collections.abc import Callable

    from npng_edge import settings
    from npng_edge.capture.recorded import Recording

log = logging.getLogger(__name__)

LIVE: dict[str, Callable[[str, settings.Camera], Camera]] = {
    "picamera2": PiCamera,
    "v4l2": V4l2Camera,
    "nvargus": open_nvargus,
    "gstreamer": GstreamerCamera,
    "rtsp": lambda rest, camera: RtspCamera(f"rtsp:{rest}", camera),
    "rtsps": lambda rest, camera: RtspCamera(f"rtsps:{rest}", camera),
}
"""Kind of source -> opens it, given what follows the colon."""

RECORDED: dict[str, Callable[[str, settings.Camera], Recording]] = {
    "file": lambda path, _: functools.partial(file.play, Path(path)),
    "images": lambda path, camera: functools.partial(images.play, Path(path), camera.fps),
}
"""Kind of recording -> what plays it."""

_SECRETS = (
    (re.compile(r"(?<=://)[^/\s\"']*@"), ""),  # user:password@
    (re.compile(r"(://[^\s\"'?]*)\?[^\s\"']*"), r"\1"),  # many cameras take the password in the query
    (re.compile(r"\b(user-pw|user-id|password|passwd|pwd)=\S+", re.IGNORECASE), r"\1=***"),
)


def redact(text: str) -> str:
    """The text without the credentials of the addresses in it, fit for a log and for MQTT."""
    for secret, instead in _SECRETS:
        text = secret.sub(instead, text)
    return text


def bundled_clip() -> Path:
    """The synthetic patient that ships with the package: from the installed wheel, else from the checkout.

    Raises:
        SourceError: MISSING when neither holds it.
    """
    package = Path(npng_edge.__file__).parent
    for folder in (package / "_data" / "clips", package.parent / "clips"):
        if (clip := folder / "patient.mp4").is_file():
            return clip
    raise SourceError(CameraFault.MISSING, "no camera was found, and the bundled clip patient.mp4 is not installed")


def split(source: str) -> tuple[str, str]:
    """Kind of source and what follows the colon; a bare path is a file or a folder of stills.

    Raises:
        SourceError: MISSING when it is neither a known kind nor an existing path.
    """
    kind, _, rest = source.partition(":")
    if kind in LIVE or kind in RECORDED:
        return kind, rest
    path = Path(source)
    if path.exists():
        return ("images" if path.is_dir() else "file"), source
    raise SourceError(
        CameraFault.MISSING,
        f"camera.source: {redact(source)!r} is neither a file, a folder, nor one of auto, demo, "
        f"{', '.join(f'{name}:...' for name in (*LIVE, *RECORDED))}",
    )


def open_camera(camera: settings.Camera, *, pace: bool) -> Camera:
    """Open the configured source, which must not be `auto` or `demo` any more.

    Args:
        camera: Its settings.
        pace: Play a recording in real time, on the monotonic clock.

    Raises:
        SourceError: It cannot be opened.
    """
    kind, rest = split(camera.source)
    if kind in LIVE:
        return LIVE[kind](rest, camera)
    return Recorded(RECORDED[kind](rest, camera), frame_s=1.0 / camera.fps, loop=camera.loop, pace=pace)


def resolve(camera: settings.Camera) -> settings.Camera:
    """Decide what `auto` or `demo` is; other sources stay as they are.

    `auto` never falls back to the synthetic patient: at a bed whose camera is broken, its pain would be taken for the
    patient's. `demo` does, and is decided once per run, so that it does not change when a camera is unplugged.

    Raises:
        SourceError: MISSING when there is no camera (`auto`), or no bundled clip either (`demo`).
    """
    if camera.source not in ("auto", "demo"):
        return camera
    for number, model in enumerate(list_cameras()):
        log.info("camera found: Raspberry Pi camera %d (%s)", number, model)
        return camera.model_copy(update={"source": f"picamera2:{number}"})
    for device in list_devices():
        found = camera.model_copy(update={"source": f"v4l2:{device}"})
        if _delivers(found):
            log.info("camera found: %s", device)
            return found
    if camera.source == "auto":
        raise SourceError(CameraFault.MISSING, "no camera was found; connect one, or name it in camera.source")
    clip = bundled_clip()
    log.warning("no camera found, playing the SYNTHETIC PATIENT %s in a loop", clip)
    return camera.model_copy(update={"source": f"file:{clip}", "loop": True})


def _delivers(camera: settings.Camera) -> bool:
    """Whether the source opens and gives one picture."""
    try:
        opened = open_camera(camera, pace=True)
    except SourceError as error:
        log.info("no camera: %s (%s)", camera.source, error)
        return False
    try:
        opened.read()
    except SourceError as error:
        log.info("no camera: %s (%s)", camera.source, error)
        return False
    finally:
        opened.close()
    return True
