"""Whatever happens, what a pump may have delivered stays within the order, by true time.

A simulated ward knows the true time. The device knows only its clocks: a frame clock that runs up to 10 % fast or slow
and begins anew at every start, and a wall clock that anybody may set. Power fails; what was not yet kept is lost. The
gateway delivers when it likes until the request expires, or refuses, and its answers get lost, late or doubled.
"""

from __future__ import annotations

import os
import random
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from npng_edge.policy.analgesia import doses, interlock, ledger
from npng_edge.policy.analgesia.interlock import BolusRequest, State
from npng_edge.policy.analgesia.vetoes import Situation
from npng_edge.policy.stays.profile import Dose, Profile
from npng_edge.policy.vital.news2 import score
from npng_edge.policy.vital.vital_signs import Signs
from npng_edge.requests import Analgesic, BolusAnswer, Order, Refusal
from npng_edge.settings import Interlock
from npng_edge.units import Moment
from npng_edge.vitals import Sedation

if TYPE_CHECKING:
    from collections.abc import Callable

SETTINGS = Interlock(enabled=True)
SIGNS = Signs(
    respiratory_rate=16,
    spo2=97,
    sedation=Sedation.DROWSY,
    age_s={"respiratory_rate": 5.0, "spo2": 5.0, "sedation": 600.0},
)
NEWS2 = score(SIGNS, 1)
PATIENT = "P-1234"


def utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, timezone.utc)


@dataclass
class Delivery:
    """What a pump may have done, as far as anybody can know."""

    last: float
    """True time at which it was done, or until which it may be done."""
    mg: float


class Ward:
    """The true world, the device in it, and what is checked at every request. The seed decides what happens."""

    def __init__(self, seed: int) -> None:
        self.chance = chance = random.Random(seed)  # noqa: S311 - events, not secrets
        bolus = chance.choice([0.5, 1.0, 2.0])
        hour = bolus * chance.choice([1, 2, 4, 8, 16])
        self.limits = (
            bolus,
            chance.choice([60.0, 300.0, 600.0, 1800.0]),
            hour,
            hour + bolus * chance.choice([0, 4, 16, 64]),
        )
        self.rate = chance.choice([0.9, 0.9995, 1.0, 1.0005, 1.1])
        """Seconds of the frame clock in a true second."""
        self.true = 1_700_000_000.0
        self.wall_error = 0.0
        self.synchronised: bool | None = True
        self.started = self.true
        self.runs = 0
        self.profile = self.kept = Profile(PATIENT, "stay", self.true)
        self.state = State("run-0")
        self.deliveries: dict[str, Delivery] = {}
        self.manual: list[Delivery] = []
        self.open: list[BolusRequest] = []
        self.past: list[BolusRequest] = []
        self.order()

    def play(self, steps: int) -> None:
        """Let so many things happen."""
        events = [
            *[self.pass_time] * 4,
            *[self.look_just_before_it_is_allowed] * 6,
            *[self.gateway_acts] * 5,
            self.wait_until_free,
            self.answer_again,
            self.give_by_hand,
            self.set_wall_clock,
            self.correct_wall_clock,
            self.lose_time_server,
            self.restart,
            self.change_bed,
            self.order,
        ]
        for _ in range(steps):
            self.chance.choice(events)()
            times = [dose.elapsed for dose in self.profile.ledger]
            assert times == sorted(times)

    def moment(self) -> Moment:
        frame = 100.0 + (self.true - self.started) * self.rate
        return Moment(frame, self.true + self.wall_error, self.synchronised)

    def order(self) -> None:
        bolus, lockout, hour, four = self.limits
        until = utc(self.true + self.wall_error + 6 * 86400)
        request = Order(
            id="o", who="W", expires=until, patient=PATIENT, drug="morphine", bolus_mg=bolus, lockout_s=lockout,
            limit_1h_mg=hour, limit_4h_mg=four, until=until,
        )  # fmt: skip
        self.store(interlock.prescribe(self.state, self.profile, request, self.moment(), SETTINGS))

    def pass_time(self) -> None:
        self.true += self.chance.choice([0.25, 1.0, 9.0, 31.0, 59.0, 120.0, 301.0, 667.0, 2400.0, 5000.0])
        self.look(keeps=self.chance.random() < 0.5)

    def wait_until_free(self) -> None:
        """So long that a request is likely, however the clocks run."""
        self.correct_wall_clock()
        self.order()
        for seconds in (1.0, 301.0 / self.rate, self.limits[1] / ledger.COUNTED / self.rate, 2.0):
            self.true += seconds
            self.look(keeps=True)

    def look_just_before_it_is_allowed(self) -> None:
        """The moment at which a clock that runs a little too fast would be found out."""
        everything = [*self.deliveries.values(), *self.manual]
        if everything:
            window = self.chance.choice([self.limits[1], self.limits[1], 3600.0, 4 * 3600.0])
            target = self.chance.choice(everything[-8:]).last + window - self.chance.choice([0.5, 5.0, 25.0, 100.0])
            if target > self.true:
                self.true = target
                self.look(keeps=True)

    def look(self, *, keeps: bool) -> None:
        moment = self.moment()
        situation = Situation(moment.time - 1000, False, SIGNS, NEWS2, view_good=True, storage_healthy=True)
        self.state, self.profile, request, _ = interlock.consider(self.state, self.profile, situation, moment, SETTINGS)
        if request is not None or keeps:
            self.kept = self.profile
        if request is not None:
            self.check(request)
            assert request.id not in self.deliveries
            # Until the gateway refuses it may deliver, as long as the request is valid.
            self.deliveries[request.id] = Delivery(self.true + SETTINGS.answer_s, request.mg)
            self.open.append(request)

    def check(self, request: BolusRequest) -> None:
        """What may have been delivered, and this bolus on top of it, is within the order: by true time."""
        bolus, lockout, hour, four = self.limits
        assert request.mg == bolus
        everything = [*self.deliveries.values(), *self.manual]
        for delivery in everything:
            assert delivery.last <= self.true - lockout or not delivery.mg, "lockout"
        for window, limit in ((3600.0, hour), (4 * 3600.0, four)):
            total = sum(delivery.mg for delivery in everything if delivery.last > self.true - window)
            assert total + bolus <= limit + 1e-6, "limit"

    def gateway_acts(self) -> None:
        """The gateway takes the oldest open request, and delivers or refuses; it may keep silent about it."""
        if not self.open:
            return
        request = self.open.pop(0)
        self.past.append(request)
        delivery = self.deliveries[request.id]
        at = self.true + self.chance.choice([0.0, 1.0, 15.0, 29.9])
        share = self.chance.choice([0.0, 0.4, 1.0, 1.0, 1.0, 1.5])
        if at > delivery.last:
            share = 0.0
        self.true = at
        delivery.last, delivery.mg = min(at, delivery.last), share * request.mg
        if self.chance.random() < 0.6:
            self.answer(request.id, delivery.mg)
        elif share > 1:
            delivery.mg = request.mg  # nobody can count what a pump delivers too much and never tells

    def answer_again(self) -> None:
        """A late, doubled or contradicting answer; nothing is delivered by it."""
        if self.past:
            request = self.chance.choice(self.past)
            self.answer(request.id, self.deliveries[request.id].mg * self.chance.choice([0.0, 1.0]))

    def answer(self, bolus_id: str, mg: float) -> None:
        if mg == 0.0 and self.deliveries[bolus_id].mg and self.profile_says(bolus_id) == "asked":
            return  # the first word of a gateway is believed
        request = BolusAnswer(
            id="a", who="gateway", expires=utc(self.true), bolus_id=bolus_id,
            outcome="delivered" if mg else "refused", delivered_mg=mg,
        )  # fmt: skip
        answered = interlock.answer(self.state, self.profile, request, self.moment())
        self.store(answered.profile if isinstance(answered, doses.Answered) else answered)

    def profile_says(self, bolus_id: str) -> str | None:
        return next((dose.state for dose in self.profile.ledger if dose.bolus_id == bolus_id), None)

    def give_by_hand(self) -> None:
        at = self.true - self.chance.choice([0.0, 30.0, 600.0, 3000.0, 7200.0, 40_000.0])
        mg = self.chance.choice([0.5, 1.0, 5.0])
        request = Analgesic(id="g", who="N", expires=utc(self.true), drug="Morphine ", dose_mg=mg, at=utc(at))
        if self.store(interlock.given(self.state, self.profile, request, self.moment())):
            self.manual.append(Delivery(at, mg))

    def store(self, new: Profile | Refusal) -> bool:
        """A request is answered only after the profile is kept."""
        if isinstance(new, Refusal):
            return False
        self.profile = self.kept = new
        return True

    def set_wall_clock(self) -> None:
        """Somebody sets the clock wrong; the time service may go on to call it synchronised."""
        self.wall_error += self.chance.choice([-1e5, -3600.0, -40.0, 40.0, 3600.0, 1e5])
        self.synchronised = self.chance.choice([True, True, False, None])
        self.look(keeps=True)

    def lose_time_server(self) -> None:
        self.synchronised = None

    def correct_wall_clock(self) -> None:
        self.wall_error, self.synchronised = 0.0, True

    def restart(self) -> None:
        """Power fails: only what was kept is left, and the clocks begin anew."""
        self.true += self.chance.choice([2.0, 300.0, 4000.0, 20_000.0])
        self.started, self.runs = self.true, self.runs + 1
        self.profile = self.kept
        self.state = State(f"run-{self.runs}")
        self.wall_error = self.chance.choice([0.0, 0.0, -1e5, 1e5])
        self.synchronised = None if self.wall_error else True

    def change_bed(self) -> None:
        """The state is gone, and the order with it; the same process goes on."""
        self.profile = self.kept = interlock.moved(self.profile)
        self.state = State(self.state.run)


STEPS = 200
EXAMPLES = int(os.environ.get("NPNG_EXAMPLES", "600"))


def play_all(seeds: int) -> None:
    for seed in range(seeds):
        Ward(seed).play(STEPS)


def test_no_sequence_of_events_exceeds_the_order() -> None:
    requests = 0

    @settings(max_examples=EXAMPLES, deadline=None, derandomize=True)
    @given(st.integers(0, 2**32))
    def plays(seed: int) -> None:
        nonlocal requests
        ward = Ward(seed)
        ward.play(STEPS)
        requests += len(ward.deliveries)

    plays()
    assert EXAMPLES * STEPS >= 100_000
    assert requests >= 2000  # so that there was something to get wrong


def late_counts_as_early(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dose stands at the time of its request, though it may be delivered later."""
    original = ledger.keep

    def bug(profile: Profile, doses: tuple[Dose, ...], elapsed: float) -> Profile:
        return original(profile, tuple(replace(dose, elapsed=min(dose.elapsed, elapsed)) for dose in doses), elapsed)

    monkeypatch.setattr(ledger, "keep", bug)


def unanswered_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    original = ledger.keep

    def bug(profile: Profile, doses: tuple[Dose, ...], elapsed: float) -> Profile:
        kept = original(profile, doses, elapsed)
        return replace(kept, ledger=tuple(dose for dose in kept.ledger if dose.state != "unanswered"))

    monkeypatch.setattr(ledger, "keep", bug)


def fast_clock_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "COUNTED", 1.0)


def wall_clock_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The ledger reads the wall clock instead of its own."""
    original = interlock.consider

    def bug(state: State, profile: Profile, situation: Situation, moment: Moment, options: Interlock) -> object:
        return original(state, replace(profile, ledger_elapsed=moment.utc), situation, moment, options)

    monkeypatch.setattr(interlock, "consider", bug)


def manual_time_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dose that staff enter counts from the time they state, by the wall clock."""
    original = interlock.given

    def bug(state: State, profile: Profile, request: Analgesic, moment: Moment) -> Profile | Refusal:
        new = original(state, profile, request, moment)
        if isinstance(new, Refusal):
            return new
        age = moment.utc - request.at.timestamp()
        last = replace(new.ledger[-1], elapsed=new.ledger_elapsed - ledger.COUNTED * age)
        return ledger.keep(new, (*new.ledger[:-1], last), new.ledger_elapsed)

    monkeypatch.setattr(interlock, "given", bug)


@pytest.mark.parametrize(
    "plant",
    [late_counts_as_early, unanswered_is_forgotten, fast_clock_is_believed, wall_clock_counts, manual_time_is_believed],
)
def test_the_checker_catches_a_planted_bug(
    plant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    with pytest.raises(AssertionError, match=r"lockout|limit"):
        play_all(EXAMPLES)
