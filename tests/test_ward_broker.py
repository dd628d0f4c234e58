"""The files of deploy/mosquitto, in a real Mosquitto, with certificates that the command made."""

from __future__ import annotations

import queue
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
from contextlib import closing
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import paho.mqtt.client as paho
import pytest
from broker import READY_S, MosquittoBroker
from paho.mqtt.enums import CallbackAPIVersion
from typer.testing import CliRunner

from npng_edge.certificates import make_authority, make_broker, make_client, make_device
from npng_edge.cli_certs import app
from npng_edge.publish import client as client_module
from npng_edge.publish.client import Client
from npng_edge.publish.events import Connected, Disconnected, Published, Received, Refused
from npng_edge.publish.topics import MANNERS, Manner, Topics
from npng_edge.settings import Broker, Place, Tls

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from npng_edge.publish.events import Event

E = TypeVar("E")
DEPLOY = Path(__file__).parents[1] / "deploy" / "mosquitto"
BED_1 = Place(facility="demo", unit="ward-1", bed="bed-1")
BED_2 = Place(facility="demo", unit="ward-1", bed="bed-10")  # begins like the other one
ONE, TEN = Topics(BED_1), Topics(BED_2)
QOS_1 = Manner(qos=1, retain=False, expiry_s=None)
RETAINED = Manner(qos=1, retain=True, expiry_s=None)
SUCCESS, NO_SUBSCRIBERS, NOT_AUTHORISED = 0x00, 0x10, 0x87

pytestmark = pytest.mark.filterwarnings(
    # paho leaves the socket of a failed TLS handshake to the garbage collector.
    "ignore:Exception ignored in. <ssl.SSLSocket:pytest.PytestUnraisableExceptionWarning"
)


def certs(*arguments: object) -> None:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority, a broker that is called 127.0.0.1, two beds, a station, two gateways."""
    folder = tmp_path_factory.mktemp("ward") / "pki"
    certs("ca", folder)
    certs("broker", folder, "--host", "127.0.0.1")
    for place in (ONE.place, TEN.place):
        certs("device", folder, "--place", place)
    certs("station", folder, "--name", "station-1")
    certs("gateway", folder, "--name", "vitals-1")
    certs("gateway", folder, "--name", "pump-1")
    return folder


class Ward(MosquittoBroker):
    """A Mosquitto with deploy/mosquitto/ward.conf, whose paths are put below a folder.

    Args:
        folder: For everything; gets copies of the certificates.
        pki: Where the certificates come from.
        also: Further files of deploy/mosquitto, for conf.d: name -> replacements.
    """

    def __init__(self, folder: Path, pki: Path, also: dict[str, dict[str, str]] | None = None) -> None:
        super().__init__(folder)
        self.certs = folder / "certs"
        self.certs.mkdir()
        for name in ("ca.pem", "broker.pem", "broker.key", "crl.pem"):
            shutil.copy(pki / name, self.certs)
        self.acl = folder / "acl"
        shutil.copy(DEPLOY / "acl", self.acl)
        (folder / "conf.d").mkdir()
        (folder / "data").mkdir()
        paths = {
            "/etc/mosquitto/certs": str(self.certs),
            "/etc/mosquitto/acl": str(self.acl),
            "/etc/mosquitto/conf.d": str(folder / "conf.d"),
            "/var/lib/mosquitto/": f"{folder}/data/",
            "listener 8883": f"listener {self.port} {self.host}",
        }
        self._config.write_text("user root\n" + replaced(DEPLOY / "ward.conf", paths))
        for name, changes in (also or {}).items():
            certs_path = {"/etc/mosquitto/certs": str(self.certs)}
            (folder / "conf.d" / name).write_text(replaced(DEPLOY / name, {**certs_path, **changes}))

    def answers(self, port: int) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((self.host, port)) == 0


def replaced(file: Path, changes: dict[str, str]) -> str:
    text = file.read_text()
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    return text


class Link:
    """A client of the product, whose events can be waited for."""

    def __init__(
        self,
        broker: MosquittoBroker,
        tls: Tls,
        *topics: str,
        client_id: str = "any",
        will: str | None = None,
        **more: Any,
    ) -> None:
        self.events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self.seen: list[Event] = []
        self._left: list[Event] = []
        settings = {"host": broker.host, "port": broker.port, "reconnect_min_s": 0.05, "reconnect_max_s": 0.1, **more}
        self.client = Client(
            Broker(**settings, tls=tls),
            client_id=client_id,
            will=None if will is None else lambda: (will, b"offline"),
            subscriptions=topics,
            emit=self.events.put,
        )
        self.client.start()

    def expect(self, kind: type[E], wanted: Callable[[E], bool] = lambda _: True) -> E:
        """The first event of a kind that was not yet asked for; the others stay to be asked for later."""
        for place, event in enumerate(self._left):
            if isinstance(event, kind) and wanted(event):
                del self._left[place]
                return event
        deadline = time.monotonic() + READY_S
        while True:
            event = self.events.get(timeout=max(0.01, deadline - time.monotonic()))
            self.seen.append(event)
            if isinstance(event, kind) and wanted(event):
                return event
            self._left.append(event)

    def publish(self, topic: str, payload: bytes = b"x", manner: Manner = QOS_1) -> int:
        """Publish and return the broker's reason code."""
        ticket = self.client.publish(topic, payload, manner)
        assert ticket is not None
        return self.expect(Published, lambda event: event.ticket == ticket).reason_code

    def received(self) -> list[str]:
        """The topics of all messages so far."""
        return [event.topic for event in self.seen if isinstance(event, Received)]


@pytest.fixture
def make_ward(tmp_path: Path, pki: Path) -> Iterator[Callable[..., Ward]]:
    made: list[Ward] = []

    def make(also: dict[str, dict[str, str]] | None = None, other: Path | None = None) -> Ward:
        folder = tmp_path / f"ward-{len(made)}"
        folder.mkdir()
        made.append(Ward(folder, other or pki, also))
        return made[-1]

    yield make
    for ward in made:
        ward.close()


@pytest.fixture
def ward(make_ward: Callable[..., Ward]) -> Ward:
    running = make_ward()
    running.start()
    return running


@pytest.fixture(params=["with %u", "one block per bed"])
def either(request: pytest.FixtureRequest, make_ward: Callable[..., Ward]) -> Ward:
    """A ward with the ACL as it is, and as acl-per-bed.sh writes it for Mosquitto 2.1."""
    running = make_ward()
    if request.param != "with %u":
        beds = f"{ONE.place}\n{TEN.place}\n"
        written = subprocess.run(
            ["sh", DEPLOY / "acl-per-bed.sh", DEPLOY / "acl"], input=beds, capture_output=True, text=True, check=True
        ).stdout
        assert "%u/" not in written.replace("not %u/#", "")
        running.acl.write_text(written)
    running.start()
    return running


@pytest.fixture
def link() -> Iterator[Callable[..., Link]]:
    made: list[Link] = []

    def make(*arguments: Any, **more: Any) -> Link:
        made.append(Link(*arguments, **more))
        return made[-1]

    yield make
    for one in made:
        one.client.stop()


def identity(pki: Path, name: str) -> Tls:
    return Tls(ca=pki / "ca.pem", certificate=pki / f"{name}.pem", key=pki / f"{name}.key")


@pytest.fixture
def bed(pki: Path) -> Tls:
    return identity(pki, f"bed/{ONE.place}")


@pytest.fixture
def bed_10(pki: Path) -> Tls:
    return identity(pki, f"bed/{TEN.place}")


@pytest.fixture
def staff(pki: Path) -> Tls:
    return identity(pki, "station/station-1")


def test_a_bed_may_say_all_that_it_has_to_say_and_the_station_gets_it(
    either: Ward, link: Callable[..., Link], bed: Tls, staff: Tls
) -> None:
    station = link(either, staff, "npng/v1/#")
    station.expect(Connected)
    one = link(either, bed, ONE.requests, ONE.vitals, ONE.state)
    one.expect(Connected)
    topics = [f"{ONE.bed}/{name}" for name in MANNERS]
    topics[topics.index(f"{ONE.bed}/response")] += "/rate/station-1"
    for topic in topics:
        assert one.publish(topic) == SUCCESS
    station.expect(Received, lambda event: event.topic == topics[-1])
    assert station.received() == topics


def test_a_bed_gets_what_is_meant_for_it_and_the_station_may_send_it(
    either: Ward, link: Callable[..., Link], bed: Tls, staff: Tls, pki: Path
) -> None:
    one = link(either, bed, f"{ONE.bed}/#")
    one.expect(Connected)
    station, gateway = link(either, staff), link(either, identity(pki, "gateway/vitals-1"))
    station.expect(Connected)
    gateway.expect(Connected)
    assert station.publish(ONE.request("acknowledge")) == SUCCESS
    assert station.publish(f"{ONE.bed}/receipt") == SUCCESS
    assert gateway.publish(ONE.vitals) == SUCCESS
    assert one.publish(ONE.state) == SUCCESS
    one.expect(Received, lambda event: event.topic == ONE.state)
    assert one.received() == [ONE.request("acknowledge"), f"{ONE.bed}/receipt", ONE.vitals, ONE.state]


def test_a_bed_cannot_speak_for_another_nor_for_staff_nor_for_the_monitor(
    either: Ward, link: Callable[..., Link], bed_10: Tls, staff: Tls
) -> None:
    station = link(either, staff, "npng/v1/#")
    station.expect(Connected)
    ten = link(either, bed_10)
    ten.expect(Connected)
    forbidden = [
        *(f"{ONE.bed}/{name}" for name in MANNERS),  # bed-1 is the beginning of bed-10
        ONE.request("acknowledge"),
        TEN.request("acknowledge"),
        TEN.vitals,
        f"{TEN.bed}/receipt",
        f"{TEN.bed}0/alarm",
        "npng/v1/demo/alarm",
        "npng/v1/demo/ward-1/alarm",
        "elsewhere",
    ]
    assert {topic: ten.publish(topic) for topic in forbidden} == dict.fromkeys(forbidden, NOT_AUTHORISED)
    assert ten.publish(TEN.alarm) == SUCCESS
    station.expect(Received, lambda event: event.topic == TEN.alarm)
    assert station.received() == [TEN.alarm]


def test_a_bed_hears_nothing_of_another_whatever_it_subscribes_to(
    either: Ward, link: Callable[..., Link], bed: Tls, bed_10: Tls, staff: Tls
) -> None:
    """Mosquitto grants every subscription and looks at each message instead: no reason code tells, not even "nobody
    listens", because it counts subscriptions. Only the station's receipt says that an alarm arrived.
    """
    ten = link(either, bed_10, "#", "npng/v1/+/+/+/request/#", ONE.requests, f"{ONE.bed}/#", "$SYS/#")
    ten.expect(Connected)
    one = link(either, bed)
    one.expect(Connected)
    station = link(either, staff)
    station.expect(Connected)
    assert one.publish(ONE.alarms, manner=RETAINED) == SUCCESS
    assert station.publish(ONE.request("acknowledge")) == SUCCESS
    assert station.publish(f"{ONE.bed}/receipt") == SUCCESS
    assert station.publish(TEN.request("acknowledge")) == SUCCESS
    ten.expect(Received)
    assert set(ten.received()) == {TEN.request("acknowledge")}
    assert not any(isinstance(event, Refused) for event in ten.seen)


@pytest.mark.parametrize("topics", [TEN, ONE], ids=["its own", "another's"])
def test_a_will_goes_to_the_beds_own_topic_only(
    either: Ward, link: Callable[..., Link], bed_10: Tls, staff: Tls, topics: Topics
) -> None:
    station = link(either, staff, "npng/v1/#")
    station.expect(Connected)
    dying = link(either, bed_10, will=topics.state, reconnect_min_s=30, reconnect_max_s=60)
    dying.expect(Connected)
    cut(dying)
    dying.expect(Disconnected)
    ten = link(either, bed_10)  # takes the session over, if the broker has not noticed yet
    ten.expect(Connected)
    assert ten.publish(TEN.alarm) == SUCCESS
    station.expect(Received, lambda event: event.topic == TEN.alarm)
    assert station.received() == ([TEN.state, TEN.alarm] if topics is TEN else [TEN.alarm])


def cut(one: Link) -> None:
    """Break the connection as a pulled cable would, only at once."""
    assert one.client._live is not None
    connection = one.client._live[1].socket()
    assert isinstance(connection, socket.socket)
    connection.shutdown(socket.SHUT_RDWR)


def test_nobody_takes_over_a_beds_session_by_its_client_id(
    ward: Ward, link: Callable[..., Link], bed: Tls, bed_10: Tls
) -> None:
    one = link(ward, bed, ONE.requests, client_id="npng-demo-ward-1-bed-1")
    number = one.expect(Connected).connection
    for client_id in ("npng-demo-ward-1-bed-1", ONE.place):
        thief = link(ward, bed_10, client_id=client_id)
        thief.expect(Connected)
        assert thief.publish(TEN.alarm) == NO_SUBSCRIBERS
        thief.client.stop()
    assert one.publish(ONE.alarm) == NO_SUBSCRIBERS
    assert one.client.connection == number
    assert not any(isinstance(event, Disconnected) for event in one.seen)


@pytest.mark.parametrize(
    ("name", "may", "may_not"),
    [
        (
            "station/station-1",
            [ONE.request("rate"), f"{TEN.bed}/receipt"],
            [ONE.alarm, ONE.state, ONE.vitals, "npng/v1/demo/ward-1/request/rate", "$SYS/broker/load/messages"],
        ),
        ("gateway/vitals-1", [ONE.vitals, TEN.vitals], [ONE.request("rate"), ONE.alarm, f"{ONE.bed}/receipt"]),
        ("gateway/pump-1", [ONE.request("bolus-answer")], [ONE.request("order"), ONE.bolus, ONE.vitals]),
    ],
)
def test_stations_and_gateways_keep_to_their_part(
    ward: Ward, link: Callable[..., Link], pki: Path, name: str, may: list[str], may_not: list[str]
) -> None:
    one = link(ward, identity(pki, name))
    one.expect(Connected)
    assert {topic: one.publish(topic) for topic in may} == dict.fromkeys(may, NO_SUBSCRIBERS)
    assert {topic: one.publish(topic) for topic in may_not} == dict.fromkeys(may_not, NOT_AUTHORISED)


def test_gateways_hear_what_they_need(ward: Ward, link: Callable[..., Link], pki: Path, bed: Tls, staff: Tls) -> None:
    vitals, pump = (link(ward, identity(pki, f"gateway/{name}"), "#") for name in ("vitals-1", "pump-1"))
    vitals.expect(Connected)
    pump.expect(Connected)
    one, station = link(ward, bed), link(ward, staff)
    one.expect(Connected)
    station.expect(Connected)
    for topic in (ONE.alarm, ONE.state, ONE.response("rate", None)):
        assert one.publish(topic) == SUCCESS
    assert station.publish(ONE.request("order")) == SUCCESS
    for topic in (ONE.bolus, ONE.response("bolus-answer", None)):
        assert one.publish(topic) == SUCCESS
        pump.expect(Received, lambda event, topic=topic: event.topic == topic)  # type: ignore[misc]
    assert pump.received() == [ONE.bolus, ONE.response("bolus-answer", None)]
    assert vitals.received() == []


def test_a_name_that_the_acl_does_not_list_may_do_nothing(
    ward: Ward, link: Callable[..., Link], tmp_path: Path, pki: Path
) -> None:
    shutil.copytree(pki, tmp_path / "pki")
    make_client(tmp_path / "pki", "station", "station-2")
    unlisted = link(ward, identity(tmp_path / "pki", "station/station-2"), "#")
    unlisted.expect(Connected)
    assert unlisted.publish(ONE.request("rate")) == NOT_AUTHORISED
    assert unlisted.publish("npng/v1/anything") == NOT_AUTHORISED


def not_ours(pki: Path, folder: Path) -> Tls:
    make_authority(folder)
    pair = make_device(folder, BED_1)
    return Tls(ca=pki / "ca.pem", certificate=pair.certificate, key=pair.key)


def shifted(pki: Path, folder: Path, days: int) -> Tls:
    """Valid for a day that is so many days away; the folder gets the same authority."""
    folder.mkdir()
    shutil.copy(pki / "ca.pem", folder)
    shutil.copy(pki / "ca.key", folder)
    pair = make_device(folder, BED_1, 1, datetime.now(timezone.utc) + timedelta(days=days))
    return Tls(ca=pki / "ca.pem", certificate=pair.certificate, key=pair.key)


REFUSED_CLIENTS: dict[str, tuple[Callable[[Path, Path], Tls], str]] = {
    "no certificate": (
        lambda pki, _: Tls(ca=pki / "ca.pem"),
        "the broker asks for a certificate: set broker.tls.certificate and broker.tls.key",
    ),
    "wrong authority": (not_ours, "does not know the authority that signed this device's certificate: install one"),
    "expired": (
        lambda pki, folder: shifted(pki, folder, -2),
        "this device's certificate has expired: install a new one",
    ),
    "not yet valid": (lambda pki, folder: shifted(pki, folder, 5), "it is not valid yet by the broker's clock"),
    "a broker's": (lambda pki, _: identity(pki, "broker"), "is not made for a client of a broker: install one that is"),
}


@pytest.mark.parametrize("case", REFUSED_CLIENTS)
def test_a_wrong_certificate_is_refused_with_what_to_do(
    ward: Ward,
    link: Callable[..., Link],
    pki: Path,
    tmp_path: Path,
    case: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    make, words = REFUSED_CLIENTS[case]
    one = link(ward, make(pki, tmp_path / "other"))
    assert words in one.expect(Refused).reason
    assert words in one.expect(Refused).reason  # it goes on trying
    assert not one.client.connected
    assert caplog.text.count(words) == 1  # the journal hears it once


def test_a_revoked_certificate_is_refused_after_a_reload_and_a_running_connection_stays(
    ward: Ward, link: Callable[..., Link], pki: Path, tmp_path: Path, bed: Tls
) -> None:
    shutil.copytree(pki, tmp_path / "pki")
    one = link(ward, bed)
    one.expect(Connected)
    certs("revoke", tmp_path / "pki", bed.certificate)
    shutil.copy(tmp_path / "pki" / "crl.pem", ward.certs)
    ward.send(signal.SIGHUP)
    deadline = time.monotonic() + READY_S
    while "Reloading config." not in ward.log.read_text():
        assert time.monotonic() < deadline
    words = "this device's certificate has been revoked: install a new one"
    again = link(ward, bed)
    assert words in again.expect(Refused).reason
    again.client.stop()
    assert one.publish(ONE.alarm) == NO_SUBSCRIBERS
    ward.stop()  # so who must be gone now needs a restart of the broker
    ward.start()
    assert words in one.expect(Refused).reason


def test_the_wrong_broker_is_refused_with_what_to_do(
    make_ward: Callable[..., Ward], ward: Ward, link: Callable[..., Link], pki: Path, tmp_path: Path, bed: Tls
) -> None:
    named = link(ward, bed, host="localhost")
    assert "for another name: set broker.host to a name that stands in it" in named.expect(Refused).reason
    make_authority(tmp_path / "strange")
    doubting = link(ward, Tls(ca=tmp_path / "strange" / "ca.pem", certificate=bed.certificate, key=bed.key))
    assert "not signed by an authority in broker.tls.ca" in doubting.expect(Refused).reason
    shutil.copytree(pki, tmp_path / "pki")
    for file in (tmp_path / "pki").glob("broker.*"):
        file.unlink()
    make_broker(tmp_path / "pki", ["127.0.0.1"], 1, datetime.now(timezone.utc) - timedelta(days=2))
    old = make_ward(other=tmp_path / "pki")
    old.start()
    assert "the broker's certificate has expired: give the broker a new one" in link(old, bed).expect(Refused).reason


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls_below_1_2_is_not_spoken(ward: Ward, bed: Tls, version: ssl.TLSVersion) -> None:
    context = ssl.create_default_context(cafile=bed.ca)
    assert bed.certificate is not None
    context.load_cert_chain(bed.certificate, bed.key)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")  # else this side refuses TLS 1.1 by itself
    if version < ssl.TLSVersion.TLSv1_2:
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            context.minimum_version = version
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            context.maximum_version = version
    else:
        context.minimum_version = context.maximum_version = version
    with closing(socket.create_connection((ward.host, ward.port), READY_S)) as plain:
        if version < ssl.TLSVersion.TLSv1_2:
            with pytest.raises(ssl.SSLError, match=r"(?i)alert.protocol.version"):
                context.wrap_socket(plain, server_hostname=ward.host)
        else:
            with context.wrap_socket(plain, server_hostname=ward.host) as tls:
                assert tls.version() == version.name.replace("_", ".")


def test_a_client_without_tls_gets_nowhere(ward: Ward) -> None:
    client = paho.Client(CallbackAPIVersion.VERSION2, "plain", protocol=paho.MQTTv5)
    answers: list[Any] = []
    client.on_connect = lambda *arguments: answers.append(arguments)
    client.connect(ward.host, ward.port)
    while client.loop(1.0) == paho.MQTT_ERR_SUCCESS:
        pass
    assert not answers


def test_a_client_that_asks_for_a_long_keepalive_is_told_a_shorter_one(
    ward: Ward, link: Callable[..., Link], bed: Tls
) -> None:
    one = link(ward, bed, keepalive_s=300)
    one.expect(Connected)
    assert one.client._live is not None
    assert one.client._live[1]._keepalive == 60


def test_retained_messages_and_sessions_survive_an_orderly_restart(
    ward: Ward, link: Callable[..., Link], bed: Tls, staff: Tls
) -> None:
    one = link(ward, bed, ONE.requests, reconnect_min_s=30, reconnect_max_s=60)
    one.expect(Connected)
    one.publish(ONE.alarms, b"level", RETAINED)
    one.client.stop()
    ward.stop()
    ward.start()
    station = link(ward, staff, "npng/v1/#")
    assert station.expect(Received).retained
    assert station.publish(ONE.request("rate"), b"while away") == SUCCESS
    again = link(ward, bed, ONE.requests)
    assert again.expect(Connected).session_present
    assert again.expect(Received).payload == b"while away"


def test_a_page_may_connect_by_websockets_with_a_certificate(
    make_ward: Callable[..., Ward], link: Callable[..., Link], bed: Tls, staff: Tls
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    ward = make_ward({"websockets.conf": {"listener 8884": f"listener {port}"}})
    try:
        ward.start()
    except RuntimeError as error:
        if "ebsockets support" in str(error):
            pytest.skip("this Mosquitto was built without websockets")
        raise
    deadline = time.monotonic() + READY_S
    got: queue.SimpleQueue[tuple[str, bytes | bytearray]] = queue.SimpleQueue()
    subscribed = threading.Event()
    page = paho.Client(CallbackAPIVersion.VERSION2, "page", transport="websockets", protocol=paho.MQTTv5)
    page.tls_set(ca_certs=str(staff.ca), certfile=str(staff.certificate), keyfile=str(staff.key))
    page.on_connect = lambda client, *_: client.subscribe("npng/v1/#", 1)
    page.on_subscribe = lambda *_: subscribed.set()
    page.on_message = lambda _client, _data, message: got.put((message.topic, message.payload))
    while not ward.answers(port):  # libwebsockets opens its port a little later
        assert time.monotonic() < deadline
    page.connect(ward.host, port)
    page.loop_start()
    try:
        assert subscribed.wait(READY_S)
        one = link(ward, bed)
        one.expect(Connected)
        assert one.publish(ONE.alarm, b"pain") == SUCCESS
        assert got.get(timeout=READY_S) == (ONE.alarm, b"pain")
        assert page.publish(ONE.request("rate"), b"", 1).rc == paho.MQTT_ERR_SUCCESS
    finally:
        page.disconnect()
        page.loop_stop()


def test_the_bridge_carries_the_ward_out_and_nothing_in(
    make_ward: Callable[..., Ward], link: Callable[..., Link], pki: Path, bed: Tls, staff: Tls
) -> None:
    hospital = make_ward()
    for name in ("ca.pem", "broker.pem", "broker.key"):
        shutil.copy(pki / name, hospital.certs)
    hospital.acl.write_text("user station-1\ntopic readwrite npng/v1/#\nuser ward-1\ntopic readwrite npng/v1/#\n")
    hospital.start()
    hosts = "broker-1.hospital.example:8883 broker-2.hospital.example:8883"
    ward = make_ward({"bridge.conf": {hosts: f"{hospital.host}:{hospital.port}"}})
    shutil.copytree(pki, ward.certs.parent / "pki")
    pair = make_client(ward.certs.parent / "pki", "gateway", "ward-1")
    shutil.copy(pki / "ca.pem", ward.certs / "hospital-ca.pem")
    shutil.copy(pair.certificate, ward.certs / "bridge.pem")
    shutil.copy(pair.key, ward.certs / "bridge.key")
    ward.start()
    archive = link(hospital, staff, "npng/v1/#")
    archive.expect(Connected)
    station = link(ward, staff, "$SYS/broker/connection/#")
    station.expect(Received, lambda event: event.payload == b"1")  # the bridge stands
    one = link(ward, bed, f"{ONE.bed}/#")
    one.expect(Connected)
    for topic in (ONE.response("rate", None), ONE.bolus):
        assert one.publish(topic) in (SUCCESS, NO_SUBSCRIBERS)
    one.publish(ONE.alarms, b"level", Manner(qos=1, retain=True, expiry_s=None))
    one.publish(ONE.alarm, b"edge")
    archive.expect(Received, lambda event: event.topic == ONE.alarm)
    assert archive.received() == [ONE.alarms, ONE.alarm]
    archive.publish(ONE.request("acknowledge"), b"from outside")
    assert station.publish(ONE.request("acknowledge"), b"from the ward") == SUCCESS
    assert one.expect(Received, lambda event: event.topic != ONE.state).payload == b"from the ward"


# --- Renewal


@pytest.fixture
def installed(tmp_path: Path, bed: Tls) -> Tls:
    """The files of a device, with the certificate of bed 1."""
    folder = tmp_path / "device"
    folder.mkdir()
    copy = Tls(ca=folder / "ca.pem", certificate=folder / "bed.pem", key=folder / "bed.key")
    install(bed, copy)
    return copy


def install(new: Tls, place: Tls) -> None:
    for source, target in ((new.ca, place.ca), (new.certificate, place.certificate), (new.key, place.key)):
        assert source is not None
        assert target is not None
        shutil.copy(source, target)


def test_new_files_are_used_at_the_next_connection(
    ward: Ward, link: Callable[..., Link], installed: Tls, bed_10: Tls
) -> None:
    one = link(ward, installed)
    one.expect(Connected)
    assert one.publish(TEN.alarm) == NOT_AUTHORISED
    install(bed_10, installed)
    ward.kill()
    one.expect(Disconnected)
    ward.start()
    one.expect(Connected)
    assert one.publish(TEN.alarm) == NO_SUBSCRIBERS


def test_a_running_connection_is_made_anew_with_new_files_and_without_the_will(
    ward: Ward, link: Callable[..., Link], installed: Tls, bed_10: Tls, staff: Tls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "RENEWAL_CHECK_S", 0.05)
    station = link(ward, staff, "npng/v1/#")
    station.expect(Connected)
    one = link(ward, installed, will=ONE.state)
    first = one.expect(Connected).connection
    install(bed_10, installed)
    one.expect(Disconnected)
    assert one.expect(Connected).connection > first
    assert one.publish(TEN.alarm) == SUCCESS
    station.expect(Received, lambda event: event.topic == TEN.alarm)
    assert station.received() == [TEN.alarm]


def test_half_installed_files_leave_the_connection_standing(
    ward: Ward,
    link: Callable[..., Link],
    installed: Tls,
    bed_10: Tls,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(client_module, "RENEWAL_CHECK_S", 0.05)
    one = link(ward, installed, "none")
    one.expect(Connected)
    assert installed.certificate is not None
    assert bed_10.certificate is not None
    shutil.copy(bed_10.certificate, installed.certificate)
    said = "broker.tls.certificate and broker.tls.key do not belong together"
    deadline = time.monotonic() + READY_S
    while said not in caplog.text and time.monotonic() < deadline:
        one.publish(ONE.alarm)  # each turn of the client's loop is a chance to look
    assert said in caplog.text
    assert one.publish(ONE.alarm) == NO_SUBSCRIBERS
    assert not any(isinstance(event, Disconnected) for event in one.seen)
    install(bed_10, installed)
    one.expect(Connected)
    assert one.publish(TEN.alarm) == NO_SUBSCRIBERS


def test_a_running_connection_outlives_its_certificate_but_no_new_one_comes(
    ward: Ward, link: Callable[..., Link], pki: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "pki").mkdir()
    shutil.copy(pki / "ca.pem", tmp_path / "pki")
    shutil.copy(pki / "ca.key", tmp_path / "pki")
    end = datetime.now(timezone.utc).replace(microsecond=0) + timedelta(seconds=4)
    pair = make_device(tmp_path / "pki", BED_1, 1, end - timedelta(days=1))
    one = link(ward, Tls(ca=pki / "ca.pem", certificate=pair.certificate, key=pair.key))
    one.expect(Connected)
    assert f"{pair.certificate} ends on {end:%Y-%m-%d}: install a new one" in caplog.text
    while datetime.now(timezone.utc) <= end + timedelta(seconds=1):
        assert one.publish(ONE.alarm) == NO_SUBSCRIBERS
    assert one.publish(ONE.alarm) == NO_SUBSCRIBERS
    cut(one)
    assert "has expired: install a new one" in one.expect(Refused).reason
