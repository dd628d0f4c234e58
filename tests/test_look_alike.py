from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from npng_edge.policy.face import look_alike
from npng_edge.policy.face.look_alike import NOTHING, LookAlikeState, Verdict
from npng_edge.policy.face.pspi import pspi
from npng_edge.settings import Pain
from npng_edge.units import ACTION_UNITS, ActionUnits, EyeClosure, LookAlike

SETTINGS = Pain()
SMILE = {"AU6": 3.0, "AU10": 2.0, "AU12": 4.0, "AU25": 2.0}
CRY = {"AU4": 2.5, "AU6": 3.0, "AU7": 2.0, "AU9": 2.0, "AU10": 2.5, "AU20": 2.0, "AU25": 4.5, "AU26": 3.5}
YAWN = {"AU7": 2.0, "AU10": 1.5, "AU25": 4.5, "AU26": 3.5}


def units(values: dict[str, float], closed: float = 0.0) -> ActionUnits:
    return ActionUnits(dict.fromkeys(ACTION_UNITS, 0.0) | values, EyeClosure(closed, closed))


class Watch:
    """A face that is watched at a steady rate."""

    def __init__(self, rate: float = 5.0) -> None:
        self.state = LookAlikeState()
        self.now = 0.0
        self.rate = rate
        self.verdict = NOTHING
        self.all: list[Verdict] = []

    def see(self, seconds: float, values: dict[str, float] | None = None, closed: float = 0.0) -> Watch:
        for _ in range(round(seconds * self.rate)):
            self.one(units(values or {}, closed))
        return self

    def one(self, face: ActionUnits) -> Watch:
        self.now += 1.0 / self.rate
        self.state, self.verdict = look_alike.step(self.state, face, face, self.now, SETTINGS)
        self.all.append(self.verdict)
        return self

    def talk(self, seconds: float, values: dict[str, float] | None = None) -> Watch:
        for _ in range(round(seconds * self.rate)):
            # The rate of syllables wanders between three and six a second.
            mouth = 1.5 + 1.5 * math.sin(2 * math.pi * (4.5 * self.now + 0.8 * math.sin(1.7 * self.now)))
            face = {"AU25": mouth, "AU26": 0.6 * mouth, "AU10": 0.8 * mouth} | (values or {})
            self.one(units(face))
        return self


def test_a_smile_explains_all_of_pspi_at_once_and_for_certain() -> None:
    face = Watch().see(0.2, SMILE)
    assert face.verdict == Verdict(LookAlike.SMILE, certain=True, explained=5.0)


@pytest.mark.parametrize(("brow", "alike", "certain"), [(0.29, True, True), (0.3, True, False), (0.5, False, False)])
def test_a_lowered_brow_makes_a_smile_doubtful_and_then_none(brow: float, alike: bool, certain: bool) -> None:  # noqa: FBT001
    verdict = Watch().see(0.2, SMILE | {"AU4": brow}).verdict
    assert (verdict.look_alike is LookAlike.SMILE) == alike
    assert verdict.certain == certain


def test_a_brow_that_was_as_low_before_the_smile_is_not_lowered_by_it() -> None:
    frowner = {"AU4": 0.6}
    assert Watch().see(1, frowner).see(1, SMILE | frowner).verdict.look_alike is None
    smile = Watch().see(180, frowner).see(1, SMILE | frowner).verdict
    assert (smile.look_alike, smile.certain) == (LookAlike.SMILE, True)
    assert smile.explained == pytest.approx(5.6)
    assert Watch().see(180, frowner).see(1, SMILE | {"AU4": 1.2}).verdict.look_alike is None
    assert Watch().see(600, {"AU4": 1.9}).see(1, SMILE | {"AU4": 1.9}).verdict.look_alike is None


def test_a_face_in_pain_teaches_nothing_about_its_brows_at_rest() -> None:
    suffering = {"AU4": 0.8, "AU6": 1.0, "AU10": 0.8}
    assert Watch().see(600, suffering).state.brow == 0.0


@pytest.mark.parametrize(("rate", "least"), [(2.0, 0.3), (5.0, 0.8), (10.0, 0.95), (15.0, 0.95)])
def test_talk_is_seen_the_better_the_more_readings_there_are_and_explains_the_lip_alone(
    rate: float, least: float
) -> None:
    face = Watch(rate).see(3).talk(20, {"AU7": 1.0, "AU9": 0.5})
    settled = face.all[round(8 * rate) :]
    assert sum(one.look_alike is LookAlike.TALK for one in settled) >= least * len(settled)
    for one in settled:
        assert not one.certain
        assert one.explained <= 0.8 * 3.0 - 0.5


def test_talk_ends_within_seconds() -> None:
    assert Watch().talk(10).see(3.2).verdict == NOTHING


def test_a_mouth_that_opens_once_in_pain_does_not_talk() -> None:
    face = Watch().see(2).see(6, {"AU4": 2.0, "AU25": 4.0, "AU26": 1.5}).see(3)
    assert {one.look_alike for one in face.all} == {None}


def test_sobbing_keeps_its_score_but_for_the_lip() -> None:
    sob = Watch()
    for _ in range(10):
        sob.see(0.4, CRY, closed=1.0).see(0.4, CRY | {"AU25": 1.0, "AU26": 0.5}, closed=1.0)
    assert max(one.explained for one in sob.all) == pytest.approx(0.5)
    assert pspi(units(CRY, 1.0)) - 0.5 > 8.0


def test_a_yawn_explains_lids_and_eyes_for_as_long_as_yawns_last() -> None:
    yawn = Watch().see(5).see(6, YAWN, closed=0.9)
    assert yawn.verdict == Verdict(LookAlike.YAWN, certain=False, explained=2.0 + 1.5 + 1.0)
    yawn.see(4, YAWN, closed=0.9)
    assert yawn.verdict == NOTHING


def test_a_cry_is_no_yawn() -> None:
    assert {one.look_alike for one in Watch().see(6, CRY, closed=1.0).all} == {None}
    for sign, strength in (("AU4", 1.5), ("AU9", 1.0), ("AU20", 1.0)):
        assert Watch().see(4, YAWN | {sign: strength}, closed=1.0).verdict.look_alike is None


def test_a_mouth_that_opens_wide_again_and_again_does_not_yawn_for_ever() -> None:
    face = Watch()
    for _ in range(10):
        face.see(4, YAWN).see(4)
    yawning = [one.look_alike is LookAlike.YAWN for one in face.all]
    assert sum(yawning) <= look_alike.YAWN_S * face.rate + 1
    assert not any(yawning[round(10 * face.rate) :])


def test_sleep_explains_the_point_of_closed_eyes_and_no_more() -> None:
    face = Watch().see(19, closed=0.9)
    assert face.verdict == NOTHING
    face.see(2, {"AU6": 1.0}, closed=0.9)
    assert face.verdict == Verdict(LookAlike.SLEEP, certain=True, explained=1.0)
    face.see(0.6).see(0.4, closed=0.9)
    assert face.verdict.look_alike is LookAlike.SLEEP
    face.see(3).see(0.4, closed=0.9)
    assert face.verdict == NOTHING


def test_a_grimace_in_sleep_counts_in_full() -> None:
    grimace = {"AU4": 1.5, "AU6": 1.5, "AU9": 1.0}
    assert Watch().see(60, closed=0.9).see(1, grimace, closed=1.0).verdict == NOTHING


def test_after_a_gap_everything_begins_anew() -> None:
    face = Watch().see(60, closed=0.9)
    face.now += 10.0
    assert face.see(1, closed=0.9).verdict == NOTHING


INTENSITY = st.floats(0.0, 5.0)
FACES = st.lists(
    st.tuples(
        st.floats(0.01, 5.0),
        st.fixed_dictionaries(dict.fromkeys(ACTION_UNITS, INTENSITY)),
        st.floats(0.0, 1.0),
    ),
    max_size=60,
)


@given(FACES)
def test_invariants_on_any_face(faces: list[tuple[float, dict[str, float], float]]) -> None:
    state, now = LookAlikeState(), 0.0
    for gap, values, closed in faces:
        now += gap
        face = units(values, closed)
        state, verdict = look_alike.step(state, face, face, now, SETTINGS)
        assert 0.0 <= verdict.explained <= pspi(face) + 1e-9
        assert not (verdict.certain and verdict.look_alike is None)
        assert 0.0 <= state.brow <= look_alike.MOST_BROW
        assert len(state.mouth.turns) <= look_alike.TURNS
        if values["AU4"] >= look_alike.NO_YAWN_AU4:
            assert verdict.look_alike in (None, LookAlike.TALK)
            assert pspi(face) - verdict.explained >= values["AU4"]
