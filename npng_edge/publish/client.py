"""The connection to the broker: a thin owner of paho (MQTT 5) that keeps trying and keeps nothing.

What the caller needs to know:

* One thread, `mqtt`, connects, waits with jittered back-off and runs paho's loop. Each connection gets a new paho
  client, because paho's memory of unacknowledged messages would resend in an order of its own. What is not
  acknowledged when a connection ends is lost here; `delivery.Delivery` sends it again.
* `emit(event)` is called from that thread, in the order in which things happened, while paho holds its locks. It must
  not wait and must not take a lock that is held around `publish()`: put the event into a queue and return.
* `publish()` never waits and never raises because of the network; None means "not sent, not connected".
* The files of `broker.tls` are read at each connect and compared about once a minute. When they were renewed, and fit
  together, the connection is ended in good order and made anew; what cannot be used leaves it standing.
* A `Ticket` names a message sent; it is unique in this process. Its acknowledgement arrives as `Published`.
* `thread_alive` belongs into the watchdog: the thread is not meant to end before `stop()`.
"""

from __future__ import annotations

import logging
import random
import select
import socket
import ssl
import threading
import time
from datetime import datetime, timezone
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from npng_edge.publish.events import (
    Connected,
    Disconnected,
    Event,
    Published,
    Received,
    Refused,
    Ticket,
    Unreachable,
)
from npng_edge.publish.tls import ends, fingerprint, in_words, tls_context

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from paho.mqtt.reasoncodes import ReasonCode

    from npng_edge.publish.topics import Manner
    from npng_edge.settings import Broker, Tls

SESSION_EXPIRY_S = 3600
"""The broker keeps requests for a bed, and alarms for a station, that is away for so long."""
MAX_PACKET_BYTES = 9 * 2**20
"""The broker must not send more in one packet: a sealed stay is the largest, see `requests.Import`."""
RENEWAL_CHECK_S = 60.0
"""How often the files of `broker.tls` are compared with those in use."""
ENDS_SOON_DAYS = 30
_CONNECT_TIMEOUT_S = 5.0
_VERDICT_S = 0.3
"""With TLS 1.3 the broker says only after the handshake whether it accepts our certificate; if we write meanwhile, its
reason is lost with the connection."""
_STOP_S = 0.9
_FINAL_S = 0.4
_UNSPECIFIED = 0x80  # What paho gives as the reason of a connection that broke.
_RANDOM = random.SystemRandom()

logger = logging.getLogger(__name__)


class Client:
    """Owns the connection.

    Args:
        broker: Where and how to connect.
        client_id: The same at every start of this bed, so that the broker finds its session.
        will: Topic and retained QoS 1 payload that the broker publishes when the connection is lost; asked for anew
            at each attempt to connect, from the thread `mqtt`; None: no will.
        keeps_session: Whether the broker keeps what comes while the client is away. A passer-by must not ask for it:
            the broker would go on counting it as a subscriber, and gather messages for it.
        subscriptions: Topic filters, QoS 1, asked for after each connect.
        emit: Takes every event; see the module's text.
    """

    def __init__(  # noqa: PLR0913 - all that makes up a connection
        self,
        broker: Broker,
        *,
        client_id: str,
        will: Callable[[], tuple[str, bytes]] | None,
        subscriptions: Sequence[str],
        emit: Callable[[Event], None],
        keeps_session: bool = True,
    ) -> None:
        self.certificate_ends: datetime | None = None
        """When our own certificate ends; None: there is none, or it was not used yet."""
        self._broker = broker
        self._client_id = client_id
        self._will = will
        self._subscriptions = subscriptions
        self._emit_event = emit
        self._session_s = SESSION_EXPIRY_S if keeps_session else 0
        self._live: tuple[int, paho.Client] | None = None
        self._number = 0
        self._answered = False
        self._trouble = _Trouble()
        self._refused = ""  # the reason that was logged last
        self._tls_files: bytes | None = None  # fingerprint of those in use
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mqtt", daemon=True)

    @property
    def connected(self) -> bool:
        """Whether the broker has accepted the connection that now stands."""
        return self._live is not None

    @property
    def connection(self) -> int | None:
        """Number of the connection that now stands, as in its events and tickets; None without one."""
        live = self._live
        return None if live is None else live[0]

    @property
    def thread_alive(self) -> bool:
        """Whether the connection is being looked after."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin to connect, and return at once; the broker may be absent."""
        self._thread.start()

    def publish(self, topic: str, payload: bytes, manner: Manner, *, correlation: bytes | None = None) -> Ticket | None:
        """Hand one message to the connection.

        Args:
            topic: Without wildcards.
            payload: At most what the broker takes; ours are a few kilobytes.
            manner: Quality of service, retained, expiry.
            correlation: MQTT 5 correlation data of the request that this answers.

        Returns:
            None while there is no connection: nothing was sent and nothing is kept.
        """
        live = self._live
        if live is None:
            return None
        number, client = live
        info = _send(client, topic, payload, manner, correlation)
        return Ticket(number, info.mid) if info.rc == MQTTErrorCode.MQTT_ERR_SUCCESS else None

    def stop(self, final: tuple[str, bytes, Manner] | None = None) -> None:
        """Say the last word, disconnect without the will, and end; under a second, also when the broker is gone.

        Args:
            final: Topic, payload and manner of the last message, e.g. the state `stopped`.
        """
        deadline = time.monotonic() + _STOP_S
        self._stopping.set()
        live = self._live
        if live is not None:
            client = live[1]
            if final is not None:
                info = _send(client, *final, None)
                if info.rc == MQTTErrorCode.MQTT_ERR_SUCCESS:
                    info.wait_for_publish(_FINAL_S)
            client.disconnect()
        if self._thread.is_alive():
            self._thread.join(max(0.0, deadline - time.monotonic()))

    @property
    def _address(self) -> str:
        return f"{self._broker.host}:{self._broker.port}"

    def _run(self) -> None:
        delay = self._broker.reconnect_min_s
        while not self._stopping.is_set():
            begun = time.monotonic()
            self._connect_once()
            # Quick again only after a connection that lasted: two devices with one name would throw each other out.
            if time.monotonic() - begun > self._broker.reconnect_max_s:
                delay = self._broker.reconnect_min_s
            self._stopping.wait(delay * _RANDOM.uniform(0.5, 1.0))
            delay = min(2 * delay, self._broker.reconnect_max_s)

    def _connect_once(self) -> None:
        """One connection, from the first packet to its end."""
        self._number += 1
        self._answered = False
        self._trouble.text = ""
        try:
            client = self._new_client(self._number)
        except (OSError, ValueError) as error:
            self._refuse(f"credentials for {self._address} cannot be used: {_reason(error)}")
            return
        properties = _properties(
            PacketTypes.CONNECT, SessionExpiryInterval=self._session_s, MaximumPacketSize=MAX_PACKET_BYTES
        )
        try:
            client.connect(
                self._broker.host, self._broker.port, self._broker.keepalive_s, clean_start=False, properties=properties
            )
        except ssl.SSLError as error:
            self._refuse(f"{self._address}: {in_words(str(error))}")
            return
        except (OSError, UnicodeError) as error:
            self._emit(Unreachable(f"{self._address}: {getattr(error, 'strerror', None) or error}"))
            return
        if self._tls_files is not None:
            select.select([client.socket()], [], [], _VERDICT_S)
        self._look_after(client)
        if not self._answered and "SSL" in self._trouble.text:
            self._refuse(f"{self._address}: {in_words(self._trouble.text)}")
        elif not self._answered:
            self._emit(Unreachable(f"{self._address}: the connection was accepted, but no MQTT 5 broker answered"))

    def _look_after(self, client: paho.Client) -> None:
        """Run paho's loop until the connection ends, or until new certificates end it."""
        begun = checked = time.monotonic()
        while client.loop(1.0 if self._answered else 0.1) == MQTTErrorCode.MQTT_ERR_SUCCESS:
            now = time.monotonic()
            if not self._answered and (now > begun + _CONNECT_TIMEOUT_S or self._stopping.is_set()):
                break
            if self._answered and now > checked + RENEWAL_CHECK_S:
                checked = now
                if self._tls_files is not None and self._renewed(self._tls_files):
                    client.disconnect()

    def _renewed(self, used: bytes) -> bool:
        """Whether other files of `broker.tls` than those in use lie there, and can be used."""
        assert self._broker.tls is not None
        try:
            if fingerprint(self._broker.tls) == used:
                return False
            tls_context(self._broker.tls)
        except OSError as error:  # Perhaps only one of two files has been replaced so far.
            logger.warning("New files of broker.tls cannot be used, the connection stays: %s", _reason(error))
            return False
        logger.info("New files of broker.tls: connecting anew")
        return True

    def _new_client(self, number: int) -> paho.Client:
        """A paho client without a past, with today's credentials and a new will.

        Raises:
            OSError: A credentials file cannot be read or used.
            ValueError: The certificate cannot be read.
        """
        client = paho.Client(
            CallbackAPIVersion.VERSION2, self._client_id, protocol=paho.MQTTv5, reconnect_on_failure=False
        )
        client.connect_timeout = _CONNECT_TIMEOUT_S
        if self._broker.username is not None:
            client.username_pw_set(self._broker.username, read_password(self._broker.password_file))
        if self._broker.tls is not None:
            self._tls_files = fingerprint(self._broker.tls)
            client.tls_set_context(tls_context(self._broker.tls))
            self.certificate_ends = _warn_before_the_end(self._broker.tls)
        if self._will is not None:
            topic, payload = self._will()
            client.will_set(topic, payload, qos=1, retain=True)
        client.on_connect = partial(self._on_connect, number)
        client.on_disconnect = partial(self._on_disconnect, number)
        client.on_publish = partial(self._on_publish, number)
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.enable_logger(self._trouble)  # type: ignore[arg-type]
        # With this set, paho leaves all writing to `loop()`; else publish() would write from the caller's thread too.
        client.on_socket_register_write = _leave_to_loop
        client.on_socket_open = _send_at_once
        return client

    def _on_connect(
        self, number: int, client: paho.Client, _data: Any, flags: paho.ConnectFlags, reason: ReasonCode, _props: Any
    ) -> None:
        self._answered = True
        if reason.is_failure:
            self._refuse(f"{self._address}: {reason}")
            return
        if self._subscriptions:
            client.subscribe([(topic, SubscribeOptions(qos=1)) for topic in self._subscriptions])
        self._live = (number, client)
        self._refused = ""
        self._emit(Connected(number, flags.session_present))

    def _on_disconnect(
        self, number: int, _client: paho.Client, _data: Any, flags: Any, reason: ReasonCode, _props: Any
    ) -> None:
        if self._live is not None:
            self._live = None
            broken = reason.value == _UNSPECIFIED and not flags.is_disconnect_packet_from_server
            self._emit(Disconnected(number, f"{self._address}: {'the connection broke' if broken else reason}"))

    def _on_publish(
        self, number: int, _client: paho.Client, _data: Any, mid: int, reason: ReasonCode, _props: Any
    ) -> None:
        self._emit(Published(Ticket(number, mid), reason.value, str(reason)))

    def _on_subscribe(
        self, _client: paho.Client, _data: Any, _mid: int, reasons: list[ReasonCode], _props: Any
    ) -> None:
        for topic, reason in zip(self._subscriptions, reasons, strict=True):
            if reason.is_failure:
                self._refuse(f"{self._address}: subscription to {topic}: {reason}")

    def _on_message(self, _client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        properties = message.properties
        self._emit(
            Received(
                topic=message.topic,
                payload=bytes(message.payload),
                retained=message.retain,
                response_topic=getattr(properties, "ResponseTopic", None),
                correlation=getattr(properties, "CorrelationData", None),
            )
        )

    def _refuse(self, reason: str) -> None:
        """Tell the owner each time, and the journal when it is news: without a broker, who else is told?"""
        if reason != self._refused:
            self._refused = reason
            logger.warning("Refused: %s", reason)
        self._emit(Refused(reason))

    def _emit(self, event: Event) -> None:
        try:
            self._emit_event(event)
        except Exception:  # An error of the owner must not end this thread; paho would let it.
            logger.exception("An MQTT event was lost: %s", type(event).__name__)


class _Trouble:
    """In a logger's place: keeps what paho logs last as an error, which it tells nobody else."""

    text = ""

    def log(self, level: int, words: str, *values: object) -> None:
        if level >= logging.ERROR:
            self.text = words % values


def _send(
    client: paho.Client, topic: str, payload: bytes, manner: Manner, correlation: bytes | None
) -> paho.MQTTMessageInfo:
    return client.publish(topic, payload, manner.qos, manner.retain, _publication(manner.expiry_s, correlation))


@lru_cache(maxsize=16)
def _publication(expiry_s: int | None, correlation: bytes | None) -> Properties:
    """Most publications have the same; paho only reads them, and to make them takes longer than to send them."""
    return _properties(PacketTypes.PUBLISH, MessageExpiryInterval=expiry_s, CorrelationData=correlation)


def _properties(packet_type: int, **values: bytes | int | None) -> Properties:
    """MQTT 5 properties; a value of None is left out."""
    properties = Properties(packet_type)  # type: ignore[no-untyped-call]
    for name, value in values.items():
        if value is not None:
            setattr(properties, name, value)
    return properties


def _warn_before_the_end(tls: Tls) -> datetime | None:
    end = ends(tls)
    if end is not None and (end - datetime.now(timezone.utc)).days < ENDS_SOON_DAYS:
        logger.warning("The certificate %s ends on %s: install a new one", tls.certificate, f"{end:%Y-%m-%d}")
    return end


def _reason(error: Exception) -> str:
    return in_words(str(error)) if isinstance(error, ssl.SSLError) else str(error)


def read_password(file: Path | None) -> str | None:
    """The password that a file holds, without the line end.

    Raises:
        OSError: It cannot be read.
        UnicodeError: It is not UTF-8.
    """
    return None if file is None else file.read_text(encoding="utf-8").rstrip("\r\n")


def _leave_to_loop(_client: paho.Client, _data: Any, _socket: Any) -> None:
    """Nothing to do: `loop()` looks for itself whether there is something to write."""


def _send_at_once(_client: paho.Client, _data: Any, connection: Any) -> None:
    """Without this, an alarm behind an acknowledgement waits up to 40 ms for the other side's delayed TCP ACK."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
