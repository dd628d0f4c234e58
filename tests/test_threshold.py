from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from npng_edge.policy.rating import threshold
from npng_edge.policy.rating.sensitivity import SensitivityEstimate, estimate
from npng_edge.policy.rating.threshold import HIGHEST, LOWEST, effective, set_vas
from npng_edge.policy.stays.profile import Profile, Rating
from npng_edge.requests import Override, Refusal, RefusalReason, SetThreshold
from npng_edge.settings import Pain, Policy
from npng_edge.units import Moment, Threshold

NOW = datetime(2026, 1, 4, 12, tzinfo=timezone.utc)
UTC = NOW.timestamp()
MOMENT = Moment(100.0, UTC, synchronised=True)
POLICY = Policy()
PROFILE = Profile("p-0001", "s-1", UTC)
ASKED = {"id": "o1", "who": "dr-2", "expires": NOW + timedelta(hours=1)}


def known(slope: float) -> SensitivityEstimate:
    return replace(estimate((), POLICY.sensitivity, UTC), slope=slope, pairs=10)


def overridden(pspi: float | None = 3.0, hours: float = 8, why: str | None = "grimaces at rest") -> Profile | Refusal:
    until = None if pspi is None else NOW + timedelta(hours=hours)
    return threshold.override(PROFILE, Override(**ASKED, pspi=pspi, until=until, why=why), MOMENT)


def test_without_ratings_it_is_the_configured_vas_exactly() -> None:
    nobody = estimate((), POLICY.sensitivity, UTC)
    expected = Threshold(pain=4.0, severe=7.0, vas=4.0, origin="configured")
    assert effective(PROFILE, nobody, POLICY, UTC) == expected
    assert effective(None, nobody, POLICY, UTC) == expected


def test_an_insensitive_patient_alarms_lower_and_a_sensitive_one_higher() -> None:
    insensitive, medium, sensitive = (effective(PROFILE, known(slope), POLICY, UTC) for slope in (0.5, 1.0, 1.8))
    assert (insensitive.pain, medium.pain, sensitive.pain) == pytest.approx((2.0, 4.0, 7.2))
    assert (insensitive.severe, medium.severe, sensitive.severe) == pytest.approx((3.5, 7.0, HIGHEST))
    assert {insensitive.vas, medium.vas, sensitive.vas} == {4.0}


def test_ratings_move_it() -> None:
    ratings = tuple(Rating(UTC, vas, "patient", "n", 0.5 * vas, 0.2, 60) for vas in (3, 4, 5, 6, 7, 8))
    found = effective(PROFILE, estimate(ratings, POLICY.sensitivity, UTC), POLICY, UTC)
    assert 1.8 < found.pain < 2.6


def test_one_or_two_ratings_can_lower_it_but_not_raise_it() -> None:
    for pspi, expected in ((12.0, 4.0), (0.0, 2.0)):
        ratings = tuple(Rating(UTC, 6, "patient", "n", pspi, 0.2, 60) for _ in range(2))
        found = effective(PROFILE, estimate(ratings, POLICY.sensitivity, UTC), POLICY, UTC)
        assert found.pain == pytest.approx(expected, abs=0.5)
        assert found.pain <= 4.0
        third = effective(PROFILE, estimate((*ratings, ratings[0]), POLICY.sensitivity, UTC), POLICY, UTC)
        assert third.pain < 2.0 if pspi == 0 else third.pain > 6.0


def test_a_limit_shows_in_the_rating_it_stands_for() -> None:
    found = effective(PROFILE, known(0.25), POLICY, UTC)
    assert (found.pain, found.vas) == (LOWEST, 6.0)


def test_staff_order_a_rating_and_take_it_back() -> None:
    ordered = set_vas(PROFILE, SetThreshold(**ASKED, vas=6))
    assert effective(ordered, known(1.0), POLICY, UTC) == Threshold(6.0, 7.0, 6.0, "ordered")
    high = set_vas(PROFILE, SetThreshold(**ASKED, vas=8))
    assert effective(high, known(1.0), POLICY, UTC) == Threshold(8.0, 8.0, 8.0, "ordered")
    assert set_vas(ordered, SetThreshold(**ASKED, vas=None)) == PROFILE


def test_an_override_holds_until_its_end() -> None:
    profile = overridden(hours=8)
    assert isinstance(profile, Profile)
    assert profile.override is not None
    assert (profile.override.who, profile.override.why) == ("dr-2", "grimaces at rest")
    assert (profile.override.set_utc, profile.override.until_utc) == (UTC, UTC + 8 * 3600)
    during = effective(profile, known(1.5), POLICY, UTC + 8 * 3600 - 1)
    assert during == Threshold(3.0, 10.5, 2.0, "override")
    after = effective(profile, known(1.5), POLICY, UTC + 8 * 3600)
    assert (after.pain, after.origin) == (6.0, "configured")
    # A wall clock that lost weeks does not turn eight hours into weeks.
    assert effective(profile, known(1.5), POLICY, UTC - 14 * 86_400).origin == "configured"


def test_an_override_above_severe_takes_severe_along() -> None:
    profile = overridden(pspi=9.0)
    assert isinstance(profile, Profile)
    assert effective(profile, known(1.0), POLICY, UTC).severe == 9.0


def test_an_override_is_ended_by_null() -> None:
    profile = overridden()
    assert isinstance(profile, Profile)
    assert threshold.override(profile, Override(**ASKED, pspi=None), MOMENT) == PROFILE


@pytest.mark.parametrize(
    ("pspi", "hours", "why", "reason"),
    [
        (3.0, -1, "x", RefusalReason.OUT_OF_TIME),
        (3.0, 7 * 24 + 1, "x", RefusalReason.TOO_LONG),
        (3.0, 8, None, RefusalReason.NOT_ALLOWED),
        (0.5, 8, "x", RefusalReason.NOT_ALLOWED),
        (15.0, 8, "x", RefusalReason.NOT_ALLOWED),
    ],
)
def test_overrides_that_nobody_should_rely_on_are_refused(
    pspi: float, hours: float, why: str | None, reason: RefusalReason
) -> None:
    refused = overridden(pspi, hours, why)
    assert isinstance(refused, Refusal)
    assert refused.reason is reason
    assert refused.detail


@given(
    slope=st.floats(0.05, 4),
    intercept=st.floats(-2, 2),
    ordered=st.none() | st.floats(0.1, 10),
    pain=st.floats(0.1, 7),
)
def test_it_always_lies_within_its_limits(slope: float, intercept: float, ordered: float | None, pain: float) -> None:
    settings = Policy(pain=Pain(threshold_vas=pain))
    found = effective(
        replace(PROFILE, threshold_vas=ordered), replace(known(slope), intercept=intercept), settings, UTC
    )
    assert LOWEST <= found.pain <= found.severe <= HIGHEST
    assert 0 <= found.vas <= 10
    assert found.origin == ("configured" if ordered is None else "ordered")
