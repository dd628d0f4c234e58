from __future__ import annotations

import sys
import time
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from capture_material import picture, write_clip

import npng_edge
from npng_edge.capture import pi, sources
from npng_edge.capture.camera import SourceError
from npng_edge.capture.clock import monotonic_of
from npng_edge.capture.pi import PiCamera
from npng_edge.capture.v4l2 import V4l2Camera
from npng_edge.settings import Camera
from npng_edge.units import CameraFault

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("v4l2:/dev/video0", "v4l2:/dev/video0"),
        ("rtsp://10.0.0.5:554/live", "rtsp://10.0.0.5:554/live"),
        ("rtsp://nurse:p@ss@10.0.0.5/live", "rtsp://10.0.0.5/live"),
        ("rtsp://10.0.0.5/live?user=a&password=b", "rtsp://10.0.0.5/live"),
        ("rtspsrc location=rtsp://a:b@cam/1 user-pw=c ! x", "rtspsrc location=rtsp://cam/1 user-pw=*** ! x"),
        ("cannot open rtsp://a:b@cam/1 and rtsp://c:d@cam/2", "cannot open rtsp://cam/1 and rtsp://cam/2"),
    ],
)  # fmt: skip
def test_credentials_are_removed(text: str, expected: str) -> None:
    assert sources.redact(text) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("picamera2", ("picamera2", "")),
        ("picamera2:1", ("picamera2", "1")),
        ("rtsp://cam/live", ("rtsp", "//cam/live")),
        ("file:a:b.mp4", ("file", "a:b.mp4")),
        ("gstreamer:videotestsrc ! x", ("gstreamer", "videotestsrc ! x")),
    ],
)
def test_kinds_of_sources(source: str, expected: tuple[str, str]) -> None:
    assert sources.split(source) == expected


def test_bare_paths(tmp_path: Path) -> None:
    clip = tmp_path / "a.mp4"
    clip.touch()
    assert sources.split(str(clip)) == ("file", str(clip))
    assert sources.split(str(tmp_path)) == ("images", str(tmp_path))


def test_without_a_camera_demo_plays_the_synthetic_patient_and_auto_is_a_fault(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The device list is the narrowest seam: whether this machine has cameras must not matter."""
    monkeypatch.setattr(sources, "list_devices", lambda: [str(tmp_path / "video0")])
    monkeypatch.setattr(sources, "list_cameras", list)
    monkeypatch.setattr(npng_edge, "__file__", str(tmp_path / "npng_edge" / "__init__.py"))
    with pytest.raises(SourceError, match="no camera was found"):
        sources.resolve(Camera())
    with pytest.raises(SourceError, match="bundled clip"):
        sources.resolve(Camera(source="demo"))
    (tmp_path / "clips").mkdir()
    clip = write_clip(tmp_path / "clips" / "patient.mp4", map(picture, range(3)))
    found = sources.resolve(Camera(source="demo", width=640))
    assert (found.source, found.loop, found.width) == (f"file:{clip}", True, 640)
    assert "SYNTHETIC PATIENT" in caplog.text
    with pytest.raises(SourceError, match="no camera was found"):
        sources.resolve(Camera())


def test_auto_takes_the_first_device_that_delivers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", map(picture, range(3)))
    monkeypatch.setattr(sources, "list_cameras", list)
    monkeypatch.setattr(sources, "list_devices", lambda: [str(tmp_path / "gone"), str(clip)])
    monkeypatch.setitem(sources.LIVE, "v4l2", lambda path, camera: sources.open_camera(
        camera.model_copy(update={"source": f"file:{path}"}), pace=False))  # fmt: skip
    assert sources.resolve(Camera()).source == f"v4l2:{clip}"


def test_auto_prefers_a_raspberry_pi_camera(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "list_cameras", lambda: ["imx708_noir", "imx219"])
    assert sources.resolve(Camera()).source == "picamera2:0"


def test_a_configured_source_is_never_replaced() -> None:
    camera = Camera(source="v4l2:/dev/video9")
    assert sources.resolve(camera) is camera


def test_a_missing_device_is_named_with_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(
        SourceError, match=r"video99 does not exist; plug the camera in \(video devices here:"
    ) as caught:
        V4l2Camera(str(tmp_path / "video99"), Camera())
    assert caught.value.fault is CameraFault.MISSING


def test_a_file_that_is_no_device_is_refused(tmp_path: Path) -> None:
    (tmp_path / "video0").touch()
    with pytest.raises(SourceError, match="not a camera, used by another program, or not permitted"):
        V4l2Camera(str(tmp_path / "video0"), Camera())


def test_picamera2_absent_is_told_with_the_remedy() -> None:
    with pytest.raises(SourceError, match="apt install python3-picamera2"):
        PiCamera("", Camera())
    assert pi.list_cameras() == []


class FakePi:
    """Stands in for picamera2's device, which needs the hardware."""

    made: list[FakePi] = []  # noqa: RUF012 - counted over all instances on purpose

    def __init__(self, number: int) -> None:
        if number > 0:
            raise IndexError("list index out of range")
        self.calls: list[str] = []
        self.size = (0, 0)
        self.started = False
        FakePi.made.append(self)

    def create_video_configuration(self, **wanted: Any) -> dict[str, Any]:
        return wanted

    def configure(self, wanted: dict[str, Any]) -> None:
        self.calls.append("configure")
        assert wanted["main"]["format"] == "RGB888"
        self.size = wanted["main"]["size"]

    def start(self) -> None:
        self.calls.append("start")
        self.started = True

    def stop(self) -> None:
        self.calls.append("stop")
        self.started = False

    def capture_request(self) -> SimpleNamespace:
        stamp = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - 50_000_000
        padded = np.zeros((720, 1288, 3), np.uint8)[:, :1280]
        return SimpleNamespace(
            make_array=lambda _: padded,
            get_metadata=lambda: {"SensorTimestamp": stamp},
            release=lambda: self.calls.append("release"),
        )


@pytest.fixture
def fake_picamera2(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("picamera2")
    module.Picamera2 = FakePi  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "picamera2", module)
    monkeypatch.setattr(pi, "_devices", {})
    monkeypatch.setattr(pi, "_wanted", {})
    monkeypatch.setattr(pi, "_users", {})
    monkeypatch.setattr(FakePi, "made", [])


@pytest.mark.usefixtures("fake_picamera2")
def test_a_pi_camera_is_made_and_configured_once_however_often_it_is_opened() -> None:
    for _ in range(3):
        camera = PiCamera("", Camera())
        raw = camera.read()
        assert 0.05 <= time.monotonic() - raw.time < 1.0
        assert raw.image.flags.c_contiguous
        camera.close()
    assert len(FakePi.made) == 1
    assert FakePi.made[0].calls == ["configure", *(["start", "release", "stop"] * 3)]


@pytest.mark.usefixtures("fake_picamera2")
def test_a_pi_camera_follows_a_changed_configuration_without_being_made_anew() -> None:
    PiCamera("", Camera()).close()
    PiCamera("", Camera(width=640, height=480)).close()
    assert len(FakePi.made) == 1
    assert FakePi.made[0].size == (640, 480)
    assert FakePi.made[0].calls.count("configure") == 2


@pytest.mark.usefixtures("fake_picamera2")
def test_a_late_close_does_not_stop_the_camera_of_a_successor() -> None:
    stuck = PiCamera("", Camera())
    successor = PiCamera("", Camera())
    stuck.close()
    assert FakePi.made[0].started
    successor.close()
    assert not FakePi.made[0].started


@pytest.mark.usefixtures("fake_picamera2")
def test_a_pi_camera_that_is_not_there_is_missing() -> None:
    with pytest.raises(SourceError, match="check the ribbon cable") as caught:
        PiCamera("1", Camera())
    assert caught.value.fault is CameraFault.MISSING


def test_stamps_are_brought_to_the_monotonic_clock() -> None:
    now = time.monotonic()
    assert monotonic_of(now - 1.5, time.CLOCK_MONOTONIC) == pytest.approx(now - 1.5, abs=0.7)
    boot = time.clock_gettime(time.CLOCK_BOOTTIME)
    assert monotonic_of(boot - 1.5, time.CLOCK_BOOTTIME, time.CLOCK_MONOTONIC) == pytest.approx(now - 1.5, abs=0.7)
    for useless in (0.0, now + 100, now - 100):
        assert monotonic_of(useless, time.CLOCK_MONOTONIC) == pytest.approx(time.monotonic(), abs=0.7)
