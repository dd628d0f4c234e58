from __future__ import annotations

import dataclasses
import json
import re
import threading
from datetime import datetime, timedelta, timezone
from types import MappingProxyType
from typing import Any

import pytest
from pydantic import ValidationError

from npng_edge import requests, vitals
from npng_edge.policy.analgesia.interlock import BolusRequest
from npng_edge.policy.analgesia.vetoes import Veto, VetoReason
from npng_edge.policy.happening.episode import Closing, Missing, Trigger
from npng_edge.policy.happening.episode import Episode as EpisodeRecord
from npng_edge.policy.stays.profile import Baseline
from npng_edge.policy.vital.autonomic import Autonomic
from npng_edge.policy.vital.fusion import fuse
from npng_edge.policy.vital.news2 import score
from npng_edge.policy.vital.vital_signs import Signs
from npng_edge.publish import messages
from npng_edge.publish.messages import (
    Alarm,
    AlarmPart,
    Bolus,
    CameraHealth,
    Episode,
    Fusion,
    Health,
    OutboxHealth,
    Pain,
    Response,
    Spread,
    State,
)
from npng_edge.publish.stamp import CLOCK_STEP_S, PatientFacts, Stamp, stored
from npng_edge.publish.topics import MANNERS, Topics
from npng_edge.requests import REQUESTS, RefusalReason
from npng_edge.settings import Place
from npng_edge.units import (
    ACTION_UNITS,
    ActionUnits,
    AlarmKind,
    Assessment,
    BaselineOrigin,
    Box,
    Change,
    Estimate,
    EyeClosure,
    Face,
    LookAlike,
    Moment,
    PainLevel,
    Phase,
    Pose,
    Presence,
    Priority,
    Reading,
    Reason,
    Threshold,
    Transition,
)
from npng_edge.units import Alarm as AlarmUnit
from npng_edge.wire import Part

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
    return AlarmUnit(
        f"boot-{number}", "pain", AlarmKind.PHYSIOLOGICAL, Priority.MEDIUM, presence, 490.0, "PSPI 6.2 for 2 s."
    )


LIMITS = Threshold(4.0, 7.0, 4.0, "configured")
NOBODY = PatientFacts(None, None, None, None, None)
KIM = PatientFacts("P-0001", Baseline({}, BaselineOrigin.LEARNT, NOW.timestamp() - 60, 120, 0.2), 0.8, "medium", None)


def assessment(**fields: Any) -> Assessment:
    unknown: dict[str, Any] = dict.fromkeys((field.name for field in dataclasses.fields(Assessment)), None)
    known = {"time": 500.0, "reasons": (), "baseline": BaselineOrigin.NONE, "pain": False, "minutes_above": 0.0}
    return Assessment(**{**unknown, **known, "threshold": LIMITS, **fields})


def scored() -> tuple[Reading, Assessment, PatientFacts]:
    face = Face(Box(-3.2, 10, 100, 120), Pose(1.26, -5, 90), 0.912)
    errors = dict.fromkeys(ACTION_UNITS, 0.34567)
    units = ActionUnits(dict.fromkeys(ACTION_UNITS, 1.23456), EyeClosure(0.25, 1.0), errors)
    reading = Reading(3, 499.9, 2, face, units, pain_probability=None)
    made = assessment(
        pspi=6.1234,
        pspi_error=0.789,
        look_alike=LookAlike.SMILE,
        pain=True,
        level=PainLevel.PAIN,
        confidence=0.456,
        since=495.0,
    )
    return reading, made, KIM


def unscored() -> tuple[Reading, Assessment, PatientFacts]:
    reading = Reading(4, 500.0, 0, None, None, (Reason.NO_FACE,))
    return reading, assessment(reasons=reading.reasons), NOBODY


EPISODE = EpisodeRecord(
    id="boot-e1",
    revision=0,
    continues=None,
    closing=Closing.OVER,
    onset_utc=NOW.timestamp() - 30,
    raised_utc=NOW.timestamp() - 28,
    peak_utc=NOW.timestamp() - 20,
    end_utc=NOW.timestamp(),
    duration_s=30.0,
    before_s=60.0,
    seen_s=29.5,
    above_baseline=True,
    peak_pspi=8.5,
    mean_pspi=5.0,
    peak_units=MappingProxyType({"AU4": 3.0}),
    trigger=Trigger(None, 0.0, None, Missing.NOT_SEEN),
    most_people=1,
    attended_s=0.0,
    vitals=(),
    dynamics=None,
    series=(),
)


def test_a_score_says_everything_and_is_small(stamp: Stamp) -> None:
    message = stamp.pain(*scored())
    content = json.loads(message.payload())
    assert content["schema"] == "npng/pain/1"
    assert content["bed"] == "st-mary/icu/7"
    assert content["time"] == "2026-03-01T08:30:00.123Z"
    assert content["clock_synchronised"] is None
    assert content["pspi"] == 6.12
    assert content["pspi_above_baseline"] is None
    assert content["pspi_error"] == 0.79
    assert content["action_units"] == dict.fromkeys(ACTION_UNITS, 1.23)
    assert content["action_unit_errors"] == dict.fromkeys(ACTION_UNITS, 0.35)
    assert content["box"] == {"x": -3.2, "y": 10, "width": 100, "height": 120}
    assert content["vas_estimate"] is None
    assert content["patient"] == "P-0001"
    assert content["baseline"] == {"origin": "none", "at": "2026-03-01T08:29:00.123Z", "age_s": 60.0, "quality": 0.8}
    assert (content["level"], content["confidence"], content["level_since"]) == (
        "pain",
        0.46,
        "2026-03-01T08:29:55.123Z",
    )
    assert (content["threshold"], content["threshold_vas"], content["sensitivity"]) == (4.0, 4.0, "medium")
    assert content["pain"] is True
    assert len(message.payload()) < 2048
    assert Pain.parse(message.payload()).payload() == message.payload()


def test_what_is_unknown_is_null_with_a_reason_never_zero(stamp: Stamp) -> None:
    content = json.loads(stamp.pain(*unscored()).payload())
    for name in (
        "pspi",
        "pspi_error",
        "pspi_above_baseline",
        "action_units",
        "action_unit_errors",
        "eyes_closed",
        "quality",
        "pose",
        "box",
        "level",
        "patient",
    ):
        assert content[name] is None
    assert content["reasons"] == ["no-face"]


def test_a_score_of_an_older_bed_that_gives_no_errors_can_be_read(stamp: Stamp) -> None:
    content = json.loads(stamp.pain(*scored()).payload())
    del content["pspi_error"], content["action_unit_errors"]
    read = Pain.parse(json.dumps(content).encode())
    assert (read.pspi, read.pspi_error, read.action_unit_errors) == (6.12, None, None)


def test_sequence_counts_per_topic_and_ids_are_unique(stamp: Stamp) -> None:
    score = [stamp.pain(*unscored()) for _ in range(3)]
    change = stamp.alarm(Transition(Phase.START, Change.RAISED, alarm(), 499.0))
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
    edge = stamp.alarm(Transition(Phase.START, Change.RAISED, alarm(7), 492.0))
    level = stamp.alarms([alarm(7)], {"pain": 520.0}, checks=12)
    assert level.present == (edge.alarm,)
    assert edge.alarm.alarm_id == "boot-7"
    assert edge.at == NOW - timedelta(seconds=8)
    assert level.self_check.count == 12
    assert level.paused == {"pain": NOW + timedelta(seconds=20)}
    assert stored(level.present) == {"boot-7": edge.alarm.model_dump_json().encode()}


def test_alarms_of_an_ended_run_get_their_end(stamp: Stamp, caplog: pytest.LogCaptureFixture) -> None:
    before = stored([stamp.alarm_part(alarm(7))])
    ends, going_on = stamp.left_by({**before, "odd": b'{"from": "another version"}'}, same_patient=True)
    (end,) = ends
    assert going_on == ()
    assert (end.phase, end.alarm.alarm_id, end.alarm.presence) == (Phase.END, "boot-7", Presence.OFF)
    assert end.sequence == 1
    assert "started again" in end.alarm.cause
    assert "cannot be read" in caplog.text


def test_a_latching_alarm_that_nobody_saw_goes_on_after_a_restart(stamp: Stamp) -> None:
    severe = dataclasses.replace(alarm(8), condition="pain-severe", priority=Priority.HIGH)
    seen = dataclasses.replace(severe, id="boot-9", presence=Presence.ACKNOWLEDGED)
    kept = stored(map(stamp.alarm_part, (severe, seen)))
    ends, (latched,) = stamp.left_by(kept, same_patient=True)
    assert [end.alarm.alarm_id for end in ends] == ["boot-9"]
    assert (latched.id, latched.presence, latched.since) == ("boot-8", Presence.LATCHED, pytest.approx(490.0, abs=1e-3))
    ends, going_on = stamp.left_by(kept, same_patient=False)
    assert (len(ends), going_on) == (2, ())


def test_state_health_and_response_go_to_json_and_back(stamp: Stamp) -> None:
    state = State(
        **stamp.envelope("state"),
        value="online",
        since=NOW,
        software="0.1.0",
        models={"action-units": "ab" * 32},
        patient=None,
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
    response = Response(
        **stamp.envelope("response/baseline"),
        request="baseline",
        request_id="r1",
        outcome="refused",
        reason=RefusalReason.EXPIRED,
        detail="",
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
        {"schema": ...},
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
    assert requests.Baseline.parse(json.dumps(good).encode()).expires > NOW
    kept = {key: value for key, value in {**good, **change}.items() if value is not ...}
    with pytest.raises(ValidationError):
        requests.Baseline.parse(json.dumps(kept).encode())


GOOD: dict[str, Any] = {"id": "r1", "who": "Joy", "expires": "2026-03-01T08:31:00Z", "patient": "P-0001"}
ORDER: dict[str, Any] = {
    **GOOD,
    "drug": "morphine",
    "bolus_mg": 1,
    "lockout_s": 600,
    "limit_1h_mg": 4,
    "limit_4h_mg": 12,
    "until": "2026-03-02T08:00:00Z",
}


@pytest.mark.parametrize(
    ("name", "fields", "wrong"),
    [
        ("assign", GOOD, {"patient": "Kim Minji"}),
        ("assign", GOOD, {"spo2_scale": True}),
        ("update", GOOD, {"spo2_scale": True}),
        ("rate", {"vas": 7, "rater": "patient", "at": "2026-03-01T08:29:00Z"}, {"vas": 11}),
        ("pause", {"conditions": ["pain"], "seconds": 60}, {"seconds": float("inf")}),
        ("order", ORDER, {"limit_1h_mg": None}),
        ("order", ORDER, {"limit_4h_mg": 3}),
        ("override", {"pspi": 6, "until": "2026-03-02T08:00:00Z"}, {"until": None}),
        ("bolus-answer", {"bolus_id": "b", "outcome": "delivered", "delivered_mg": 1}, {"delivered_mg": -1}),
    ],
)
def test_a_request_outside_its_ranges_is_refused(name: str, fields: dict[str, Any], wrong: dict[str, Any]) -> None:
    common = {key: GOOD[key] for key in ("id", "who", "expires")}
    good = {"schema": f"npng/request-{name}/1", **common, **fields}
    assert REQUESTS[name].parse(json.dumps(good).encode())
    with pytest.raises(ValidationError):
        REQUESTS[name].parse(json.dumps({**good, **wrong}).encode())


def test_no_infinity_and_nothing_changed_afterwards(stamp: Stamp) -> None:
    part = stamp.alarm_part(alarm())
    with pytest.raises(ValidationError):
        part.cause = "else"  # type: ignore[misc]
    with pytest.raises(ValidationError):
        Spread(p50=float("inf"), p95=1.0)


def test_a_reader_passes_over_what_a_newer_bed_adds_and_a_bed_refuses_what_it_does_not_know(stamp: Stamp) -> None:
    newer = json.loads(stamp.pain(*scored()).payload()) | {"mood": "fine"}
    assert Pain.parse(json.dumps(newer).encode()).pspi == 6.12
    vital = {"schema": "npng/vitals/1", "id": "v", "source": "m", "at": "2026-03-01T08:30:00Z", "mood": "fine"}
    with pytest.raises(ValidationError):
        vitals.Vitals.parse(json.dumps(vital).encode())


def all_models() -> list[type[Part]]:
    found = [
        value
        for module in (messages, requests, vitals)
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Part)
    ]
    assert {AlarmPart, requests.Assign, vitals.Vitals} <= set(found)
    return found


@pytest.mark.parametrize("model", all_models())
def test_every_field_is_described(model: type[Part]) -> None:
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
        "activation": "on",
        "until": None,
        "by": None,
        "reminders": 0,
        "action": "",
        "action_ko": "",
    }


def test_an_alarm_has_all_that_the_station_needs(stamp: Stamp) -> None:
    content = json.loads(
        stamp.alarm(Transition(Phase.END, Change.ENDED, alarm(presence=Presence.OFF), 495.0)).payload()
    )
    assert content["phase"] == "end"
    assert content["alarm"]["presence"] == "off"
    assert content["alarm"]["kind"] == "physiological"
    assert Alarm.parse(json.dumps(content).encode()).alarm.priority is Priority.MEDIUM


def test_fusion_episode_and_bolus_go_to_json_and_back(stamp: Stamp) -> None:
    made = fuse(
        assessment(level=PainLevel.SEVERE, pspi_above_baseline=8.0, vas=Estimate(7.26, 5.5, 9.0), since=490.0),
        Autonomic(0.5, {"heart_rate": 2.345}),
        score(Signs(heart_rate=120.0), 1),
        alarms=[Priority.HIGH],
        unattended_s=65.0,
        moment=Moment(500.0, NOW.timestamp(), None),
    )
    fusion = stamp.fusion(made, "P-0001", [Veto(VetoReason.LOCKOUT, "The lockout ends in 3.0 min.")])
    content = json.loads(fusion.payload())
    assert content["vas_estimate"] == {"value": 7.3, "low": 5.5, "high": 9.0}
    assert (content["news2"]["total"], content["news2"]["at_least"]) == (None, 2)
    assert content["priority"] == sum(content["points"].values()) > 0
    assert content["bolus_vetoes"][0]["reason"] == "lockout"
    bolus = stamp.bolus(BolusRequest("b1", "morphine", 1.0, 0.0, NOW.timestamp() + 30, "Pain."), "P-0001")
    episode = stamp.episode(EPISODE, "P-0001", "boot-s1")
    for message, model in ((fusion, Fusion), (bolus, Bolus), (episode, Episode)):
        assert model.parse(message.payload()).payload() == message.payload()
    assert Episode.parse(episode.payload()).episode == dataclasses.replace(EPISODE, peak_units={"AU4": 3.0})
