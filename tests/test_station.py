"""The reference station: what it stores, what it confirms, what it asks for."""

from __future__ import annotations

import io
import json
import sqlite3
import time
from contextlib import closing
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import pytest
from broker import Station
from rich.console import Console

from contract.examples import examples
from npng_edge.publish.messages import Alarm, Alarms
from npng_edge.receipt import MOST_IDS, Receipt
from npng_edge.requests import Replay
from npng_edge.settings import Broker, Place
from npng_edge.station.board import watch
from npng_edge.station.ear import Ear
from npng_edge.station.journal import _TRIM, Heard, Journal, JournalError
from npng_edge.station.receiver import ASK_AGAIN_S, GAP_S, MOST_ASKED, Publication, Receiver

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from broker import MosquittoBroker

    from npng_edge.station.model import Board

BED = "st-mary/icu/7"
EXAMPLES = examples()
NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)


def alarm(number: int, run: str = "run", bed: str = BED) -> Alarm:
    made = EXAMPLES["alarm"]
    assert isinstance(made, Alarm)
    return made.model_copy(update={"id": f"{bed}-{run}-{number}", "bed": bed, "boot_id": run, "sequence": number})


def topic(name: str, bed: str = BED) -> str:
    return f"npng/v1/{bed}/{name}"


def rows(file: Path) -> list[tuple[str, int]]:
    with closing(sqlite3.connect(file)) as db:
        return db.execute("SELECT id, times FROM heard ORDER BY place").fetchall()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite3"


@pytest.fixture
def receiver(file: Path) -> Iterator[Receiver]:
    made = Receiver("icu-station", Journal(file), utc_now=lambda: NOW)
    yield made
    made.close()


def receipts(made: list[Publication]) -> dict[str, list[str]]:
    told: dict[str, list[str]] = {}
    for one in made:
        if one.topic.endswith("/receipt"):
            receipt = Receipt.parse(one.payload)
            assert receipt.station == "icu-station"
            told.setdefault(one.topic, []).extend(receipt.ids)
    return told


def replays(made: list[Publication]) -> list[tuple[str, int, int]]:
    asked = [Replay.parse(one.payload) for one in made if one.topic == topic("request/replay")]
    return [(one.run, one.first, one.last) for one in asked]


def take(receiver: Receiver, *alarms: Alarm, now: float = 0.0) -> list[Publication]:
    for one in alarms:
        receiver.take(topic("alarm", one.bed), one.payload(), now)
    return receiver.due(now)


def test_an_alarm_is_stored_before_its_receipt_and_only_once(receiver: Receiver, file: Path) -> None:
    assert receipts(take(receiver, alarm(1), alarm(2))) == {topic("receipt"): [alarm(1).id, alarm(2).id]}
    assert rows(file) == [(alarm(1).id, 1), (alarm(2).id, 1)]
    # One that comes again is confirmed again: its first receipt was lost.
    assert receipts(take(receiver, alarm(2))) == {topic("receipt"): [alarm(2).id]}
    assert rows(file) == [(alarm(1).id, 1), (alarm(2).id, 2)]


def test_each_bed_gets_its_own_receipt_and_the_newest_level_is_confirmed(receiver: Receiver) -> None:
    level = EXAMPLES["alarms"]
    assert isinstance(level, Alarms)
    for id_ in ("level-1", "level-2"):
        receiver.take(topic("alarms"), level.model_copy(update={"id": id_}).payload(), 0.0)
    told = receipts(take(receiver, alarm(1), alarm(1, bed="st-mary/icu/8")))
    assert told == {
        topic("receipt"): [alarm(1).id, "level-2"],
        topic("receipt", "st-mary/icu/8"): [alarm(1, bed="st-mary/icu/8").id],
    }


def test_many_alarms_make_many_receipts_each_within_its_bounds(receiver: Receiver) -> None:
    made = take(receiver, *(alarm(n) for n in range(1, MOST_IDS + 2)))
    assert [len(Receipt.parse(one.payload).ids) for one in made] == [MOST_IDS, 1]


def test_what_cannot_be_read_or_names_another_bed_gets_no_receipt(receiver: Receiver, file: Path) -> None:
    receiver.take(topic("alarm"), b"rubbish", 0.0)
    receiver.take(topic("alarm", "st-mary/icu/8"), alarm(1).payload(), 0.0)
    assert receiver.due(0.0) == []
    assert rows(file) == []


def test_a_gap_is_asked_for_after_a_while_unless_it_fills_itself(receiver: Receiver) -> None:
    take(receiver, alarm(1), alarm(2), alarm(6))
    assert replays(receiver.due(GAP_S - 0.1)) == []
    assert replays(receiver.due(GAP_S)) == [("run", 3, 5)]
    take(receiver, alarm(4), now=GAP_S + 1)
    assert replays(receiver.due(GAP_S + ASK_AGAIN_S - 0.1)) == []
    assert replays(receiver.due(GAP_S + ASK_AGAIN_S)) == [("run", 3, 3)]
    take(receiver, alarm(3), alarm(5), now=GAP_S + ASK_AGAIN_S)
    assert replays(receiver.due(1000.0)) == []
    assert receiver._gaps == {}


def test_a_gap_that_was_there_before_the_station_started_again_is_seen(receiver: Receiver, file: Path) -> None:
    take(receiver, alarm(1), alarm(3))
    receiver.close()
    again = Receiver("icu-station", Journal(file), utc_now=lambda: NOW)
    take(again, alarm(4))
    assert replays(again.due(GAP_S)) == [("run", 2, 2)]
    again.close()


def test_a_gap_that_cannot_be_filled_is_given_up_aloud(receiver: Receiver, caplog: pytest.LogCaptureFixture) -> None:
    take(receiver, alarm(1), alarm(3))
    asked = [replays(receiver.due(GAP_S + n * ASK_AGAIN_S)) for n in range(MOST_ASKED + 3)]
    assert asked == [[("run", 2, 2)]] * MOST_ASKED + [[]] * 3
    assert f"{BED}: alarms 2 to 2 of run run cannot be had any more" in caplog.text


def test_runs_that_ended_are_forgotten(receiver: Receiver) -> None:
    for run in range(1000):
        take(receiver, alarm(1, run=f"run-{run}"), now=float(run))
        receiver.due(float(run))
    assert len(receiver._ends) == 1
    assert len(receiver._gaps) <= GAP_S + 1


def test_without_a_disk_there_is_no_receipt_not_even_for_the_level(receiver: Receiver, file: Path) -> None:
    level = EXAMPLES["alarms"]
    with closing(sqlite3.connect(file, isolation_level=None, timeout=0)) as other:
        receiver._journal._db.execute("PRAGMA busy_timeout=0")
        other.execute("BEGIN EXCLUSIVE")
        assert take(receiver, alarm(1)) == []
        assert receiver.fault is not None
        assert "database is locked" in receiver.fault
        receiver.take(topic("alarms"), level.payload(), 1.0)
        assert receiver.due(1.0) == []
        other.execute("ROLLBACK")
    # The bed sends the alarm again, and with it the station is of use again.
    assert receipts(take(receiver, alarm(1))) == {topic("receipt"): [alarm(1).id]}
    assert receiver.fault is None


def test_a_file_that_is_no_journal_is_named(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("not a database, but long enough to be looked at" * 10)
    with pytest.raises(JournalError, match=r"text: file is not a database\. Check the disk"):
        Journal(tmp_path / "text")


def test_the_journal_keeps_the_newest(file: Path) -> None:
    with closing(Journal(file, keep=100)) as journal:
        journal.store([Heard(f"id-{n}", BED, "run", n, b"") for n in range(100 + _TRIM - 1)])
        assert len(rows(file)) == 100 + _TRIM - 1
        journal.store([Heard("last", BED, "run", 10_000, b"")])
        kept = [id_ for id_, _ in rows(file)]
    assert len(kept) == 100
    assert kept[-1] == "last"


def test_the_ear_stores_confirms_and_comes_back_with_its_session(
    make_broker: Callable[..., MosquittoBroker], file: Path
) -> None:
    server = make_broker(persistent=True)
    server.start()
    bed = Station(server, topic("receipt"), topic("request/#"), name="bed", receipts=False)
    said: list[str] = []

    def start() -> tuple[Ear, Receiver]:
        receiver = Receiver("icu-station", Journal(file))
        settings = Broker(port=server.port, reconnect_min_s=0.1, reconnect_max_s=0.2)
        ear = Ear(settings, [topic("alarm")], take=lambda *_: None, say=said.append, receiver=receiver)
        ear.start()
        return ear, receiver

    def confirmed(number: int) -> None:
        bed.wait_for(lambda m: alarm(number).id in json.loads(m.payload)["ids"])

    ear, receiver = start()
    deadline = time.monotonic() + 10.0
    while "connected" not in said and time.monotonic() < deadline:
        time.sleep(0.01)
    # The subscription follows the connection: the bed's own rule, to send again, is what makes this sure.
    bed.publish(topic("alarm"), alarm(1).payload())
    while not rows(file) and time.monotonic() < deadline:
        bed.publish(topic("alarm"), alarm(1).payload())
    confirmed(1)
    ear.stop()
    receiver.close()
    bed.publish(topic("alarm"), alarm(2).payload())  # The broker keeps it for the station.
    ear, receiver = start()
    confirmed(2)
    server.kill()
    server.start()
    bed.wait_subscribed()
    deadline = time.monotonic() + 10.0
    while len(rows(file)) < 3 and time.monotonic() < deadline:
        bed.publish(topic("alarm"), alarm(3).payload())
    confirmed(3)
    ear.stop()
    receiver.close()
    bed.close()
    assert [id_ for id_, _ in rows(file)] == [alarm(n).id for n in (1, 2, 3)]
    assert any(words.startswith("lost: ") for words in said)


def test_a_station_of_a_ward_that_shows_scores_to_nobody_does_not_ask_for_them(
    broker: MosquittoBroker, receiver: Receiver, file: Path
) -> None:
    bed = Station(broker, topic("receipt"), name="bed", receipts=False)
    for name, message in (("pain", EXAMPLES["pain"].model_copy(update={"bed": BED})), ("alarm", alarm(1))):
        bed.publish(topic(name), message.payload(), retain=True)

    def heard(place: Place | None, until: Callable[[Board], bool]) -> Board:
        return watch(
            Broker(port=broker.port), place, console=Console(file=io.StringIO()), receiver=receiver, until=until
        )

    board = heard(None, lambda _: bool(rows(file)))
    assert board.beds[BED].scored is None
    facility, unit, name = BED.split("/")
    own = Place(facility=facility, unit=unit, bed=name)
    heard(own, lambda board: BED in board.beds and board.beds[BED].scored is not None)
    bed.close()
