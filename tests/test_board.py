"""The board: what it makes of messages, how it looks, and that it hears a real broker."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from datetime import datetime, timezone
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest
from broker import MosquittoBroker, Station
from rich.console import Console

from npng_edge.policy.happening.episode import Closing, Episode, Trigger, TriggerKind
from npng_edge.policy.vital.autonomic import Autonomic
from npng_edge.policy.vital.fusion import Fusion
from npng_edge.publish.messages import Envelope, State
from npng_edge.publish.stamp import PatientFacts, Stamp
from npng_edge.settings import Broker, Place
from npng_edge.station.board import WatchError, watch
from npng_edge.station.model import FUSED_S, LOST_S, STALE_S, Board, episode, fusion, on_message, rank, score, status
from npng_edge.station.view import draw
from npng_edge.station.words import event_words, score_words
from npng_edge.units import (
    ACTION_UNITS,
    ActionUnits,
    Activation,
    Alarm,
    AlarmKind,
    Assessment,
    BaselineOrigin,
    Box,
    Change,
    Estimate,
    EyeClosure,
    Face,
    LookAlike,
    PainLevel,
    Phase,
    Pose,
    Presence,
    Priority,
    Reading,
    Reason,
    Threshold,
    Transition,
    Trend,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BED = "demo/ward-1/bed-01"
PATIENT = "p-0042"
SEE = "See the patient and assess the pain."
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

    def state(self, value: str = "online", patient: str | None = PATIENT) -> State:
        since = datetime.now(timezone.utc)
        fields = {"value": value, "since": since, "software": "0.1.0", "models": {}, "patient": patient}
        return State.model_validate({**self._stamp.envelope("state"), **fields})

    def pain(
        self,
        pspi: float | None,
        above: float | None = None,
        reasons: tuple[Reason, ...] = (),
        patient: str | None = PATIENT,
        facts: PatientFacts | None = None,
        **changes: Any,
    ) -> Envelope:
        units = None
        if pspi is not None:
            intensity = dict.fromkeys(ACTION_UNITS, 0.1) | {"AU4": min(pspi, 5.0)}
            units = ActionUnits(MappingProxyType(intensity), EyeClosure(0.0, 0.0))
        reading = Reading(1, self.now, 1, FACE, units, reasons)
        origin = BaselineOrigin.NONE if above is None else BaselineOrigin.LEARNT
        made = Assessment(
            time=self.now,
            pspi=pspi,
            pspi_error=None,
            pspi_above_baseline=above,
            reasons=reasons,
            baseline=origin,
            look_alike=None,
            pain=False,
            threshold=Threshold(4.0, 7.0, 4.0, "configured"),
            level=None,
            trend=None,
            confidence=None,
            since=None,
            minutes_above=0.0,
            vas=None,
            asymmetry=None,
        )
        return self._stamp.pain(
            reading, replace(made, **changes), facts or PatientFacts(patient, None, None, None, "too-few-ratings")
        )

    def present(self, priority: Priority = Priority.MEDIUM, cause: str = "PSPI 6.4.", **changes: Any) -> Alarm:
        alarm = Alarm("boot-1", "pain", AlarmKind.PHYSIOLOGICAL, priority, Presence.ON, self.now, cause)
        return replace(alarm, **changes)

    def alarm(self, change: Change, cause: str = "PSPI 6.4.", **changes: Any) -> Envelope:
        phase = {Change.RAISED: Phase.START, Change.ENDED: Phase.END}.get(change, Phase.UPDATE)
        return self._stamp.alarm(Transition(phase, change, self.present(cause=cause, **changes), self.now))

    def alarms(self, *present: Alarm, paused: dict[str, float] | None = None) -> Envelope:
        return self._stamp.alarms(present, paused or {}, 1)

    def fusion(self, priority: int, patient: str = PATIENT, support: float | None = None) -> Envelope:
        made = Fusion(
            time=self.now,
            level=PainLevel.PAIN,
            pspi_above_baseline=None,
            vas=None,
            since=self.now,
            minutes_above=0.0,
            unseen=(),
            support=Autonomic(support, MappingProxyType({}), None if support is not None else "no-vitals"),
            news2=None,
            unattended_s=0.0,
            priority=priority,
            points=MappingProxyType({"pain": priority, "support": 0}),
        )
        return self._stamp.fusion(made, patient, ())

    def episode(
        self, onset_utc: float, kind: TriggerKind | None, revision: int = 0, patient: str = PATIENT
    ) -> Envelope:
        record = Episode(
            id="boot-e1",
            revision=revision,
            continues=None,
            closing=Closing.OVER,
            onset_utc=onset_utc,
            raised_utc=onset_utc,
            peak_utc=None,
            end_utc=onset_utc + 12,
            duration_s=12.0,
            before_s=60.0,
            seen_s=12.0,
            above_baseline=False,
            peak_pspi=8.25,
            mean_pspi=6.0,
            peak_units=None,
            trigger=Trigger(kind, 0.0 if kind is None else 0.75),
            most_people=1,
            attended_s=0.0,
            vitals=(),
            dynamics=None,
            series=(),
        )
        return self._stamp.episode(record, patient, "stay")


def hear(board: Board, device: Device, name: str, message: Envelope) -> Board:
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
    start = device.alarm(Change.RAISED)
    board = hear(Board(), device, "alarm", start)
    board = hear(board, device, "alarm", start)
    board = hear(board, device, "alarms", device.alarms(device.present()))
    assert len(board.events) == board.logged == 1
    assert event_words(board.events[0]).endswith(f"{BED} ALARM !! pain: PSPI 6.4. {SEE}")
    shown = picture(board, device.now)
    assert "!! pain" in shown
    assert "1 alarm present" in shown
    assert SEE in shown
    board = hear(hear(board, device, "alarm", device.alarm(Change.ENDED)), device, "alarms", device.alarms())
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


@pytest.mark.parametrize("name", ["response/baseline", "request/baseline", "bolus", "vitals"])
def test_topics_that_are_not_shown_are_passed_over(name: str) -> None:
    assert on_message(Board(), f"npng/v1/{BED}/{name}", b"{}", 0.0) == Board()


def test_nothing_from_the_network_can_steer_the_terminal() -> None:
    device = Device()
    cause = "\x1b[2Jgone \x07[red]"
    board = hear(Board(), device, "alarm", device.alarm(Change.RAISED, cause=cause))
    hostile = device.present(cause=cause, by=cause, until=200.0, presence=Presence.ACKNOWLEDGED)
    board = hear(board, device, "alarms", device.alarms(hostile, paused={cause: 200.0}))
    board = hear(board, device, "state", device.state(patient=cause))
    board = hear(board, device, "fusion", device.fusion(9, patient=cause))
    board = hear(board, device, "episode", device.episode(0.0, TriggerKind.REST, patient=cause))
    shown = picture(board, device.now) + picture(board, device.now, 80, 16) + event_words(board.events[0])
    shown += score_words(board.beds[BED], device.now)
    assert "\x1b" not in shown
    assert "\x07" not in shown
    assert "[red]" in shown


def test_a_bed_without_a_patient_says_so_plainly() -> None:
    device = Device()
    board = hear(Board(), device, "state", device.state(patient=None))
    board = hear(board, device, "pain", device.pain(None, reasons=(Reason.NO_PATIENT,), patient=None))
    shown = picture(board, device.now, 100, 30)
    assert "no patient assigned" in shown
    assert "nothing is scored" in shown
    assert "cannot see" not in shown
    assert "no patient assigned, nothing is scored" in score_words(board.beds[BED], device.now)
    board = hear(board, device, "state", device.state())
    shown = picture(board, device.now, 100, 30)
    assert PATIENT in shown
    assert "no patient assigned" not in shown


def test_what_a_nurse_needs_of_a_score_is_on_the_board_and_in_the_line() -> None:
    device = Device(wall=datetime.now(timezone.utc).timestamp() - 165.0)
    message = device.pain(
        6.0,
        above=4.5,
        threshold=Threshold(3.2, 6.1, 4.0, "ordered"),
        level=PainLevel.PAIN,
        trend=Trend.RISING,
        confidence=0.82,
        since=device.now,
        vas=Estimate(5.2, 3.9, 6.4),
        look_alike=LookAlike.TALK,
    )
    board = hear(Board(), device, "pain", message)
    shown = picture(board, device.now, 100, 30)
    line = score_words(board.beds[BED], device.now)
    assert "pain for 1:05" in shown
    assert re.search(r"pain since \d\d:\d\d:\d\d \(1:05\), rising, confidence 82%", line)
    assert "rising, confidence 82%" in shown
    for words in (
        PATIENT,
        "PSPI 6.0, 4.5 above baseline",
        "alarm from 3.2 (ordered), severe 6.1",
        "VAS about 5.2 (3.9 to 6.4)",
        "put down to talk, not pain",
    ):
        assert words in shown
        assert words in line


def test_of_a_patient_whose_face_tells_little_no_estimate_is_shown_but_that() -> None:
    device = Device()
    facts = PatientFacts(PATIENT, None, None, None, "not-expressive")
    board = hear(Board(), device, "pain", device.pain(1.0, facts=facts, vas=Estimate(1.0, 0.0, 9.0)))
    shown = picture(board, device.now, 100, 30)
    assert "tells little" in shown
    assert "VAS" not in shown


def test_the_ward_priority_is_shown_with_its_parts_until_it_is_old_or_of_somebody_else() -> None:
    device = Device()
    board = hear(hear(Board(), device, "state", device.state()), device, "fusion", device.fusion(23, support=0.5))
    assert "ward priority 23 (pain 23); vital signs go along 50%" in picture(board, device.now, 100, 30)
    assert "ward priority 23" in score_words(board.beds[BED], device.now)
    assert fusion(replace(board.beds[BED], heard=device.now + FUSED_S + 0.1), device.now + FUSED_S + 0.1) is None
    left = hear(board, device, "state", device.state(patient="p-0043"))
    assert "no ward priority" in picture(left, device.now, 100, 30)


def test_the_last_episode_is_shown_with_what_started_it() -> None:
    device = Device()
    board = hear(Board(), device, "state", device.state())
    onset = 1_800_000_050.0
    for message in (
        device.episode(onset - 100, None),
        device.episode(onset, TriggerKind.HANDLING, revision=1),
        device.episode(onset, None),
        device.episode(onset - 100, TriggerKind.REST, revision=1),
    ):
        board = hear(board, device, "episode", message)
    shown = picture(board, device.now, 100, 30)
    assert re.search(
        r"last episode \S+, 12 s, PSPI up to 8\.2; before it somebody was with the patient, 75% sure", shown
    )
    board = hear(board, device, "state", device.state(patient="p-0043"))
    assert episode(board.beds[BED]) is None
    board = hear(board, device, "episode", device.episode(onset + 1, None, patient="p-0043"))
    assert "what started it is not known" in picture(board, device.now, 100, 30)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, r"!! pain  on, since"),
        ({"presence": Presence.LATCHED}, r"!! pain  over, but nobody has seen to it, since"),
        (
            {"presence": Presence.ACKNOWLEDGED, "until": 400.0, "by": "nurse Kim"},
            r"\(!! pain\) acknowledged until \S+ by nurse Kim, since",
        ),
        (
            {"activation": Activation.PAUSED, "until": 400.0, "by": "nurse Kim"},
            r"\(!! pain\) paused until \S+ by nurse Kim, since",
        ),
    ],
)
def test_an_alarm_says_whether_it_calls_for_somebody_and_what_to_do(changes: dict[str, Any], words: str) -> None:
    device = Device()
    board = hear(Board(), device, "alarms", device.alarms(device.present(**changes)))
    shown = picture(board, device.now, 100, 30)
    assert re.search(words, shown)
    assert SEE in shown
    silent = re.search(r"alarms: pain \((.*)\)$", score_words(board.beds[BED], device.now))
    assert (silent is None) is (changes == {})


def test_a_paused_condition_is_shown_though_it_is_not_present() -> None:
    device = Device()
    board = hear(Board(), device, "alarms", device.alarms(paused={"pain": 400.0}))
    assert re.search(r"paused: pain until \d\d:\d\d:\d\d", picture(board, device.now, 100, 30))
    assert re.search(r"pain paused until \d\d:\d\d:\d\d", score_words(board.beds[BED], device.now))


@pytest.mark.parametrize("change", list(Change))
def test_every_change_of_an_alarm_has_words_of_its_own(change: Change) -> None:
    device = Device()
    board = hear(Board(), device, "alarm", device.alarm(change, until=400.0, by="nurse Kim"))
    line = event_words(board.events[0])
    assert re.search(r"!! pain until \S+ by nurse Kim: PSPI 6\.4\.", line)
    calls = change in {
        Change.RAISED,
        Change.ESCALATED,
        Change.REMINDED,
        Change.ACKNOWLEDGEMENT_EXPIRED,
        Change.PAUSE_EXPIRED,
    }
    assert (SEE in line) is calls


def test_more_alarms_than_fit_are_counted_and_the_panel_keeps_its_height() -> None:
    device = Device()
    calm = hear(Board(), device, "alarms", device.alarms())
    names = ("pain-severe", "pain", "camera", "clock", "storage", "broker")
    many = [device.present(id=f"boot-{number}", condition=name) for number, name in enumerate(names)]
    full = hear(Board(), device, "alarms", device.alarms(*many))
    shown = picture(full, device.now, 100, 30)
    assert "and 2 more alarms" in shown
    assert len(shown.splitlines()) == len(picture(calm, device.now, 100, 30).splitlines()) <= 30
    assert max(map(len, shown.splitlines())) <= 100


def test_beds_stand_by_alarms_first_and_then_by_ward_priority() -> None:
    board, devices = Board(), {}
    for name, patient, priority, alarm in (
        ("calm", PATIENT, 3, None),
        ("sick", PATIENT, 44, None),
        ("alarm", PATIENT, 9, Priority.HIGH),
        ("low", PATIENT, 9, Priority.LOW),
        ("empty", None, None, None),
        ("unknown", PATIENT, None, None),
        ("gone", PATIENT, 9, None),
    ):
        device = devices[name] = Device(f"demo/ward-1/{name}")
        board = hear(board, device, "state", device.state("offline" if name == "gone" else "online", patient))
        if priority is not None:
            board = hear(board, device, "fusion", device.fusion(priority))
        if alarm is not None:
            board = hear(board, device, "alarms", device.alarms(device.present(alarm)))
    order = [bed.name.rpartition("/")[2] for bed in sorted(board.beds.values(), key=lambda bed: rank(bed, 100.0))]
    assert order == ["alarm", "gone", "low", "unknown", "sick", "calm", "empty"]
    shown = picture(board, 100.0, 100, 30)
    assert "!!! pain" in shown
    assert re.findall(r"│ ?(alarm|gone|low|unknown|sick|calm|empty)\b", shown) == order


def test_a_patient_who_came_after_the_last_will_was_made_is_still_named() -> None:
    device = Device()
    will = device.state("offline", patient=None)
    board = hear(hear(Board(), device, "state", device.state()), device, "state", will)
    assert board.beds[BED].patient == PATIENT


def test_scores_of_the_patient_before_are_not_shown_for_the_next() -> None:
    device = Device()
    late = device.pain(8.0)
    device.now += 1.0
    board = hear(hear(Board(), device, "state", device.state()), device, "pain", device.pain(9.0))
    board = hear(board, device, "state", device.state(patient="p-0043"))
    assert score(board.beds[BED], device.now) is None
    assert board.beds[BED].curve == ()
    board = hear(board, device, "pain", late)
    assert board.beds[BED].patient == "p-0043"
    assert score(board.beds[BED], device.now) is None


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
    assert "1.0/4.0" in shown
    assert max(map(len, shown.splitlines())) <= 80
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
    assert f"{BED} PSPI 6.4, no baseline yet, alarm from 4.0, severe 7.0; patient {PATIENT};" in said
    assert "; alarms: pain\n" in said
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
    assert f"broker: refused: {server.host}:{server.port}: Not authorized" in said
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
