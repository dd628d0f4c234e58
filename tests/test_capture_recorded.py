from __future__ import annotations

import logging
import shutil
import subprocess
import time
from itertools import islice
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from capture_material import FPS, picture, write_clip

from npng_edge.capture.camera import SourceError
from npng_edge.capture.frames import frames, stills
from npng_edge.capture.sources import open_camera
from npng_edge.settings import Camera
from npng_edge.units import CameraFault, Frame

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "clip.mp4", map(picture, range(20)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in (2, 0, 1):
        cv2.imwrite(str(tmp_path / f"{number}.png"), picture(number))
    (tmp_path / "1a.jpg").write_bytes(b"no picture")
    (tmp_path / "notes.txt").write_text("not meant")
    return tmp_path


def test_a_clip_is_read_once_with_its_own_times(clip: Path) -> None:
    read = list(frames(Camera(loop=True), f"file:{clip}"))
    assert [frame.sequence for frame in read] == list(range(20))
    np.testing.assert_allclose([frame.time for frame in read], np.arange(20) / FPS, atol=1e-3)
    assert np.abs(read[7].image.astype(int) - picture(7)).mean() < 10


def test_a_bare_path_will_do_and_the_frames_are_turned_and_masked(clip: Path) -> None:
    everything = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
    frame = next(frames(Camera(rotation=90, masks=(everything,)), str(clip)))
    assert frame.image.shape == (160, 120, 3)
    assert not frame.image.any()


def test_variable_frame_times_are_kept(tmp_path: Path) -> None:
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg is not installed")
    path = tmp_path / "vfr.mkv"
    drop_some = ["-vf", "select='not(between(n,5,9))'", "-fps_mode", "vfr"]
    source = ["-f", "lavfi", "-i", "testsrc=size=160x120:rate=10:duration=2"]
    subprocess.run(["ffmpeg", "-v", "error", *source, *drop_some, "-c:v", "mjpeg", str(path)], check=True)
    times = [frame.time for frame in frames(Camera(), str(path))]
    np.testing.assert_allclose(times, [n / 10 for n in range(20) if not 5 <= n <= 9], atol=2e-3)


def test_a_clip_cut_in_the_middle_gives_what_was_read_and_says_so(tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "whole.avi", map(picture, range(60)), "MJPG")
    cut = tmp_path / "cut.avi"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    read: list[Frame] = []
    with pytest.raises(SourceError, match=r"cut\.avi is damaged or cut off: \d+ frames, 1\.\d of 3\.0 s") as caught:
        read.extend(frames(Camera(), str(cut)))  # extend keeps what came before the error
    assert caught.value.fault is CameraFault.LOST
    assert 20 < len(read) < 40


def test_a_clip_that_lost_its_index_cannot_be_read(clip: Path) -> None:
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])
    with pytest.raises(SourceError, match="no readable video, or its end is cut off") as caught:
        next(frames(Camera(), str(clip)))
    assert caught.value.fault is CameraFault.MISSING


def test_damage_is_not_told_by_the_video_library(clip: Path, capfd: pytest.CaptureFixture[str]) -> None:
    clip.write_bytes(b"\0" * 5000)
    with pytest.raises(SourceError):
        next(frames(Camera(), str(clip)))
    assert capfd.readouterr().err == ""


def test_a_missing_clip_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"gone\.mp4 does not exist"):
        next(frames(Camera(), f"file:{tmp_path}/gone.mp4"))
    with pytest.raises(SourceError, match="neither a file, a folder, nor one of auto, demo, picamera2:"):
        next(frames(Camera(), "webcam"))


def test_a_loop_goes_on_with_rising_times(clip: Path) -> None:
    camera = open_camera(Camera(source=f"file:{clip}", loop=True), pace=False)
    times = [camera.read().time for _ in range(65)]
    camera.close()
    np.testing.assert_allclose(times, np.arange(65) / FPS, atol=1e-3)


def test_a_paced_clip_takes_its_time_on_the_monotonic_clock(clip: Path) -> None:
    start = time.monotonic()
    times = [frame.time for frame in frames(Camera(), str(clip), pace=True)]
    assert time.monotonic() - start >= 19 / FPS
    assert start <= times[0] <= start + 2.0
    np.testing.assert_allclose(np.diff(times), 1 / FPS, atol=1e-3)


def test_stills_go_by_name_and_unreadable_ones_are_named_and_counted(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        read = list(frames(Camera(fps=2), f"images:{folder}"))
    assert [frame.time for frame in read] == [0.0, 0.5, 1.0]
    for number, frame in enumerate(read):
        np.testing.assert_array_equal(frame.image, picture(number))
    assert "1a.jpg is no picture that can be read" in caplog.text
    assert "1 of the 4 pictures" in caplog.text


def test_each_still_comes_with_its_path(folder: Path) -> None:
    named = [(path.name, frame is not None) for path, frame in stills(Camera(), folder)]
    assert named == [("0.png", True), ("1.png", True), ("1a.jpg", False), ("2.png", True)]


def test_looped_stills_never_end(folder: Path) -> None:
    camera = open_camera(Camera(source=f"images:{folder}", fps=4, loop=True), pace=False)
    read = [camera.read() for _ in range(7)]
    assert [raw.time for raw in read] == [n / 4 for n in range(7)]
    np.testing.assert_array_equal(read[6].image, picture(0))


@pytest.mark.parametrize(
    ("content", "message"), [({}, "holds no picture"), ({"a.png": b"x"}, "none of the 1 pictures")]
)
def test_a_folder_without_pictures_says_so(tmp_path: Path, content: dict[str, bytes], message: str) -> None:
    for name, data in content.items():
        (tmp_path / name).write_bytes(data)
    with pytest.raises(SourceError, match=message):
        list(islice(frames(Camera(), str(tmp_path)), 1))
