"""What must hold of the alarms whatever happens, checked by a shadow that knows only what went in and what came out.

Bytes drawn by hypothesis are read as a script: time passes, evidence comes and goes, staff acknowledge, pause and
resume, patients leave. After each step:

 1. Level and events agree: the transitions, replayed, are the level.
 2. Every start has a new id and at the most one end; nothing comes after the end.
 3. No alarm without a finding behind it: it starts in the step that brings evidence True, after at least its on-delay
    of it; `pain-unattended` starts only while a pain is present that nobody has acknowledged.
 4. Unknown ends nothing: an alarm ends or latches only in a step that brings evidence False, after at least its
    off-delay of it, or because staff acknowledged what was latched, or because the patient left.
 5. A condition with its on-delay of uninterrupted evidence is present; one with its off-delay against it is not.
 6. What is present, high or not, is on and signalled; or acknowledged by an accepted request that has not expired, at
    a priority not lower than its own; or paused by an accepted request for this very condition that has not expired.
 7. What blinds the device is never paused, and no pause is longer than the longest allowed.
 8. Priority falls only when the evidence of this step is lower, and never below what it was escalated to.
 9. What is signalled is signalled again in time, escalates in time, and pain that nobody answers becomes
    `pain-unattended` in time; a chain of pauses excuses it for the longest pause at the most.
10. The same alarm changes its cause, or falls in priority, at the most every 30 s.
11. A request is refused exactly when it must be, and then changes nothing.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import alarm_requests
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from npng_edge.policy.alarm import alarms, silences
from npng_edge.policy.alarm.alarm_state import AlarmState
from npng_edge.policy.alarm.alarms import LATCHED_REMIND_S, NEWS_EVERY_S, Finding
from npng_edge.policy.alarm.condition import URGENCY
from npng_edge.policy.alarm.conditions import BLINDING, CONDITIONS, OF_PATIENT, PAINS, UNATTENDED
from npng_edge.requests import Refusal
from npng_edge.settings import Policy
from npng_edge.units import Activation, Alarm, Change, Phase, Presence, Priority, Transition

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SETTINGS = Policy.model_validate(
    {
        "pain": {"on_delay_s": 1.0, "off_delay_s": 1.5},
        "alarms": {"acknowledge_s": 40, "acknowledge_technical_s": 70, "max_pause_s": 50, "unattended_s": 30},
        "technical": {"no_face_s": 2, "poor_view_s": 3, "two_patients_s": 5, "no_baseline_s": 10, "clear_s": 1},
    }
)
JUDGED = tuple(name for name in CONDITIONS if name != UNATTENDED)
STEPS_S = (0.25, 1.0, 1.0, 0.5, 1.0, 2.0, 0.1, 1.0)
JUMPS_S = (15.0, 45.0, 400.0, 1000.0)
PAUSES_S = (10.0, 30.0, 40.0, 50.0, 50.0, 50.1, 1e7)
PAUSABLE = tuple(name for name, row in CONDITIONS.items() if row.pausable)
STEPS_PER_SCRIPT = 500
EPS = 1e-3


@dataclass
class Seen:
    """Evidence about one condition, counted apart from the code under test."""

    last: float | None = None
    evidence: bool | None = None
    total: float = 0.0
    """Seconds of it since the last evidence to the contrary, each sample for the time since the one before it, known or
    not; unknown does not reset."""
    unbroken: float = 0.0
    """... and unknown resets."""
    side: bool | None = None

    def take(self, finding: Finding, now: float) -> None:
        evidence = finding.evidence
        gap = 0.0 if self.last is None else min(now - self.last, 1.0)
        if evidence is not None and evidence is not self.side:
            self.side, self.total = evidence, 0.0
        elif evidence is not None:
            self.total += gap
        self.unbroken = self.unbroken + gap if evidence is self.evidence else 0.0
        self.evidence, self.last = evidence, now


@dataclass
class Shadow:
    """The machine under test, what was done to it, and what it answered."""

    state: AlarmState = field(default_factory=lambda: AlarmState("run"))
    now: float = 0.0
    world: dict[str, Finding] = field(default_factory=lambda: {name: Finding(name, None, "") for name in JUDGED})
    """What a judgement is told; persists until the script changes it."""
    level: dict[str, Alarm] = field(default_factory=dict)
    seen: dict[str, Seen] = field(default_factory=lambda: {name: Seen() for name in JUDGED})
    ids: set[str] = field(default_factory=set)
    acknowledged: dict[str, tuple[float, Priority]] = field(default_factory=dict)
    pauses: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Begin of the chain, and end."""
    floors: dict[str, Priority] = field(default_factory=dict)
    changed: dict[str, float] = field(default_factory=dict)
    """When an alarm had its last transition."""
    begun: dict[str, float] = field(default_factory=dict)
    """... one that was no reminder."""
    told: dict[str, float] = field(default_factory=dict)
    """... one that told of a cause or a priority."""
    unanswered_s: float = 0.0
    unanswered_at: float | None = None
    changes: Counter[Change] = field(default_factory=Counter)

    # --- what can happen ------------------------------------------------------------------------------------------

    def play(self, script: bytes) -> None:
        for place in range(0, len(script) - 2, 3):
            self.act(*script[place : place + 3])

    def act(self, kind: int, one: int, two: int) -> None:
        kind %= 20
        if kind == 12:
            self.now += JUMPS_S[two % len(JUMPS_S)] if one % 4 == 0 else STEPS_S[one % len(STEPS_S)]
            self.judge()
        elif kind in (13, 14, 15):
            self.now += 0.25
            name, evidence = JUDGED[one % len(JUDGED)], (True, False, None, False)[two % 4]
            severity = (Priority.MEDIUM, Priority.HIGH)[two // 4 % 2] if name == "vitals" else None
            self.world[name] = Finding(name, evidence, f"Cause {two // 8 % 2}.", severity)
            self.judge()
        elif kind == 16:
            present = list(self.level.values())
            self.acknowledge(present[one % len(present)].id if present and two % 8 else f"run-{one}")
        elif kind in (17, 18):
            names = tuple(name for place, name in enumerate(PAUSABLE) if one >> place & 1) or ("pain",)
            wrong = ("typo", *BLINDING)[two % 16 : two % 16 + 1]
            if one < 200:
                self.pause((*names, *wrong), PAUSES_S[two % len(PAUSES_S)])
            else:
                self.resume((*names, *wrong))
        elif kind == 19 and one % 16 == 0:
            state, transitions = alarms.end(self.state, OF_PATIENT, self.now, "The patient left.")
            for name in OF_PATIENT:
                self.seen[name] = Seen()
                self.pauses.pop(name, None)
            self.unanswered_at = None
            self.check(state, transitions, ended=OF_PATIENT)
        elif kind == 19:
            self.now += STEPS_S[two % len(STEPS_S)]
            self.check(*alarms.tick(self.state, self.now, SETTINGS))
        else:
            self.now += STEPS_S[one % len(STEPS_S)]
            self.judge()

    def judge(self) -> None:
        for name, finding in self.world.items():
            self.seen[name].take(finding, self.now)
        self.check(*alarms.judge(self.state, self.world.values(), self.now, SETTINGS), evidence=self.world)

    def acknowledge(self, alarm_id: str) -> None:
        answer = silences.acknowledge(self.state, alarm_requests.acknowledge(alarm_id), self.now, SETTINGS)
        alarm = next((alarm for alarm in self.level.values() if alarm.id == alarm_id), None)
        must_refuse = alarm is None or not CONDITIONS[alarm.condition].acknowledgeable
        assert isinstance(answer, Refusal) is must_refuse
        if isinstance(answer, Refusal) or alarm is None:
            return
        milder = {UNATTENDED: PAINS, "pain-severe": ("pain",)}.get(alarm.condition, ())
        for name in (alarm.condition, *milder):
            if name in self.level and (name == alarm.condition or self.level[name].presence is Presence.ON):
                self.acknowledged[self.level[name].id] = (self.now, self.level[name].priority)
        self.unanswered_at = None
        self.check(*answer, answered=alarm)

    def pause(self, names: tuple[str, ...], seconds: float) -> None:
        answer = silences.pause(self.state, alarm_requests.pause(*names, seconds=seconds), self.now, SETTINGS)
        must_refuse = seconds > SETTINGS.alarms.max_pause_s or any(
            name not in CONDITIONS or not CONDITIONS[name].pausable for name in names
        )
        assert isinstance(answer, Refusal) is must_refuse
        if isinstance(answer, Refusal):
            return
        for name in names:
            since, until = self.pauses.get(name, (self.now, self.now))
            self.pauses[name] = (since if until > self.now else self.now, self.now + seconds)
        self.check(*answer)

    def resume(self, names: tuple[str, ...]) -> None:
        answer = silences.resume(self.state, alarm_requests.resume(*names), self.now, SETTINGS)
        assert isinstance(answer, Refusal) is ("typo" in names)
        if isinstance(answer, Refusal):
            return
        for name in names:
            self.pauses.pop(name, None)
        self.check(*answer)

    # --- what must hold -------------------------------------------------------------------------------------------

    def check(
        self,
        state: AlarmState,
        transitions: tuple[Transition, ...],
        *,
        evidence: Mapping[str, Finding] | None = None,
        ended: tuple[str, ...] = (),
        answered: Alarm | None = None,
    ) -> None:
        self.state = state
        for transition in transitions:
            self._replay(transition, evidence or {}, ended, answered)
        assert dict(state.alarms) == self.level  # 1
        for name in [name for name, (_, until) in self.pauses.items() if until <= self.now]:
            del self.pauses[name]
        for name, pause in state.pauses.items():  # 7
            assert CONDITIONS[name].pausable
            assert not CONDITIONS[name].blinding
            assert self.now < pause.until <= self.now + SETTINGS.alarms.max_pause_s
        for alarm in self.level.values():
            self._look_at(alarm)
        if evidence is not None:
            for name in JUDGED:
                self._weigh(name)
        self._wait()

    def _replay(
        self,
        transition: Transition,
        evidence: Mapping[str, Finding],
        ended: tuple[str, ...],
        answered: Alarm | None,
    ) -> None:
        alarm, phase, change = transition.alarm, transition.phase, transition.change
        name, before = alarm.condition, self.level.get(alarm.condition)
        self.changes[change] += 1
        assert transition.time == self.now
        assert (phase is Phase.START) is (before is None)  # 2
        if before is None:
            assert alarm.id not in self.ids
            assert change is Change.RAISED
            self.ids.add(alarm.id)
        else:
            assert alarm.id == before.id
            self._compare(before, alarm, change)
        if change is Change.RAISED:  # 3
            assert alarm.presence is Presence.ON
            if name == UNATTENDED:
                assert self._unanswered()
            else:
                assert evidence[name].evidence is True
                assert self.seen[name].total >= CONDITIONS[name].on_delay(SETTINGS) - EPS
        if change is Change.LATCHED or (phase is Phase.END and change is Change.ENDED and name not in ended):  # 4
            assert (change is Change.LATCHED) <= CONDITIONS[name].latching
            if name != UNATTENDED:
                assert evidence[name].evidence is False
                assert self.seen[name].total >= CONDITIONS[name].off_delay(SETTINGS) - EPS
        if phase is Phase.END and change is not Change.ENDED:
            assert answered is not None
            assert answered.condition == name or (name == UNATTENDED and answered.condition in PAINS)
        if change is Change.ESCALATED:
            self.floors[alarm.id] = alarm.priority
            self.pauses.pop(name, None)
        if phase is Phase.END:
            assert alarm.presence is Presence.OFF
            del self.level[name]
        else:
            self.level[name] = alarm
        self.changed[alarm.id] = self.now
        if change is not Change.REMINDED:
            self.begun[alarm.id] = self.now

    def _compare(self, before: Alarm, alarm: Alarm, change: Change) -> None:
        was, now = URGENCY[before.priority], URGENCY[alarm.priority]
        if now < was:  # 8
            assert change is Change.CAUSE
            assert alarm.priority is self.world[alarm.condition].priority
            assert now >= URGENCY[self.floors.get(alarm.id, alarm.priority)]
        assert change is not Change.ESCALATED or now > was
        if change is Change.CAUSE:  # 10
            assert (before.cause, was) != (alarm.cause, now)
            assert now > was or self.now - self.told.get(alarm.id, -NEWS_EVERY_S) >= NEWS_EVERY_S
            self.told[alarm.id] = self.now

    def _look_at(self, alarm: Alarm) -> None:
        row, now = CONDITIONS[alarm.condition], self.now
        assert alarm.presence is not Presence.OFF
        assert (alarm.presence is Presence.LATCHED) <= row.latching
        paused = alarm.condition in self.pauses
        assert (alarm.activation is Activation.PAUSED) is paused  # 6
        if alarm.presence is Presence.ACKNOWLEDGED:
            at, priority = self.acknowledged[alarm.id]
            assert at <= now < at + row.acknowledged_s(SETTINGS)
            assert URGENCY[alarm.priority] <= URGENCY[priority]
        silenced = paused or alarm.presence is Presence.ACKNOWLEDGED
        assert (alarm.until is not None) is (alarm.by is not None) is silenced
        if silenced:
            assert alarm.until is not None
            assert now < alarm.until
            return
        assert now - self.changed[alarm.id] < (  # 9
            LATCHED_REMIND_S if alarm.presence is Presence.LATCHED else row.remind_s
        )
        rule = row.escalation
        if rule is not None and alarm.presence is Presence.ON and now - self.begun[alarm.id] >= rule.after_s:
            assert URGENCY[alarm.priority] >= URGENCY[rule.to]

    def _weigh(self, name: str) -> None:
        seen, row = self.seen[name], CONDITIONS[name]
        present = name in self.level and self.level[name].presence is not Presence.LATCHED
        if seen.evidence is True and seen.unbroken >= row.on_delay(SETTINGS):  # 5
            assert present
        if seen.evidence is False and seen.unbroken >= row.off_delay(SETTINGS):
            assert not present

    def _unanswered(self) -> list[str]:
        return [name for name in PAINS if name in self.level and self.level[name].presence is Presence.ON]

    def _wait(self) -> None:
        longest = SETTINGS.alarms.max_pause_s
        if any(self.now - self.pauses.get(name, (-1e9, 0.0))[0] > longest for name in self._unanswered()):
            if self.unanswered_at is not None:
                self.unanswered_s += min(self.now - self.unanswered_at, 1.0)
            self.unanswered_at = self.now
        else:
            self.unanswered_at = None
        if self.unanswered_at is None:
            self.unanswered_s = 0.0
        if self.unanswered_s >= SETTINGS.alarms.unattended_s:  # 9
            assert UNATTENDED in self.level


def test_the_invariants_hold_for_a_hundred_thousand_steps_that_reach_every_change() -> None:
    size = 3 * STEPS_PER_SCRIPT
    steps, changes = 0, Counter[Change]()

    @settings(max_examples=201, deadline=None, database=None)
    @given(st.binary(min_size=size, max_size=size))
    def run(script: bytes) -> None:
        nonlocal steps
        shadow = Shadow()
        shadow.play(script)
        steps += STEPS_PER_SCRIPT
        changes.update(shadow.changes)

    run()
    assert steps >= 100_000
    assert set(changes) == set(Change)


def never_expires(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(alarms, "_run_clocks", lambda state, _now, _settings: (state, ()))


def unknown_counts_as_absent(patch: pytest.MonkeyPatch) -> None:
    step = alarms.step
    patch.setattr(alarms, "step", lambda *args, **kw: step(*args, **{**kw, "evidence": bool(kw["evidence"])}))


def forgets_to_tell_an_end(patch: pytest.MonkeyPatch) -> None:
    gone = alarms._gone
    patch.setattr(alarms, "_gone", lambda *args: (gone(*args)[0], ()))


def uses_a_number_twice(patch: pytest.MonkeyPatch) -> None:
    put = alarms.put
    patch.setattr(alarms, "put", lambda state, *args: put(replace(state, number=0), *args))


def keeps_the_acknowledgement_when_it_gets_worse(patch: pytest.MonkeyPatch) -> None:
    watch = alarms.Watch
    patch.setattr(alarms, "Watch", lambda *args: replace(watch(*args), known=None))
    acknowledge = silences._acknowledge

    def without_priority(*args: Any) -> Any:
        state, transition = acknowledge(*args)
        watches = {name: replace(watch, known=None) for name, watch in state.watches.items()}
        return replace(state, watches=watches), transition

    patch.setattr(silences, "_acknowledge", without_priority)


def pauses_what_it_was_not_asked(patch: pytest.MonkeyPatch) -> None:
    put = silences.put

    def put_all(state: AlarmState, *args: Any) -> Any:
        pause = next(iter(state.pauses.values()), None)
        return put(replace(state, pauses=dict.fromkeys(PAINS, pause) if pause else {}), *args)

    patch.setattr(silences, "put", put_all)


def a_chain_of_pauses_excuses_for_ever(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(alarms, "_excused", lambda state, name, _now, _settings: name in state.pauses)


def updates_with_every_cause(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(alarms, "NEWS_EVERY_S", 0.0)


def raises_at_once(patch: pytest.MonkeyPatch) -> None:
    step = alarms.step
    patch.setattr(alarms, "step", lambda *args, **kw: step(*args, **{**kw, "on_delay": 0.0}))


@pytest.mark.parametrize(
    "fault",
    [
        never_expires,
        unknown_counts_as_absent,
        forgets_to_tell_an_end,
        uses_a_number_twice,
        keeps_the_acknowledgement_when_it_gets_worse,
        pauses_what_it_was_not_asked,
        a_chain_of_pauses_excuses_for_ever,
        updates_with_every_cause,
        raises_at_once,
    ],
)
def test_the_checker_finds_a_planted_fault(
    fault: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    fault(monkeypatch)
    scripts = random.Random(1)  # noqa: S311 - nothing secret

    def play_some() -> None:
        for _ in range(300):  # Until the fault is found.
            Shadow().play(scripts.randbytes(3 * STEPS_PER_SCRIPT))

    with pytest.raises(AssertionError):
        play_some()
