"""Bolus requests: when one is made, and everything that forbids it."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import pytest

from npng_edge.policy.analgesia import interlock, ledger
from npng_edge.policy.analgesia.doses import Answered
from npng_edge.policy.analgesia.interlock import State
from npng_edge.policy.analgesia.vetoes import Situation, Veto, VetoReason
from npng_edge.policy.stays.profile import Dose, Profile
from npng_edge.policy.vital.news2 import score
from npng_edge.policy.vital.vital_signs import Signs
from npng_edge.requests import Analgesic, BolusAnswer, Order, Refusal, RefusalReason, StopOrder
from npng_edge.settings import Interlock
from npng_edge.units import Moment
from npng_edge.vitals import Consciousness, Sedation

UTC = 1_780_000_000.0
"""Wall clock when the frame clock shows 0."""
READY = 1000.0
"""Frame clock: the wall clock has been steady for long enough."""
ON = Interlock(enabled=True)
AGES = {"respiratory_rate": 5.0, "spo2": 5.0, "sedation": 600.0}
SIGNS = Signs(respiratory_rate=14, spo2=96, sedation=Sedation.DROWSY, age_s=AGES)
PROFILE = Profile("P-1234", "stay-1", UTC)


def at(time: float) -> Moment:
    return Moment(time, UTC + time, synchronised=True)


def stamp(time: float) -> datetime:
    return datetime.fromtimestamp(UTC + time, timezone.utc)


def order(**changes: Any) -> Order:
    fields: dict[str, Any] = {
        "id": "r-1", "who": "W. Sister", "expires": stamp(9e9 - UTC), "patient": "P-1234", "drug": "morphine",
        "bolus_mg": 1.0, "lockout_s": 600.0, "limit_1h_mg": 3.0, "limit_4h_mg": 5.0, "until": stamp(86_400),
    }  # fmt: skip
    return Order(**(fields | changes))


def analgesic(time: float, mg: float = 1.0, drug: str = "morphine") -> Analgesic:
    return Analgesic(id="r-2", who="N", expires=stamp(time + 60), drug=drug, dose_mg=mg, at=stamp(time))


def answer(bolus_id: str, outcome: str, mg: float) -> BolusAnswer:
    return BolusAnswer(id="r-3", who="gateway", expires=stamp(9e5), bolus_id=bolus_id, outcome=outcome, delivered_mg=mg)


def situation(**changes: Any) -> Situation:
    signs = changes.pop("signs", SIGNS)
    fields: dict[str, Any] = {"pain_since": 0.0, "attended": False, "view_good": True, "storage_healthy": True}
    return Situation(signs=signs, news2=score(signs, 1), **(fields | changes))


class Bed:
    """A device with a patient in pain."""

    def __init__(self, settings: Interlock = ON) -> None:
        self.settings = settings
        self.state = State("run-7")
        self.profile = PROFILE
        self.look(0.0)
        self.look(READY - 700)

    def look(self, time: float, moment: Moment | None = None, **changes: Any) -> interlock.BolusRequest | None:
        self.time = time
        self.state, self.profile, request, self.vetoes = interlock.consider(
            self.state, self.profile, situation(**changes), moment or at(time), self.settings
        )
        return request

    def order(self, **changes: Any) -> None:
        self.take(interlock.prescribe(self.state, self.profile, order(**changes), at(self.time), self.settings))

    def give(self, time: float, mg: float = 1.0, drug: str = "morphine") -> None:
        self.time = time
        self.take(interlock.given(self.state, self.profile, analgesic(time, mg, drug), at(time)))

    def answer(self, bolus_id: str, outcome: str, mg: float, time: float) -> Answered:
        answered = interlock.answer(self.state, self.profile, answer(bolus_id, outcome, mg), at(time))
        assert isinstance(answered, Answered)
        self.time = time
        self.take(answered.profile)
        return answered

    def take(self, new: Profile | Refusal) -> None:
        assert isinstance(new, Profile), new
        self.profile = new
        self.look(self.time, pain_since=None)

    def reasons(self) -> set[str]:
        return {veto.reason.value for veto in self.vetoes}

    def restart(self) -> None:
        self.state = State("run-8")


@pytest.fixture
def bed() -> Bed:
    """A bed with an order that was made a lockout ago."""
    made = Bed()
    made.order()
    made.look(READY - 1, pain_since=None)
    made.look(READY, pain_since=None)
    return made


def test_a_bolus_is_requested_once_and_counted_before_it_can_be_published(bed: Bed) -> None:
    assert bed.look(READY + 1, pain_since=READY - 118) is None  # 119 s
    assert bed.vetoes == ()
    request = bed.look(READY + 2, pain_since=READY - 118)
    assert request is not None
    assert request.id == "run-7-b1002000"
    assert (request.drug, request.mg) == ("morphine", 1.0)
    assert request.expires_utc - request.asked_utc == ON.answer_s
    assert request.reason == "Pain above this patient's threshold for 2 min, and nobody has come."
    (dose,) = bed.profile.ledger
    assert (dose.state, dose.mg, dose.bolus_id) == ("asked", 1.0, request.id)
    assert bed.look(READY + 3) is None
    assert bed.reasons() == {"answer-pending", "lockout"}


def test_off_by_default() -> None:
    assert not Interlock().enabled
    bed = Bed(Interlock())
    refusal = interlock.prescribe(bed.state, bed.profile, order(), at(READY), bed.settings)
    assert isinstance(refusal, Refusal)
    assert refusal.reason is RefusalReason.DISABLED
    # An order that was taken while it was switched on is of no use either.
    other = Bed()
    other.order()
    bed.profile = other.profile
    assert bed.look(READY + 1) is None
    assert bed.vetoes == ()


@pytest.mark.parametrize(
    ("changes", "moment", "reason"),
    [
        ({"patient": "P-9999"}, at(READY), RefusalReason.WRONG_PATIENT),
        ({"until": stamp(READY - 1)}, at(READY), RefusalReason.OUT_OF_TIME),
        ({"until": stamp(READY + 7 * 86_400 + 1)}, at(READY), RefusalReason.OUT_OF_TIME),
        ({}, Moment(READY, UTC + READY, synchronised=False), RefusalReason.NOT_ALLOWED),
        ({}, Moment(READY, UTC + READY, synchronised=None), RefusalReason.NOT_ALLOWED),
    ],
)
def test_orders_that_are_refused(changes: dict[str, Any], moment: Moment, reason: RefusalReason) -> None:
    refusal = interlock.prescribe(State("run"), PROFILE, order(**changes), moment, ON)
    assert isinstance(refusal, Refusal)
    assert refusal.reason is reason


@pytest.mark.parametrize(
    ("signs", "reason"),
    [
        ({"respiratory_rate": 10}, "respiratory-rate-low"),
        ({"spo2": 91.9}, "spo2-low"),
        ({"sedation": Sedation.FREQUENTLY_DROWSY}, "sedated"),
        ({"sedation": Sedation.SOMNOLENT}, "sedated"),
        ({"consciousness": Consciousness.CONFUSION}, "news2-red"),
        ({"systolic": 90}, "news2-red"),
        ({"respiratory_rate": None}, "vitals-stale"),
        ({"age_s": AGES | {"respiratory_rate": 121.0}}, "vitals-stale"),
        ({"age_s": AGES | {"spo2": 121.0}}, "vitals-stale"),
        ({"age_s": AGES | {"sedation": 3601.0}}, "vitals-stale"),
        ({"respiratory_rate": None, "age_s": {"spo2": 5.0, "sedation": 5.0}}, "respiratory-rate-unknown"),
        ({"spo2": None, "age_s": {"respiratory_rate": 5.0, "sedation": 5.0}}, "spo2-unknown"),
        ({"sedation": None, "age_s": {"respiratory_rate": 5.0, "spo2": 5.0}}, "sedation-unknown"),
    ],
)
def test_each_doubt_about_the_patient_forbids(bed: Bed, signs: dict[str, Any], reason: str) -> None:
    assert bed.look(READY + 1, signs=replace(SIGNS, **signs)) is None
    assert bed.reasons() == {reason}
    assert bed.look(READY + 2) is not None  # and nothing else did


def test_the_limits_of_the_signs_themselves_are_allowed(bed: Bed) -> None:
    edge = replace(SIGNS, respiratory_rate=11, spo2=92, age_s={"respiratory_rate": 120, "spo2": 120, "sedation": 3600})
    assert bed.look(READY + 1, signs=edge) is not None


def test_a_low_rate_is_named_with_its_figure(bed: Bed) -> None:
    bed.look(READY + 1, signs=replace(SIGNS, respiratory_rate=8))
    assert Veto(VetoReason.RESPIRATORY_RATE_LOW, "Respiratory rate 8 /min.") in bed.vetoes
    assert Veto(VetoReason.NEWS2_RED, "NEWS2 has 3 points for respiratory rate.") in bed.vetoes


@pytest.mark.parametrize(
    ("changes", "reason"),
    [({"attended": True}, "attended"), ({"view_good": False}, "poor-view"), ({"storage_healthy": False}, "storage")],
)
def test_each_doubt_about_the_device_forbids(bed: Bed, changes: dict[str, Any], reason: str) -> None:
    assert bed.look(READY + 1, **changes) is None
    assert bed.reasons() == {reason}


def test_no_order_and_a_stopped_order(bed: Bed) -> None:
    stop = StopOrder(id="r-9", who="W", expires=stamp(9e5), patient="P-1234")
    bed.take(interlock.stop(bed.profile, stop))
    assert bed.look(READY + 1) is None
    assert bed.reasons() == {"no-order"}
    wrong = interlock.stop(bed.profile, stop.model_copy(update={"patient": "P-9999"}))
    assert isinstance(wrong, Refusal)


def test_an_order_does_not_go_to_another_bed_but_the_ledger_does(bed: Bed) -> None:
    bed.give(READY)
    there = interlock.moved(bed.profile)
    assert there.prescription is None
    assert there.ledger == bed.profile.ledger


def test_an_order_ends_by_either_clock(bed: Bed) -> None:
    bed.order(until=stamp(READY + 7200))
    # The wall clock is set back again and again; after 7200 s / 0.9 by the ledger's clock it is over anyhow.
    for time in (3000.0, 6000.0, 7900.0, 8100.0):
        bed.look(READY + time, Moment(READY + time, UTC + READY + 10, synchronised=True))
        assert ("order-expired" in bed.reasons()) is (time > 8000)
    bed.order(until=stamp(READY + 8100 + 60))
    bed.look(READY + 8159, attended=True)
    assert "order-expired" not in bed.reasons()
    bed.look(READY + 8160, attended=True)
    assert "order-expired" in bed.reasons()


def test_the_wall_clock_must_be_synchronised_and_steady(bed: Bed) -> None:
    for synchronised in (False, None):
        assert bed.look(READY + 1, Moment(READY + 1, UTC + READY + 1, synchronised)) is None
        assert bed.reasons() == {"clock-unsynchronised"}
    assert bed.look(READY + 2) is None  # synchronised again, only just now
    assert bed.reasons() == {"clock-stepped"}
    assert bed.look(READY + 301) is None
    ahead = 5.0  # set by 5 s, while it was called synchronised
    assert bed.look(READY + 302, Moment(READY + 302, UTC + READY + 302 + ahead, synchronised=True)) is None
    assert bed.reasons() == {"clock-stepped"}
    assert bed.look(READY + 602, Moment(READY + 602, UTC + READY + 602 + ahead, synchronised=True)) is not None


def test_a_clock_before_the_order_is_wrong(bed: Bed) -> None:
    back = 86_400.0
    for time in (READY + 1, READY + 400):
        assert bed.look(time, Moment(time, UTC + time - back, synchronised=True)) is None
    assert bed.reasons() == {"clock-stepped"}


def test_lockout_and_limits_take_at_least_their_time(bed: Bed) -> None:
    """3 mg an hour, 5 mg in four, every 600 s: counted from the latest time a dose may have been given."""
    asked = []
    for time in range(int(READY) + 1, int(READY) + 5 * 3600):
        request = bed.look(float(time))
        if request is not None:
            asked.append(time)
            bed.answer(request.id, "delivered", 1.0, time + 0.5)
    gaps = [later - earlier for earlier, later in itertools.pairwise(asked)]
    lockout, hour, four = (0.5 + seconds / ledger.COUNTED for seconds in (600, 3600, 4 * 3600))
    assert gaps[:2] == [pytest.approx(lockout, abs=1.5)] * 2
    assert asked[3] - asked[0] == pytest.approx(hour, abs=2.5)
    assert asked[5] - asked[0] == pytest.approx(four, abs=4)
    assert asked[4] - asked[3] == pytest.approx(lockout, abs=1.5)
    for start in asked:
        assert sum(start <= time < start + 3600 for time in asked) <= 3
        assert sum(start <= time < start + 4 * 3600 for time in asked) <= 5


def test_an_unanswered_request_counts_in_full_for_ever(bed: Bed) -> None:
    request = bed.look(READY + 1)
    assert request is not None
    bed.look(READY + 32)
    assert bed.profile.ledger[0].state == "asked"  # 30 s by the ledger's clock are 33 true ones
    bed.look(READY + 36)
    assert bed.profile.ledger[0].state == "unanswered"
    answered = bed.answer(request.id, "refused", 0.0, READY + 40)
    assert answered.late
    assert (bed.profile.ledger[0].state, bed.profile.ledger[0].mg) == ("unanswered", 1.0)


def test_a_refusal_in_time_gives_the_amount_back_but_not_the_lockout(bed: Bed) -> None:
    bed.order(limit_1h_mg=1.0)
    request = bed.look(READY + 701)
    assert request is not None
    answered = bed.answer(request.id, "refused", 0.0, READY + 703)
    assert (answered.late, answered.excess_mg) == (False, 0.0)
    bed.look(READY + 710)
    assert bed.reasons() == {"lockout"}
    assert bed.look(READY + 1400) is not None


def test_more_than_asked_is_counted_and_reported(bed: Bed) -> None:
    request = bed.look(READY + 1)
    assert request is not None
    answered = bed.answer(request.id, "delivered", 2.5, READY + 3)
    assert answered.excess_mg == 1.5
    bed.look(READY + 700)
    assert bed.reasons() == {"limit-1h"}
    assert "2.5 mg counted in 1 h; one more of 1 is over 3 mg." in {veto.detail for veto in bed.vetoes}


def test_contradicting_answers_keep_the_larger(bed: Bed) -> None:
    request = bed.look(READY + 1)
    assert request is not None
    bed.answer(request.id, "delivered", 0.5, READY + 3)
    kept = bed.profile.ledger
    assert bed.answer(request.id, "refused", 0.0, READY + 4).late
    assert bed.profile.ledger == kept
    assert bed.answer(request.id, "delivered", 0.5, READY + 300).excess_mg == 0.0
    assert bed.profile.ledger == kept
    assert bed.answer(request.id, "delivered", 0.8, READY + 400).excess_mg == pytest.approx(0.3)
    assert bed.profile.ledger[0].mg == 0.8
    assert bed.profile.ledger[0].elapsed > kept[0].elapsed  # the rest may have come only now
    contradiction = bed.answer(request.id, "refused", 1.0, READY + 500)  # refused, and yet something was delivered
    assert contradiction.profile.ledger == (contradiction.dose,)
    assert contradiction.dose.mg == 1.0


def test_an_answer_to_nothing_is_refused(bed: Bed) -> None:
    refusal = interlock.answer(bed.state, bed.profile, answer("run-1-b5", "delivered", 1.0), at(READY))
    assert isinstance(refusal, Refusal)
    assert refusal.reason is RefusalReason.UNKNOWN_ID


def test_a_restart_forgets_nothing_and_credits_no_time(bed: Bed) -> None:
    request = bed.look(READY + 1)
    assert request is not None
    bed.restart()

    # Two hours later by the wall clock; the frame clock of the new run begins at 0.
    def later(time: float) -> Moment:
        return Moment(time, UTC + READY + 7200 + time, synchronised=True)

    for time in (0.0, 1.0, 301.0):
        assert bed.look(time, later(time), pain_since=-1000.0) is None
    assert bed.reasons() == {"lockout"}
    assert bed.profile.ledger[0].state == "unanswered"
    # From the loss of power on: what is left of 30 s and of 600 s, each second counting 0.9.
    assert bed.look(699.0, later(699.0), pain_since=-1000.0) is None
    second = bed.look(701.0, later(701.0), pain_since=-1000.0)
    assert second is not None
    assert second.id == "run-8-b701000"


def test_the_profile_is_kept_about_once_a_minute_and_not_more(bed: Bed) -> None:
    bed.give(READY)
    kept = 0
    for tick in range(4 * 600):
        before = bed.profile
        bed.look(READY + tick / 4, pain_since=None)
        kept += bed.profile is not before
    assert kept == 8  # 600 s at 0.9, every 60


def test_doses_by_hand_count_from_their_entry(bed: Bed) -> None:
    """A dose of an hour ago that is entered now counts as given now: no clock but the ledger's own is trusted."""
    bed.look(READY + 3600, pain_since=None)
    bed.take(interlock.given(bed.state, bed.profile, analgesic(READY + 10, 2.5, " Morphine"), at(READY + 3600)))
    assert bed.profile.ledger[0].utc == UTC + READY + 10
    assert bed.look(READY + 3600 + 1) is None
    assert bed.reasons() == {"lockout", "limit-1h"}


@pytest.mark.parametrize("time", [READY + 61, READY - 12 * 3600 - 1])
def test_doses_out_of_time_are_refused(bed: Bed, time: float) -> None:
    refusal = interlock.given(bed.state, bed.profile, analgesic(time), at(READY))
    assert isinstance(refusal, Refusal)
    assert refusal.reason is RefusalReason.OUT_OF_TIME
    # While the clock is not synchronised nobody can tell: the dose counts.
    doubtful = Moment(READY, UTC + READY, synchronised=False)
    assert isinstance(interlock.given(bed.state, bed.profile, analgesic(time), doubtful), Profile)


def test_another_drug_forbids_until_it_is_considered(bed: Bed) -> None:
    bed.give(READY + 1, 0.1, "fentanyl")
    bed.look(READY + 701)
    assert bed.reasons() == {"other-drug"}
    bed.order()
    assert bed.look(READY + 1370) is not None


def test_the_first_request_comes_a_lockout_after_the_order(bed: Bed) -> None:
    """What was given just before may be missing, when the stay began just now or the patient came from another bed."""
    bed.profile = interlock.moved(bed.profile)
    bed.order()
    assert bed.look(READY + 665) is None
    assert bed.reasons() == {"lockout"}
    assert bed.look(READY + 668) is not None


def test_a_new_name_for_the_drug_does_not_open_the_limits_anew(bed: Bed) -> None:
    assert bed.look(READY + 1) is not None
    bed.order(drug="Morphine HCl")
    bed.look(READY + 800)
    assert bed.reasons() == {"other-drug"}


def test_a_flood_of_doses_is_bounded_and_forbids(bed: Bed) -> None:
    flood = tuple(Dose(UTC, 0.0, "morphine", 0.001, "given") for _ in range(ledger.MOST_DOSES))
    bed.profile = ledger.keep(bed.profile, flood, bed.profile.ledger_elapsed)
    refusal = interlock.given(bed.state, bed.profile, analgesic(READY), at(READY))
    assert isinstance(refusal, Refusal)
    bed.look(READY + 1)
    assert "ledger-full" in bed.reasons()
    bed.look(READY + 50_000, pain_since=None)
    assert bed.profile.ledger == ()  # 12 h have passed


def test_a_clock_of_another_profile_is_not_used(bed: Bed) -> None:
    """Even if a state is not begun anew for an imported profile."""
    bed.look(READY + 5000)
    imported = replace(PROFILE, ledger=(Dose(UTC, 77.0, "morphine", 1.0, "given"),), ledger_elapsed=77.0)
    assert ledger.read(bed.state.clock, imported, READY + 5001) == 77.0
    clock, profile = ledger.follow(bed.state.clock, imported, READY + 5001)
    assert (clock.elapsed, profile) == (77.0, imported)
