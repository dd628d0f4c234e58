"""The board: what it makes of messages, how it looks, and that it hears a real broker."""

from __future__ import annotations

import io
import re
from datetime import datetime, timezone
from types import MappingProxyType
from typing import TYPE_CHECKING

import pytest
from broker import MosquittoBroker, Station
from rich.console import Console

from npng_edge.board import WatchError, watch
from npng_edge.board_model import LOST_S, STALE_S, Board, on_message, score, status
from npng_edge.board_view import draw, event_words, score_words
from npng_edge.publish.messages import Message, State
from npng_edge.publish.stamp import Stamp
from npng_edge.settings import Broker, Place
from npng_edge.units import (
    ACTION_UNITS,
    ActionUnits,
    Alarm,
    AlarmKind,
    Assessment,
    BaselineOrigin,
    Box,
    EyeClosure,
    Face,
    Phase,
    Pose,
    Presence,
    Priority,
    Reading,
    Reason,
    Transition,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BED = "demo/ward-1/bed-01"
FACE = Face(Box(10, 10, 80, 100), Pose(0, 0, 0), 0.8)


class Device:
    """Makes the messages of one bed, as the daemon does, on a clock of its own."""

    def __init__(self, bed: str = BED, boot_id: str = "boot", wall: float = 1_800_000_000.0) -> None:
        self.bed = bed
        self.now = 100.0
        self._wall = wall
        self._stamp = Stamp(
            bed,
            boot_id,
            clock_synchronised=lambda: True,
            monotonic=lambda: self.now,
            wall=lambda: self._wall + self.now,
        )

    def topic(self, name: str) -> str:
        return f"npng/v1/{self.bed}/{name}"

    def state(self, value: str = "online") -> State:
        since = datetime.now(timezone.utc)
        fields = {**self._stamp.envelope("state"), "value": value, "since": since, "software": "0.1.0", "models": {}}
        return State.model_validate(fields)

    def pain(self, pspi: float | None, above: float | None = None, reasons: tuple[Reason, ...] = ()) -> Message:
        units = None
        if pspi is not None:
            intensity = dict.fromkeys(ACTION_UNITS, 0.1) | {"AU4": min(pspi, 5.0)}
            units = ActionUnits(MappingProxyType(intensity), EyeClosure(0.0, 0.0))
        reading = Reading(1, self.now, 1, FACE, units, reasons)
        origin = BaselineOrigin.NONE if above is None else BaselineOrigin.LEARNT
        return self._stamp.pain(reading, Assessment(self.now, pspi, above, origin, None, pain=False), 4.0)

    def present(self, priority: Priority = Priority.MEDIUM, cause: str = "PSPI 6.4.") -> Alarm:
        return Alarm(1, "pain", AlarmKind.PHYSIOLOGICAL, priority, Presence.ON, self.now, cause)

    def alarm(self, phase: Phase, cause: str = "PSPI 6.4.") -> Message:
        return self._stamp.alarm(Transition(phase, self.present(cause=cause), self.now))

    def alarms(self, *present: Alarm) -> Message:
        return self._stamp.alarms(present, 1)


def hear(board: Board, device: Device, name: str, message: Message) -> Board:
    return on_message(board, device.topic(name), message.payload(), device.now)


def picture(board: Board, now: float, width: int = 110, height: int = 32) -> str:
    out = io.StringIO()
    Console(file=out, width=width, height=height).print(draw(board, now, "127.0.0.1:1883", height))
    return out.getvalue()


def test_a_score_is_shown_with_its_units_and_curve() -> None:
    device = Device()
    board = hear(hear(Board(), device, "state", device.state()), device, "pain", device.pain(3.2))
    shown = picture(board, device.now)
    assert "PSPI 3.2" in shown
    assert "no baseline yet" in shown
    assert "view 80%, 1 in view" in shown
    assert re.search(r"AU4 +█+.? +3\.2", shown)
    assert "● online" in shown


def test_what_is_not_seen_is_unknown_with_its_reason_and_never_zero() -> None:
    device = Device()
    board = hear(Board(), device, "pain", device.pain(None, reasons=(Reason.OCCLUDED,)))
    shown = picture(board, device.now)
    assert "PSPI unknown" in shown
    assert "cannot see: occluded" in shown
    assert "PSPI 0" not in shown
    assert "·" in shown
    assert "▁" not in shown
    assert "PSPI unknown (cannot see: occluded)" in score_words(board.beds[BED], device.now)


def test_an_old_score_is_not_shown_as_the_present_one_and_a_silent_bed_is_lost() -> None:
    device = Device()
    board = hear(hear(Board(), device, "state", device.state()), device, "pain", device.pain(6.0))
    bed = board.beds[BED]
    assert score(bed, device.now + STALE_S - 0.1) is not None
    assert score(bed, device.now + STALE_S + 0.1) is None
    assert status(bed, device.now + LOST_S - 0.1) == "online"
    assert status(bed, device.now + LOST_S + 0.1) == "lost"
    shown = picture(board, device.now + LOST_S + 0.1)
    assert "● lost" in shown
    assert "PSPI unknown" in shown


@pytest.mark.parametrize("value", ["offline", "stopped"])
def test_a_bed_that_says_it_is_gone_is_gone(value: str) -> None:
    device = Device()
    board = hear(hear(Board(), device, "pain", device.pain(6.0)), device, "state", device.state(value))
    assert status(board.beds[BED], device.now) == value
    assert score(board.beds[BED], device.now) is None
    assert event_words(board.events[-1]).endswith(f"{BED} is {value}")


def test_a_score_that_waited_in_the_outbox_does_not_replace_a_newer_one() -> None:
    device = Device()
    late = device.pain(9.0)
    device.now += 30.0
    board = hear(hear(Board(), device, "pain", device.pain(1.0)), device, "pain", late)
    newest = score(board.beds[BED], device.now)
    assert newest is not None
    assert newest.pspi == 1.0
    assert [point.pspi for point in board.beds[BED].curve] == [1.0]


def test_after_a_restart_with_the_clock_set_back_scores_are_not_late() -> None:
    before, after = Device(boot_id="one"), Device(boot_id="two", wall=1_000_000_000.0)
    board = hear(Board(), before, "pain", before.pain(5.0))
    board = hear(hear(board, after, "state", after.state()), after, "pain", after.pain(2.0))
    newest = score(board.beds[BED], after.now)
    assert newest is not None
    assert newest.pspi == 2.0


def test_the_curve_keeps_one_minute() -> None:
    device = Device()
    board = Board()
    for _ in range(200):
        device.now += 1.0
        board = hear(board, device, "pain", device.pain(2.0))
    assert 60 <= len(board.beds[BED].curve) <= 62


def test_raised_is_judged_above_the_baseline_where_there_is_one() -> None:
    device = Device()
    board = hear(Board(), device, "pain", device.pain(6.0, above=1.0))
    device.now += 1.0
    board = hear(board, device, "pain", device.pain(6.0, above=4.5))
    assert [point.raised for point in board.beds[BED].curve] == [False, True]


def test_alarms_are_shown_with_priority_and_the_log_names_each_transition_once() -> None:
    device = Device()
    start = device.alarm(Phase.START)
    board = hear(Board(), device, "alarm", start)
    board = hear(board, device, "alarm", start)
    board = hear(board, device, "alarms", device.alarms(device.present()))
    assert len(board.events) == board.logged == 1
    assert event_words(board.events[0]).endswith(f"{BED} ALARM !! pain: PSPI 6.4.")
    shown = picture(board, device.now)
    assert "!! pain" in shown
    assert "1 alarm present" in shown
    assert "assess the pain" in shown
    board = hear(hear(board, device, "alarm", device.alarm(Phase.END)), device, "alarms", device.alarms())
    assert "no alarm" in picture(board, device.now)
    assert [event.alarm and event.alarm.phase for event in board.events] == [Phase.START, Phase.END]


@pytest.mark.parametrize(
    ("payload", "what"),
    [
        (b"{nonsense", "Invalid JSON"),
        (b"\xff\xfe", "Invalid JSON"),
        (b'{"schema": "npng/pain/2"}', "Field required|Input should be"),
        (b"[]", "Input should be"),
    ],
)
def test_a_message_that_cannot_be_read_is_counted_and_changes_nothing_else(payload: bytes, what: str) -> None:
    device = Device()
    board = hear(Board(), device, "pain", device.pain(3.0))
    after = on_message(board, device.topic("pain"), payload, device.now)
    assert after.bad == 1
    assert re.search(what, after.bad_last)
    assert after.beds == board.beds
    assert "1 bad message" in picture(after, device.now)


def test_a_message_about_another_bed_than_its_topic_is_bad() -> None:
    device = Device()
    board = on_message(Board(), "npng/v1/demo/ward-1/bed-99/pain", device.pain(3.0).payload(), device.now)
    assert board.bad == 1
    assert not board.beds


@pytest.mark.parametrize("name", ["response/baseline", "request/baseline", "fusion", "vitals"])
def test_topics_that_are_not_shown_are_passed_over(name: str) -> None:
    assert on_message(Board(), f"npng/v1/{BED}/{name}", b"{}", 0.0) == Board()


def test_nothing_from_the_network_can_steer_the_terminal() -> None:
    device = Device()
    cause = "\x1b[2Jgone \x07[red]"
    board = hear(Board(), device, "alarm", device.alarm(Phase.START, cause=cause))
    board = hear(board, device, "alarms", device.alarms(device.present(cause=cause)))
    shown = picture(board, device.now) + event_words(board.events[0])
    assert "\x1b" not in shown
    assert "\x07" not in shown
    assert "[red]" in shown


def test_many_beds_become_rows_the_urgent_ones_first() -> None:
    board = Board()
    for number in range(40):
        device = Device(f"demo/ward-1/bed-{number:02d}")
        board = hear(board, device, "state", device.state())
        board = hear(board, device, "pain", device.pain(1.0))
    board = hear(board, device, "alarms", device.alarms(device.present(Priority.HIGH)))
    shown = picture(board, 100.0, width=80, height=24)
    assert len(shown.splitlines()) <= 24
    assert "!!! pain" in shown
    assert "bed-39" in shown
    assert "40 beds" in shown


def plain(broker: Broker, until: Callable[[Board], bool], place: Place | None = None) -> str:
    out = io.StringIO()
    watch(broker, place, console=Console(file=out), until=until)
    return out.getvalue()


def test_without_a_terminal_it_says_plain_lines(broker: MosquittoBroker) -> None:
    device, other = Device(), Device("demo/ward-1/bed-02")
    station = Station(broker, "nothing")
    for name, message in (
        ("state", device.state()),
        ("pain", device.pain(6.4)),
        ("alarms", device.alarms(device.present())),
    ):
        station.publish(device.topic(name), message.payload(), retain=True)
    station.publish(device.topic("health"), b"{", retain=True)
    station.publish(other.topic("pain"), other.pain(1.0).payload(), retain=True)

    said = plain(Broker(host=broker.host, port=broker.port), lambda board: len(board.beds) == 2 and board.bad == 1)
    assert "broker: connected" in said
    assert f"{BED} is online" in said
    assert f"{BED} PSPI 6.4; alarms: pain" in said
    assert "bad message 1" in said
    assert "bed-02 PSPI 1.0" in said

    said = plain(Broker(host=broker.host, port=broker.port), lambda board: len(board.beds) == 1, Place(bed="bed-02"))
    assert "bed-02" in said
    assert "bed-01" not in said
    station.close()


def test_it_waits_for_a_broker_and_comes_back_after_one_was_lost(make_broker: Callable[..., MosquittoBroker]) -> None:
    server = make_broker()
    seen: list[str] = []

    def until(board: Board) -> bool:
        """Acts the network: the broker comes up late, dies, and comes back."""
        words = board.connection.partition(":")[0]
        if words in seen[-1:]:
            return False
        seen.append(words)
        if words == "connected" and "lost" not in seen:
            server.kill()
        elif words in ("not reached", "lost"):
            server.start()
        return words == "connected" and "lost" in seen

    plain(Broker(host=server.host, port=server.port, reconnect_max_s=1), until)
    assert [words for words in seen if words != "connecting"] == ["not reached", "connected", "lost", "connected"]


def test_a_refusing_broker_is_named(make_broker: Callable[..., MosquittoBroker], tmp_path: Path) -> None:
    server = make_broker(users={"board": "right"})
    server.start()
    password = tmp_path / "password"
    password.write_text("wrong\n")
    settings = Broker(host=server.host, port=server.port, username="board", password_file=password)
    said = plain(settings, lambda board: board.connection.startswith("refused"))
    assert "broker: refused: Not authorized" in said
    password.write_text("right\n")
    assert "broker: connected" in plain(settings, lambda board: board.connection == "connected")


def test_a_missing_password_file_is_said_before_anything_else(tmp_path: Path) -> None:
    settings = Broker(username="board", password_file=tmp_path / "none")
    with pytest.raises(WatchError, match=r"credentials for 127\.0\.0\.1:1883 cannot be used.*none"):
        watch(settings)


def test_the_live_board_draws_into_a_terminal(broker: MosquittoBroker) -> None:
    device = Device()
    station = Station(broker, "nothing")
    station.publish(device.topic("pain"), device.pain(6.4).payload(), retain=True)
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=110, height=32)
    board = watch(Broker(host=broker.host, port=broker.port), console=console, until=lambda board: BED in board.beds)
    station.close()
    assert board.connection == "connected"
    assert "PSPI 6.4" in out.getvalue()
