"""Hours, days, stays, doses and comparisons: figures that add up, and what was not seen in none of them."""

from __future__ import annotations

import math
import random
import time
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from npng_edge.policy.stays import summary as summaries
from npng_edge.policy.stays.compare import Comparison, compare
from npng_edge.policy.stays.effect import effects
from npng_edge.policy.stays.figures import Minute, Summary, by_hour, by_span, merge, quantile
from npng_edge.policy.stays.profile import Dose, Profile, Rating
from npng_edge.policy.stays.stay import Stay
from npng_edge.policy.stays.summary import HourState, note, snapshot, step
from npng_edge.record.codec import HOUR as HOUR_CODEC
from npng_edge.requests import Refusal, RefusalReason
from npng_edge.settings import Policy
from npng_edge.units import (
    Assessment,
    BaselineOrigin,
    Estimate,
    LookAlike,
    Moment,
    PainLevel,
    Reason,
    Threshold,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

HOUR = 3600.0
MIDNIGHT = 1_700_006_400.0
"""A whole day, UTC."""


def seen(now: float, above: float | None = None, **changes: Any) -> Assessment:
    pain = above is not None and above >= 4
    made = Assessment(
        time=now,
        pspi=None if above is None else above + 1,
        pspi_error=None,
        pspi_above_baseline=above,
        reasons=(Reason.NO_FACE, Reason.DARK) if above is None else (),
        baseline=BaselineOrigin.LEARNT,
        look_alike=None,
        pain=pain,
        threshold=Threshold(4.0, 7.0, 4.0, "configured"),
        level=None if above is None else PainLevel.PAIN if pain else PainLevel.NONE,
        trend=None,
        confidence=None,
        since=None,
        minutes_above=0.0,
        vas=None if above is None else Estimate(above, 0.0, 10.0),
        asymmetry=None,
    )
    return replace(made, **changes)


class Watch:
    """A device that watches, on both clocks."""

    def __init__(self, utc: float = MIDNIGHT) -> None:
        self.state = HourState()
        self.now = 50.0
        self.offset = utc - self.now
        self.hours: list[Summary] = []

    @property
    def moment(self) -> Moment:
        return Moment(self.now, self.now + self.offset, synchronised=True)

    def see(self, seconds: float, above: float | None, every: float = 0.5, **changes: Any) -> Watch:
        for _ in range(round(seconds / every)):
            self.take(seen(self.now, above, **changes))
            self.now += every
        return self

    def wait(self, seconds: float, every: float = 1.0) -> Watch:
        for _ in range(round(seconds / every)):
            self.take(None)
            self.now += every
        return self

    def take(self, assessment: Assessment | None) -> None:
        self.state, hour = step(self.state, assessment, self.moment)
        self.hours += [hour] if hour else []

    def close(self) -> list[Summary]:
        last = snapshot(self.state)
        assert last is not None
        return [*self.hours, last]


def whole(watch: Watch) -> Summary:
    merged = merge(watch.close())
    assert merged is not None
    return merged


def test_an_hour_holds_what_was_seen_and_nothing_else() -> None:
    watch = Watch()
    watch.see(1800, 0.5).see(600, 5.1).see(300, 8.0, level=PainLevel.SEVERE).see(600, None).wait(300)
    watch.take(None)
    (hour,) = watch.hours
    assert (hour.begin_utc, hour.end_utc) == (MIDNIGHT, MIDNIGHT + 3599)
    assert hour.scored_s == pytest.approx(2700, abs=1)
    assert hour.unscored_s == {"no-face": pytest.approx(600, abs=1)}
    assert hour.unread_s == pytest.approx(300, abs=2)
    assert hour.pain_s == pytest.approx(900, abs=1)
    assert hour.severe_s == pytest.approx(300, abs=1)
    assert hour.pain_minutes_per_hour == pytest.approx(20, abs=0.1)
    assert (hour.median_pspi, hour.p95_pspi) == (0.5, 8.0)
    assert hour.mean_pspi == pytest.approx((1800 * 0.5 + 600 * 5 + 300 * 8) / 2700, abs=0.01)
    assert hour.median_vas == 0.5
    assert hour.threshold == 4.0


def test_nothing_seen_is_unknown_and_not_calm() -> None:
    hour = whole(Watch().see(600, None))
    assert hour.scored_s == 0.0
    assert hour.mean_pspi is hour.median_pspi is hour.p95_pspi is hour.median_vas is None
    assert hour.pain_minutes_per_hour is None
    assert hour.minutes == ()


def test_a_gap_between_readings_counts_for_two_seconds_at_the_most() -> None:
    watch = Watch().see(60, 1.0)
    watch.now += 600
    hour = whole(watch.see(60, 1.0))
    assert hour.scored_s == pytest.approx(121.0, abs=0.6)
    assert hour.unread_s == pytest.approx(600 - 2, abs=1)


def test_smiles_talk_and_scores_without_a_baseline_are_in_no_average_and_sleep_is() -> None:
    watch = Watch().see(100, 0.0).see(100, 6.0, look_alike=LookAlike.SMILE, level=PainLevel.NONE)
    watch.see(100, 1.0, look_alike=LookAlike.SLEEP).see(100, 0.0, pspi=3.0, pspi_above_baseline=None)
    hour = whole(watch)
    assert hour.scored_s == pytest.approx(400, abs=1)
    assert hour.compared_s == pytest.approx(200, abs=1)
    assert hour.mean_pspi == pytest.approx(0.5, abs=0.01)
    assert hour.look_alike_s == {"smile": pytest.approx(100, abs=1), "sleep": pytest.approx(100, abs=1)}
    assert hour.pain_s == 0.0


def test_minutes_follow_the_clock() -> None:
    watch = Watch(MIDNIGHT + 30).see(30, 2.0).see(60, None).see(30, 4.0).see(30, 2.0).see(30, 1.0)
    assert whole(watch).minutes == (
        Minute(MIDNIGHT, 2.0, 29.5, 0.0),
        Minute(MIDNIGHT + 120, pytest.approx(3.0, abs=0.02), 60.0, 30.0),
        Minute(MIDNIGHT + 180, 1.0, 30.0, 0.0),
    )


def test_notes_go_to_the_hour_in_which_they_are_made() -> None:
    watch = Watch().see(10, 1.0)
    rating = Rating(watch.now, 6.0, "patient", "nurse 7", 5.0, 0.5, 60)
    dose = Dose(watch.now, 10.0, "morphine", 1.0, "given")
    for _ in range(2):
        watch.state = note(watch.state, watch.moment, alarm="pain")
    watch.state = note(watch.state, watch.moment, alarm="no-face", news2=5, rating=rating, dose=dose)
    watch.state = note(watch.state, watch.moment, news2=3)
    watch.wait(HOUR).take(None)
    first, second = watch.close()
    assert (first.pain_alarms, dict(first.alarms)) == (2, {"pain": 2, "no-face": 1})
    assert (first.worst_news2, first.ratings, first.doses) == (5, (rating,), (dose,))
    assert (second.pain_alarms, second.worst_news2, second.ratings) == (0, None, ())
    assert note(HourState(), watch.moment, alarm="pain").hour is not None


def test_parts_of_an_hour_and_days_add_up_to_the_stay() -> None:
    """Restarts in the middle of an hour, days by the clock on the wall."""
    parts: list[Summary] = []
    for day in range(3):
        for begin in (9.0, 9.4, 14.0):
            watch = Watch(MIDNIGHT + day * 86400 + begin * HOUR).see(0.3 * HOUR, float(day), every=1.0)
            parts += watch.close()
    hours, days = by_hour(parts), by_span(parts, 86400.0, 0.0)
    assert len(hours) == 6
    assert [one.median_pspi for one in days] == [0.0, 1.0, 2.0]
    assert hours[0].scored_s == pytest.approx(0.6 * HOUR, abs=3)
    stay = merge(parts)
    assert stay is not None
    assert sum(day.scored_s for day in days) == pytest.approx(stay.scored_s)
    assert stay.median_pspi == 1.0
    assert len(by_span(parts, 86400.0, 15 * HOUR)) == 3
    assert [part.begin_utc for part in by_span(parts, 86400.0, 12 * HOUR)][1] == MIDNIGHT + 14 * HOUR
    assert merge([]) is None
    assert by_hour([]) == []


@hypothesis_settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.one_of(st.none(), st.floats(0, 16)),
            st.floats(0.0, 700.0),
            st.floats(-5000, 5000),
            st.sampled_from([None, *LookAlike]),
        ),
        min_size=1,
        max_size=60,
    )
)
def test_time_is_never_made_up(events: list[tuple[float | None, float, float, LookAlike | None]]) -> None:
    """However readings come and the wall clock jumps, the parts hold no more than the frame clock's time."""
    watch = Watch()
    for above, gap, jump, alike in events:
        watch.now += gap
        watch.offset += jump if gap > 600 else 0.0
        watch.take(seen(watch.now, above, look_alike=None if above is None else alike))
    total = whole(watch)
    elapsed = watch.now - 50.0 - events[0][1]
    assert total.seconds == pytest.approx(elapsed, abs=0.05 * len(watch.close()))
    assert total.scored_s + sum(total.unscored_s.values()) <= elapsed + 0.1 * (len(watch.close()) + len(events))
    assert total.compared_s <= total.scored_s + 0.1 * len(events)
    assert total.pain_s <= total.scored_s + 0.1
    for minute in total.minutes:
        assert 0 <= minute.mean <= 16
        assert minute.pain_s <= minute.scored_s


@given(st.lists(st.floats(0, 16), min_size=1, max_size=50), st.floats(0.01, 1.0))
def test_quantiles_are_those_of_the_scores_to_half_a_class(scores: list[float], share: float) -> None:
    histogram = [0.0] * 65
    for score in scores:
        histogram[round(score / 0.25)] += 1.0
    exact = sorted(scores)[math.ceil(share * len(scores) - 1e-6) - 1]
    got = quantile(histogram, share, 0.25)
    assert got is not None
    assert abs(got - exact) <= 0.125 + 1e-9
    assert quantile([], share, 0.25) is None
    assert quantile([0.0], share, 0.25) is None


def test_a_summary_survives_being_kept() -> None:
    watch = Watch().see(600, 1.0).see(60, None)
    watch.state = note(watch.state, watch.moment, alarm="pain", dose=Dose(1.0, 2.0, "morphine", 1.0, "given"))
    hour = snapshot(watch.state)
    assert hour is not None
    body = HOUR_CODEC.encode(hour)
    assert HOUR_CODEC.decode(body) == hour
    assert len(body) < 1500


def test_an_hour_is_bounded_and_a_reading_costs_little() -> None:
    watch = Watch()
    begin = time.perf_counter()
    for index in range(20_000):
        watch.take(seen(watch.now, (index % 640) / 40))
        watch.now += 0.1
    assert (time.perf_counter() - begin) / 20_000 < 0.001
    hour = snapshot(watch.state)
    assert hour is not None
    assert (len(hour.histogram), len(hour.minutes)) == (65, 34)
    for _ in range(500):
        watch.state = note(watch.state, watch.moment, dose=Dose(1.0, 2.0, "morphine", 1.0, "given"))
    assert watch.state.hour is not None
    assert len(watch.state.hour.doses) == summaries.MOST_NOTES


# --- doses -----------------------------------------------------------------------------------------------------------


def course(begin: float, means: Sequence[float | None]) -> tuple[Minute, ...]:
    return tuple(
        Minute(begin + 60 * index, mean, 60.0, 60.0 * (mean >= 4))
        for index, mean in enumerate(means)
        if mean is not None
    )


def test_a_dose_is_followed_for_an_hour_in_four_windows() -> None:
    dose = Dose(MIDNIGHT + HOUR, 0.0, "morphine", 2.0, "given")
    minutes = course(MIDNIGHT, [6.0] * 60 + [6.0] * 5 + [4.0] * 10 + [2.0] * 15 + [None] * 30)
    (effect,) = effects(minutes, [dose])
    assert (effect.before.mean_pspi, effect.before.pain_min_per_h) == (6.0, 60.0)
    assert [window.end_min for window in effect.after] == [5, 15, 30, 60]
    assert [window.mean_pspi for window in effect.after] == [6.0, 4.0, 2.0, None]
    assert [window.pain_min_per_h for window in effect.after] == [60.0, 60.0, 0.0, None]
    assert [window.scored_s for window in effect.after] == [300, 600, 900, 0]


def test_doses_close_to_each_other_say_so_and_one_that_nobody_saw_is_unknown() -> None:
    times = (0.0, 0.5, 5.0)
    doses = [Dose(MIDNIGHT + hours * HOUR, 0.0, "morphine", 1.0, "delivered") for hours in reversed(times)]
    found = effects((), doses)
    assert [effect.dose.utc for effect in found] == [MIDNIGHT + hours * HOUR for hours in times]
    assert [effect.other_doses for effect in found] == [1, 1, 0]
    assert all(window.mean_pspi is None for effect in found for window in (effect.before, *effect.after))


# --- comparison ------------------------------------------------------------------------------------------------------


def stay(
    name: str, begin: float, level: float, *, hours: int = 48, patient: str = "PT-0001", slope: float = 1.0
) -> Stay:
    """Hours whose scores scatter around a level, one of them in four in pain."""
    chance = random.Random(name)  # noqa: S311 - a made-up patient needs no secret
    parts = []
    for index in range(hours):
        at = begin + index * HOUR
        histogram = [0.0] * 40
        for _ in range(60):
            histogram[max(0, round(chance.gauss(level + 5 * (chance.random() < 0.05), 0.5) / 0.25))] += 50.0
        parts.append(
            Summary(
                at,
                at + 3599,
                3600.0,
                3000.0,
                histogram=tuple(histogram),
                threshold=4.0,
                alarms=MappingProxyType({"pain": int(chance.random() < 0.25)}),
            )
        )
    ratings = tuple(
        Rating(begin + n * 4 * HOUR, vas, "patient", "nurse 7", vas * slope, 0.3, 60)
        for n, vas in enumerate([4.0, 7.0, 5.0, 8.0, 3.0, 6.0])
    )
    profile = Profile(patient, name, begin, ratings=ratings)
    return Stay(profile, begin + hours * HOUR, tuple(parts), (), ())


def measure(comparison: Comparison | Refusal, name: str) -> tuple[Estimate, Estimate, Estimate]:
    assert isinstance(comparison, Comparison)
    (found,) = [one for one in comparison.measures if one.name == name]
    return found.here, found.earlier, found.difference


def test_a_calmer_stay_is_told_from_an_earlier_one_on_one_scale() -> None:
    here = stay("new", MIDNIGHT + 90 * 86400, 0.5, slope=0.7)
    before = stay("old", MIDNIGHT, 1.5, slope=0.7)
    comparison = compare(here, before, Policy())
    now, then, difference = measure(comparison, "mean-pspi")
    assert now.value == pytest.approx(0.75, abs=0.1)
    assert then.value == pytest.approx(1.75, abs=0.1)
    assert difference.high < -0.8
    assert isinstance(comparison, Comparison)
    assert comparison.line.pairs == 12  # both stays' ratings, the older ones not forgotten
    assert comparison.line.slope == pytest.approx(0.7, abs=0.05)
    assert comparison.threshold == pytest.approx(4 * 0.7, abs=0.2)
    assert (comparison.hours_here, comparison.hours_earlier) == (48, 48)
    for one in comparison.measures:
        for side in (one.here, one.earlier, one.difference):
            assert side.low <= side.value <= side.high
        assert one.difference.value == pytest.approx(one.here.value - one.earlier.value)
    median, vas = measure(comparison, "median-pspi")[0].value, measure(comparison, "median-vas")[0].value
    assert vas == pytest.approx((median - comparison.line.intercept) / comparison.line.slope)


def test_two_halves_of_one_stay_are_alike_in_eight_of_ten_cases() -> None:
    """The interval of the difference holds zero about as often as it says."""
    held = 0
    for number in range(60):
        one, other = stay(f"a{number}", MIDNIGHT, 1.0), stay(f"b{number}", MIDNIGHT + 30 * 86400, 1.0)
        difference = measure(compare(other, one, Policy()), "pain-minutes")[2]
        held += difference.low <= 0.0 <= difference.high
    assert 0.65 < held / 60 < 0.95


def test_the_threshold_of_then_makes_no_difference() -> None:
    """Other staff ordered another threshold: the minutes are counted at one and the same."""
    here, before = stay("new", MIDNIGHT + 90 * 86400, 1.0), stay("old", MIDNIGHT, 1.0)
    strict = replace(before, profile=replace(before.profile, threshold_vas=1.0))
    assert measure(compare(here, strict, Policy()), "pain-minutes") == measure(
        compare(here, before, Policy()), "pain-minutes"
    )


@pytest.mark.parametrize(
    ("earlier", "reason", "word"),
    [
        (stay("other", MIDNIGHT, 1.0, patient="PT-0002"), RefusalReason.WRONG_PATIENT, "two people"),
        (stay("new", MIDNIGHT, 1.0), RefusalReason.NOT_ALLOWED, "same stay"),
        (stay("short", MIDNIGHT, 1.0, hours=5), RefusalReason.NO_SCORE, "has 5 hours"),
    ],
)
def test_what_cannot_be_compared_is_refused(earlier: Stay, reason: RefusalReason, word: str) -> None:
    refusal = compare(stay("new", MIDNIGHT + 90 * 86400, 1.0), earlier, Policy())
    assert isinstance(refusal, Refusal)
    assert refusal.reason is reason
    assert word in refusal.detail
