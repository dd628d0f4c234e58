"""A small ward of simulated beds, for real; and that each way to fail is seen."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from npng_edge.publish.client import Client
from npng_edge.publish.topics import Manner
from proof.auditor import NAME, Auditor
from proof.checker import Verdict
from proof.load import figures, passed
from proof.load_steps import Step, Storm, connect, judge, measure, missing, storm
from proof.loaded_ward import LoadedWard, wait
from proof.report import Spread
from proof.ward import STATION, Ward

if TYPE_CHECKING:
    from pathlib import Path

BEDS = 10
QOS_1 = Manner(qos=1, retain=False, expiry_s=None)

pytestmark = pytest.mark.filterwarnings(
    # paho leaves the socket of a failed TLS handshake to the garbage collector.
    "ignore:Exception ignored in. <ssl.SSLSocket:pytest.PytestUnraisableExceptionWarning"
)


def test_a_small_ward_loses_nothing_in_peace_and_when_its_broker_is_killed(tmp_path: Path) -> None:
    ward = LoadedWard(tmp_path, BEDS, alarm_s=2.0)
    with ward.running() as auditor:
        step = measure(ward, auditor, 5.0, connect(ward))
        over = storm(ward, "kill -9", 0.0)
        verdict = judge(ward, auditor)
        assert missing(auditor.heard + Counter(pain=1), auditor) == Counter(pain=1)
    assert step.made["pain"] >= 4 * BEDS
    assert step.made["alarm"] >= BEDS
    assert (step.missing, step.dropped) == (Counter(), 0)
    assert step.alarms is not None
    assert BEDS <= step.alarms.count <= step.made["alarm"]
    assert over.attempts["connected"] == BEDS
    assert verdict.kept == step.made["alarm"] + BEDS
    assert over.settled_s is not None
    assert not verdict.broken


SHARES = {"broker": 0.1, "station": 0.2, "beds": 0.3}
STEP = Step(
    beds=BEDS,
    pace=1.0,
    connected_s=1.0,
    made=Counter(pain=50),
    missing=Counter(),
    dropped=0,
    alarms=Spread(0.01, 0.02, 0.03, 9),
    scores=None,
    share=SHARES,
    memory_mb=SHARES,
    bed_kb=SHARES,
)
STORM = Storm("kill -9", 1.0, 2.0, SHARES, Counter())
VERDICT = Verdict(kept=9, heard=9, duplicates=1)


def test_each_way_to_fail_is_seen() -> None:
    assert passed([STEP], [STORM], [VERDICT])
    for bad in (
        replace(STEP, missing=Counter(pain=1)),
        replace(STEP, dropped=1),
        replace(STEP, pace=0.9),
        replace(STEP, dropped=None),
        replace(STEP, alarms=Spread(0.5, 1.1, 1.2, 9)),
    ):
        assert not passed([STEP, bad], [STORM], [VERDICT])
    for settled in (None, 61.0):
        assert not passed([STEP], [STORM, replace(STORM, settled_s=settled)], [VERDICT])
    lost = replace(VERDICT, lost=("one",))
    assert not passed([STEP], [STORM], [VERDICT, lost])
    assert figures([STEP], [STORM], [VERDICT, lost])["rules broken"] == "lost"


def test_a_broker_that_drops_messages_is_seen(tmp_path: Path) -> None:
    ward = Ward(tmp_path, NAME, "sleeper")
    config = tmp_path / "mosquitto.conf"
    config.write_text(config.read_text().replace("max_queued_messages 200000", "max_queued_messages 1"))
    ward.start()
    auditor = Auditor(ward.station(NAME), tmp_path)
    clients = []
    try:
        for name, topics in (("sleeper", ["npng/v1/#"]), (STATION, [])):
            client = Client(ward.station(name), client_id=name, will=None, subscriptions=topics, emit=lambda _: None)
            client.start()
            clients.append(client)
            assert wait(lambda client=client: client.connected, 10.0) is not None  # type: ignore[misc]
        assert wait(lambda: auditor.count("dropped") == 0, 10.0) is not None
        clients[0].stop()
        for _ in range(5):
            clients[1].publish("npng/v1/load/ward/bed-1/receipt", b"{}", QOS_1)
        assert wait(lambda: (auditor.count("dropped") or 0) > 0, 10.0) is not None
    finally:
        for client in clients:
            client.stop()
        auditor.close()
        ward.close()
