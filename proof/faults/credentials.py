"""Trouble with certificates, the broker's access list, its limits and its other clients, at a ward's real Mosquitto."""

from __future__ import annotations

import shutil
import signal
import tempfile
import time
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from npng_edge.certificates import make_authority, make_broker, make_device, revoke
from npng_edge.publish import client as client_module
from npng_edge.publish.client import Client
from npng_edge.publish.topics import Manner, Topics
from npng_edge.settings import Broker, Place, Tls
from proof.bed import UNIT, Bed
from proof.faults.refusals import DEAF, HAPPENS_S
from proof.faults.scene import Kind
from proof.station import StationProcess
from proof.trial import Trial
from proof.ward import Ward

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from npng_edge.certificates import Pair
    from npng_edge.publish.events import Event
    from proof.checker import Verdict

CHECKER = "proof"
"""A guest of the ward, who may read what a bed may not."""
RECONNECT = {"reconnect_min_s": 0.1, "reconnect_max_s": 1.0}
SMALL = 700
"""Bytes: a `state` is smaller, an alarm is not."""
LARGEST = 9_900_000
"""Bytes: below the broker's limit, above the bed's (`client.MAX_PACKET_BYTES`)."""
LARGE = 9_000_000
"""Bytes: below both."""
QOS_1 = Manner(qos=1, retain=False, expiry_s=30)
RENEWAL_S = 1.0


class WardTrial(Trial):
    """A trial at a ward's broker, with one bed whose certificate lies in files of its own."""

    def __init__(self, folder: Path, *, rate: float, seed: int) -> None:
        super().__init__(folder)
        self.ward = Ward(folder / "ward", CHECKER)
        self.broker = self.ward
        self.station = StationProcess(
            folder / "station", self.ward.port, settings={"broker": _section(self.ward.station())}
        )
        self.place = Place(**UNIT, bed="bed-1")
        self.topics = Topics(self.place)
        signed = self.ward.bed(self.place)
        assert signed.tls is not None
        self.pki = folder / "ward" / "pki"
        self.own = signed.tls
        """As the ward's authority signed it."""
        device = folder / "device"
        device.mkdir()
        self.installed = Tls(ca=device / "ca.pem", certificate=device / "bed.pem", key=device / "bed.key")
        """Where the bed looks."""
        self.install(self.own)
        self.bed = Bed(
            folder / "bed-1",
            "bed-1",
            port=self.ward.port,
            rate=rate,
            seed=seed,
            settings={
                "broker": _section(signed.model_copy(update={"tls": self.installed})),
                "log_level": "info",
            },
            setup=renew_quickly,
        )
        self.beds.append(self.bed)

    def install(self, tls: Tls) -> None:
        """Put other files in the place of the bed's."""
        for new, old in zip(_files(tls), _files(self.installed), strict=True):
            shutil.copy(new, old.with_suffix(".new"))
            old.with_suffix(".new").replace(old)

    def guest(self, broker: Broker | None = None) -> Client:
        """A client, connected soon."""
        client = Client(
            broker or self.ward.station(CHECKER),
            client_id="any",
            will=None,
            subscriptions=(),
            emit=_ignore,
            keeps_session=False,
        )
        client.start()
        return client

    def judge(self, patience_s: float) -> Verdict:
        """As a trial judges; a bed's own certificate may not read its level, so the guest asks for it."""
        self.bed.settings = self.bed.settings.model_copy(update={"broker": self.ward.station(CHECKER)})
        return super().judge(patience_s)


def kinds(trial: WardTrial) -> list[Kind]:
    """Each trouble as a fault of its own."""

    def files(name: str, made: Callable[[WardTrial], Tls], says: str, alarm: str = "broker") -> Kind:
        return Kind(name, partial(_other_files, trial, made), says, alarm)

    return [
        files("the device trusts another authority", _other_ca, "put the right authority there"),
        files("certificate of another authority", _stranger, "the broker does not know the authority"),
        files("certificate of another bed", _neighbour, "/alarm: Not authorized", DEAF),
        files("expired certificate", _expired, "certificate has expired"),
        Kind("revoked certificate", partial(_revoked, trial), "certificate has been revoked", "broker"),
        Kind("broker with another name", partial(_renamed, trial), "certificate is for another name", "broker"),
        Kind("`alarm` denied by the access list", partial(_denied, trial), "/alarm: Not authorized", DEAF),
        Kind("largest packet of the broker below an alarm", partial(_narrow, trial), "Packet too large", "broker"),
        Kind("10 MB sent to the bed", partial(_large, trial), "request/import refused", blocks=False),
        Kind("session taken over once", partial(_taken_over, trial, stays=False), blocks=False),
        Kind(
            "session taken over again and again: a second device with the same certificate",
            partial(_taken_over, trial, stays=True),
            alarm="broker",
            blocks=False,
        ),
        Kind("broker shut down", partial(_down, trial), None, "broker"),
        Kind("certificate renewed", partial(_renewed, trial), "New files of broker.tls", blocks=False),
    ]


def renew_quickly() -> None:
    """For the bed's process: new files are looked for each second, not each minute."""
    client_module.RENEWAL_CHECK_S = RENEWAL_S


@contextmanager
def _other_files(trial: WardTrial, made: Callable[[WardTrial], Tls]) -> Iterator[None]:
    """Other files than its own are on the device, and the connection is interrupted."""
    trial.install(made(trial))
    trial.ward.restart()
    try:
        yield
    finally:
        trial.install(trial.own)


def _other_ca(trial: WardTrial) -> Tls:
    return trial.own.model_copy(update={"ca": make_authority(trial.folder / "other").certificate})


def _stranger(trial: WardTrial) -> Tls:
    make_authority(trial.folder / "strangers")
    return _with(trial, make_device(trial.folder / "strangers", trial.place))


def _neighbour(trial: WardTrial) -> Tls:
    return _with(trial, make_device(trial.pki, Place(**UNIT, bed="bed-2")))


def _expired(trial: WardTrial) -> Tls:
    return _signed_again(trial, 1, datetime.now(timezone.utc) - timedelta(days=2))


@contextmanager
def _revoked(trial: WardTrial) -> Iterator[None]:
    assert trial.own.certificate is not None
    revoke(trial.pki, trial.own.certificate)
    trial.ward.restart()
    yield
    trial.own = _signed_again(trial)
    trial.install(trial.own)


@contextmanager
def _renewed(trial: WardTrial) -> Iterator[None]:
    """While everything runs. That the new one is in use shows at the end, when the old one is revoked."""
    old, trial.own = trial.own, _signed_again(trial)
    trial.install(trial.own)
    yield
    assert old.certificate is not None
    revoke(trial.pki, old.certificate)
    trial.ward.restart()


@contextmanager
def _renamed(trial: WardTrial) -> Iterator[None]:
    """The broker shows a certificate for another host."""
    aside = trial.folder / "aside"
    aside.mkdir()
    names = ("broker.pem", "broker.key")
    for name in names:
        (trial.pki / name).rename(aside / name)
    make_broker(trial.pki, ["other.ward.example"])
    trial.ward.restart()
    yield
    for name in names:
        (aside / name).replace(trial.pki / name)
    trial.ward.restart()


@contextmanager
def _denied(trial: WardTrial) -> Iterator[None]:
    """As when somebody edits the list and reloads it: connections stay."""
    acl = trial.folder / "ward" / "acl"
    before = acl.read_text()
    acl.write_text(before.replace("pattern write npng/v1/%u/alarm\n", ""))
    trial.ward.send(signal.SIGHUP)
    yield
    acl.write_text(before)
    trial.ward.send(signal.SIGHUP)


@contextmanager
def _narrow(trial: WardTrial) -> Iterator[None]:
    config = trial.folder / "ward" / "mosquitto.conf"
    before = config.read_text()
    config.write_text(before.replace("max_packet_size 10000000", f"max_packet_size {SMALL}"))
    trial.ward.restart()
    yield
    config.write_text(before)
    trial.ward.restart()


@contextmanager
def _large(trial: WardTrial) -> Iterator[None]:
    """One message that the broker may not pass on to a bed, and one that it may, and that the bed refuses."""
    guest = trial.guest()
    try:
        for size in (LARGEST, LARGE):
            _until(partial(_told, guest, trial.topics.request("import"), b"x" * size))
        yield
    finally:
        guest.stop()


@contextmanager
def _taken_over(trial: WardTrial, *, stays: bool) -> Iterator[None]:
    """Somebody comes with the bed's own certificate, and goes again or insists.

    Mosquitto 2.0 throws the bed out without a word (no 0x8E, nor 0x8B when it is shut down): seen on the wire.
    """
    stolen = trial.ward.station().model_copy(update={"tls": trial.own, **RECONNECT})
    thief = trial.guest(stolen)
    try:
        _until(partial(_is_connected, thief))
        if not stays:
            thief.stop()
        yield
    finally:
        thief.stop()


@contextmanager
def _down(trial: WardTrial) -> Iterator[None]:
    trial.ward.stop()
    yield
    trial.ward.start()


def _signed_again(trial: WardTrial, days: int = 365, now: datetime | None = None) -> Tls:
    """Another certificate of the ward's authority for the same bed."""
    folder = Path(tempfile.mkdtemp(dir=trial.folder))
    for name in ("ca.pem", "ca.key"):
        shutil.copy(trial.pki / name, folder)
    return _with(trial, make_device(folder, trial.place, days, now))


def _with(trial: WardTrial, pair: Pair) -> Tls:
    return trial.own.model_copy(update={"certificate": pair.certificate, "key": pair.key})


def _files(tls: Tls) -> tuple[Path, Path, Path]:
    assert tls.ca is not None
    assert tls.certificate is not None
    assert tls.key is not None
    return tls.ca, tls.certificate, tls.key


def _section(broker: Broker) -> dict[str, Any]:
    """As it stands in a configuration."""
    return {**broker.model_dump(mode="json"), **RECONNECT}


def _told(client: Client, topic: str, payload: bytes) -> bool:
    return client.publish(topic, payload, QOS_1) is not None


def _is_connected(client: Client) -> bool:
    return client.connected


def _until(done: Callable[[], bool]) -> None:
    """Wait until the fault has happened.

    Raises:
        RuntimeError: It does not.
    """
    deadline = time.monotonic() + HAPPENS_S
    while not done():
        if time.monotonic() > deadline:
            raise RuntimeError("the fault could not be made")
        time.sleep(0.05)


def _ignore(_event: Event) -> None:
    """A guest listens to nothing."""
