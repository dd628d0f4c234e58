from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

import alarm_page
import alarm_requests
import pytest

from npng_edge.policy.alarm import alarms, silences
from npng_edge.policy.alarm.alarm_state import AlarmState, ranked
from npng_edge.policy.alarm.alarms import LATCHED_REMIND_S, Finding
from npng_edge.policy.alarm.conditions import BLINDING, BOUTS_OVER_S, CONDITIONS, OF_PATIENT, PAINS, UNATTENDED
from npng_edge.requests import Refusal, RefusalReason
from npng_edge.settings import Policy
from npng_edge.units import Activation, Alarm, AlarmKind, Change, Phase, Presence, Priority, Transition

if TYPE_CHECKING:
    from collections.abc import Iterable

SETTINGS = Policy()
ACKNOWLEDGE_S = SETTINGS.alarms.acknowledge_s
UNATTENDED_S = SETTINGS.alarms.unattended_s
MAX_PAUSE_S = SETTINGS.alarms.max_pause_s


@dataclass
class Bed:
    """An alarm state, a clock, and all transitions so far."""

    state: AlarmState = field(default_factory=lambda: AlarmState("run"))
    now: float = 0.0
    transitions: list[Transition] = field(default_factory=list)

    def find(self, seconds: float, *findings: Finding, every: float = 0.5) -> Bed:
        """The same findings again and again, for so long."""
        until = self.now + seconds
        while self.now < until - 1e-9:
            self.now = min(until, self.now + every)
            self._take(alarms.judge(self.state, findings, self.now, SETTINGS))
        return self

    def on(self, seconds: float, *conditions: str, cause: str = "seen") -> Bed:
        return self.find(seconds, *(Finding(name, evidence=True, cause=cause) for name in conditions))

    def off(self, seconds: float, *conditions: str) -> Bed:
        return self.find(seconds, *(Finding(name, evidence=False, cause="") for name in conditions))

    def wait(self, seconds: float) -> Bed:
        """Nothing is known of any condition."""
        return self.find(seconds, *(Finding(name, None, "") for name in CONDITIONS if name != UNATTENDED))

    def acknowledge(self, condition: str) -> Bed:
        request = alarm_requests.acknowledge(self.state.alarms[condition].id)
        return self._take(silences.acknowledge(self.state, request, self.now, SETTINGS))

    def pause(self, *conditions: str, seconds: float = MAX_PAUSE_S) -> Bed:
        request = alarm_requests.pause(*conditions, seconds=seconds)
        return self._take(silences.pause(self.state, request, self.now, SETTINGS))

    def resume(self, *conditions: str) -> Bed:
        return self._take(silences.resume(self.state, alarm_requests.resume(*conditions), self.now, SETTINGS))

    def _take(self, answer: tuple[AlarmState, Iterable[Transition]] | Refusal) -> Bed:
        assert not isinstance(answer, Refusal), answer.detail
        self.state, made = answer
        self.transitions += made
        return self

    def __getitem__(self, condition: str) -> Alarm:
        return self.state.alarms[condition]

    def changes(self, condition: str) -> list[Change]:
        return [made.change for made in self.transitions if made.alarm.condition == condition]


# --- the table ----------------------------------------------------------------------------------------------------


def test_the_page_shows_the_table_in_code() -> None:
    assert alarm_page.written() == alarm_page.tables(SETTINGS)


def test_the_table_keeps_its_promises() -> None:
    kinds = [row.kind for row in CONDITIONS.values()]
    assert kinds == sorted(kinds, key=(AlarmKind.PHYSIOLOGICAL, AlarmKind.TECHNICAL).index)
    assert len(CONDITIONS) == 21
    assert set(BLINDING) == {"camera", "view-blocked", "no-face", "poor-view", "model", "slow"}
    for row in CONDITIONS.values():
        assert not (row.blinding and row.pausable)
        assert row.remind_s >= 60
        assert row.on_delay(SETTINGS) >= 0
        assert row.off_delay(SETTINGS) >= 0
        assert row.action.endswith(".")
        assert row.action.count(". ") == 0
        assert row.action_ko.endswith("십시오.")
        assert row.why.endswith(".")
        assert row.kind is AlarmKind.PHYSIOLOGICAL or row.priority is not Priority.HIGH
        assert row.escalation is None or row.kind is AlarmKind.PHYSIOLOGICAL or row.escalation.to is Priority.MEDIUM


# --- from start to end --------------------------------------------------------------------------------------------


def test_pain_starts_after_its_delay_and_ends_after_the_other() -> None:
    bed = Bed().on(1.5, "pain", cause="PSPI 6.0 above baseline.")
    assert not bed.state.alarms
    bed.on(0.5, "pain")
    (start,) = bed.transitions
    assert (start.phase, start.change, start.time) == (Phase.START, Change.RAISED, 2.0)
    assert (start.alarm.id, start.alarm.since, start.alarm.presence) == ("run-1", 0.5, Presence.ON)
    assert start.alarm.priority is Priority.MEDIUM
    bed.off(2.0, "pain")
    assert "pain" in bed.state.alarms
    bed.off(0.5, "pain")
    end = bed.transitions[-1]
    assert (end.phase, end.change, end.alarm.presence, end.alarm.id) == (Phase.END, Change.ENDED, Presence.OFF, "run-1")
    assert not bed.state.alarms
    assert bed.on(2, "pain")["pain"].id == "run-2"


def test_unknown_neither_starts_nor_ends() -> None:
    bed = Bed().on(1, "pain").wait(5).on(0.5, "pain")
    assert not bed.state.alarms
    bed.on(1, "pain")
    bed.wait(UNATTENDED_S / 2)
    assert bed["pain"].presence is Presence.ON
    bed.off(1.5, "pain").wait(3600).off(1.5, "pain")
    assert "pain" in bed.state.alarms


def test_figures_that_change_with_each_reading_are_no_news_but_another_fault_is_at_the_most_every_half_minute() -> None:
    bed = Bed()
    for second in range(100):
        bed.on(1, "pain", cause=f"PSPI {second}.").on(0.5, "camera", cause=f"Fault {second}.")
    assert bed.changes("pain") == [Change.RAISED]
    told = [made.time for made in bed.transitions if made.change is Change.CAUSE]
    assert 4 <= len(told) <= 5
    assert all(after - before >= 30 for before, after in pairwise(told))


def test_vitals_take_their_priority_from_the_evidence_up_at_once_and_down_in_time() -> None:
    five = Finding("vitals", evidence=True, cause="NEWS2 5.", priority=Priority.MEDIUM)
    seven = Finding("vitals", evidence=True, cause="NEWS2 7.", priority=Priority.HIGH)
    bed = Bed().find(1, five)
    assert bed["vitals"].priority is Priority.MEDIUM
    bed.acknowledge("vitals").find(0.5, seven)
    assert (bed["vitals"].priority, bed["vitals"].presence) == (Priority.HIGH, Presence.ON)
    assert bed["vitals"].cause == "NEWS2 7."
    bed.acknowledge("vitals")
    for _ in range(60):
        bed.find(0.5, five).find(0.5, seven)
    assert bed["vitals"].presence is Presence.ACKNOWLEDGED, "high is what was acknowledged"
    assert len(bed.changes("vitals")) < 9, "a total that goes to and fro is no flood"
    bed.find(31, five)
    assert bed["vitals"].priority is Priority.MEDIUM
    assert bed.wait(1)["vitals"].priority is Priority.MEDIUM


# --- acknowledging ------------------------------------------------------------------------------------------------


def test_an_acknowledgement_expires_and_the_alarm_is_on_again() -> None:
    bed = Bed().on(2, "pain").acknowledge("pain")
    asked = bed.now
    alarm = bed["pain"]
    assert (alarm.presence, alarm.by, alarm.until) == (Presence.ACKNOWLEDGED, "Nurse Kim", asked + ACKNOWLEDGE_S)
    bed.on(ACKNOWLEDGE_S - 0.5, "pain")
    assert bed["pain"].presence is Presence.ACKNOWLEDGED
    bed.on(0.5, "pain")
    assert (bed["pain"].presence, bed["pain"].by, bed["pain"].until) == (Presence.ON, None, None)
    assert bed.changes("pain") == [Change.RAISED, Change.ACKNOWLEDGED, Change.ACKNOWLEDGEMENT_EXPIRED]


def test_an_acknowledgement_hides_no_other_condition_and_no_later_alarm() -> None:
    bed = Bed().on(2, "pain").acknowledge("pain").on(2, "pain", "pain-severe")
    assert bed["pain-severe"].presence is Presence.ON
    assert bed["pain"].presence is Presence.ACKNOWLEDGED
    bed.off(3, "pain", "pain-severe").on(2, "pain")
    assert bed["pain"].presence is Presence.ON


def test_who_acknowledges_severe_pain_knows_of_the_pain_but_not_the_other_way_round() -> None:
    bed = Bed().on(2, *PAINS).acknowledge("pain-severe")
    assert {alarm.presence for alarm in bed.state.alarms.values()} == {Presence.ACKNOWLEDGED}
    bed = Bed().on(2, *PAINS).acknowledge("pain")
    assert bed["pain-severe"].presence is Presence.ON


def test_engineering_has_longer_unless_the_patient_is_not_seen() -> None:
    bed = Bed().on(2, "storage", "model").acknowledge("storage").acknowledge("model")
    bed.on(ACKNOWLEDGE_S, "storage", "model")
    assert bed["model"].presence is Presence.ON
    assert bed["storage"].presence is Presence.ACKNOWLEDGED


# --- latching -----------------------------------------------------------------------------------------------------


def test_severe_pain_that_nobody_saw_stays_until_somebody_acknowledges_it() -> None:
    bed = Bed().on(2, "pain-severe").off(3, "pain-severe")
    assert bed["pain-severe"].presence is Presence.LATCHED
    bed.off(LATCHED_REMIND_S, "pain-severe")
    assert bed["pain-severe"].reminders == 1
    bed.acknowledge("pain-severe")
    assert not bed.state.alarms
    end = bed.transitions[-1]
    assert (end.phase, end.change, end.alarm.by) == (Phase.END, Change.ACKNOWLEDGED, "Nurse Kim")


def test_a_latched_alarm_is_raised_again_under_the_same_id() -> None:
    bed = Bed().on(2, "pain-severe").off(3, "pain-severe").off(60, "pain-severe").on(2, "pain-severe", cause="again")
    alarm = bed["pain-severe"]
    assert (alarm.id, alarm.presence, alarm.since, alarm.cause) == ("run-1", Presence.ON, 65.5, "again")
    assert bed.changes("pain-severe") == [Change.RAISED, Change.LATCHED, Change.RAISED]
    assert bed.transitions[-1].phase is Phase.UPDATE


@pytest.mark.parametrize("seen", ["acknowledged", "paused"])
def test_what_somebody_saw_does_not_latch(seen: str) -> None:
    bed = Bed().on(2, "pain-severe")
    bed = bed.acknowledge("pain-severe") if seen == "acknowledged" else bed.pause("pain-severe")
    assert not bed.off(3, "pain-severe").state.alarms


# --- pausing ------------------------------------------------------------------------------------------------------


def test_a_condition_that_comes_while_paused_is_in_the_level_and_is_signalled_afterwards() -> None:
    bed = Bed().pause("pain", seconds=100).on(90, "pain", "pain-severe")
    alarm = bed["pain"]
    assert (alarm.presence, alarm.activation, alarm.until, alarm.by) == (
        Presence.ON,
        Activation.PAUSED,
        100.0,
        "Nurse Kim",
    )
    assert bed["pain-severe"].activation is Activation.ON, "a pause of one condition hides no other"
    bed.on(10, "pain")
    assert (bed["pain"].activation, bed["pain"].until, bed["pain"].by) == (Activation.ON, None, None)
    assert bed.changes("pain") == [Change.RAISED, Change.PAUSE_EXPIRED]


def test_a_pause_takes_the_place_of_another_and_can_be_ended() -> None:
    bed = Bed().on(2, "pain").pause("pain", "vitals", seconds=600).pause("pain", seconds=60)
    assert bed["pain"].until == 62.0
    assert bed.state.pauses["vitals"].until == 602.0
    bed.resume("pain", "pain-severe")
    assert bed["pain"].activation is Activation.ON
    assert set(bed.state.pauses) == {"vitals"}
    assert bed.changes("pain")[-1] is Change.RESUMED


def test_acknowledged_and_paused_lasts_as_long_as_the_longer_of_both() -> None:
    bed = Bed().on(2, "pain").acknowledge("pain").pause("pain", seconds=ACKNOWLEDGE_S + 100)
    assert bed["pain"].until == 2 + ACKNOWLEDGE_S + 100
    bed.on(ACKNOWLEDGE_S, "pain")
    assert (bed["pain"].presence, bed["pain"].activation) == (Presence.ON, Activation.PAUSED)
    bed.on(100, "pain")
    assert (bed["pain"].presence, bed["pain"].activation) == (Presence.ON, Activation.ON)


@pytest.mark.parametrize(
    ("conditions", "seconds", "reason"),
    [
        (("pain", "pian"), 60, RefusalReason.UNKNOWN_CONDITION),
        (("pain", "no-face"), 60, RefusalReason.NOT_ALLOWED),
        ((UNATTENDED,), 60, RefusalReason.NOT_ALLOWED),
        (("pain",), MAX_PAUSE_S + 1, RefusalReason.TOO_LONG),
        (("pain",), 365 * 86400, RefusalReason.TOO_LONG),
    ],
)
def test_a_wrong_pause_is_refused_as_a_whole(
    conditions: tuple[str, ...], seconds: float, reason: RefusalReason
) -> None:
    bed = Bed().on(2, "pain")
    answer = silences.pause(bed.state, alarm_requests.pause(*conditions, seconds=seconds), bed.now, SETTINGS)
    assert isinstance(answer, Refusal)
    assert answer.reason is reason
    assert answer.detail.endswith(".")


def test_other_wrong_requests_are_refused() -> None:
    bed = Bed().on(2, "pain", "broker")
    gone = silences.acknowledge(bed.state, alarm_requests.acknowledge("run-9"), bed.now, SETTINGS)
    assert isinstance(gone, Refusal)
    assert gone.reason is RefusalReason.UNKNOWN_ALARM
    never = silences.acknowledge(bed.state, alarm_requests.acknowledge(bed["broker"].id), bed.now, SETTINGS)
    assert isinstance(never, Refusal)
    assert never.reason is RefusalReason.NOT_ALLOWED
    typo = silences.resume(bed.state, alarm_requests.resume("pian"), bed.now, SETTINGS)
    assert isinstance(typo, Refusal)
    assert typo.reason is RefusalReason.UNKNOWN_CONDITION


# --- time ---------------------------------------------------------------------------------------------------------


def test_what_persists_is_signalled_again_and_escalates() -> None:
    bed = Bed().on(9.5, "no-face").on(299.5, "no-face")
    assert bed["no-face"].priority is Priority.LOW
    bed.on(2, "no-face")
    assert bed["no-face"].priority is Priority.MEDIUM
    assert bed.changes("no-face") == [Change.RAISED, Change.ESCALATED]
    bed.on(1201, "no-face")
    assert bed["no-face"].reminders == 2
    bed.acknowledge("no-face").on(ACKNOWLEDGE_S, "no-face")
    assert bed["no-face"].priority is Priority.MEDIUM, "what was escalated stays so"


def test_the_clock_of_escalation_starts_anew_after_an_acknowledgement_and_after_a_pause() -> None:
    bed = Bed().on(300, "no-face").acknowledge("no-face").on(ACKNOWLEDGE_S, "no-face")
    assert bed["no-face"].presence is Presence.ON
    assert bed.on(290, "no-face")["no-face"].priority is Priority.LOW
    assert bed.on(20, "no-face")["no-face"].priority is Priority.MEDIUM
    bed = Bed().on(320, "facial-asymmetry").pause("facial-asymmetry", seconds=60).on(60, "facial-asymmetry")
    assert bed["facial-asymmetry"].activation is Activation.ON
    assert bed.on(290, "facial-asymmetry")["facial-asymmetry"].priority is Priority.MEDIUM
    assert bed.on(20, "facial-asymmetry")["facial-asymmetry"].priority is Priority.HIGH


def test_unattended_pain_counts_from_the_alarm_and_ends_when_it_is_answered() -> None:
    bed = Bed().on(2, "pain").on(UNATTENDED_S - 1, "pain")
    assert UNATTENDED not in bed.state.alarms
    bed.on(1.5, "pain")
    alarm = bed[UNATTENDED]
    assert (alarm.priority, alarm.presence, alarm.since) == (Priority.HIGH, Presence.ON, 2.0)
    assert ranked(bed.state.alarms.values())[0] is alarm
    bed.acknowledge("pain")
    assert set(bed.state.alarms) == {"pain"}
    assert bed.changes(UNATTENDED) == [Change.RAISED, Change.ACKNOWLEDGED]
    bed.on(ACKNOWLEDGE_S + UNATTENDED_S - 1, "pain")
    assert UNATTENDED not in bed.state.alarms, "time starts anew when the acknowledgement expires"
    bed.on(2, "pain")
    assert UNATTENDED in bed.state.alarms


def test_to_acknowledge_unattended_pain_is_to_acknowledge_the_pain() -> None:
    bed = Bed().on(UNATTENDED_S + 5, *PAINS).acknowledge(UNATTENDED)
    assert {name: alarm.presence for name, alarm in bed.state.alarms.items()} == dict.fromkeys(
        PAINS, Presence.ACKNOWLEDGED
    )


def test_bouts_of_pain_that_nobody_answers_add_up() -> None:
    bed = Bed()
    while UNATTENDED not in bed.state.alarms and bed.now < 7200:
        bed.on(12, "pain").off(30, "pain")
    # Of each bout, 12 s - 1.5 s + 2 s are alarm: 15 bouts and 42 s from one to the next.
    assert 14 * 42 <= bed.now <= 16 * 42
    bed.off(BOUTS_OVER_S - 31, "pain")
    assert UNATTENDED in bed.state.alarms, "the next bout may come"
    bed.off(5, "pain")
    assert not bed.state.alarms


def test_seldom_bouts_do_not_add_up() -> None:
    bed = Bed()
    for _ in range(40):
        bed.on(12, "pain").off(320, "pain")
    assert bed.changes(UNATTENDED) == []


def test_a_pause_holds_the_clock_of_unattended_pain_once() -> None:
    bed = Bed().on(2, "pain").pause("pain").on(MAX_PAUSE_S - 1, "pain")
    assert UNATTENDED not in bed.state.alarms
    for _ in range(3):
        bed.pause("pain").on(100, "pain")
    assert bed["pain"].activation is Activation.PAUSED
    assert bed[UNATTENDED].activation is Activation.ON, "a chain of pauses is not somebody at the bed"


def test_a_chain_of_pauses_does_not_hold_an_escalation_for_ever() -> None:
    bed = Bed().on(31, "facial-asymmetry").pause("facial-asymmetry").on(590, "facial-asymmetry")
    assert bed["facial-asymmetry"].priority is Priority.MEDIUM
    bed.pause("facial-asymmetry").on(12, "facial-asymmetry")
    alarm = bed["facial-asymmetry"]
    assert (alarm.priority, alarm.activation) == (Priority.HIGH, Activation.ON)
    assert not bed.state.pauses


def test_discharge_ends_what_is_about_the_patient_with_pauses_and_evidence() -> None:
    bed = Bed().on(2, "pain", "camera").on(2, "pain-severe").off(3, "pain-severe").pause("pain").on(9, "no-face")
    state, transitions = alarms.end(bed.state, OF_PATIENT, bed.now, "The patient left.")
    assert set(state.alarms) == {"camera"}
    assert not state.pauses
    assert set(state.sustained) == {"camera"}
    assert {(made.alarm.condition, made.phase, made.alarm.cause) for made in transitions} == {
        ("pain", Phase.END, "The patient left."),
        ("pain-severe", Phase.END, "The patient left."),
    }


# --- cost and order -----------------------------------------------------------------------------------------------


def test_the_level_is_ranked_by_priority_and_then_by_the_table() -> None:
    bed = Bed().on(12, "no-face", "camera", "pain").on(2, "pain-severe")
    bed.off(0.5, "slow")
    order = [alarm.condition for alarm in ranked(bed.state.alarms.values())]
    assert order == ["pain-severe", "pain", "camera", "no-face"]


def test_nothing_is_rebuilt_when_nothing_changes() -> None:
    bed = Bed().off(1, *BLINDING, *PAINS).on(2, "storage")
    before = bed.state
    bed.off(5, *BLINDING, *PAINS).on(5, "storage").wait(5)
    assert bed.state is before


def test_the_longest_wait_is_of_the_alarm_that_nobody_acknowledged() -> None:
    bed = Bed().on(2, "pain").on(10, "pain-severe")
    assert bed.state.waiting_s(bed.now) == 10.0
    bed.acknowledge("pain")
    assert bed.state.waiting_s(bed.now) == pytest.approx(8.0, abs=0.6)
    assert Bed().state.waiting_s(5.0) == 0.0
