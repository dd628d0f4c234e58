"""A station that listens to a real Mosquitto, and sends receipts."""

from __future__ import annotations

import json
import queue
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from npng_edge.receipt import Receipt
from proof.mosquitto import READY_S, MosquittoBroker

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MosquittoBroker", "Station"]


class Station:
    """Listens to topics and keeps what arrives, in order. It keeps its session and comes back by itself.

    Args:
        broker: To listen to.
        topics: Filters, QoS 1.
        name: Client id.
        login: User name and password.
        receipts: Answer every `alarm` and `alarms` at once; the test may switch it off and on.
    """

    def __init__(
        self,
        broker: MosquittoBroker,
        *topics: str,
        name: str = "station",
        login: tuple[str, str] | None = None,
        receipts: bool = True,
    ) -> None:
        self.receipts = receipts
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
        self._client.on_message = self._on_message
        self._client.reconnect_delay_set(1, 1)
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = 3600
        self._client.connect(broker.host, broker.port, 10, clean_start=False, properties=properties)
        self._client.loop_start()
        self.wait_subscribed()

    def _on_connect(self, client: paho.Client, *_: Any) -> None:
        client.subscribe([(topic, 1) for topic in self._topics])

    def _on_message(self, client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        self._new.put(message)
        bed, _, name = message.topic.rpartition("/")
        if self.receipts and name in ("alarm", "alarms"):
            with suppress(ValueError, TypeError, KeyError):  # Some tests send rubbish.
                receipt = Receipt(station="test", ids=(json.loads(message.payload)["id"],))
                client.publish(f"{bed}/receipt", receipt.payload(), 1)

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
