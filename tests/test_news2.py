from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from npng_edge.policy.vital.news2 import PARAMETERS, News2, evidence, score
from npng_edge.policy.vital.vital_signs import Signs
from npng_edge.settings import Vitals as VitalsSettings
from npng_edge.units import Priority
from npng_edge.vitals import Consciousness

WELL = Signs(
    heart_rate=70,
    respiratory_rate=16,
    spo2=97,
    oxygen=False,
    systolic=125,
    temperature=36.8,
    consciousness=Consciousness.ALERT,
)
# The chart, transcribed a second time and in another shape: the values of each row that have so many points.
RESPIRATION = {3: [*range(9), *range(25, 60)], 1: range(9, 12), 0: range(12, 21), 2: range(21, 25)}
SYSTOLIC = {3: [*range(30, 91), *range(220, 301)], 2: range(91, 101), 1: range(101, 111), 0: range(111, 220)}
PULSE = {
    3: [*range(15, 41), *range(131, 250)],
    1: [*range(41, 51), *range(91, 111)],
    0: range(51, 91),
    2: range(111, 131),
}
SCALE_1 = {3: range(40, 92), 2: range(92, 94), 1: range(94, 96), 0: range(96, 101)}
SCALE_2_AIR = {3: range(40, 84), 2: range(84, 86), 1: range(86, 88), 0: range(88, 101)}
SCALE_2_OXYGEN = {
    3: [*range(40, 84), *range(97, 101)],
    2: [*range(84, 86), *range(95, 97)],
    1: [*range(86, 88), *range(93, 95)],
    0: range(88, 93),
}
TENTHS = {
    3: range(250, 351),
    1: [*range(351, 361), *range(381, 391)],
    0: range(361, 381),
    2: range(391, 451),
}
EVALUATED: tuple[tuple[str, dict[int, Any], Literal[1, 2], dict[str, Any]], ...] = (
    ("respiratory_rate", RESPIRATION, 1, {}),
    ("systolic", SYSTOLIC, 1, {}),
    ("heart_rate", PULSE, 1, {}),
    ("spo2", SCALE_1, 1, {"oxygen": False}),
    ("spo2", SCALE_1, 1, {"oxygen": True}),
    ("spo2", SCALE_2_AIR, 2, {"oxygen": False}),
    ("spo2", SCALE_2_OXYGEN, 2, {"oxygen": True}),
)


@pytest.mark.parametrize(("sign", "chart", "scale", "others"), EVALUATED)
def test_every_whole_number_of_every_row(
    sign: str, chart: dict[int, Any], scale: Literal[1, 2], others: dict[str, Any]
) -> None:
    for points, values in chart.items():
        for value in values:
            found = score(replace(WELL, **others, **{sign: float(value)}), scale)
            assert found.parameters[sign] == points, (sign, value)
            assert found.red == (points == 3)


@pytest.mark.parametrize(("sign", "chart", "scale", "others"), EVALUATED)
def test_a_half_is_scored_as_the_worse_of_its_neighbours(
    sign: str, chart: dict[int, Any], scale: Literal[1, 2], others: dict[str, Any]
) -> None:
    of = {value: points for points, values in chart.items() for value in values}
    for value in sorted(of):
        if value + 1 not in of:
            continue
        between = [(0.49, of[value]), (0.5, max(of[value], of[value + 1])), (0.51, of[value + 1])]
        for step, points in between:
            found = score(replace(WELL, **others, **{sign: value + step}), scale)
            assert found.parameters[sign] == points, (sign, value + step)


def test_every_tenth_of_a_degree() -> None:
    of = {tenths: points for points, values in TENTHS.items() for tenths in values}
    assert sorted(of) == list(range(250, 451))
    for tenths, points in of.items():
        assert score(replace(WELL, temperature=tenths / 10), 1).parameters["temperature"] == points, tenths
        for hundredths in (-4, 4):
            temperature = (10 * tenths + hundredths) / 100
            assert score(replace(WELL, temperature=temperature), 1).parameters["temperature"] == points, temperature


@pytest.mark.parametrize(
    ("temperature", "points"), [(35.05, 3), (36.05, 1), (38.05, 1), (39.05, 2), (35.06, 1), (38.04, 0)]
)
def test_half_a_tenth_is_scored_as_the_worse_neighbour(temperature: float, points: int) -> None:
    assert score(replace(WELL, temperature=temperature), 1).parameters["temperature"] == points


def test_oxygen_and_consciousness() -> None:
    assert score(replace(WELL, oxygen=True), 1).parameters["oxygen"] == 2
    for state in Consciousness:
        expected = 0 if state is Consciousness.ALERT else 3
        assert score(replace(WELL, consciousness=state), 1).parameters["consciousness"] == expected


def test_the_extremes() -> None:
    assert score(WELL, 1) == News2(0, dict.fromkeys(PARAMETERS, 0), red=False, missing=(), partial=0)
    worst = Signs(
        heart_rate=140,
        respiratory_rate=30,
        spo2=80,
        oxygen=True,
        systolic=80,
        temperature=34.0,
        consciousness=Consciousness.VOICE,
    )
    assert score(worst, 1).total == score(worst, 2).total == 20


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_missing_parameter_is_named_and_never_counts_as_normal(name: str) -> None:
    found = score(replace(WELL, **{name: None}), 1)
    assert found.total is None
    assert found.missing == (name,)
    assert name not in found.parameters
    happened, priority, cause = evidence(found, VitalsSettings())
    assert happened is None
    assert priority is None
    assert cause.startswith("NEWS2 is not known without")


def test_on_scale_2_a_high_saturation_is_not_scored_while_oxygen_is_not_known() -> None:
    unsure, sure = (score(replace(WELL, oxygen=None, spo2=spo2), 2) for spo2 in (93.0, 92.0))
    assert "spo2" not in unsure.parameters
    assert sure.parameters["spo2"] == 0
    assert unsure.missing == sure.missing == ("oxygen",)
    assert unsure.partial == 0


def test_evidence_at_its_limits() -> None:
    settings = VitalsSettings()

    def judged(**values: Any) -> tuple[bool | None, Priority | None, str]:
        return evidence(score(replace(WELL, **values), 1), settings)

    four = {"heart_rate": 115.0, "respiratory_rate": 22.0}
    assert judged(**four) == (False, None, "")
    assert judged(**four, temperature=38.5)[:2] == (True, Priority.MEDIUM)
    assert judged(**four, oxygen=True) == (
        True,
        Priority.MEDIUM,
        "NEWS2 6: 2 for respiration, 2 for oxygen, 2 for pulse.",
    )
    assert judged(**four, oxygen=True, temperature=38.5)[:2] == (True, Priority.HIGH)
    assert judged(systolic=90.0) == (True, Priority.MEDIUM, "NEWS2 3: 3 for systolic pressure.")


def test_what_is_known_may_alarm_while_something_is_missing() -> None:
    partial = score(Signs(respiratory_rate=26, spo2=90, heart_rate=95), 1)
    assert (partial.total, partial.partial) == (None, 7)
    happened, priority, cause = evidence(partial, VitalsSettings())
    assert happened is True
    assert priority is Priority.HIGH
    assert cause == (
        "NEWS2 at least 7: 3 for SpO2, 3 for respiration, 1 for pulse."
        " Not known: oxygen, systolic pressure, consciousness, temperature."
    )


def test_a_ward_for_which_the_score_is_not_made_switches_it_off() -> None:
    assert evidence(score(Signs(heart_rate=180), 1), VitalsSettings(news2=False)) == (False, None, "")


def some(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | values


SIGNS = st.builds(
    Signs,
    heart_rate=some(st.floats(15, 250)),
    respiratory_rate=some(st.floats(0, 60)),
    spo2=some(st.floats(50, 100)),
    oxygen=some(st.booleans()),
    systolic=some(st.floats(40, 280)),
    temperature=some(st.floats(30, 42)),
    consciousness=some(st.sampled_from(Consciousness)),
)


@given(SIGNS, st.sampled_from((1, 2)), st.data())
def test_what_is_not_known_never_hides_an_alarm_and_never_denies_one(
    full: Signs, scale: Literal[1, 2], data: st.DataObject
) -> None:
    hidden = data.draw(st.sets(st.sampled_from(PARAMETERS)))
    more, less = score(full, scale), score(replace(full, **dict.fromkeys(hidden)), scale)
    assert less.partial <= more.partial <= 20
    assert less.red <= more.red
    assert set(less.missing) == set(more.missing) | hidden
    assert (less.total is None) == bool(less.missing)
    order = {None: 0, Priority.LOW: 1, Priority.MEDIUM: 2, Priority.HIGH: 3}
    settings = VitalsSettings()
    assert order[evidence(less, settings)[1]] <= order[evidence(more, settings)[1]]
    if evidence(less, settings)[0] is False:
        assert evidence(more, settings)[0] is False
