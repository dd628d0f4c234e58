from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_samples import REST, motion, series

from npng_edge.policy.happening.episode import Missing, TriggerKind
from npng_edge.policy.happening.trigger import trigger
from npng_edge.units import MOTION_REGIONS

ONSET = 100.0


def test_nothing_moved() -> None:
    found = trigger(series(30.0, 105.0), ONSET)

    assert found.kind is TriggerKind.REST
    assert found.confidence == pytest.approx(0.98)
    assert found.region is None


@pytest.mark.parametrize("region", ["head", "trunk", "left", "right"])
def test_the_patient_moved(region: str) -> None:
    samples = series(30.0, 105.0, lambda t: {"motion": motion(**{region: 0.3})} if 94.0 <= t < 97.0 else {})

    found = trigger(samples, ONSET)

    assert (found.kind, found.region) == (TriggerKind.MOVEMENT, region)
    assert found.confidence == pytest.approx(6.0 / 7.0), "0.3 is six times what would still not be movement"


def test_what_follows_the_onset_is_no_cause() -> None:
    samples = series(30.0, 130.0, lambda t: {"motion": motion(head=1.0), "people": 2} if t >= ONSET else {})

    assert trigger(samples, ONSET).kind is TriggerKind.REST


def test_what_is_usual_is_no_cause() -> None:
    """A restless patient: as much movement before as ever."""
    rng = random.Random(1)  # noqa: S311 - a made-up patient
    restless = [replace(sample, motion=motion(head=rng.uniform(0.05, 0.15))) for sample in series(30.0, ONSET)]

    found = trigger(restless, ONSET)

    assert found.kind is TriggerKind.REST
    assert found.confidence < 0.9, "less sure than of a patient who lay still"
    assert (
        trigger([*restless[:-8], *series(96.0, ONSET, lambda _: {"motion": motion(head=0.9)})], ONSET).region == "head"
    )


def test_one_twitch_of_half_a_second_is_weak() -> None:
    samples = series(30.0, ONSET, lambda t: {"motion": motion(head=0.1)} if 95.0 <= t < 95.5 else {})

    assert trigger(samples, ONSET).kind is TriggerKind.REST


@pytest.mark.parametrize(
    ("in_bed", "side", "confidence"), [(1, 0.002, 0.5), (2, 0.002, 0.75), (1, 0.4, 0.75), (2, 0.4, 1.0)]
)
def test_a_second_person(in_bed: int, side: float, confidence: float) -> None:
    samples = series(
        30.0,
        ONSET,
        lambda t: {"people": 2, "in_bed": in_bed, "motion": motion(right=side)} if t >= 95.0 else {},
    )

    found = trigger(samples, ONSET)

    assert found.kind is TriggerKind.HANDLING
    assert found.confidence == pytest.approx(confidence)
    assert found.region == ("right" if side > 0.1 else None)


def test_somebody_who_passes_far_from_the_patient_makes_rest_less_sure() -> None:
    samples = series(30.0, ONSET, lambda t: {"motion": motion(around=0.075)} if t >= 96.0 else {})

    found = trigger(samples, ONSET)

    assert found.kind is TriggerKind.REST
    assert found.confidence == pytest.approx(0.25)


def test_half_measured_is_half_as_sure() -> None:
    samples = series(30.0, ONSET, lambda t: {} if int(2 * t) % 2 else {"motion": None})

    assert trigger(samples, ONSET).confidence == pytest.approx(0.49)


def test_unknown_says_why() -> None:
    assert trigger([], ONSET).missing is Missing.NOT_KEPT
    blind = series(30.0, ONSET, lambda _: {"motion": None})
    assert trigger(blind, ONSET).missing is Missing.NO_MOTION
    unseen = series(30.0, ONSET, lambda _: {"motion": None, "people": 0, "in_bed": 0})
    assert trigger(unseen, ONSET).missing is Missing.NOT_SEEN
    assert all(trigger(samples, ONSET).kind is None for samples in ([], blind, unseen))
    visited = series(30.0, ONSET, lambda _: {"motion": None, "people": 2, "in_bed": 2})
    assert trigger(visited, ONSET).kind is TriggerKind.HANDLING
    assert trigger(visited, ONSET).confidence == pytest.approx(0.375)


@given(
    st.lists(
        st.tuples(
            st.none() | st.tuples(*[st.floats(0.0, 5.0)] * len(MOTION_REGIONS)), st.integers(0, 4), st.integers(0, 4)
        ),
        max_size=150,
    )
)
def test_any_past_is_judged(past: list[tuple[tuple[float, ...] | None, int, int]]) -> None:
    samples = [
        replace(REST, time=ONSET - 0.5 * (len(past) - k), motion=moved, people=people, in_bed=min(in_bed, people))
        for k, (moved, people, in_bed) in enumerate(past)
    ]

    found = trigger(samples, ONSET)

    assert 0.0 <= found.confidence <= 1.0
    assert (found.kind is None) == (found.missing is not None)
    assert found.region in {None, "head", "trunk", "left", "right"}
    assert found.region is not None or found.kind is not TriggerKind.MOVEMENT
