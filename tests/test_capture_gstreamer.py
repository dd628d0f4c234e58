from __future__ import annotations

import os
import shutil
import signal
from itertools import islice
from typing import TYPE_CHECKING

import pytest
from capture_material import FPS, Watched, fault_of, picture, write_clip

from npng_edge.capture.camera import SourceError
from npng_edge.capture.frames import frames
from npng_edge.capture.gstreamer import GstreamerCamera, open_nvargus
from npng_edge.settings import Camera
from npng_edge.units import CameraFault

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(
    shutil.which("gst-launch-1.0") is None,
    reason="gst-launch-1.0 is not installed: apt install gstreamer1.0-tools gstreamer1.0-plugins-base",
)
SMALL = Camera(width=162, height=120, fps=FPS)  # rows of 486 bytes, which GStreamer pads to 488


def test_pictures_come_whole_and_in_the_right_colours() -> None:
    read = list(islice(frames(SMALL, "gstreamer:videotestsrc num-buffers=5 pattern=red"), 10))
    assert 1 <= len(read) <= 5  # late ones are dropped, as with a live camera
    for frame in read:
        assert frame.image.shape == (120, 162, 3)
        blue, green, red = (frame.image[..., channel] for channel in range(3))
        assert red.min() > 240
        assert max(blue.max(), green.max()) < 15
    assert read[0].image.flags.writeable


def test_an_address_with_quotes_and_blanks_is_kept(tmp_path: Path) -> None:
    odd = tmp_path / "a b.avi"
    write_clip(odd, map(picture, range(3)))
    with pytest.raises(SourceError, match=r"avidemux|decod"):  # found and opened; the element is in another package
        next(frames(SMALL, f'gstreamer:filesrc location="{odd}" ! avidemux ! decodebin'))


@pytest.mark.parametrize(
    ("pipeline", "message"),
    [("nosuchelement", "nosuchelement"), ("filesrc location=/no/such/file ! videoparse", "No such file|videoparse")],
)
def test_a_wrong_pipeline_says_why(pipeline: str, message: str) -> None:
    with pytest.raises(SourceError, match=message) as caught:
        next(frames(SMALL, f"gstreamer:{pipeline}"))
    assert caught.value.fault is CameraFault.MISSING


def test_nvargus_without_a_jetson_says_so() -> None:
    camera = open_nvargus("0", SMALL)
    with pytest.raises(SourceError, match="nvarguscamerasrc"):
        camera.read()
    camera.close()


def test_a_child_that_stops_is_a_hang_and_one_that_dies_a_loss() -> None:
    camera = GstreamerCamera("videotestsrc is-live=true", SMALL.model_copy(update={"stall_s": 0.5}))
    camera.read()
    os.kill(camera._child.pid, signal.SIGSTOP)
    assert fault_of(camera) is CameraFault.HUNG
    camera.close()
    assert camera._child.returncode == -signal.SIGKILL

    camera = GstreamerCamera("videotestsrc is-live=true", SMALL)
    camera.read()
    camera._child.kill()
    assert fault_of(camera) is CameraFault.LOST
    camera.close()


def test_the_stage_recovers_from_a_dead_pipeline() -> None:
    with Watched("gstreamer:videotestsrc is-live=true pattern=ball num-buffers=20") as watched:
        assert watched.next_fault() is None
        assert watched.next_fault() is CameraFault.ENDED
        assert watched.wait_for(None).reopened == 1


def test_a_missing_launcher_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SourceError, match=r"gst-launch-1\.0 is not installed"):
        GstreamerCamera("videotestsrc", SMALL)
