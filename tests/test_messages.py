from __future__ import annotations

import json
import re
import threading
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import ValidationError

from npng_edge.publish import messages
from npng_edge.publish.messages import (
    Alarm,
    AlarmPart,
    BaselineRequest,
    BaselineResponse,
    CameraHealth,
    Health,
    OutboxHealth,
    Pain,
    Spread,
    State,
)
from npng_edge.publish.stamp import CLOCK_STEP_S, Stamp, stored
from npng_edge.publish.topics import MANNERS, Topics
from npng_edge.settings import Place
from npng_edge.units import (
    ACTION_UNITS,
    ActionUnits,
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
from npng_edge.units import Alarm as AlarmUnit

NOW = datetime(2026, 3, 1, 8, 30, 0, 123456, tzinfo=timezone.utc)
TOPICS = Topics(Place(facility="st-mary", unit="icu", bed="7"))


class Clocks:
    monotonic = 500.0
    wall = NOW.timestamp()


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


@pytest.fixture
def stamp(clocks: Clocks) -> Stamp:
    return Stamp(
        TOPICS.place,
        "boot",
        clock_synchronised=lambda: None,
        monotonic=lambda: clocks.monotonic,
        wall=lambda: clocks.wall,
    )


def alarm(number: int = 1, presence: Presence = Presence.ON) -> AlarmUnit:
    return AlarmUnit(number, "pain", AlarmKind.PHYSIOLOGICAL, Priority.MEDIUM, presence, 490.0, "PSPI 6.2 for 2 s.")


def scored() -> tuple[Reading, Assessment]:
    face = Face(Box(-3.2, 10, 100, 120), Pose(1.26, -5, 90), 0.912)
    units = ActionUnits(dict.fromkeys(ACTION_UNITS, 1.23456), EyeClosure(0.25, 1.0))
    reading = Reading(3, 499.9, 2, face, units, pain_probability=None)
    return reading, Assessment(499.9, 6.1234, None, BaselineOrigin.NONE, "smile", pain=True)


def unscored() -> tuple[Reading, Assessment]:
    reading = Reading(4, 500.0, 0, None, None, (Reason.NO_FACE,))
    return reading, Assessment(500.0, None, None, BaselineOrigin.LEARNT, None, pain=False)


def test_a_score_says_everything_and_is_small(stamp: Stamp) -> None:
    message = stamp.pain(*scored(), threshold=4.0)
    content = json.loads(message.payload())
    assert content["schema"] == "npng/pain/1"
    assert content["bed"] == "st-mary/icu/7"
    assert content["time"] == "2026-03-01T08:30:00.123Z"
    assert content["clock_synchronised"] is None
    assert content["pspi"] == 6.12
    assert content["pspi_above_baseline"] is None
    assert content["action_units"]["AU4"] == 1.23
    assert content["box"] == {"x": -3.2, "y": 10, "width": 100, "height": 120}
    assert content["vas_estimate"] is None
    assert content["pain"] is True
    assert len(message.payload()) < 2048
    assert Pain.parse(message.payload()).payload() == message.payload()


def test_what_is_unknown_is_null_with_a_reason_never_zero(stamp: Stamp) -> None:
    content = json.loads(stamp.pain(*unscored(), threshold=4.0).payload())
    for name in ("pspi", "pspi_above_baseline", "action_units", "eyes_closed", "quality", "pose", "box"):
        assert content[name] is None
    assert content["reasons"] == ["no-face"]


def test_sequence_counts_per_topic_and_ids_are_unique(stamp: Stamp) -> None:
    score = [stamp.pain(*unscored(), threshold=4.0) for _ in range(3)]
    change = stamp.alarm(Transition(Phase.START, alarm(), 499.0))
    assert [message.sequence for message in score] == [1, 2, 3]
    assert change.sequence == 1
    assert len({message.id for message in (*score, change)}) == 4


def test_an_envelope_may_be_filled_from_several_threads(stamp: Stamp) -> None:
    numbers: list[int] = []
    threads = [
        threading.Thread(target=lambda: numbers.extend(stamp.envelope("state")["sequence"] for _ in range(1000)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(numbers) == list(range(1, 4001))


def test_the_same_moment_keeps_its_time_until_the_clock_is_set(stamp: Stamp, clocks: Clocks) -> None:
    first = stamp.alarm_part(alarm()).since
    assert first == NOW - timedelta(seconds=10)
    clocks.monotonic += 60
    clocks.wall += 60 + CLOCK_STEP_S / 2  # The wall clock is slewed a little.
    assert stamp.alarm_part(alarm()).since == first
    clocks.wall += 3600  # It is set.
    assert stamp.alarm_part(alarm()).since - first > timedelta(hours=1)


def test_level_and_edge_speak_of_the_same_alarm(stamp: Stamp) -> None:
    edge = stamp.alarm(Transition(Phase.START, alarm(7), 492.0))
    level = stamp.alarms([alarm(7)], checks=12)
    assert level.present == (edge.alarm,)
    assert edge.alarm.alarm_id == "boot-7"
    assert edge.at == NOW - timedelta(seconds=8)
    assert level.self_check.count == 12
    assert stored(level.present) == {"boot-7": edge.alarm.model_dump_json().encode()}


def test_alarms_of_an_ended_run_get_their_end(stamp: Stamp, caplog: pytest.LogCaptureFixture) -> None:
    before = stored([stamp.alarm_part(alarm(7))])
    (end,) = stamp.ended_by_restart({**before, "odd": b'{"from": "another version"}'})
    assert (end.phase, end.alarm.alarm_id, end.alarm.presence) == (Phase.END, "boot-7", Presence.OFF)
    assert end.sequence == 1
    assert "started again" in end.alarm.cause
    assert "cannot be read" in caplog.text


def test_state_health_and_response_go_to_json_and_back(stamp: Stamp) -> None:
    state = State(
        **stamp.envelope("state"), value="online", since=NOW, software="0.1.0", models={"action-units": "ab" * 32}
    )
    health = Health(
        **stamp.envelope("health"),
        capture_fps=15.0,
        inference_fps=None,
        dropped_frames=3,
        dropped_events=0,
        latency_ms={"frame-to-message": Spread(p50=40.0, p95=80.0)},
        temperature_c=None,
        disk_free_mb=1000.0,
        memory_mb=200.0,
        outbox=OutboxHealth(depth=0, oldest_s=None, bytes=0, thinned=0),
        camera=CameraHealth(source="v4l2:/dev/video0", fault=None, detail="", reopened=0),
        alarms_present=("pain",),
        self_check=stamp.self_check(4),
    )
    response = BaselineResponse(
        **stamp.envelope("response/baseline"), request_id="r1", outcome="refused", reason="expired", detail=""
    )
    for message in (state, health, response):
        assert type(message).parse(message.payload()).payload() == message.payload()


@pytest.mark.parametrize(
    "change",
    [
        {"who": ""},
        {"schema": "npng/request-baseline/2"},
        {"action": "sing"},
        {"expires": "2026-03-01T08:30:00"},  # No time zone.
        {"please": "hurry"},
        {"id": "x" * 65},
    ],
)
def test_a_request_that_is_not_exactly_one_is_refused(change: dict[str, Any]) -> None:
    good = {
        "schema": "npng/request-baseline/1",
        "id": "r1",
        "who": "Joy",
        "action": "capture",
        "expires": "2026-03-01T08:31:00Z",
    }
    assert BaselineRequest.parse(json.dumps(good).encode()).expires > NOW
    with pytest.raises(ValidationError):
        BaselineRequest.parse(json.dumps({**good, **change}).encode())


def test_no_infinity_and_nothing_changed_afterwards(stamp: Stamp) -> None:
    part = stamp.alarm_part(alarm())
    with pytest.raises(ValidationError):
        part.cause = "else"  # type: ignore[misc]
    with pytest.raises(ValidationError):
        Spread(p50=float("inf"), p95=1.0)


def all_models() -> list[type[messages.Part]]:
    found = [value for value in vars(messages).values() if isinstance(value, type) and issubclass(value, messages.Part)]
    assert AlarmPart in found
    return found


@pytest.mark.parametrize("model", all_models())
def test_every_field_is_described(model: type[messages.Part]) -> None:
    assert model.__doc__
    for name, field in model.model_fields.items():
        assert field.description, f"{model.__name__}.{name}"


def test_topics_are_those_of_the_contract() -> None:
    assert TOPICS.pain == "npng/v1/st-mary/icu/7/pain"
    assert TOPICS.requests == "npng/v1/st-mary/icu/7/request/#"
    assert TOPICS.request_name(TOPICS.request("baseline")) == "baseline"
    assert TOPICS.request_name("npng/v1/st-mary/icu/8/request/baseline") is None
    assert TOPICS.manner(TOPICS.response("baseline", None)) == MANNERS["response"]
    assert TOPICS.manner(TOPICS.state).retain
    with pytest.raises(KeyError):
        TOPICS.manner("npng/v1/st-mary/icu/8/pain")


def test_an_alarm_never_expires() -> None:
    assert MANNERS["alarm"].expiry_s is None
    assert MANNERS["alarms"].expiry_s is None


@pytest.mark.parametrize(
    ("asked", "used"),
    [
        (None, "response/baseline"),
        ("npng/v1/st-mary/icu/7/response/baseline/station-1", "response/baseline/station-1"),
        ("npng/v1/st-mary/icu/7/alarms", "response/baseline"),
        ("npng/v1/st-mary/icu/8/response/baseline/x", "response/baseline"),
        ("npng/v1/st-mary/icu/7/response/baseline/#", "response/baseline"),
    ],
)
def test_a_response_stays_below_the_bed(asked: str | None, used: str) -> None:
    assert TOPICS.response("baseline", asked) == f"npng/v1/st-mary/icu/7/{used}"


def test_times_are_utc_with_milliseconds() -> None:
    local = NOW.astimezone(timezone(timedelta(hours=5)))
    part = AlarmPart(**{**_part(), "since": local})
    assert re.search(rb'"since":"2026-03-01T08:30:00.123Z"', part.model_dump_json().encode())


def _part() -> dict[str, Any]:
    return {
        "alarm_id": "a",
        "condition": "pain",
        "kind": AlarmKind.PHYSIOLOGICAL,
        "priority": Priority.HIGH,
        "presence": Presence.ON,
        "since": NOW,
        "cause": "",
        "action": "",
    }


def test_an_alarm_has_all_that_the_station_needs(stamp: Stamp) -> None:
    content = json.loads(stamp.alarm(Transition(Phase.END, alarm(presence=Presence.OFF), 495.0)).payload())
    assert content["phase"] == "end"
    assert content["alarm"]["presence"] == "off"
    assert content["alarm"]["kind"] == "physiological"
    assert Alarm.parse(json.dumps(content).encode()).alarm.priority is Priority.MEDIUM
