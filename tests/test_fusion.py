from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from npng_edge.policy.vital.autonomic import Autonomic
from npng_edge.policy.vital.fusion import FRESH_S, Fusion, fuse
from npng_edge.policy.vital.news2 import News2
from npng_edge.units import (
    Assessment,
    BaselineOrigin,
    Estimate,
    Moment,
    PainLevel,
    Priority,
    Reason,
    Threshold,
)
from simulation.fusion import Sample, pain_first, stay

NOW = Moment(100.0, 1e9, synchronised=True)
CALM = Assessment(
    time=100.0,
    pspi=1.0,
    pspi_error=None,
    pspi_above_baseline=0.0,
    reasons=(),
    baseline=BaselineOrigin.LEARNT,
    look_alike=None,
    pain=False,
    threshold=Threshold(4.0, 7.0, 4.0, "configured"),
    level=PainLevel.NONE,
    trend=None,
    confidence=0.9,
    since=10.0,
    minutes_above=0.0,
    vas=Estimate(0.0, 0.0, 1.0),
    asymmetry=None,
)
UNSEEN = replace(CALM, pspi=None, pspi_above_baseline=None, reasons=(Reason.NO_FACE,), level=None, since=None, vas=None)
USUAL = Autonomic(0.0)
WELL = News2(0, {}, red=False, missing=(), partial=0)


def seen(level: PainLevel, pspi: float = 0.0, vas: float | None = None) -> Assessment:
    estimate = None if vas is None else Estimate(vas, 0.0, 10.0)
    return replace(CALM, level=level, pspi_above_baseline=pspi, vas=estimate)


def news2(partial: int, *, red: bool = False, known: bool = True) -> News2:
    missing = () if known else ("temperature",)
    return News2(partial if known else None, {}, red=red, missing=missing, partial=partial)


def fused(
    assessment: Assessment | None = CALM, support: Autonomic = USUAL, score: News2 | None = WELL, **more: Any
) -> Fusion:
    return fuse(assessment, support, score, **{"alarms": (), "unattended_s": 0.0, "moment": NOW, **more})


def test_a_calm_bed_has_no_points_and_the_worst_has_a_hundred() -> None:
    assert fused().priority == 0
    worst = fused(
        seen(PainLevel.SEVERE, 16.0, 10.0),
        Autonomic(1.0),
        news2(20, red=True),
        alarms=(Priority.LOW, Priority.HIGH),
        unattended_s=1e6,
    )
    assert worst.points == {"pain": 28, "support": 8, "news2": 44, "alarms": 10, "unattended": 10}
    assert worst.priority == 100


@pytest.mark.parametrize(
    ("bed", "points"),
    [
        (fused(seen(PainLevel.PAIN, 4.0, 5.0)), 16 + 2),
        (fused(seen(PainLevel.PAIN, 5.0, 5.0), Autonomic(0.5)), 16 + 2 + 4),
        (fused(seen(PainLevel.RAISED, 3.0)), 8 + 1),
        (fused(score=news2(3)), 3),
        (fused(score=news2(3, red=True)), 20),
        (fused(score=news2(5)), 20),
        (fused(score=news2(6, red=True)), 21),
        (fused(score=news2(7)), 41),
        (fused(score=news2(1, known=False)), 2),
        (fused(score=news2(7, known=False)), 41),
        (fused(alarms=(Priority.MEDIUM, Priority.LOW)), 6),
        (fused(unattended_s=179.9), 2),
        (fused(replace(CALM, minutes_above=30.0)), 2),
    ],
)
def test_the_documented_points(bed: Fusion, points: int) -> None:
    assert bed.priority == points == sum(bed.points.values())


def test_pain_with_an_autonomic_response_outranks_the_same_pain_without() -> None:
    pain = seen(PainLevel.PAIN, 6.0)
    assert fused(pain, Autonomic(1.0)).priority > fused(pain).priority
    assert fused(pain, Autonomic(None, reason="no-vitals")).priority == fused(pain).priority


def test_a_bed_that_cannot_be_seen_ranks_above_a_calm_one_and_says_why() -> None:
    unseen, dark, old = fused(UNSEEN), fused(None), fused(replace(CALM, time=100.0 - FRESH_S - 0.1))
    assert unseen.unseen == ("no-face",)
    assert dark.unseen == old.unseen == ("no-reading",)
    assert unseen.level is dark.level is old.level is old.since is old.vas is old.pspi_above_baseline is None
    assert unseen.priority == dark.priority == old.priority == 6 > fused(seen(PainLevel.NONE, 8.0, 8.0)).priority
    assert (dark.minutes_above, old.minutes_above) == (None, 0.0)
    assert fused().unseen == ()
    assert fused(replace(CALM, level=None)).unseen == ("not-judged",)


def test_it_carries_what_it_was_made_from() -> None:
    pain = seen(PainLevel.PAIN, 6.0, 5.5)
    bed = fused(pain, Autonomic(0.5, {"heart_rate": 3.0}), news2(4), unattended_s=61.0)
    assert (bed.time, bed.level, bed.pspi_above_baseline, bed.since) == (100.0, PainLevel.PAIN, 6.0, 10.0)
    assert bed.vas == pain.vas
    assert bed.support.changes == {"heart_rate": 3.0}
    assert bed.news2 == news2(4)
    assert bed.unattended_s == 61.0


LEVELS = (PainLevel.NONE, PainLevel.RAISED, PainLevel.PAIN, PainLevel.SEVERE)
ALARMS = (None, Priority.LOW, Priority.MEDIUM, Priority.HIGH)
UNIT = st.floats(0, 1)


@st.composite
def ordered_pairs(draw: st.DrawFn) -> tuple[Fusion, Fusion]:
    """Two beds, the second of which is in no respect better off than the first."""

    def pair(values: st.SearchStrategy[Any]) -> list[Any]:
        return sorted((draw(values), draw(values)))

    level, alarm = pair(st.integers(0, 3)), pair(st.integers(0, 3))
    pspi, vas = pair(st.floats(0, 16)), pair(st.floats(0, 10))
    support, score, red = pair(UNIT), pair(st.integers(0, 20)), pair(st.booleans())
    wait, minutes = pair(st.floats(0, 4000)), pair(st.floats(0, 60))
    known = draw(st.booleans())
    first, second = (
        fused(
            replace(seen(LEVELS[level[n]], pspi[n], vas[n]), minutes_above=minutes[n]),
            Autonomic(support[n]),
            news2(score[n], red=red[n], known=known),
            alarms=[priority for priority in ALARMS[: alarm[n] + 1] if priority],
            unattended_s=wait[n],
        )
        for n in (0, 1)
    )
    return first, second


@settings(max_examples=500)
@given(ordered_pairs())
def test_worse_in_any_respect_never_ranks_lower(beds: tuple[Fusion, Fusion]) -> None:
    better, worse = beds
    assert 0 <= better.priority <= worse.priority <= 100


@settings(max_examples=300)
@given(ordered_pairs(), st.booleans(), st.booleans(), st.booleans())
def test_losing_sight_of_something_good_never_lowers_the_rank(
    beds: tuple[Fusion, Fusion],
    face: bool,  # noqa: FBT001
    vitals: bool,  # noqa: FBT001
    complete: bool,  # noqa: FBT001
) -> None:
    bed, _ = beds
    more = {"alarms": (), "unattended_s": bed.unattended_s}
    calm = fused(replace(CALM, minutes_above=bed.minutes_above), score=WELL, **more)
    lost = fused(
        replace(UNSEEN if face else CALM, minutes_above=bed.minutes_above),
        Autonomic(None, reason="no-vitals") if vitals else USUAL,
        news2(0, known=not complete),
        **more,
    )
    assert lost.priority >= calm.priority
    if face:
        assert lost.priority > calm.priority


@given(st.floats(0, 16), st.floats(0, 10), UNIT, st.sampled_from(LEVELS), st.integers(7, 20))
def test_news2_from_7_on_ranks_above_any_pain_with_a_low_score(
    pspi: float, vas: float, support: float, level: PainLevel, score: int
) -> None:
    pain = fused(seen(level, pspi, vas), Autonomic(support), news2(4))
    assert fused(score=news2(score)).priority > pain.priority


def test_the_study_finds_nothing_where_there_is_nothing_and_something_where_there_is() -> None:
    """Without an autonomic response pain cannot be told from its look-alike; with one it ranks above it more often."""

    def pooled(response: float) -> list[Sample]:
        beds = [
            stay(f"test-{bed}", 5.0, response, exchanged=exchanged) for bed in range(10) for exchanged in (False, True)
        ]
        return [sample for bed in beds for sample in bed]

    without, with_response = pooled(0.0), pooled(1.0)
    assert pain_first(without, 5, "fused") == pain_first(with_response, 5, "face") == 50
    assert pain_first(with_response, 5, "fused") > 55
