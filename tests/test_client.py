from __future__ import annotations

import json
import queue
import shutil
import signal
import socket
import subprocess
import time
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from broker import MosquittoBroker, Station

from npng_edge.publish.client import Client
from npng_edge.publish.events import Connected, Disconnected, Published, Received, Refused, Unreachable
from npng_edge.publish.topics import MANNERS, Manner
from npng_edge.settings import Broker, Tls

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from npng_edge.publish.events import Event

E = TypeVar("E")
ALARM, STATE = MANNERS["alarm"], MANNERS["state"]

unclosed_by_paho = pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <ssl.SSLSocket:pytest.PytestUnraisableExceptionWarning"
)
"""paho leaves the socket of a failed TLS handshake to the garbage collector."""


class Wired:
    """A client whose events can be waited for."""

    def __init__(self, broker: Broker, **arguments: Any) -> None:
        self.events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self.wills = 0
        self.client = Client(
            broker,
            **{"client_id": "bed", "will": self._will, "subscriptions": ["bed/request/#"], **arguments},
            emit=self.events.put,
        )

    def _will(self) -> tuple[str, bytes]:
        self.wills += 1
        return "bed/state", b"offline %d" % self.wills

    def expect(self, kind: type[E], timeout: float = 10.0) -> E:
        deadline = time.monotonic() + timeout
        while True:
            event = self.events.get(timeout=max(0.01, deadline - time.monotonic()))
            if isinstance(event, kind):
                return event


def settings(broker: MosquittoBroker, **more: Any) -> Broker:
    return Broker(**{"host": broker.host, "port": broker.port, "reconnect_min_s": 0.05, "reconnect_max_s": 0.4, **more})


@pytest.fixture
def wire() -> Iterator[Callable[..., Wired]]:
    made: list[Wired] = []

    def make(broker: Broker, **arguments: Any) -> Wired:
        made.append(Wired(broker, **arguments))
        made[-1].client.start()
        return made[-1]

    yield make
    for wired in made:
        wired.client.stop()


@pytest.fixture
def listen() -> Iterator[Callable[..., Station]]:
    made: list[Station] = []

    def make(*arguments: Any, **more: Any) -> Station:
        made.append(Station(*arguments, **more))
        return made[-1]

    yield make
    for station in made:
        station.close()


def test_publishes_with_an_acknowledgement_that_says_whether_anybody_listens(
    broker: MosquittoBroker, wire: Callable[..., Wired], listen: Callable[..., Station]
) -> None:
    wired = wire(settings(broker))
    assert not wired.expect(Connected).session_present
    ticket = wired.client.publish("bed/alarm", b"1", ALARM)
    published = wired.expect(Published)
    assert (published.ticket, published.reason_code) == (ticket, 0x10)
    station = listen(broker, "bed/#")
    ticket = wired.client.publish("bed/alarm", b"2", Manner(1, retain=True, expiry_s=60))
    published = wired.expect(Published)
    assert (published.ticket, published.reason_code) == (ticket, 0)
    message = station.wait_for(lambda m: m.payload == b"2")
    assert message.properties is not None
    assert message.properties.MessageExpiryInterval in (59, 60)


def test_receives_requests_with_their_response_topic(
    broker: MosquittoBroker, wire: Callable[..., Wired], listen: Callable[..., Station]
) -> None:
    wired = wire(settings(broker))
    wired.expect(Connected)
    wired.client.publish("bed/alarm", b"1", ALARM)
    wired.expect(Published)  # And the subscription, which went before it.
    station = listen(broker, "bed/response/#")
    station.publish("bed/request/baseline", b"{}", ResponseTopic="bed/response/baseline/s", CorrelationData=b"42")
    asked = wired.expect(Received)
    assert asked == Received("bed/request/baseline", b"{}", False, "bed/response/baseline/s", b"42")
    assert asked.response_topic is not None
    wired.client.publish(asked.response_topic, b"yes", ALARM, correlation=asked.correlation)
    answer = station.wait_for(lambda _: True)
    assert answer.properties is not None
    assert answer.properties.CorrelationData == b"42"


def test_starts_without_a_broker_and_connects_when_it_comes(
    make_broker: Callable[..., MosquittoBroker], wire: Callable[..., Wired]
) -> None:
    broker = make_broker()
    wired = wire(settings(broker))
    assert "refused" in wired.expect(Unreachable).reason
    assert wired.client.publish("bed/alarm", b"1", ALARM) is None
    broker.start()
    wired.expect(Connected)
    assert wired.client.publish("bed/alarm", b"1", ALARM) is not None


def test_comes_back_after_the_broker_was_killed_and_tickets_never_repeat(
    broker: MosquittoBroker, wire: Callable[..., Wired]
) -> None:
    wired = wire(settings(broker))
    wired.expect(Connected)
    tickets = [wired.client.publish("bed/alarm", b"1", ALARM)]
    for _ in range(3):
        broker.kill()
        assert wired.expect(Disconnected).reason.endswith(": the connection broke")
        assert not wired.client.connected
        assert wired.client.publish("bed/alarm", b"1", ALARM) is None
        broker.start()
        wired.expect(Connected)
        tickets.append(wired.client.publish("bed/alarm", b"1", ALARM))
    assert None not in tickets
    assert len(set(tickets)) == 4


def test_requests_sent_while_away_arrive_after_the_reconnect(
    make_broker: Callable[..., MosquittoBroker], wire: Callable[..., Wired], listen: Callable[..., Station]
) -> None:
    broker = make_broker(persistent=True)
    broker.start()
    station = listen(broker, "none")
    wired = wire(settings(broker))
    wired.expect(Connected)
    wired.client.publish("bed/request/self", b"subscribed", ALARM)
    wired.expect(Received)
    wired.client.stop()
    station.publish("bed/request/baseline", b"while away")
    again = wire(settings(broker))
    assert again.expect(Connected).session_present
    assert again.expect(Received).payload == b"while away"


def test_the_will_is_new_at_each_connect_and_comes_when_the_connection_breaks(
    broker: MosquittoBroker, wire: Callable[..., Wired], listen: Callable[..., Station]
) -> None:
    station = listen(broker, "bed/state")
    wired = wire(settings(broker))
    for number in (1, 2):
        wired.expect(Connected)
        wired.client.publish("bed/state", b"online", STATE)
        station.wait_for(lambda m: m.payload == b"online")
        cut(wired)
        message = station.wait_for(lambda m: m.payload.startswith(b"offline"))
        assert message.payload == b"offline %d" % number
    late = listen(broker, "bed/state", name="late")
    assert late.wait_for(lambda _: True).retain


def cut(wired: Wired) -> None:
    """Break the connection as a pulled cable would, only at once."""
    assert wired.client._live is not None
    connection = wired.client._live[1].socket()
    assert isinstance(connection, socket.socket)
    connection.shutdown(socket.SHUT_RDWR)


def test_an_orderly_stop_says_stopped_and_no_will_comes(
    broker: MosquittoBroker, wire: Callable[..., Wired], listen: Callable[..., Station]
) -> None:
    station = listen(broker, "bed/#")
    wired = wire(settings(broker))
    wired.expect(Connected)
    begun = time.monotonic()
    wired.client.stop(("bed/state", b"stopped", STATE))
    assert time.monotonic() - begun < 10.0
    assert not wired.client.thread_alive
    station.wait_for(lambda m: m.payload == b"stopped")
    station.publish("bed/end", b"")
    station.wait_for(lambda m: m.topic == "bed/end")
    assert [m.payload for m in station.messages] == [b"stopped", b""]


@pytest.mark.parametrize("way", ["gone", "frozen", "never there"])
def test_stop_is_quick_when_the_broker_is_not_there(
    make_broker: Callable[..., MosquittoBroker], wire: Callable[..., Wired], way: str
) -> None:
    broker = make_broker()
    if way != "never there":
        broker.start()
    wired = wire(settings(broker))
    wired.expect(Unreachable if way == "never there" else Connected)
    if way == "gone":
        broker.kill()
    elif way == "frozen":
        broker.send(signal.SIGSTOP)
    begun = time.monotonic()
    wired.client.stop(("bed/state", b"stopped", STATE))
    assert time.monotonic() - begun < 10.0
    assert not wired.client.thread_alive


def test_wrong_credentials_are_refused_in_words_and_tried_again(
    make_broker: Callable[..., MosquittoBroker], wire: Callable[..., Wired], tmp_path: Path
) -> None:
    broker = make_broker(users={"bed": "right"})
    broker.start()
    secret = tmp_path / "secret"
    secret.write_text("wrong\n")
    wired = wire(settings(broker, username="bed", password_file=secret))
    assert "Not authorized" in wired.expect(Refused).reason
    assert "Not authorized" in wired.expect(Refused).reason
    secret.write_text("right\n")  # Read anew at each attempt.
    wired.expect(Connected)


def test_a_missing_password_file_is_named(broker: MosquittoBroker, wire: Callable[..., Wired], tmp_path: Path) -> None:
    wired = wire(settings(broker, username="bed", password_file=tmp_path / "none"))
    assert str(tmp_path / "none") in wired.expect(Refused).reason
    (tmp_path / "none").write_text("any")
    wired.expect(Connected)


def test_a_publication_that_is_not_allowed_is_reported(
    make_broker: Callable[..., MosquittoBroker], wire: Callable[..., Wired], tmp_path: Path
) -> None:
    broker = make_broker(users={"bed": "s"}, acl="user bed\ntopic readwrite bed/#\n")
    broker.start()
    (tmp_path / "secret").write_text("s")
    wired = wire(settings(broker, username="bed", password_file=tmp_path / "secret"))
    wired.expect(Connected)
    wired.client.publish("other/alarm", b"", ALARM)
    assert wired.expect(Published).reason_code == 0x87


def test_something_else_on_the_port_is_unreachable(wire: Callable[..., Wired]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        wired = wire(Broker(host="127.0.0.1", port=server.getsockname()[1]))
        connection, _ = server.accept()
        with connection:
            connection.recv(1000)
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        assert "no MQTT 5 broker answered" in wired.expect(Unreachable).reason


def test_a_host_that_is_no_name_does_not_end_the_thread(wire: Callable[..., Wired]) -> None:
    wired = wire(Broker(host="a..b", reconnect_min_s=0.05))
    wired.expect(Unreachable)
    wired.expect(Unreachable)
    assert wired.client.thread_alive


@unclosed_by_paho
def test_tls_to_a_broker_without_it_is_refused_in_words(broker: MosquittoBroker, wire: Callable[..., Wired]) -> None:
    wired = wire(settings(broker, tls=Tls()))
    event = wired.events.get(timeout=10)
    assert isinstance(event, Refused | Unreachable)
    assert wired.client.thread_alive


@pytest.fixture
def pki(tmp_path: Path) -> Path:
    """A folder with ca.pem, and broker and bed certificates with their keys; the broker's name is 127.0.0.1."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=tmp_path, check=True, capture_output=True)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout")
    # From Python 3.13 on the extensions that RFC 5280 demands are checked.
    usage = ("-addext", "keyUsage=critical,keyCertSign,cRLSign")
    openssl("req", "-x509", *key, "ca.key", "-out", "ca.pem", "-subj", "/CN=test CA", "-days", "2", *usage)
    for name in ("broker", "bed"):
        (tmp_path / "names").write_text("subjectAltName=IP:127.0.0.1\nauthorityKeyIdentifier=keyid\n")
        openssl("req", *key, f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        openssl(
            *("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"),
            *("-out", f"{name}.pem", "-days", "2", "-extfile", "names"),
        )
    return tmp_path


@unclosed_by_paho
def test_both_sides_show_a_certificate(
    make_broker: Callable[..., MosquittoBroker], wire: Callable[..., Wired], pki: Path
) -> None:
    files = f"cafile {pki}/ca.pem\ncertfile {pki}/broker.pem\nkeyfile {pki}/broker.key\n"
    broker = make_broker(extra=files + "require_certificate true\nuse_identity_as_username true\n")
    broker.start()
    tls = Tls(ca=pki / "ca.pem", certificate=pki / "bed.pem", key=pki / "bed.key")
    wired = wire(settings(broker, tls=tls))
    wired.expect(Connected)
    assert wired.client.publish("bed/alarm", b"1", ALARM) is not None
    wired.expect(Published)
    # Without a certificate of its own a bed is not let in; TLS 1.3 tells it only after the handshake.
    stranger = wire(settings(broker, tls=Tls(ca=pki / "ca.pem")), client_id="stranger")
    assert not isinstance(stranger.events.get(timeout=10), Connected)
    # A broker that none of the trusted authorities vouches for is not talked to.
    doubter = wire(settings(broker, tls=Tls()), client_id="doubter")
    assert "certificate verify failed" in doubter.expect(Refused).reason


def test_a_missing_certificate_file_is_named(
    broker: MosquittoBroker, wire: Callable[..., Wired], tmp_path: Path
) -> None:
    wired = wire(settings(broker, tls=Tls(ca=tmp_path / "ca.pem")))
    assert "ca.pem" in wired.expect(Refused).reason


def test_an_error_of_the_owner_does_not_end_the_thread(
    broker: MosquittoBroker, caplog: pytest.LogCaptureFixture
) -> None:
    seen: queue.SimpleQueue[Event] = queue.SimpleQueue()

    def emit(event: Event) -> None:
        seen.put(event)
        raise RuntimeError("owner")

    client = Client(
        settings(broker), client_id="bed", will=lambda: ("bed/state", b""), subscriptions=["bed/#"], emit=emit
    )
    client.start()
    assert isinstance(seen.get(timeout=10), Connected)
    client.publish("bed/x", json.dumps({}).encode(), ALARM)
    assert {type(seen.get(timeout=10)), type(seen.get(timeout=10))} == {Published, Received}
    client.stop()
    assert "An MQTT event was lost: Connected" in caplog.text
