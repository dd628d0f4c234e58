"""A real Mosquitto on a free loopback port, and a station that listens to it."""

from __future__ import annotations

import queue
import shutil
import signal
import socket
import subprocess
import threading
import time
from typing import TYPE_CHECKING, Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

READY_S = 10.0


def _program(name: str) -> str:
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin")
    if found is None:
        raise RuntimeError(f"{name} is needed for this test: apt install mosquitto")
    return found


class MosquittoBroker:
    """Starts, kills, stops and restarts one broker; always the same port.

    Args:
        folder: For its configuration, log and, with `persistent`, its database.
        users: name -> password; with any, nobody is let in without.
        acl: Lines of an ACL file.
        persistent: Keep sessions and retained messages over a restart.
        extra: More lines of configuration, for the one listener.
    """

    def __init__(
        self,
        folder: Path,
        *,
        users: dict[str, str] | None = None,
        acl: str | None = None,
        persistent: bool = False,
        extra: str = "",
    ) -> None:
        self.host = "127.0.0.1"
        with socket.socket() as probe:
            probe.bind((self.host, 0))
            self.port: int = probe.getsockname()[1]
        self.log = folder / "mosquitto.log"
        self._config = folder / "mosquitto.conf"
        self._process: subprocess.Popen[bytes] | None = None
        lines = [
            "user root",
            f"listener {self.port} {self.host}",
            f"allow_anonymous {str(not users).lower()}",
            "max_queued_messages 0",
            extra,
            f"persistence {str(persistent).lower()}",
            f"persistence_location {folder}/",
            "autosave_on_changes true",
            "autosave_interval 1",
        ]
        if users:
            passwords = folder / "passwords"
            passwords.touch(mode=0o600)
            for name, password in users.items():
                subprocess.run([_program("mosquitto_passwd"), "-b", str(passwords), name, password], check=True)
            lines.append(f"password_file {passwords}")
        if acl is not None:
            (folder / "acl").write_text(acl)
            (folder / "acl").chmod(0o600)
            lines.append(f"acl_file {folder}/acl")
        self._config.write_text("\n".join(lines) + "\n")

    def start(self) -> None:
        """Start it and wait until it accepts connections."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [_program("mosquitto"), "-c", str(self._config)], stdout=log, stderr=subprocess.STDOUT
            )
        deadline = time.monotonic() + READY_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"mosquitto does not start: {self.log.read_text()}")
            time.sleep(0.01)

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((self.host, self.port)) == 0

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, e.g. SIGSTOP."""
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """End it with kill -9."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it in good order."""
        self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(READY_S)
            self._process = None

    def close(self) -> None:
        """Make sure that nothing is left, whatever the state."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self.kill()


class Station:
    """Listens to topics and keeps what arrives, in order. It keeps its session and comes back by itself.

    Args:
        broker: To listen to.
        topics: Filters, QoS 1.
        name: Client id.
        login: User name and password.
    """

    def __init__(
        self,
        broker: MosquittoBroker,
        *topics: str,
        name: str = "station",
        login: tuple[str, str] | None = None,
    ) -> None:
        self.messages: list[paho.MQTTMessage] = []
        self._new: queue.SimpleQueue[paho.MQTTMessage] = queue.SimpleQueue()
        self._topics = topics
        self._subscribed = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, name, protocol=paho.MQTTv5)
        if login is not None:
            self._client.username_pw_set(*login)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_disconnect = lambda *_: self._subscribed.clear()
        self._client.on_message = lambda _client, _data, message: self._new.put(message)
        self._client.reconnect_delay_set(1, 1)
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = 3600
        self._client.connect(broker.host, broker.port, 10, clean_start=False, properties=properties)
        self._client.loop_start()
        self.wait_subscribed()

    def _on_connect(self, client: paho.Client, *_: Any) -> None:
        client.subscribe([(topic, 1) for topic in self._topics])

    def wait_subscribed(self) -> None:
        """Wait until the broker has confirmed the subscriptions."""
        assert self._subscribed.wait(READY_S)

    def publish(self, topic: str, payload: bytes, *, retain: bool = False, **properties: Any) -> None:
        """Publish with QoS 1 and wait for the acknowledgement; MQTT 5 properties by paho's names."""
        extra = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        for name, value in properties.items():
            setattr(extra, name, value)
        self._client.publish(topic, payload, 1, retain, extra).wait_for_publish(READY_S)

    def wait_for(self, wanted: Callable[[paho.MQTTMessage], bool], timeout: float = READY_S) -> paho.MQTTMessage:
        """Take messages until one is as wanted; all of them stay in `messages`."""
        deadline = time.monotonic() + timeout
        while True:
            try:
                message = self._new.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                seen = [(m.topic, m.payload[:80]) for m in self.messages]
                raise AssertionError(f"the message did not arrive in {timeout} s; seen: {seen}") from None
            self.messages.append(message)
            if wanted(message):
                return message

    def close(self) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop_stop()
