from __future__ import annotations

import contextlib
import os
import threading
import time
from itertools import pairwise
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from capture_material import Watched, black, picture, write_clip

from npng_edge.capture import sources, stage
from npng_edge.capture.liveness import is_black
from npng_edge.units import CameraFault, CameraStatus, Frame

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from npng_edge.settings import Camera


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "clip.mp4", map(picture, range(20)))


@pytest.fixture
def hanging(tmp_path: Path) -> Iterator[Path]:
    """A pipe with the first part of a clip in it, whose writer then says nothing: reading it hangs in C code."""
    clip = write_clip(tmp_path / "clip.avi", map(picture, range(20)), "MJPG")
    pipe = tmp_path / "pipe.avi"
    os.mkfifo(pipe)
    both_ends = os.open(pipe, os.O_RDWR)
    data = clip.read_bytes()
    os.write(both_ends, data[: min(len(data) // 2, 60_000)])
    yield pipe
    os.close(both_ends)
    release_readers(pipe)


def release_readers(pipe: Path) -> None:
    """Let go every reader that hangs in the pipe, or is only about to open it."""
    for reader in [thread for thread in threading.enumerate() if thread.name == "capture-reader"]:
        while reader.is_alive():
            with contextlib.suppress(OSError):  # nobody has it open at this moment
                os.close(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
            reader.join(0.02)


def take(watched: Watched) -> Frame:
    frame = watched.slot.take(10.0)
    assert frame is not None
    return frame


def test_frames_arrive_numbered_with_monotonic_times(clip: Path) -> None:
    with Watched(f"file:{clip}", loop=True) as watched:
        assert watched.next_fault() is None
        read = [take(watched) for _ in range(30)]
        assert all(one.sequence < other.sequence for one, other in pairwise(read))
        assert all(one.time < other.time for one, other in pairwise(read))
        assert abs(time.monotonic() - read[-1].time) < 2.0
        assert watched.stage.delivered >= 30
        assert watched.statuses.empty()


def test_an_end_is_reported_and_the_source_played_again(clip: Path) -> None:
    with Watched(f"file:{clip}") as watched:
        assert watched.next_fault() is None
        assert watched.next_fault() is CameraFault.ENDED
        again = watched.wait_for(None)
        assert (again.reopened, again.detail, again.source) == (1, "", f"file:{clip}")


def test_frozen_and_black_parts_are_withheld_reported_and_cleared(tmp_path: Path) -> None:
    parts = [
        *map(picture, range(15)),
        *[picture(14)] * 40,
        *map(picture, range(20, 35)),
        *[black()] * 30,
        *map(picture, range(40, 55)),
    ]
    clip = write_clip(tmp_path / "clip.avi", parts, "FFV1")
    with Watched(f"file:{clip}", reopen_min_s=5.0) as watched:
        assert watched.next_fault() is None
        frozen = watched.statuses.get(timeout=5.0)
        assert (frozen.fault, frozen.reopened) == (CameraFault.FROZEN, 0)
        assert "same picture" in frozen.detail
        assert watched.next_fault() is None
        assert watched.next_fault() is CameraFault.BLACK
        assert watched.next_fault() is None
        assert watched.next_fault() is CameraFault.ENDED
        assert watched.stage.delivered == 45
        assert not is_black(take(watched).image)


def test_a_source_that_stays_frozen_is_reopened_and_does_not_look_well_in_between(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.avi", [picture(0)] * 60, "FFV1")
    with Watched(f"file:{clip}", loop=True) as watched:
        assert watched.next_fault() is None
        assert watched.next_fault() is CameraFault.FROZEN
        delivered = watched.stage.delivered
        deadline = time.monotonic() + 10
        while watched.stage.status.reopened < 2 and time.monotonic() < deadline:
            assert watched.slot.take(0.05) is None or delivered == 1
        assert watched.stage.status.reopened >= 2
        assert watched.statuses.empty()
        assert watched.stage.delivered == 1


def test_a_folder_with_one_still_is_not_frozen(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "face.png"), picture(0))
    with Watched(f"images:{tmp_path}", loop=True) as watched:
        assert watched.next_fault() is None
        for _ in range(30):
            np.testing.assert_array_equal(take(watched).image, picture(0))
        assert watched.statuses.empty()


def test_a_missing_source_is_found_once_it_is_there(tmp_path: Path, clip: Path) -> None:
    place = tmp_path / "later.mp4"
    with Watched(f"file:{place}") as watched:
        missing = watched.statuses.get(timeout=5.0)
        assert missing.fault is CameraFault.MISSING
        assert "later.mp4 does not exist" in missing.detail
        clip.rename(place)
        assert watched.next_fault() is None


def test_a_hang_is_reported_while_the_heart_beats_on(hanging: Path) -> None:
    watched = Watched(f"file:{hanging}")
    with watched:
        assert watched.next_fault() is None
        assert watched.next_fault(timeout=3.0) is CameraFault.HUNG
        beat = watched.stage.beat
        assert watched.slot.take(0.5) is not None
        watched.slot.take(0.5)
        assert watched.stage.beat > beat
        started = time.monotonic()
        assert watched.stage.stop(1.0) is False
        assert time.monotonic() - started < 10.0


def test_a_source_that_hangs_in_opening_is_reported_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage, "OPENING_REPORT_S", 0.4)
    pipe = tmp_path / "silent.avi"
    os.mkfifo(pipe)
    with Watched(f"file:{pipe}") as watched:
        assert watched.next_fault(timeout=3.0) is CameraFault.HUNG
    release_readers(pipe)


def test_three_stuck_readers_are_the_end(hanging: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage, "OPENING_LIMIT_S", 0.5)
    with Watched(f"file:{hanging}") as watched:
        assert isinstance(watched.deaths.get(timeout=15.0), stage.RestartNeededError)
        assert sum(thread.name == "capture-reader" for thread in threading.enumerate()) == stage.MAX_STUCK
        last = watched.stage.status
        assert last.fault is CameraFault.HUNG
        assert "must restart" in last.detail


def test_waits_grow_and_are_bounded(tmp_path: Path) -> None:
    with Watched(f"file:{tmp_path}/gone.mp4", reopen_min_s=0.05, reopen_max_s=0.2) as watched:
        watched.wait_for(CameraFault.MISSING)
        seen: dict[int, float] = {}
        deadline = time.monotonic() + 10
        while len(seen) < 5 and time.monotonic() < deadline:
            seen.setdefault(watched.stage.status.reopened, watched.stage._wait_s)
            watched.slot.take(0.005)
        assert list(seen.values())[-1] == max(seen.values()) == 0.2
        assert watched.statuses.empty()


def test_an_unexpected_error_is_the_death_of_the_stage(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("npng_edge.capture.reader.open_camera", broken)
    with Watched(f"file:{clip}") as watched:
        assert isinstance(watched.deaths.get(timeout=5.0), ZeroDivisionError)


def test_stop_closes_a_healthy_source(clip: Path) -> None:
    watched = Watched(f"file:{clip}", loop=True)
    watched.stage.start()
    take(watched)
    assert watched.stage.stop(1.0) is True
    assert not any(thread.name.startswith("capture") for thread in threading.enumerate())


def test_stop_before_start_is_harmless(clip: Path) -> None:
    assert Watched(f"file:{clip}").stage.stop() is True


def test_auto_is_decided_once(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A camera that was found and then unplugged must not be replaced by the synthetic patient."""
    asked = []

    def resolve(camera: Camera) -> Camera:
        if camera.source == "auto":
            asked.append(camera)
            return camera.model_copy(update={"source": f"file:{clip}"})
        return camera

    monkeypatch.setattr("npng_edge.capture.reader.resolve", resolve)
    with Watched("auto") as watched:
        assert watched.wait_for(CameraFault.ENDED).source == f"file:{clip}"
        clip.unlink()
        assert watched.wait_for(CameraFault.MISSING).source == f"file:{clip}"
    assert len(asked) == 1


def test_credentials_are_not_reported(caplog: pytest.LogCaptureFixture) -> None:
    with Watched("rtsp://nurse:secret@127.0.0.1:1/live?password=secret") as watched:
        status = watched.wait_for(CameraFault.MISSING)
    assert status.source == "rtsp://127.0.0.1:1/live"
    assert "secret" not in repr(status) + caplog.text
    assert isinstance(status, CameraStatus)
    assert sources.redact(status.source) == status.source
