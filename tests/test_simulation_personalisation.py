from __future__ import annotations

import numpy as np
import pytest

from npng_edge.policy.alarm.sustained import RESTING, step
from npng_edge.policy.face.look_alike import NOTHING
from npng_edge.policy.face.pain_state import evidence
from simulation.__main__ import main
from simulation.personalisation import (
    ALL,
    KNOWN,
    ONE,
    SETTINGS,
    Case,
    Row,
    alarms,
    compare,
    make_case,
    total,
    trade_off,
    watch,
)
from simulation.personalisation_tables import missed_at
from simulation.rated_patients import KINDS, RATE_HZ


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    rng = np.random.default_rng(11)
    return [make_case(rng, kind, hours=4.0) for kind in list(KINDS) * 6]


def test_skipping_gives_the_same_alarms_as_every_step(cases: list[Case]) -> None:
    found = 0
    for case in cases[:3]:
        for threshold in (1.5, 3.0, 6.0):
            state, onsets = RESTING, []
            for index, score in enumerate(case.score.tolist()):
                speaks = evidence(score, threshold, NOTHING, None, None, SETTINGS.pain)
                delays = {"on_delay": SETTINGS.pain.on_delay_s, "off_delay": SETTINGS.pain.off_delay_s}
                after = step(state, index / RATE_HZ, evidence=speaks, **delays)
                if after.on and not state.on:
                    onsets.append(index)
                state = after
            assert [first for first, _ in alarms(case.score, threshold)] == onsets
            found += len(onsets)
    assert found > 20


def test_missed_and_false_are_counted(cases: list[Case]) -> None:
    pain, score = np.ones(3600 * RATE_HZ), np.zeros(3600 * RATE_HZ)
    pain[1000:1200] = 8  # seen
    score[1020:1200] = 6
    pain[3000:3100] = 8  # missed
    score[5000:5020] = 5  # false; the second within five minutes is not counted again
    score[5100:5120] = 5
    row = watch(cases[0]._replace(pain=pain, score=score), 4.0)
    assert (row.hours, row.clear, row.missed, row.false) == (1.0, 2, 1, 1)
    assert (row.missed_share(), row.false_rate()) == (0.5, 1.0)
    assert total([row, row]).clear == 4


def test_ratings_help_those_who_differ(cases: list[Case]) -> None:
    rows = compare(cases)
    assert rows["insensitive", 20].missed_share() < rows["insensitive", 0].missed_share()
    assert rows["sensitive", 20].false_rate() < rows["sensitive", 0].false_rate()
    before, after = rows[ALL, 0], rows[ALL, 20]
    assert after.error / after.given < before.error / before.given
    assert before.hours == 4 * len(cases)


def test_a_known_slope_is_better_than_one_threshold_at_equal_false_alarms(cases: list[Case]) -> None:
    lines = trade_off(cases[:9])
    assert missed_at(lines[KNOWN], 0.4) < missed_at(lines[ONE], 0.4)


def test_interpolation_between_points() -> None:
    line = [Row(hours=10, clear=10, missed=8, false=1), Row(hours=10, clear=10, missed=2, false=3)]
    assert missed_at(line, 0.2) == pytest.approx(0.5)


def test_the_command_prints_its_assumptions_and_tables(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["personalisation", "--patients", "6", "--hours", "0.5"]) == 0
    printed = capsys.readouterr().out
    assert "6 made-up patients" in printed
    assert "| one for all |" in printed
    assert main(["nonsense"]) == 2
