from __future__ import annotations

import json
import queue
import time
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from npng_edge.publish.client import Client
from npng_edge.publish.events import Connected, Disconnected, Published, Received, Refused
from npng_edge.publish.topics import Manner
from npng_edge.settings import Broker
from proof.faults import scene, security
from proof.faults.scene import Found, Kind
from proof.mosquitto import MosquittoBroker
from proof.refuser import Refuser

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from npng_edge.publish.events import Event

WAIT_S = 10.0
QOS_1 = Manner(qos=1, retain=False, expiry_s=None)


@pytest.fixture
def refuser(tmp_path: Path) -> Iterator[Refuser]:
    broker = MosquittoBroker(tmp_path)
    broker.start()
    made = Refuser(broker.port)
    yield made
    made.close()
    broker.close()


@pytest.fixture
def link(refuser: Refuser) -> Iterator[Callable[..., tuple[Client, Callable[[type], Event]]]]:
    """Clients of the product behind the refuser, and a way to wait for what happens to them."""
    made: list[Client] = []

    def connected(name: str, *topics: str) -> tuple[Client, Callable[[type], Event]]:
        events: queue.SimpleQueue[Event] = queue.SimpleQueue()

        def expect(kind: type) -> Event:
            deadline = time.monotonic() + WAIT_S
            while not isinstance(event := events.get(timeout=max(0.01, deadline - time.monotonic())), kind):
                pass
            return event

        settings = Broker(port=refuser.port, reconnect_min_s=0.05, reconnect_max_s=0.1)
        made.append(Client(settings, client_id=name, will=None, subscriptions=topics, emit=events.put))
        made[-1].start()
        return made[-1], expect

    yield connected
    for client in made:
        client.stop()


def test_a_refused_message_is_answered_and_goes_no_further_and_the_others_do(
    refuser: Refuser, link: Callable[..., tuple[Client, Callable[[type], Event]]]
) -> None:
    client, expect = link("one", "a/#")
    expect(Connected)
    refuser.topics = {"alarm": 0x97}
    assert client.publish("a/b/alarm", b"no", QOS_1)
    assert expect(Published).reason_code == 0x97  # type: ignore[attr-defined]
    assert client.publish("a/b/alarms", b"yes", QOS_1)
    assert expect(Received).payload == b"yes"  # type: ignore[attr-defined]
    assert refuser.said == {("alarm", 0x97): 1}


def test_a_bed_is_thrown_out_and_kept_out_with_the_reason(
    refuser: Refuser, link: Callable[..., tuple[Client, Callable[[type], Event]]]
) -> None:
    _, expect = link("one")
    expect(Connected)
    refuser.connect = 0x89
    assert refuser.disconnect(0x98) == 1
    assert "Administrative action" in expect(Disconnected).reason  # type: ignore[attr-defined]
    assert "Server busy" in expect(Refused).reason  # type: ignore[attr-defined]
    refuser.connect = None
    expect(Connected)


KIND = Kind("a fault", nullcontext, "words", "broker")
GOOD = Found(KIND, 0.5, 6.0, ("broker",), 20, 0, 0, 1.0)


@pytest.mark.parametrize(
    ("seen", "wrong"),
    [
        (GOOD, None),
        (replace(GOOD, lost=1), "1 alarms lost"),
        (replace(GOOD, said_s=None), "the log does not say 'words'"),
        (replace(GOOD, alarm_s=None), "no alarm broker"),
        (replace(GOOD, passed_through=3), "3 alarms passed through"),
        (replace(GOOD, kind=replace(KIND, alarm=None)), "needless alarm broker"),
        (replace(GOOD, kind=replace(KIND, blocks=False), passed_through=3), None),
    ],
)
def test_what_is_wrong_is_found(seen: Found, wrong: str | None) -> None:
    assert seen.wrong == wrong
    assert ("WRONG" in str(seen)) is (wrong is not None)


@pytest.mark.parametrize("fault", ["certificate of another authority", "DISCONNECT 0x98"])
def test_a_small_run_loses_nothing_and_says_what_is_wrong(
    fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scene, "SETTLED_S", 0.0)
    monkeypatch.setattr(scene, "HOLD_S", 0.5)
    assert security.main(["--only", fault, "--results", str(tmp_path)]) == 0
    figures = json.loads((tmp_path / "faults-security.json").read_text())["figures"]
    assert figures["faults"] == 1
    assert figures["lost"] == 0
    assert figures["alarms at the station"] >= figures["alarms kept in an outbox"] > 10
