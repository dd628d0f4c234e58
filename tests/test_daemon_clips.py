"""Encrypted clips with the daemon as a process: only with configuration and consent, and gone when it is withdrawn."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
from daemon_process import ALARM_S, answers, assign, body, clip, on, transition
from typer.testing import CliRunner

from npng_edge.cli import app
from npng_edge.record import codec
from npng_edge.record.clip_file import digest, open_clip
from npng_edge.record.keys import new_key, read_key
from npng_edge.record.outbox import Outbox

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from broker import MosquittoBroker, Station
    from daemon_process import DaemonProcess

    from npng_edge.policy.stays.stay import Audit

JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF"
"""As OpenCV begins a picture; fewer bytes turn up by chance in what is sealed."""


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "hospital.key"
    path.touch(0o600)
    path.write_text(new_key())
    return path


def storage(tmp_path: Path, key_file: Path, **changes: Any) -> dict[str, Any]:
    clips = {"enabled": True, "key_file": str(key_file), "fps": 4.0, **changes}
    return {"directory": str(tmp_path / "state"), "clips": clips}


def end(daemon: DaemonProcess) -> None:
    daemon.send(signal.SIGTERM)
    assert daemon.wait_ended() == 0
    assert "Traceback" not in daemon.log.read_text()


def audits(state: Path, stay: str) -> list[Audit]:
    outbox = Outbox(state, boot_id="reader", max_bytes=2**20)
    rows = outbox.history.stay_rows(stay)
    outbox.close()
    return [codec.AUDIT.decode(row.body) for row in rows if row.kind == "audit"]


def test_a_clip_is_kept_sealed_and_deleted_with_the_consent(
    tmp_path: Path,
    make_daemon: Callable[..., DaemonProcess],
    broker: MosquittoBroker,
    station: Station,
    key_file: Path,
) -> None:
    state = tmp_path / "state"
    folder = state / "clips"
    daemon = make_daemon(camera=clip("pain.mp4"), storage=storage(tmp_path, key_file)).start()
    assert answers(broker, "assign", "patient=P-0001", "clips=true") == ["done"]
    station.wait_for(transition("pain", "start"), ALARM_S)
    assert not folder.exists()  # Nothing is on the disk before the episode is over.
    told = body(station.wait_for(on("episode"), ALARM_S))
    station.wait_for(lambda _: any(folder.glob("*.npngclip")))
    (path,) = folder.iterdir()
    assert path.name == f"{told['episode']['id']}.npngclip"
    header, pictures = open_clip(path, read_key(key_file))
    assert (header.patient, header.stay) == ("P-0001", told["stay"])
    onset = told["episode"]["onset_utc"]
    before = [picture for picture in pictures if picture.utc < onset - 1.0]
    assert len(before) >= 4
    assert pictures[-1].utc > onset + 3.0
    assert all(picture.jpeg.startswith(JPEG) for picture in pictures)
    image = cv2.imdecode(np.frombuffer(before[0].jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    assert image.shape[1] == 320
    assert not any(JPEG in file.read_bytes() for file in state.rglob("*") if file.is_file())

    listed = CliRunner().invoke(app, ["clip", "list", str(folder)])
    assert listed.exit_code == 0
    assert listed.output.startswith(f"{path}: P-0001, ")
    out = tmp_path / "pictures"
    show = ["clip", "show", str(path), "--key", str(key_file), "-o", str(out)]
    shown = CliRunner().invoke(app, show)
    assert shown.exit_code == 0
    assert "not protected any more" in shown.output
    assert [file.read_bytes() for file in sorted(out.iterdir())] == [picture.jpeg for picture in pictures]
    again = CliRunner().invoke(app, show)
    assert again.exit_code == 1
    assert "is not empty" in again.output

    sha256 = digest(path.read_bytes())
    assert answers(broker, "update", "patient=P-0001", "clips=false") == ["done"]
    station.wait_for(lambda _: not any(folder.iterdir()))
    end(daemon)
    name = told["episode"]["id"]
    assert [(line.name, line.detail) for line in audits(state, header.stay) if name in line.detail] == [
        ("clip-kept", f"Clip of episode {name}: {len(pictures)} pictures, SHA-256 {sha256}."),
        ("clip-deleted", f"Clip of episode {name} deleted (withdrawn), SHA-256 {sha256}."),
    ]


def test_without_consent_no_file_is_made(
    tmp_path: Path,
    make_daemon: Callable[..., DaemonProcess],
    broker: MosquittoBroker,
    station: Station,
    key_file: Path,
) -> None:
    daemon = make_daemon(camera=clip("pain.mp4"), storage=storage(tmp_path, key_file)).start()
    assign(broker)
    told = body(station.wait_for(on("episode"), ALARM_S))
    for _ in range(2):  # a second each
        station.wait_for(on("pain"))
    end(daemon)
    assert not (tmp_path / "state" / "clips").exists()
    assert not any(line.name.startswith("clip-") for line in audits(tmp_path / "state", told["stay"]))


def test_a_missing_key_is_a_fault_of_the_recording(
    tmp_path: Path, make_daemon: Callable[..., DaemonProcess], station: Station
) -> None:
    daemon = make_daemon(
        camera={"source": "v4l2:/dev/video99"}, storage=storage(tmp_path, tmp_path / "forgotten.key")
    ).start()
    start = body(station.wait_for(transition("recording", "start")))
    assert start["alarm"]["cause"].startswith("Clips: no clips are kept")
    end(daemon)
