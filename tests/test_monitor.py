from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stay import EPOCH, LAUGH, PAIN, PATIENT, SEVERE, Bed, units

from npng_edge.policy.events import Arrived, Asked, Left
from npng_edge.policy.face.pspi import pspi, pspi_error
from npng_edge.replay import Stays, run, transition_line
from npng_edge.requests import REQUESTS, RefusalReason
from npng_edge.settings import Baseline, Interlock, Policy
from npng_edge.units import (
    ACTION_UNITS,
    ActionUnits,
    BaselineOrigin,
    EyeClosure,
    LookAlike,
    PainLevel,
    Phase,
    Presence,
    Priority,
    Reason,
)

QUICK = Policy(baseline=Baseline(learn_s=5.0, capture_s=2.0))
FROWNER = {"AU4": 2.0, "AU7": 0.5}


def test_pspi_is_the_published_formula() -> None:
    assert pspi(units(PAIN)) == 2.0 + 2.5 + 1.5
    assert pspi(units(PAIN, closed=0.9)) == 2.0 + 2.5 + 1.5 + 1.0
    assert pspi(units()) == 0.0
    assert pspi(units(dict.fromkeys(ACTION_UNITS, 5.0), closed=1.0)) == 16.0


def test_one_closed_eye_is_not_au43() -> None:
    assert pspi(ActionUnits(units().intensity, EyeClosure(1.0, 0.1))) == 0.0


def test_the_error_of_pspi_is_that_of_the_units_that_count() -> None:
    errors = dict.fromkeys(ACTION_UNITS, 9.0) | {"AU4": 0.3, "AU7": 0.4, "AU9": 1.2, "AU6": 5.0, "AU10": 5.0}
    face = units({"AU4": 2.0, "AU6": 1.0, "AU7": 2.5, "AU9": 1.5})
    assert pspi_error(face) is None
    assert pspi_error(replace(face, deviation=errors)) == pytest.approx(1.3)  # the root of 0.3² + 0.4² + 1.2²
    (*_, last) = Bed().see(0.2, replace(face, deviation=errors)).decisions
    assert last.assessment is not None
    assert last.assessment.pspi_error == pytest.approx(1.3)


def test_a_device_without_a_patient_says_so_and_does_not_score() -> None:
    bed = Bed(assigned=False).see(20, units(SEVERE))
    assert bed.story == []
    assert bed.assessment.reasons == (Reason.NO_PATIENT,)
    assert (bed.assessment.pspi, bed.assessment.level, bed.assessment.pain) == (None, None, False)
    bed.see(60, None, Reason.NO_FACE)
    assert bed.story == []  # An empty bed is no fault ..
    assert bed.fault("camera", "black").story == ["camera raised"]  # .. a blind camera is one.


def test_nothing_is_scored_in_warm_up() -> None:
    bed = Bed(assigned=False).ask("assign", patient=PATIENT).see(1.8, units(SEVERE))
    assert bed.assessment.reasons == (Reason.WARMING_UP,)
    assert bed.assessment.pspi is None
    bed.see(1.0, units(SEVERE))
    assert bed.story == []
    bed.see(1.5, units(SEVERE))
    assert bed.story == ["pain raised", "pain-severe raised"]
    assert bed.transitions[0].alarm.since >= 2.0


def test_pain_is_raised_after_the_on_delay_and_ended_after_the_off_delay() -> None:
    bed = Bed().see(5, units()).see(1.2, units(PAIN))
    assert bed.story == []
    bed.see(2, units(PAIN))
    assert bed.story == ["pain raised"]
    start = bed.transitions[0]
    assert start.phase is Phase.START
    assert start.alarm.presence is Presence.ON
    assert start.time - start.alarm.since == pytest.approx(1.5)
    assert "PSPI" in start.alarm.cause
    bed.see(1.5, units())
    assert bed.story == ["pain raised"]
    bed.see(1, units())
    assert bed.story == ["pain raised", "pain ended"]
    assert bed.transitions[1].alarm.id == start.alarm.id


def test_a_short_wince_is_no_alarm_and_between_the_thresholds_nothing_changes() -> None:
    assert Bed().see(5, units()).see(1.2, units(PAIN)).see(10, units()).story == []
    between = units({"AU4": 3.5})
    assert Bed().see(60, between).story == []
    assert Bed().see(3, units(PAIN)).see(60, between).story == ["pain raised"]


def test_a_laugh_keeps_its_raw_pspi_and_raises_nothing() -> None:
    bed = Bed().see(30, units(LAUGH))
    assert bed.story == []
    assert bed.assessment.pspi == pytest.approx(6.5)
    assert bed.assessment.look_alike is LookAlike.SMILE
    assert bed.assessment.level is PainLevel.NONE


def test_a_face_between_smile_and_pain_speaks_neither_way() -> None:
    between = units(LAUGH | {"AU4": 0.4})
    assert Bed().see(30, between).story == []
    assert Bed().see(1.2, units(PAIN)).see(1, between).see(0.8, units(PAIN)).story == ["pain raised"]
    assert Bed().see(1.2, units(PAIN)).see(1, units(LAUGH)).see(0.8, units(PAIN)).story == []


def test_a_covered_face_neither_ends_pain_nor_counts_as_none() -> None:
    bed = Bed().see(3, units(PAIN)).see(22, None, Reason.OCCLUDED)
    assert bed.story == ["pain raised", "view-blocked raised"]
    assert (bed.assessment.pspi, bed.assessment.level, bed.assessment.confidence) == (None, None, None)
    assert bed.assessment.pain
    bed.see(8, units())
    assert sorted(bed.story[2:]) == ["pain ended", "view-blocked ended"]


def test_a_view_that_changes_from_fault_to_fault_is_noticed() -> None:
    bed = Bed()
    for _ in range(5):
        bed.see(6, None, Reason.NO_FACE).see(6, None, Reason.TURNED_AWAY)
    assert "poor-view raised" in bed.story


def test_nobody_in_view_is_a_technical_alarm_and_never_a_score() -> None:
    bed = Bed().see(9, None, Reason.NO_FACE)
    assert bed.story == []
    bed.see(40, None, Reason.NO_FACE)
    assert bed.story == ["no-face raised"]
    assert bed.transitions[0].alarm.cause == "No face is found."


def test_a_failing_model_and_readings_that_stop_are_the_model_condition() -> None:
    bed = Bed().see(20, None, Reason.MODEL_FAILED)
    assert bed.story == ["model raised"]
    assert bed.see(3, units()).story == ["model raised", "model ended"]
    bed = Bed().fault("camera", None).see(1, units()).wait(5)
    assert bed.story == []
    assert bed.wait(2).story == ["model raised"]


def test_a_camera_fault_is_raised_at_once_updated_and_cleared_after_its_delay() -> None:
    bed = Bed().see(1, units()).fault("camera", "black").wait(35).fault("camera", "hung")
    assert bed.story[:2] == ["camera raised", "camera cause"]
    assert bed.transitions[1].alarm.cause == "hung"
    bed.fault("camera", None).wait(1)
    assert bed.story[2:] == []
    assert bed.wait(3).story[-1] == "camera ended"
    assert "model raised" not in bed.story


def test_a_learnt_baseline_is_taken_away_and_published() -> None:
    bed = Bed(QUICK).see(4, units(FROWNER))
    assert bed.assessment.baseline is BaselineOrigin.NONE
    assert bed.assessment.pspi_above_baseline is None
    bed.see(3, units(FROWNER))
    assert bed.assessment.baseline is BaselineOrigin.LEARNT
    assert bed.assessment.pspi == pytest.approx(2.5)
    assert bed.assessment.pspi_above_baseline == pytest.approx(0.0)
    assert any(decisions.keep for decisions in bed.decisions)


def test_without_a_baseline_there_is_an_advisory_and_null_never_a_zero() -> None:
    settings = Policy(baseline=Baseline(learn=False))
    bed = Bed(settings).see(601, units())
    assert bed.story == ["no-baseline raised"]
    assert bed.assessment.pspi_above_baseline is None
    assert bed.transitions[0].alarm.priority is Priority.LOW


def test_a_capture_is_answered_when_it_ends_and_a_second_one_must_wait() -> None:
    bed = Bed(QUICK).ask("baseline", action="capture")
    assert bed.last.outcome == "started"
    bed.ask("baseline", action="capture")
    assert bed.last.refusal is not None
    assert bed.last.refusal.reason is RefusalReason.BUSY
    bed.see(4, units(FROWNER))
    assert bed.last.outcome == "done"
    assert bed.assessment.baseline is BaselineOrigin.CAPTURED
    bed.ask("baseline", action="forget")
    bed.see(0.1, units())
    assert bed.assessment.baseline is BaselineOrigin.NONE
    bed.ask("baseline", action="capture").see(10, None, Reason.NO_FACE)
    assert bed.last.refusal is not None
    assert bed.last.refusal.reason is RefusalReason.NO_FACE


def rested() -> Bed:
    """A bed whose patient has a baseline."""
    return Bed(QUICK).see(8, units())


def test_a_rating_is_paired_with_the_face_around_it_and_moves_the_threshold() -> None:
    bed = rested()
    for vas in (3, 5, 7, 4, 6):
        bed.see(35, units({"AU4": 0.3 * vas}))
        bed.ask("rate", vas=vas, rater="patient", at=bed.now)
        assert bed.last.outcome == "started"
        bed.see(35, units({"AU4": 0.3 * vas}))
        assert bed.last.outcome == "done"
    assert bed.state.profile is not None
    assert [rating.vas for rating in bed.state.profile.ratings] == [3, 5, 7, 4, 6]
    assert bed.assessment.threshold.pain < 2.5  # This patient shows little: the alarm comes earlier.
    assert bed.assessment.vas is not None
    assert bed.assessment.vas.low <= bed.assessment.vas.value <= bed.assessment.vas.high


def test_a_rating_without_a_face_is_refused_afterwards() -> None:
    bed = rested().see(40, None, Reason.NO_FACE)
    bed.ask("rate", vas=5, rater="patient", at=bed.now).wait(32)
    assert bed.last.refusal is not None
    assert bed.last.refusal.reason is RefusalReason.NO_SCORE


def test_staff_set_the_threshold_and_an_override_ends_by_itself() -> None:
    bed = rested().ask("threshold", vas=6).see(0.1, units())
    assert bed.assessment.threshold.pain == pytest.approx(6.0)
    assert bed.assessment.threshold.origin == "ordered"
    bed.ask("override", pspi=2.0, until=bed.now + 60, why="new drain").see(0.1, units())
    assert (bed.assessment.threshold.pain, bed.assessment.threshold.origin) == (2.0, "override")
    bed.wait(61).see(0.1, units())
    assert bed.assessment.threshold.origin == "ordered"


def test_an_episode_is_told_with_what_came_before_and_what_the_dose_did() -> None:
    bed = rested().see(60, units()).see(10, units(), people=2).see(20, units(PAIN), people=2).see(10, units())
    episodes = [one for decisions in bed.decisions for one in decisions.episodes]
    assert [one.id for one in episodes] == ["run-e1"]
    assert episodes[0].peak_pspi == pytest.approx(6.0)
    assert episodes[0].duration_s == pytest.approx(22, abs=1.5)
    assert episodes[0].most_people == 2
    assert episodes[0].trigger.kind is not None
    assert episodes[0].trigger.kind.value == "handling"
    bed.ask("analgesic", drug="morphine", dose_mg=2, at=bed.now).wait(3700)
    later = [one for decisions in bed.decisions for one in decisions.episodes][-1]
    assert (later.id, later.revision > 0, later.responses[0].drug) == ("run-e1", True, "morphine")


def test_vitals_alarm_by_news2_and_join_the_fusion() -> None:
    bed = rested()
    bed.measure(
        heart_rate=135, respiratory_rate=26, spo2=90, oxygen=True, systolic=88, temperature=39.5, consciousness="alert"
    )
    bed.wait(2)
    assert "vitals raised" in bed.story
    alarm = bed.state.alarms.alarms["vitals"]
    assert alarm.priority is Priority.HIGH
    assert "NEWS2" in alarm.cause
    assert bed.state.fusion is not None
    assert bed.state.fusion.news2 is not None
    assert bed.state.fusion.news2.total == 16
    calm = rested().wait(20).state.fusion
    assert calm is not None
    assert bed.state.fusion.priority > calm.priority


def test_discharge_ends_what_was_of_the_patient_and_closes_the_stay() -> None:
    bed = rested().fault("camera", "hung").see(5, units(SEVERE)).ask("baseline", action="capture")
    bed.ask("discharge", patient=PATIENT)
    assert [outcome.name for outcome in bed.outcomes[-2:]] == ["baseline", "discharge"]
    assert set(bed.state.alarms.alarms) == {"camera"}
    last = bed.decisions[-1]
    assert last.ended is not None
    assert last.ended.stay == "run-s1"
    assert last.keep
    assert last.hours
    assert [one.closing.value for one in last.episodes] == ["patient-left"]
    assert bed.state.patient is None
    bed.see(10, units(SEVERE))
    assert bed.assessment.reasons == (Reason.NO_PATIENT,)
    bed.ask("assign", patient="P-0002").see(0.1, units())
    assert bed.state.profile is not None
    assert (bed.state.profile.stay, bed.state.profile.baseline) == ("run-s2", None)


def test_a_profile_that_was_kept_goes_on_after_a_restart() -> None:
    bed = rested().ask("threshold", vas=6)
    assert bed.state.profile is not None
    again = Bed(QUICK, assigned=False, run="other")
    again.now = 100.0
    again.take(Arrived(bed.state.profile)).see(3, units())
    assert again.assessment.baseline is BaselineOrigin.LEARNT
    assert again.assessment.threshold.pain == pytest.approx(6.0)


def test_a_latched_alarm_goes_on_after_a_restart_until_somebody_acknowledges_it() -> None:
    bed = rested().see(5, units(SEVERE)).see(5, units())
    alarm = bed.state.alarms.alarms["pain-severe"]
    assert alarm.presence is Presence.LATCHED
    assert bed.state.profile is not None
    again = Bed(QUICK, assigned=False, run="other")
    again.now = 5.0
    again.take(Arrived(bed.state.profile, (replace(alarm, since=-100.0),))).see(20, units())
    assert again.story == ["pain-severe latched"]
    assert again.transitions[0].phase is Phase.UPDATE
    again.ask("acknowledge", alarm_id=alarm.id)
    assert again.story == ["pain-severe latched", "pain-severe acknowledged"]
    assert again.transitions[1].phase is Phase.END


ORDER: dict[str, Any] = {
    "patient": PATIENT,
    "drug": "morphine",
    "bolus_mg": 1.0,
    "lockout_s": 60,
    "limit_1h_mg": 4.0,
    "limit_4h_mg": 10.0,
}


def test_a_bolus_is_requested_only_with_an_order_good_vitals_and_nobody_there() -> None:
    bed = Bed(QUICK.model_copy(update={"interlock": Interlock(enabled=True)})).see(8, units()).wait(310)
    bed.ask("order", **ORDER, until=bed.now + 3600)
    assert bed.last.outcome == "done", bed.last
    for _ in range(3):
        bed.measure(respiratory_rate=16, spo2=97, sedation="1").see(42, units(PAIN))
    vetoes = {veto.reason.value for veto in bed.state.patient.vetoes} if bed.state.patient else set()
    asked = [decisions for decisions in bed.decisions if decisions.bolus]
    assert len(asked) == 1, vetoes
    assert asked[0].keep  # The ledger that counts it is kept with it.
    assert "answer-pending" in vetoes
    assert bed.state.profile is not None
    assert bed.state.profile.ledger[-1].bolus_id == asked[0].bolus.id if asked[0].bolus else False
    bed.ask("bolus-answer", bolus_id=bed.state.profile.ledger[-1].bolus_id, outcome="delivered", delivered_mg=1.0)
    assert bed.last.outcome == "done"


def test_a_bolus_that_nobody_answers_counts_and_is_told_in_the_summary() -> None:
    bed = Bed(QUICK.model_copy(update={"interlock": Interlock(enabled=True)})).see(8, units()).wait(310)
    bed.ask("order", **ORDER, until=bed.now + 3600)
    for _ in range(3):
        bed.measure(respiratory_rate=16, spo2=97, sedation="1").see(42, units(PAIN))
    assert bed.state.profile is not None
    asked = bed.state.profile.ledger[-1]
    bed.see(60, units())
    assert bed.state.profile.ledger[-1].state == "unanswered"
    assert bed.state.profile.ledger[-1].mg == asked.mg
    bed.ask("discharge", patient=PATIENT)
    assert [dose.state for dose in bed.decisions[-1].hours[-1].doses] == ["unanswered"]


def test_a_dose_that_is_entered_twice_counts_once_and_a_patient_who_returns_keeps_the_ledger() -> None:
    bed = rested()
    request = REQUESTS["analgesic"](
        id="d1", who="Kim", expires=bed.utc(99), drug="morphine", dose_mg=2.0, at=bed.utc(bed.now)
    )
    bed.take(Asked("analgesic", request)).take(Asked("analgesic", request))
    assert bed.state.profile is not None
    assert [dose.mg for dose in bed.state.profile.ledger] == [2.0]
    left = bed.state.profile
    bed.ask("discharge", patient=PATIENT).ask("assign", patient=PATIENT)
    assert bed.state.profile.ledger == left.ledger
    again = Bed(QUICK, assigned=False, run="other").take(Left((left,))).ask("assign", patient=PATIENT)
    assert again.state.profile is not None
    assert (again.state.profile.ledger, again.state.profile.baseline) == (left.ledger, None)


def test_wrong_commands_are_refused_with_a_reason_and_change_nothing() -> None:
    bed = rested().see(3, units(PAIN))
    wrong = (
        ("assign", {"patient": "P-0002"}, RefusalReason.OCCUPIED),
        ("discharge", {"patient": "P-0002"}, RefusalReason.WRONG_PATIENT),
        ("update", {"patient": "P-0002"}, RefusalReason.WRONG_PATIENT),
        ("rate", {"vas": 3, "rater": "patient", "at": bed.now + 3600}, RefusalReason.OUT_OF_TIME),
        ("acknowledge", {"alarm_id": "run-99"}, RefusalReason.UNKNOWN_ALARM),
        ("pause", {"conditions": ["pain"], "seconds": 31_536_000}, RefusalReason.TOO_LONG),
        ("pause", {"conditions": ["camera"], "seconds": 60}, RefusalReason.NOT_ALLOWED),
        ("pause", {"conditions": ["paiin"], "seconds": 60}, RefusalReason.UNKNOWN_CONDITION),
        ("override", {"pspi": 3.0, "until": bed.now + 60}, RefusalReason.NOT_ALLOWED),
        ("order", {**ORDER, "until": bed.now + 3600}, RefusalReason.DISABLED),
        ("bolus-answer", {"bolus_id": "x", "outcome": "delivered", "delivered_mg": 1}, RefusalReason.UNKNOWN_ID),
    )
    for name, fields, reason in wrong:
        before = bed.state
        bed.ask(name, **fields)
        assert bed.last.refusal is not None, name
        assert (name, bed.last.refusal.reason) == (name, reason)
        assert bed.last.refusal.detail
        assert bed.state is before, name
    before = Bed(assigned=False)
    state = before.state
    before.ask("threshold", vas=5)
    assert before.last.refusal is not None
    assert before.last.refusal.reason is RefusalReason.NO_PATIENT
    assert before.state is state


FACES = st.sampled_from([units(), units(PAIN), units(SEVERE), units(LAUGH), None])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("see"), FACES, st.floats(0.3, 12)),
        st.tuples(st.just("wait"), st.none(), st.floats(1, 200)),
        st.tuples(
            st.sampled_from(["acknowledge", "pause", "discharge", "assign", "camera"]), st.none(), st.floats(1, 9)
        ),
    ),
    max_size=25,
)


def play(steps: list[tuple[str, ActionUnits | None, float]]) -> Bed:
    bed = Bed(QUICK)
    for what, face, amount in steps:
        if what == "see":
            bed.see(amount, face, *(() if face else (Reason.NO_FACE,)))
        elif what == "wait":
            bed.wait(amount)
        elif what == "acknowledge":
            for alarm in list(bed.state.alarms.alarms.values()):
                bed.ask("acknowledge", alarm_id=alarm.id)
        elif what == "pause":
            bed.ask("pause", conditions=["pain", "pain-severe"], seconds=amount * 60)
        elif what == "camera":
            bed.fault("camera", "hung" if amount < 5 else None)
        else:
            bed.ask(what, patient=PATIENT)
    return bed


@settings(max_examples=25, deadline=None)
@given(STEPS)
def test_unknown_is_never_zero_and_level_and_stream_agree(
    steps: list[tuple[str, ActionUnits | None, float]],
) -> None:
    bed = play(steps)
    level: dict[str, Any] = {}
    for decisions in bed.decisions:
        for made in decisions.transitions:
            if made.phase is Phase.END:
                assert level.pop(made.alarm.id)
            else:
                level[made.alarm.id] = made.alarm
        score = decisions.assessment
        if score is not None and score.reasons:
            unknown = (score.pspi, score.pspi_above_baseline, score.level, score.confidence, score.vas, score.trend)
            assert unknown == (None,) * 6
        if score is not None and not score.reasons:
            assert score.pspi is not None
    assert level == {alarm.id: alarm for alarm in bed.state.alarms.alarms.values()}


@settings(max_examples=10, deadline=None)
@given(STEPS)
def test_the_same_events_give_the_same_decisions_byte_for_byte(
    steps: list[tuple[str, ActionUnits | None, float]],
) -> None:
    bed = play(steps)
    again = [(decisions, moment) for _, _, decisions, moment in run(bed.events, "run", QUICK)]
    assert [decisions for decisions, _ in again] == bed.decisions
    text = [json.dumps(transition_line(made, moment)) for made_of, moment in again for made in made_of.transitions]
    moments = [moment for moment, _ in bed.events]
    assert text == [
        json.dumps(transition_line(made, moment))
        for made_of, moment in zip(bed.decisions, moments, strict=True)
        for made in made_of.transitions
    ]


def test_the_stays_of_a_run_are_gathered_as_the_device_keeps_them() -> None:
    bed = rested().see(20, units(PAIN)).see(10, units())
    bed.ask("rate", vas=10, rater="staff", at=bed.now)
    bed.ask("discharge", patient=PATIENT).ask("assign", patient="P-0002").see(4, units())
    stays = Stays()
    for before, after, decisions, moment in run(bed.events, "run", QUICK):
        stays.see(before, after, decisions, moment)
    first, second = stays
    assert (first.profile.patient, second.profile.patient) == (PATIENT, "P-0002")
    assert first.ended_utc == pytest.approx(EPOCH + bed.now, abs=10)
    assert len(first.episodes) == 1
    assert [line.name for line in first.audit][:2] == ["assign", "rate"]
