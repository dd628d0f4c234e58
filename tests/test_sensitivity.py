from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npng_edge.policy.rating import ratings as pairing
from npng_edge.policy.rating.ratings import MOST_PENDING, OLDEST_S, Pending, Ratings, add, due, shown
from npng_edge.policy.rating.sensitivity import (
    FEWEST_PAIRS,
    MOST_RATINGS,
    OBSERVER_SD,
    Z80,
    SensitivityEstimate,
    estimate,
    pspi_at,
    remember,
    vas,
    vas_at,
)
from npng_edge.policy.stays.profile import Profile, Rating
from npng_edge.requests import Rate, Refusal, RefusalReason
from npng_edge.settings import Sensitivity
from npng_edge.units import Moment

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = datetime(2026, 1, 4, 12, tzinfo=timezone.utc)
UTC = NOW.timestamp()
SETTINGS = Sensitivity()
DAY = 86_400.0


def moment(time: float) -> Moment:
    """The frame clock began at `NOW`."""
    return Moment(time, UTC + time, synchronised=True)


def request(at: float = 0.0, **changes: Any) -> Rate:
    said = NOW + timedelta(seconds=at)
    fields = {
        "id": "r1",
        "who": "nurse-7",
        "expires": NOW + timedelta(days=1),
        "vas": 6,
        "rater": "patient",
        "at": said,
    }
    return Rate(**(fields | changes))


def watched(seconds: float, score: Callable[[float], float | None], state: Ratings | None = None) -> Ratings:
    """Ten readings a second from 0 on."""
    state = state or Ratings()
    for step in range(int(seconds * 10)):
        state = add(state, step / 10, score(step / 10), SETTINGS)
    return state


def accepted(state: Ratings, asked: Rate, time: float) -> Ratings:
    made = pairing.rate(state, asked, moment(time), SETTINGS)
    assert not isinstance(made, Refusal), made
    return made[0]


def refusal(state: Ratings, asked: Rate, time: float) -> RefusalReason:
    made = pairing.rate(state, asked, moment(time), SETTINGS)
    assert isinstance(made, Refusal)
    assert made.detail
    return made.reason


def rated(
    slope: float, count: int, seed: int = 0, *, noise: float = 0.3, rater: Literal["patient", "staff"] = "patient"
) -> tuple[Rating, ...]:
    """Ratings of a patient with a known slope, evenly over VAS 1..9, by raters as the module assumes them."""
    rng = np.random.default_rng(seed)
    pain = rng.permutation(np.linspace(1, 9, count))
    said = np.clip(pain + rng.normal(0, 1.0 if rater == "patient" else OBSERVER_SD, count), 0, 10)
    shown = np.clip(slope * pain + rng.normal(0, noise, count), 0, 16)
    return tuple(
        Rating(UTC, vas, rater, "nurse-7", pspi, 0.5, 60)
        for vas, pspi in zip(said.tolist(), shown.tolist(), strict=True)
    )


def learnt(ratings: tuple[Rating, ...]) -> SensitivityEstimate:
    return estimate(ratings, SETTINGS, UTC)


class TestRatings:
    def test_a_rating_for_now_waits_for_the_window_after_it(self) -> None:
        state = watched(40, lambda _: 2.0)
        state = accepted(state, request(at=40), 40)
        assert state.pending == (Pending(request(at=40), 40.0),)
        assert due(state, moment(69.9), SETTINGS) == (state, ())
        for step in range(400, 701):
            state = add(state, step / 10, 6.0, SETTINGS)
        state, outcomes = due(state, moment(70), SETTINGS)
        assert state.pending == ()
        (outcome,) = outcomes
        assert outcome.request == request(at=40)
        made = outcome.result
        assert isinstance(made, Rating)
        # As many seconds at 2 before it as at 6 after it.
        assert made.pspi == 6.0
        assert made.spread == 4.0
        assert 55 <= made.samples <= 61
        assert (made.utc, made.vas, made.rater, made.who) == (UTC + 40, 6.0, "patient", "nurse-7")

    def test_a_late_rating_meets_the_face_of_its_own_time(self) -> None:
        state = watched(600, lambda time: 5.0 if 270 <= time <= 330 else 0.5)
        state = accepted(state, request(at=300), 600)
        _, (outcome,) = due(state, moment(600), SETTINGS)
        assert isinstance(outcome.result, Rating)
        assert outcome.result.pspi == 5.0

    def test_a_passing_smile_does_not_count(self) -> None:
        state = watched(100, lambda time: 9.0 if 40 <= time < 52 else 1.0)
        _, (outcome,) = due(accepted(state, request(at=50), 100), moment(100), SETTINGS)
        assert isinstance(outcome.result, Rating)
        assert outcome.result.pspi == 1.0

    def test_grimaces_with_rest_between_count(self) -> None:
        state = watched(120, lambda time: 6.0 if time % 12 < 4 else 0.5)
        _, (outcome,) = due(accepted(state, request(at=60), 120), moment(120), SETTINGS)
        assert isinstance(outcome.result, Rating)
        assert outcome.result.pspi == 6.0
        assert shown(state, 119, SETTINGS) == 6.0
        assert shown(state, 200, SETTINGS) is None

    @pytest.mark.parametrize(
        ("at", "now", "reason"),
        [
            (102.5, 100, RefusalReason.OUT_OF_TIME),
            (100 - OLDEST_S - 1, 100, RefusalReason.OUT_OF_TIME),
            (-200, 100, RefusalReason.NO_SCORE),
        ],
    )
    def test_ratings_that_cannot_be_paired_are_refused_at_once(
        self, at: float, now: float, reason: RefusalReason
    ) -> None:
        assert refusal(watched(100, lambda _: 1.0), request(at=at), now) is reason

    def test_clocks_may_differ_by_two_seconds_and_half_an_hour_is_the_most(self) -> None:
        state = watched(2000, lambda _: 1.0)
        accepted(state, request(at=2001.9), 2000)
        accepted(state, request(at=2000 - OLDEST_S), 2000)

    def test_a_face_that_was_hardly_seen_gives_no_pair(self) -> None:
        state = watched(100, lambda time: 1.0 if time < 33 else None)
        state = accepted(state, request(at=60), 80)
        state, outcomes = due(state, moment(90), SETTINGS)
        assert isinstance(outcomes[0].result, Refusal)
        assert outcomes[0].result.reason is RefusalReason.NO_SCORE
        assert "3 of the 60 s" in outcomes[0].result.detail
        assert due(state, moment(91), SETTINGS) == (state, ())

    def test_only_so_many_wait(self) -> None:
        state = watched(40, lambda _: 1.0)
        for number in range(MOST_PENDING):
            state = accepted(state, request(at=39, id=str(number)), 40)
        assert refusal(state, request(at=39), 40) is RefusalReason.BUSY

    def test_memory_is_bounded_and_reaches_back_far_enough(self) -> None:
        state = watched(7200, lambda _: 1.0)
        kept = sum(map(len, state.blocks)) + len(state.newest)
        assert OLDEST_S < kept < OLDEST_S + SETTINGS.window_s + 3 * pairing.BLOCK
        made = due(accepted(state, request(at=7200 - OLDEST_S), 7200), moment(7200), SETTINGS)[1][0].result
        assert isinstance(made, Rating)
        assert made.samples >= 54  # one a second at ten readings a second, but for rounding

    def test_the_profile_keeps_the_newest(self) -> None:
        profile = Profile("p-0001", "s-1", UTC)
        for index in range(MOST_RATINGS + 5):
            profile = remember(profile, Rating(UTC + index, 5, "patient", "n", 4, 1, 60))
        profile = remember(profile, Rating(UTC + 6.5, 5, "patient", "n", 4, 1, 60))
        times = [rating.utc for rating in profile.ratings]
        assert len(times) == MOST_RATINGS
        assert times == sorted(times)
        assert times[:2] == [UTC + 6, UTC + 6.5]


class TestEstimate:
    def test_without_ratings_it_is_the_populations(self) -> None:
        found = learnt(())
        assert (found.slope, found.intercept) == (SETTINGS.prior_slope, 0.0)
        assert found.high - found.slope == pytest.approx(Z80 * SETTINGS.prior_sd)
        assert (found.sensitivity, found.reason, found.pairs) == (None, "too-few-ratings", 0)
        assert found.drift is None
        assert found.expressive
        assert vas(4.0, found) is None

    @pytest.mark.parametrize(("slope", "name"), [(0.45, "insensitive"), (0.95, "medium"), (1.8, "sensitive")])
    def test_the_class_of_consistent_ratings_is_found(self, slope: float, name: str) -> None:
        found = learnt(rated(slope, 30))
        assert found.slope == pytest.approx(slope, rel=0.1)
        assert found.low < slope < found.high
        assert (found.sensitivity, found.reason) == (name, None)

    def test_no_class_from_two_pairs_however_clear(self) -> None:
        found = learnt((*rated(2.0, 20)[:2],))
        assert found.pairs < FEWEST_PAIRS
        assert (found.sensitivity, found.reason) == (None, "too-few-ratings")

    def test_on_a_cut_point_it_stays_uncertain(self) -> None:
        found = learnt(rated(SETTINGS.sensitive, 20))
        assert (found.sensitivity, found.reason) == (None, "uncertain")

    def test_few_pairs_stay_near_the_population(self) -> None:
        first = Rating(UTC, 5, "patient", "n", 10, 0.5, 60)
        assert 1.2 < learnt((first,)).slope < 1.8 < learnt(rated(2.0, 20)).slope < 2.1

    def test_the_interval_narrows_with_ratings_on_average(self) -> None:
        widths = []
        for count in (0, 1, 2, 4, 8, 16, 32):
            found = [learnt(rated(1.0, count, seed, noise=0.8)) for seed in range(40)]
            widths.append(np.mean([each.high - each.low for each in found]))
        assert widths == sorted(widths, reverse=True)
        assert widths[-1] < widths[0] / 3

    def test_the_interval_holds_the_slope_in_80_of_100_cases_or_more(self) -> None:
        rng = np.random.default_rng(3)
        held = 0
        for seed in range(300):
            slope = float(np.clip(rng.normal(SETTINGS.prior_slope, SETTINGS.prior_sd), 0.1, 3))
            found = learnt(rated(slope, 6, seed, noise=0.8))
            held += found.low <= slope <= found.high
        assert held / 300 >= 0.8

    def test_one_wild_rating_hardly_counts(self) -> None:
        good = rated(1.0, 12)
        wild = Rating(UTC, 8, "patient", "n", 0.0, 0.1, 60)
        assert learnt((*good, wild)).slope == pytest.approx(learnt(good).slope, abs=0.06)

    def test_staff_count_less_than_the_patient(self) -> None:
        own, staff = learnt(rated(2.0, 5)), learnt(rated(2.0, 5, rater="staff"))
        assert own.slope > staff.slope > SETTINGS.prior_slope
        assert own.high - own.low < staff.high - staff.low
        assert staff.effective_pairs == pytest.approx(0.4 * staff.pairs)

    def test_old_ratings_fade_and_the_population_returns(self) -> None:
        old = rated(2.0, 10)
        now, later = learnt(old), estimate(old, SETTINGS, UTC + 20 * DAY)
        assert now.slope > 1.8
        assert later.slope < 1.3
        assert later.sensitivity is None
        recent = tuple(Rating(UTC + 20 * DAY, r.vas, r.rater, r.who, r.vas * 0.8, r.spread, r.samples) for r in old)
        assert estimate((*old, *recent), SETTINGS, UTC + 20 * DAY).slope == pytest.approx(0.8, abs=0.1)

    def test_low_ratings_are_no_pairs_and_say_little_of_the_slope(self) -> None:
        low = tuple(Rating(UTC, 2, "patient", "n", 6.0, 0.1, 60) for _ in range(3))
        high = tuple(Rating(UTC, 6, "patient", "n", 18.0 * 2 / 3, 0.1, 60) for _ in range(3))
        assert learnt(low).pairs == 0
        assert learnt(low).slope - 1 < 0.5 * (learnt(high).slope - 1)

    def test_a_face_that_tells_nothing_is_named(self) -> None:
        found = learnt(rated(0.05, 20, noise=0.1))
        assert not found.expressive
        assert (found.sensitivity, found.reason) == ("insensitive", "not-expressive")
        assert found.high < SETTINGS.unexpressive
        assert vas(1.0, found) is None

    def test_a_change_over_days_is_seen(self) -> None:
        def fading(per_day: float) -> tuple[Rating, ...]:
            return tuple(
                Rating(
                    UTC - age * DAY,
                    3 + age * 1.7 % 6,
                    "patient",
                    "n",
                    (1.2 - per_day * age) * (3 + age * 1.7 % 6),
                    0,
                    60,
                )
                for age in np.arange(0, 4, 0.25).tolist()
            )

        growing, steady = learnt(fading(0.2)).drift, learnt(fading(0.0)).drift
        assert growing is not None
        assert steady is not None
        assert growing.low > 0.05
        assert steady.low < 0 < steady.high
        assert learnt(fading(0.2)[:3]).drift is None

    @given(
        st.lists(
            st.builds(
                Rating,
                utc=st.floats(UTC - 30 * DAY, UTC + DAY),
                vas=st.floats(0, 10),
                rater=st.sampled_from(["patient", "staff"]),
                who=st.just("n"),
                pspi=st.floats(0, 16),
                spread=st.floats(0, 16),
                samples=st.integers(3, 60),
            ),
            max_size=30,
        ),
        st.floats(0, 16),
    )
    def test_any_ratings_give_a_usable_estimate(self, ratings: list[Rating], score: float) -> None:
        found = learnt(tuple(ratings))
        assert 0 < found.low <= found.slope <= found.high < 16
        assert np.isfinite([found.intercept, found.noise, *found.covariance]).all()
        assert found.expressive or found.reason == "not-expressive"
        said = vas(score, found)
        assert said is None or 0 <= said.low <= said.value <= said.high <= 10
        assert learnt(tuple(reversed(ratings))).slope == pytest.approx(found.slope, abs=1e-6)


class TestVas:
    def test_line_and_rating_are_inverse(self) -> None:
        found = learnt(rated(1.5, 10, noise=0.5))
        assert vas_at(pspi_at(5.5, found), found) == pytest.approx(5.5)
        assert vas_at(0, found) < 1
        assert vas_at(16, learnt(())) == 10

    def test_no_interval_is_narrower_than_trained_observers(self) -> None:
        said = vas(7.5, learnt(rated(1.5, 100, noise=0.01)))
        assert said is not None
        assert said.value == pytest.approx(5, abs=0.3)
        assert said.high - said.low == pytest.approx(2 * Z80 * OBSERVER_SD)

    def test_few_ratings_widen_it_and_the_scale_bounds_it(self) -> None:
        few, many = vas(2.0, learnt(rated(0.5, 3))), vas(2.0, learnt(rated(0.5, 60)))
        assert few is not None
        assert many is not None
        assert few.high - few.low > many.high - many.low
        assert few.high <= 10
        assert few.low >= 0
