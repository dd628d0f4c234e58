"""The faults of the network: a proxy that spoils connections, a cable that is pulled, and what a bed makes of it."""

from __future__ import annotations

import argparse
import errno
import json
import socket
import threading
import time
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proof.checker import Heard
from proof.faults import namespace, network
from proof.faults.namespace import Namespace
from proof.faults.network_judged import Fault, Silence, after_repair, defects, silences
from proof.faults.network_kinds import KINDS, STATION_KINDS
from proof.proxy import PUBLISH, Packets, Proxy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from proof.faults.network_kinds import Kind

PATIENCE_S = 10.0
SHORT = 0.3
PINGREQ = 12
NO_NAMESPACE = namespace.why_not()


def packet(kind: int, size: int) -> bytes:
    """An MQTT packet with so many bytes behind its fixed header."""
    length, head = size, bytearray([kind << 4])
    while True:
        length, digit = divmod(length, 128)
        head.append(digit | (0x80 if length else 0))
        if not length:
            return bytes(head) + bytes(size)


class Echo:
    """A server that sends everything back."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self.ended = threading.Semaphore(0)
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    def _accept(self) -> None:
        threads = []
        while True:
            connection, _ = self._server.accept()
            if self._server.fileno() < 0 or not self.port:
                connection.close()
                break
            threads.append(threading.Thread(target=self._serve, args=(connection,)))
            threads[-1].start()
        for thread in threads:
            thread.join()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                while piece := connection.recv(65_536):
                    connection.sendall(piece)
            except ConnectionError:
                pass
        self.ended.release()

    def close(self) -> None:
        port, self.port = self.port, 0
        socket.create_connection(("127.0.0.1", port)).close()
        self._thread.join()
        self._server.close()


@pytest.fixture
def echo() -> Iterator[Echo]:
    server = Echo()
    yield server
    server.close()


@pytest.fixture
def proxy(echo: Echo) -> Iterator[Proxy]:
    made = Proxy(echo.port)
    yield made
    made.close()


@pytest.fixture
def client(proxy: Proxy) -> Iterator[socket.socket]:
    with connect(proxy) as made:
        assert said(made, b"hello") == b"hello"
        yield made


def connect(proxy: Proxy) -> socket.socket:
    return socket.create_connection((proxy.host, proxy.port), PATIENCE_S)


def said(client: socket.socket, text: bytes) -> bytes:
    client.sendall(text)
    answer = b""
    while len(answer) < len(text) and (piece := client.recv(65_536)):
        answer += piece
    return answer


def is_silent(client: socket.socket, seconds: float = SHORT) -> bool:
    client.settimeout(seconds)
    try:
        client.recv(1)
    except TimeoutError:
        return True
    else:
        return False
    finally:
        client.settimeout(PATIENCE_S)


@given(
    st.lists(st.tuples(st.integers(1, 15), st.sampled_from([0, 1, 127, 128, 300, 16_384])), max_size=8),
    st.lists(st.integers(1, 4000), min_size=1, max_size=30),
)
def test_packets_are_found_however_the_stream_is_cut(sent: list[tuple[int, int]], pieces: list[int]) -> None:
    stream = b"".join(packet(kind, size) for kind, size in sent)
    packets, found, at, number = Packets(), [], 0, 0
    while at < len(stream):
        piece = stream[at : at + pieces[number % len(pieces)]]
        found += [(at + start.offset, start.kind, start.length) for start in packets.starts(piece)]
        at, number = at + len(piece), number + 1
    expected, at = [], 0
    for kind, size in sent:
        expected.append((at, kind, len(packet(kind, size))))
        at += expected[-1][2]
    assert found == expected


def test_an_honest_proxy_passes_everything_on(client: socket.socket) -> None:
    text = bytes(range(256)) * 2000
    answers: list[bytes] = []
    reader = threading.Thread(target=lambda: answers.append(_all(client, len(text))))
    reader.start()
    client.sendall(text)
    reader.join()
    assert answers == [text]


def _all(client: socket.socket, size: int) -> bytes:
    got = b""
    while len(got) < size:
        got += client.recv(65_536)
    return got


def test_cut_ends_both_sides_in_good_order(proxy: Proxy, client: socket.socket, echo: Echo) -> None:
    proxy.cut()
    assert client.recv(1) == b""
    assert echo.ended.acquire(timeout=PATIENCE_S)


def test_a_stall_passes_nothing_on_and_loses_nothing(proxy: Proxy, client: socket.socket) -> None:
    proxy.stall()
    client.sendall(b"late")
    assert is_silent(client)
    with connect(proxy) as asked_meanwhile:
        asked_meanwhile.sendall(b"hello")
        assert is_silent(asked_meanwhile)
        proxy.heal()
        assert asked_meanwhile.recv(1) == b""
    assert client.recv(4) == b"late"


def test_a_delay_is_one_each_way_and_costs_no_speed(proxy: Proxy, client: socket.socket) -> None:
    proxy.delay(SHORT)
    begun = time.monotonic()
    for _ in range(5):
        client.sendall(b"x" * 1000)
        time.sleep(SHORT / 10)
    assert len(_all(client, 5000)) == 5000
    assert 2 * SHORT <= time.monotonic() - begun < 4 * SHORT


def test_half_open_is_silent_to_the_client_and_over_for_the_broker(
    proxy: Proxy, client: socket.socket, echo: Echo
) -> None:
    assert proxy.half_open() == 1
    assert echo.ended.acquire(timeout=PATIENCE_S)
    client.sendall(b"anybody there?")
    assert is_silent(client)
    with connect(proxy) as second:
        assert said(second, b"hello") == b"hello"
        assert proxy.half_open() == 1  # The first is half-open already.


@pytest.mark.parametrize("size", [2, 50, 3000])
def test_a_reset_comes_inside_a_publish(proxy: Proxy, size: int) -> None:
    stream = packet(PINGREQ, 0) + packet(PUBLISH, size)
    proxy.reset_inside("down")
    with connect(proxy) as client:
        client.sendall(stream)
        got = until_reset(client)
    assert proxy.resets == 1
    assert len(packet(PINGREQ, 0)) < len(got) < len(stream)
    assert got == stream[: len(got)]


def until_reset(client: socket.socket) -> bytes:
    got = b""
    try:
        while True:
            piece = client.recv(65_536)
            assert piece, "ended in good order"
            got += piece
    except ConnectionResetError:
        return got


def test_refused_is_refused_until_it_is_healed(proxy: Proxy, client: socket.socket) -> None:
    proxy.refuse()
    with pytest.raises(ConnectionRefusedError):
        connect(proxy)
    assert said(client, b"still") == b"still"
    proxy.heal()
    with connect(proxy) as again:
        assert said(again, b"hello") == b"hello"


@pytest.mark.skipif(NO_NAMESPACE is not None, reason=str(NO_NAMESPACE))
def test_a_cable_can_be_pulled_and_put_back() -> None:
    cable = Namespace()
    try:
        with socket.create_server((cable.here, 0)) as server:
            server.settimeout(PATIENCE_S)
            inside = _connected_inside(cable, server.getsockname()[1])
            outside, _ = server.accept()
            with inside, outside:
                for spoilt, sends in ((cable.link_down, True), (cable.black_hole, False), (cable.address_gone, True)):
                    with spoilt():
                        sender, receiver = (inside, outside) if sends else (outside, inside)
                        try:
                            sender.sendall(b"x")
                        except OSError as error:
                            assert error.errno in (errno.ENETUNREACH, errno.EINVAL, errno.EHOSTUNREACH)  # noqa: PT017 - may raise, need not
                        assert is_silent(receiver)
    finally:
        cable.close()


def _connected_inside(cable: Namespace, port: int) -> socket.socket:
    made: list[socket.socket] = []

    def work() -> None:
        namespace.enter(cable.name)
        made.append(socket.create_connection((cable.here, port), PATIENCE_S))

    thread = threading.Thread(target=work)  # Only this thread moves.
    thread.start()
    thread.join()
    return made[0]


def briefly(kind: Kind) -> Kind:
    return replace(kind, lasts=(SHORT, 3 * SHORT))


def test_nothing_is_lost_on_a_bad_network_and_a_silence_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One bed has a fault of every short kind, the other a connection that is silent for twelve seconds."""
    monkeypatch.setattr(network, "PAUSE_S", (0.0, 0.1))
    kinds = [kind for kind in KINDS if NO_NAMESPACE is None or not kind.cable]
    short = [briefly(kind) for kind in kinds if not kind.silent and "late" not in kind.name]
    silent = replace(next(kind for kind in KINDS if kind.name.startswith("stalled for 20")), lasts=(12.0, 12.0))
    asked = argparse.Namespace(beds=2, rate=5.0, seed=7, plant=None)
    with network.network(tmp_path / "trial", asked, cables=NO_NAMESPACE is None) as ward:
        ward.trial.begin()
        faults = ward.spoil_beds([short, [silent]])
        faults += ward.spoil_station([briefly(STATION_KINDS[0])])
        verdict = ward.trial.judge(60.0)
        noticed = silences(faults, ward.trial.station.heard())
        assert ward.trial.end() == []
    assert len(faults) == len(short) + 2
    assert verdict.broken == {}
    assert verdict.kept > 30
    assert defects(faults, noticed) == []
    assert [one.bed for one in noticed] == ["proof/ward/storm-2"]


def heard(condition: str, at: float, change: str = "raised") -> Heard:
    moment = datetime.fromtimestamp(at, timezone.utc).isoformat()
    payload = json.dumps({"change": change, "at": moment, "alarm": {"condition": condition}})
    return Heard(1, "id", "a/b/c", "run", 1, at, 1, payload.encode())


def test_a_silence_that_nobody_notices_is_found() -> None:
    silent = next(kind for kind in KINDS if kind.silent)
    fault = Fault(silent, ("a/b/c",), 1000.0, 1020.0, {})
    missed = [heard("broker", 999.0), heard("broker", 1021.0), heard("pain", 1005.0), heard("broker", 1009.0, "ended")]
    assert silences([fault], missed) == [Silence("a/b/c", silent.name, None)]
    late = silences([fault], [*missed, heard("station-not-listening", 1016.0)])
    assert [one.seconds for one in late] == [16.0]
    assert len(defects([fault], late)) == 1
    in_time = silences([fault], [*missed, heard("broker", 1014.0), heard("broker", 1016.0)])
    assert defects([fault], in_time) == []
    assert defects([replace(fault, arrived=None)], in_time) != []


def test_what_had_waited_is_timed_from_the_repair_or_the_connection_after_it() -> None:
    kind = KINDS[0]
    faults = [
        Fault(kind, ("a",), 0.0, 10.0, {"a": (12.0, 15.0)}),
        Fault(kind, ("a", "b"), 20.0, 30.0, {"b": (30.5, 31.0)}),
        Fault(kind, ("a",), 40.0, 50.0, None),
    ]
    connected = {"a": [1.0, 11.5, 13.0], "b": [25.0]}
    assert after_repair(faults, connected) == [(0.5, 3.5), (0.5, 1.0)]
