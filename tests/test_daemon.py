"""The daemon as a process, against a real broker, a real outbox and the rendered clips."""

from __future__ import annotations

import json
import os
import queue
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from broker import Station

from npng_edge.ask import AskError, ask_baseline
from npng_edge.infer.manifest import default_models_directory
from npng_edge.publish.messages import BaselineAction
from npng_edge.settings import Broker, Place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import paho.mqtt.client as paho
    from broker import MosquittoBroker

CLIPS = Path(__file__).parent.parent / "clips"
REAL = Path(__file__).parent.parent / "../shared/data/real/distress_then_smile.mp4"
BED = "npng/v1/test/ward/bed-7"
READY_S = 30.0
ALARM_S = 40.0


class DaemonProcess:
    """`npng-edge run` with a notify socket, as systemd would start it."""

    def __init__(self, folder: Path, port: int, settings: dict[str, Any]) -> None:
        self.config = folder / "config.yaml"
        self.log = folder / "daemon.log"
        self._settings = {
            "place": {"facility": "test", "unit": "ward", "bed": "bed-7"},
            "broker": {"port": port, "reconnect_min_s": 0.1, "reconnect_max_s": 0.5},
            "storage": {"directory": str(folder / "state")},
        } | settings
        self.configure({})
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._path = folder / "notify"
        self._notify.bind(str(self._path))
        self._notified: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        self.process: subprocess.Popen[bytes] | None = None

    def configure(self, change: dict[str, Any]) -> None:
        self._settings |= change
        self.config.write_text(yaml.safe_dump(self._settings))

    def start(self) -> DaemonProcess:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "npng_edge", "run", "-c", str(self.config)],
                stderr=log,
                env={**os.environ, "NOTIFY_SOCKET": str(self._path), "WATCHDOG_USEC": "10000000"},
            )
        self.wait_notified(b"READY=1")
        return self

    def wait_notified(self, wanted: bytes) -> bytes:
        while True:
            message = self._notified.get(timeout=READY_S)
            if wanted in message:
                return message

    def _listen(self) -> None:
        """Read at once, as systemd does: the socket holds only a few datagrams."""
        while message := self._notify.recv(4096):
            self._notified.put(message)

    def send(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def wait_ended(self) -> int:
        assert self.process is not None
        return self.process.wait(READY_S)

    def close(self) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as last:
            last.sendto(b"", str(self._path))
        self._listener.join(READY_S)
        self._notify.close()
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(READY_S)


@pytest.fixture
def make_daemon(tmp_path: Path, broker: MosquittoBroker) -> Iterator[Callable[..., DaemonProcess]]:
    made: list[DaemonProcess] = []

    def make(**settings: Any) -> DaemonProcess:
        made.append(DaemonProcess(tmp_path, broker.port, settings))
        return made[-1]

    yield make
    for daemon in made:
        daemon.close()


@pytest.fixture
def station(broker: MosquittoBroker) -> Iterator[Station]:
    listening = Station(broker, "npng/#")
    yield listening
    listening.close()


def clip(name: str, *, loop: bool = True) -> dict[str, Any]:
    return {"source": f"file:{CLIPS / name}", "loop": loop}


def on(topic: str, wanted: Callable[[dict[str, Any]], bool] = lambda _: True) -> Callable[[paho.MQTTMessage], bool]:
    return lambda message: message.topic == f"{BED}/{topic}" and wanted(json.loads(message.payload))


def transition(condition: str, phase: str) -> Callable[[paho.MQTTMessage], bool]:
    return on("alarm", lambda body: body["alarm"]["condition"] == condition and body["phase"] == phase)


def body(message: paho.MQTTMessage) -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(message.payload)
    return decoded


def test_the_synthetic_patients_pain_is_raised_and_ended_at_the_station(
    make_daemon: Callable[..., DaemonProcess], station: Station
) -> None:
    daemon = make_daemon(camera=clip("pain.mp4")).start()
    state = body(station.wait_for(on("state", lambda found: "action-units" in found["models"])))
    assert state["value"] == "online"
    start = body(station.wait_for(transition("pain", "start"), ALARM_S))
    end = body(station.wait_for(transition("pain", "end"), ALARM_S))
    assert start["alarm"]["alarm_id"] == end["alarm"]["alarm_id"]
    assert (start["alarm"]["kind"], start["alarm"]["presence"], end["alarm"]["presence"]) == (
        "physiological",
        "on",
        "off",
    )
    levels = [body(message) for message in station.messages if message.topic == f"{BED}/alarms"]
    assert [alarm["condition"] for level in levels for alarm in level["present"]][:1] == ["pain"]
    scores = [body(message) for message in station.messages if message.topic == f"{BED}/pain"]
    assert max(score["pspi"] for score in scores if score["pspi"] is not None) >= 4.0
    assert all(score["pspi"] is not None or score["reasons"] for score in scores)

    daemon.wait_notified(b"WATCHDOG=1")
    daemon.send(signal.SIGTERM)
    asked = time.monotonic()
    assert daemon.wait_ended() == 0
    assert time.monotonic() - asked < 10.0
    assert body(station.wait_for(on("state")))["value"] == "stopped"
    daemon.wait_notified(b"STOPPING=1")
    assert "Traceback" not in daemon.log.read_text()


@pytest.mark.shared
@pytest.mark.skipif(not REAL.exists(), reason="needs ../shared, the real clip, which a clone does not have")
def test_real_distress_is_alarmed_and_the_laugh_after_it_is_not(
    make_daemon: Callable[..., DaemonProcess], station: Station
) -> None:
    make_daemon(camera={"source": f"file:{REAL}", "reopen_min_s": 60, "reopen_max_s": 60}).start()
    first = body(station.wait_for(on("pain")))
    station.wait_for(transition("camera", "start"), ALARM_S)  # The clip is at its end.
    begun = datetime.fromisoformat(first["time"].replace("Z", "+00:00"))
    starts = [
        (datetime.fromisoformat(made["at"].replace("Z", "+00:00")) - begun).total_seconds()
        for made in map(body, (message for message in station.messages if message.topic == f"{BED}/alarm"))
        if made["alarm"]["condition"] == "pain" and made["phase"] == "start"
    ]
    assert len(starts) == 1
    assert 1.0 < starts[0] < 6.5
    scores = [body(message) for message in station.messages if message.topic == f"{BED}/pain"]
    assert any("occluded" in score["reasons"] and score["pspi"] is None for score in scores)
    laughs = [score for score in scores if score["look_alike"] == "smile" and score["pspi"] >= score["threshold"]]
    assert len(laughs) >= 3
    assert not any(score["pain"] for score in laughs)


def test_alarms_raised_while_the_broker_is_away_arrive_after_it_comes(
    make_daemon: Callable[..., DaemonProcess], broker: MosquittoBroker, station: Station
) -> None:
    broker.kill()
    make_daemon(camera={"source": "v4l2:/dev/video99"}).start()
    broker.start()
    station.wait_subscribed()
    start = body(station.wait_for(transition("camera", "start"), ALARM_S))
    assert "v4l2:/dev/video99" in start["alarm"]["cause"]
    levels = [body(message) for message in station.messages if message.topic == f"{BED}/alarms"]
    assert "camera" in [alarm["condition"] for alarm in levels[-1]["present"]]


def test_a_killed_daemon_leaves_its_will_and_ends_its_alarms_when_it_is_back(
    make_daemon: Callable[..., DaemonProcess], station: Station
) -> None:
    daemon = make_daemon(camera={"source": "v4l2:/dev/video99"}).start()
    first = body(station.wait_for(transition("camera", "start")))
    daemon.send(signal.SIGKILL)
    daemon.wait_ended()
    assert body(station.wait_for(on("state")))["value"] == "offline"
    daemon.start()
    end = body(station.wait_for(transition("camera", "end")))
    assert end["alarm"]["alarm_id"] == first["alarm"]["alarm_id"]
    second = body(station.wait_for(transition("camera", "start")))
    assert second["alarm"]["alarm_id"] != first["alarm"]["alarm_id"]


def test_an_altered_model_is_refused_alarmed_and_taken_up_once_it_is_right(
    tmp_path: Path, make_daemon: Callable[..., DaemonProcess], station: Station
) -> None:
    models = tmp_path / "models"
    shutil.copytree(default_models_directory(), models)
    file = models / "action_units.onnx"
    content = file.read_bytes()
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    daemon = make_daemon(camera=clip("rest.mp4"), seeing={"models": str(models)}).start()
    start = body(station.wait_for(transition("model", "start")))
    assert "action_units.onnx" in start["alarm"]["cause"]
    file.write_bytes(content)
    station.wait_for(transition("model", "end"), ALARM_S)
    assert "Traceback" not in daemon.log.read_text()


def test_a_wrong_configuration_changes_nothing_and_a_right_one_is_taken(
    make_daemon: Callable[..., DaemonProcess], station: Station
) -> None:
    daemon = make_daemon(camera=clip("rest.mp4")).start()
    assert body(station.wait_for(on("pain")))["threshold"] == 4.0
    daemon.configure({"policy": {"pain": {"threshold": 99}}})
    daemon.send(signal.SIGHUP)
    daemon.wait_notified(b"RELOADING=1")
    assert b"wrong" in daemon.wait_notified(b"READY=1")
    assert "policy.pain.threshold: 99 is refused" in daemon.log.read_text()
    assert body(station.wait_for(on("pain")))["threshold"] == 4.0
    daemon.configure({"policy": {"pain": {"threshold": 7.5}}, "camera": {"source": "v4l2:/dev/video98"}})
    daemon.send(signal.SIGHUP)
    daemon.wait_notified(b"READY=1")
    station.wait_for(transition("camera", "start"))


def test_a_full_or_unwritable_disk_is_an_alarm_that_still_arrives(
    tmp_path: Path, make_daemon: Callable[..., DaemonProcess], station: Station
) -> None:
    (tmp_path / "file").touch()
    make_daemon(camera=clip("rest.mp4"), storage={"directory": str(tmp_path / "file" / "state")}).start()
    start = body(station.wait_for(transition("storage", "start")))
    assert str(tmp_path / "file" / "state") in start["alarm"]["cause"]


def test_the_baseline_is_captured_and_forgotten_on_request(
    make_daemon: Callable[..., DaemonProcess], broker: MosquittoBroker, station: Station
) -> None:
    make_daemon(
        camera=clip("rest.mp4"), policy={"baseline": {"learn": False, "capture_s": 1.0, "quiet_spread": 2.0}}
    ).start()
    station.wait_for(on("pain", lambda score: score["baseline"] == "none" and score["pspi"] is not None))
    place = Place(facility="test", unit="ward", bed="bed-7")
    address = Broker(port=broker.port)
    outcomes = [answer.outcome for answer in ask_baseline(address, place, BaselineAction.CAPTURE, "nurse")]
    assert outcomes == ["started", "captured"]
    score = body(station.wait_for(on("pain", lambda found: found["baseline"] == "captured")))
    assert score["pspi_above_baseline"] is not None
    assert [answer.outcome for answer in ask_baseline(address, place, BaselineAction.FORGET, "nurse")] == ["forgotten"]
    score = body(station.wait_for(on("pain", lambda found: found["baseline"] == "none")))
    assert score["pspi_above_baseline"] is None
    station.publish(f"{BED}/request/baseline", b"{}")
    refused = body(station.wait_for(on("response/baseline", lambda found: found["outcome"] == "refused")))
    assert refused["reason"] == "malformed"


def test_a_bed_that_is_not_there_does_not_answer(broker: MosquittoBroker) -> None:
    place = Place(facility="test", unit="ward", bed="nobody")
    with pytest.raises(AskError, match="did not answer"):
        list(ask_baseline(Broker(port=broker.port), place, BaselineAction.CAPTURE, "nurse", patience_s=1.0))
