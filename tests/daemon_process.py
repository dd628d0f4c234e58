"""The daemon as a process, as systemd starts it, and what a station says to it and hears from it."""

from __future__ import annotations

import json
import os
import queue
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from npng_edge.ask import ask, make_request
from npng_edge.settings import Broker, Place

if TYPE_CHECKING:
    import signal
    from collections.abc import Callable

    import paho.mqtt.client as paho
    from broker import MosquittoBroker

CLIPS = Path(__file__).parent.parent / "clips"
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

    def wait_logged(self, wanted: str, seconds: float) -> None:
        """Wait until the log holds this text."""
        end = time.monotonic() + seconds
        while wanted not in self.log.read_text():
            assert time.monotonic() < end, f"{wanted!r} is not in the log"
            time.sleep(0.05)

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


def answers(
    broker: MosquittoBroker, name: str, *fields: str, bed: str = "bed-7", patience_s: float = 20.0
) -> list[str]:
    """What the bed says to a request: the outcomes, a refusal with its reason."""
    request = make_request(name, fields, who="nurse Kim", why="test", patience_s=patience_s)
    place = Place(facility="test", unit="ward", bed=bed)
    said = ask(Broker(port=broker.port), place, name, request, patience_s)
    return [answer.outcome if answer.reason is None else answer.reason.value for answer in said]


def assign(broker: MosquittoBroker) -> None:
    assert answers(broker, "assign", "patient=P-0001") == ["done"]


def clip(name: str, *, loop: bool = True) -> dict[str, Any]:
    return {"source": f"file:{CLIPS / name}", "loop": loop}


def on(topic: str, wanted: Callable[[dict[str, Any]], bool] = lambda _: True) -> Callable[[paho.MQTTMessage], bool]:
    return lambda message: message.topic == f"{BED}/{topic}" and wanted(json.loads(message.payload))


def transition(condition: str, phase: str) -> Callable[[paho.MQTTMessage], bool]:
    return on("alarm", lambda body: body["alarm"]["condition"] == condition and body["phase"] == phase)


def body(message: paho.MQTTMessage) -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(message.payload)
    return decoded
