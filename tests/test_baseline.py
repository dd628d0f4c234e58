"""The baseline: captured or learnt from rest, followed slowly, and never drifted by pain, talk, smiles or sleep."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from npng_edge.policy.face import baseline as baselines
from npng_edge.policy.face.baseline import BaselineState, begin_capture, on_units, quality, subtract, usable
from npng_edge.policy.face.pspi import pspi
from npng_edge.policy.happening.episode import FIRST_UNITS
from npng_edge.policy.stays.profile import Baseline
from npng_edge.settings import Baseline as Settings
from npng_edge.units import ACTION_UNITS, ActionUnits, BaselineOrigin, EyeClosure, Moment

if TYPE_CHECKING:
    from collections.abc import Callable

    from npng_edge.requests import RefusalReason

START = 1_700_000_000.0
HOUR = 3600.0
REST = {"AU4": 0.6, "AU7": 0.4, "AU10": 0.3}
"""PSPI 1.3 at rest."""
WINCE = {"AU4": 3.0, "AU6": 2.0, "AU7": 2.5, "AU9": 1.0, "AU10": 1.5}
SMILE = {"AU6": 1.5, "AU7": 0.4, "AU10": 0.3, "AU12": 2.5}


def face(values: dict[str, float], closed: float = 0.0) -> ActionUnits:
    return ActionUnits(MappingProxyType(dict.fromkeys(ACTION_UNITS, 0.0) | values), EyeClosure(closed, closed))


class Patient:
    """A face that is looked at, and what the baseline makes of it."""

    def __init__(self, settings: Settings | None = None, *, captured: dict[str, float] | None = None) -> None:
        self.settings = settings or Settings()
        self.state = BaselineState()
        self.now = 100.0
        self.baseline: Baseline | None = None
        self.refusals: list[tuple[RefusalReason, str] | None] = []
        if captured is not None:
            self.ask_capture().show(self.settings.capture_s + 1, lambda _: face(captured))
            assert self.refusals.pop() is None

    @property
    def utc(self) -> float:
        return START + self.now

    @property
    def rest_pspi(self) -> float:
        assert self.baseline is not None
        return pspi(face(dict(self.baseline.offsets)))

    def ask_capture(self) -> Patient:
        self.state = begin_capture(self.state, self.now)
        return self

    def show(
        self,
        seconds: float,
        look: Callable[[float], ActionUnits | None],
        *,
        quiet: bool = True,
        every: float = 0.5,
        asymmetry: float | None = None,
    ) -> Patient:
        for step in range(round(seconds / every)):
            self.state, new, result = on_units(
                self.state,
                self.baseline,
                look(step * every),
                Moment(self.now, self.utc, synchronised=True),
                self.settings,
                quiet=quiet,
                asymmetry=asymmetry,
            )
            self.baseline = new or self.baseline
            if result is not None:
                self.refusals.append(None if result.refusal is None else (result.refusal.reason, result.refusal.detail))
            self.now += every
        return self


def calm(_: float) -> ActionUnits:
    return face(REST)


def always(look: ActionUnits) -> Callable[[float], ActionUnits]:
    return lambda _: look


def test_it_is_learnt_from_a_quiet_minute_as_the_median() -> None:
    def restless(second: float) -> ActionUnits:
        return face(REST | {"AU4": 0.6 + 0.2 * math.sin(second), "AU12": 2.0 if second % 10 < 1 else 0.0})

    patient = Patient().show(59, restless)
    assert patient.baseline is None
    patient.show(1.5, restless, asymmetry=0.2)
    baseline = patient.baseline
    assert baseline is not None
    assert baseline.origin is BaselineOrigin.LEARNT
    assert baseline.offsets["AU4"] == pytest.approx(0.6, abs=0.02)
    assert baseline.offsets["AU12"] == 0.0  # a twitch of the lips is not this face's rest
    assert baseline.samples == 120
    assert baseline.spread == pytest.approx(0.28, abs=0.05)
    assert baseline.asymmetry == pytest.approx(0.2)  # known for the last samples only
    assert Patient().show(61, calm).show(1, calm).baseline is not None
    assert Patient(Settings(learn=False)).show(3600, calm).baseline is None


def test_asymmetry_that_nobody_measures_stays_unknown() -> None:
    patient = Patient(captured=REST)
    assert patient.baseline is not None
    assert patient.baseline.asymmetry is None
    patient.show(61, calm, asymmetry=0.1)
    assert patient.baseline.asymmetry == 0.1  # first known now, from a quiet period
    patient.show(8 * HOUR, calm, asymmetry=0.6)
    assert patient.baseline.asymmetry == 0.1  # a new asymmetry is a sign and never becomes the rest


@pytest.mark.parametrize(
    ("look", "quiet"),
    [
        (lambda _: face(WINCE), True),  # too much PSPI to be rest
        (lambda _: face(REST, closed=0.9), True),  # sleep
        (lambda _: face(REST), False),  # what the caller knows to be pain, talk, a smile, warm-up
        (lambda _: None, True),  # not scored
    ],
)
def test_what_is_not_rest_is_never_learnt(look: Callable[[float], ActionUnits | None], *, quiet: bool) -> None:
    assert Patient().show(HOUR, look, quiet=quiet).baseline is None


def test_a_face_that_is_quiet_less_than_half_of_the_time_is_never_learnt() -> None:
    def seldom(second: float) -> ActionUnits:
        return face(REST if second % 10 < 4 else WINCE)

    assert Patient().show(HOUR, seldom).baseline is None


def test_a_restless_face_is_not_learnt_until_it_rests() -> None:
    def moving(second: float) -> ActionUnits:
        return face({"AU25": 2.0 * (second % 4 < 2)})

    patient = Patient().show(600, moving)
    assert patient.baseline is None
    assert patient.show(120, calm).baseline is not None


def test_a_capture_takes_thirty_seconds_and_replaces_what_was() -> None:
    patient = Patient().show(61, calm, asymmetry=0.1)
    tube = REST | {"AU10": 2.4, "AU9": 1.0}
    patient.ask_capture().show(29, lambda _: face(tube), quiet=False, asymmetry=0.3)
    assert patient.refusals == []
    patient.show(1.5, lambda _: face(tube), quiet=False, asymmetry=0.3)
    assert patient.refusals == [None]  # though it looked like pain against the old one
    baseline = patient.baseline
    assert baseline is not None
    assert (baseline.origin, baseline.offsets["AU10"], baseline.asymmetry) == (BaselineOrigin.CAPTURED, 2.4, 0.3)
    assert baseline.utc == pytest.approx(patient.utc, abs=2)


@pytest.mark.parametrize(
    ("look", "reason", "words"),
    [
        (lambda s: face({"AU25": 3.0 * (s % 2 < 1)}), "not-quiet", ("AU25 moved by 3.0", "nobody speaks")),
        (lambda s: face({"AU1": 3.0 * (s % 2 < 1)}), "not-quiet", ("AU1 moved by 3.0", "still")),
        (lambda _: face(WINCE), "not-quiet", ("PSPI 7.0", "whether the patient is in pain")),
        (lambda _: face(SMILE), "not-quiet", ("AU12 at 2.5", "smile is gone")),
        (lambda _: None, "no-face", ("only 0 s, and 30 s", "free view")),
        (lambda s: face(REST) if s < 20 else None, "no-face", ("only 20 s", "free view")),
    ],
)
def test_a_capture_is_refused_with_what_moved_and_what_to_do(
    look: Callable[[float], ActionUnits | None], reason: str, words: tuple[str, ...]
) -> None:
    patient = Patient(captured=REST)
    before = patient.baseline
    patient.ask_capture().show(92, look, quiet=False)
    (refusal,) = patient.refusals
    assert refusal is not None
    assert refusal[0] == reason
    assert all(word in refusal[1] for word in words)
    assert refusal[1].endswith("then capture again.")
    assert patient.baseline is before
    assert patient.state.capture_since is None


def test_a_sedated_patient_is_captured_with_closed_eyes_but_never_half_and_half() -> None:
    patient = Patient().ask_capture().show(31, lambda _: face(REST, closed=1.0))
    assert patient.refusals == [None]
    assert patient.rest_pspi == pytest.approx(1.3)  # closed eyes are no offset
    mixed = Patient().ask_capture().show(61, lambda s: face(REST, closed=float(s % 4 < 2)))
    assert mixed.baseline is None
    assert mixed.refusals[0] is not None
    assert "neither open nor closed" in mixed.refusals[0][1]
    blinking = Patient().ask_capture().show(35, lambda s: face(REST, closed=float(s % 5 < 0.5)))
    assert blinking.refusals == [None]


def test_hours_of_talk_smiles_sleep_and_pain_do_not_drift_it() -> None:
    """What the caller knows of moves nothing; what it missed moves it by the stated amount at the most."""
    patient = Patient(captured=REST)
    before = patient.baseline
    for look, quiet in (
        (lambda _: face(REST | {"AU4": 1.4}), False),  # mild pain that the pain state knows of
        (lambda s: face(REST | {"AU25": 2.0 * (s % 1 < 0.5)}), False),
        (lambda _: face(SMILE), False),
        (lambda _: face(REST, closed=1.0), True),  # sleep shows by itself
        (lambda _: face(REST | {"AU4": 2.5}), True),  # pain that nobody noticed: too far above the baseline
        (lambda s: face(REST | {"AU25": 2.0 * (s % 4 < 2)}), True),  # talk that nobody noticed: it moves
        (lambda _: None, True),
    ):
        patient.show(4 * HOUR, look, quiet=quiet, every=1.0)
        assert patient.baseline is before


def test_mild_pain_that_nobody_notices_moves_it_by_the_allowance_at_the_most() -> None:
    patient = Patient(captured=REST)
    patient.show(8 * HOUR, lambda _: face({"AU4": 1.0, "AU7": 0.7, "AU10": 0.5}), every=1.0)  # 0.9 above rest
    assert 0.25 < patient.rest_pspi - 1.3 <= 8 / 24 * 1.0
    assert patient.baseline is not None
    assert patient.baseline.origin is BaselineOrigin.CAPTURED


def test_a_slow_true_change_is_followed() -> None:
    """A swelling: AU7 rises by 0.5 in 16 hours, with sleep and talk in between."""
    patient = Patient(captured=REST)
    begin = patient.now
    for _ in range(16 * 6):
        swollen = face(REST | {"AU7": 0.4 + 0.5 * (patient.now - begin) / (16 * HOUR)})
        patient.show(240, always(swollen), every=1.0)
        patient.show(360, calm, quiet=False, every=1.0)
    baseline = patient.baseline
    assert baseline is not None
    assert baseline.offsets["AU7"] == pytest.approx(0.9, abs=baselines.STILL + 0.01)
    assert baseline.offsets["AU4"] == pytest.approx(0.6, abs=1e-9)
    assert baseline.utc > patient.utc - 600


def test_it_falls_faster_than_it_rises_when_the_first_rest_was_none() -> None:
    """Learnt during mild pain, the baseline comes down within hours once the pain is gone."""
    patient = Patient().show(61, lambda _: face({"AU4": 1.6, "AU7": 0.4, "AU10": 0.3}))
    assert patient.rest_pspi == pytest.approx(2.3)
    patient.show(6.5 * HOUR, calm, every=1.0)
    assert patient.rest_pspi == pytest.approx(1.3, abs=baselines.STILL + 1e-6)


def test_long_absence_gives_no_credit() -> None:
    patient = Patient(captured=REST)
    patient.show(20 * HOUR, lambda _: None, every=60.0)
    patient.show(61, lambda _: face(REST | {"AU4": 1.5}))
    assert patient.rest_pspi - 1.3 == pytest.approx(1 / 24, abs=1e-6)


def test_an_old_baseline_is_none_and_is_learnt_anew() -> None:
    patient = Patient(captured=REST)
    old = patient.baseline
    assert old is not None
    assert usable(old, old.utc + 72 * HOUR, patient.settings)
    assert not usable(old, old.utc + 72 * HOUR + 1, patient.settings)
    assert usable(old, old.utc - 1000, patient.settings)  # a clock set back
    patient.now += 73 * HOUR
    patient.show(61, lambda _: face({"AU4": 2.5}))
    assert patient.baseline is not None
    assert patient.baseline.origin is BaselineOrigin.LEARNT
    assert patient.baseline.offsets["AU4"] == 2.5


def test_quality_is_the_worst_of_evidence_stillness_and_age() -> None:
    settings = Settings()
    offsets = dict.fromkeys(ACTION_UNITS, 0.0)
    best = Baseline(offsets, BaselineOrigin.CAPTURED, START, samples=60, spread=0.0)
    assert quality(best, START, settings) == 1.0
    assert quality(replace(best, samples=15), START, settings) == pytest.approx(0.25)
    assert quality(replace(best, spread=0.8), START, settings) == pytest.approx(0.5)
    assert quality(best, START + 54 * HOUR, settings) == pytest.approx(0.25)
    assert quality(best, START + 100 * HOUR, settings) == 0.0
    assert quality(best, START - 100 * HOUR, settings) == 1.0


def test_subtract_never_goes_below_zero_and_leaves_the_eyes() -> None:
    patient = Patient(captured=REST)
    assert patient.baseline is not None
    above = subtract(face({"AU4": 2.6, "AU7": 0.1}, closed=1.0), patient.baseline)
    assert above.intensity["AU4"] == pytest.approx(2.0)
    assert above.intensity["AU7"] == 0.0
    assert pspi(above) == pytest.approx(3.0)


def test_a_baseline_kept_by_a_version_that_read_fewer_units_gets_the_others_from_what_is_seen() -> None:
    patient = Patient(captured=REST)
    assert patient.baseline is not None
    first = {name: patient.baseline.offsets[name] for name in FIRST_UNITS}
    patient.baseline = replace(patient.baseline, offsets=first)
    seen = face(REST | {"AU24": 0.7})
    above = subtract(replace(seen, deviation={"AU4": 0.3}), patient.baseline)
    assert above.intensity["AU24"] == 0.7  # its rest is not known: nothing is taken away
    assert (above.intensity["AU4"], above.deviation) == (0.0, {"AU4": 0.3})
    patient.show(61, always(seen))
    assert patient.baseline is not None
    assert set(patient.baseline.offsets) == set(ACTION_UNITS)
    assert patient.baseline.offsets["AU24"] == 0.7
    assert {name: patient.baseline.offsets[name] for name in FIRST_UNITS} == first
    assert patient.baseline.origin is BaselineOrigin.CAPTURED


@hypothesis_settings(max_examples=60, deadline=None)
@given(
    rests=st.lists(
        st.tuples(
            st.dictionaries(st.sampled_from(ACTION_UNITS), st.floats(0, 3), max_size=6),
            st.floats(10, 4000),
            st.booleans(),
            st.floats(-200 * HOUR, 60 * HOUR),
        ),
        max_size=12,
    )
)
def test_no_day_raises_it_by_more_than_the_allowance(
    rests: list[tuple[dict[str, float], float, bool, float]],
) -> None:
    """Whatever is seen, and however the wall clock is set, as long as nobody captures and it does not grow stale."""
    settings = Settings(learn_s=5.0, stale_h=720.0, near_pspi=4.0)
    patient = Patient(settings, captured=REST)
    begin, clock = patient.now, START
    for values, seconds, quiet, jump in rests:
        clock = max(START - 100 * HOUR, min(START + 600 * HOUR, clock + jump))
        for step in range(16):
            moment = Moment(patient.now, clock + step * 0.5, synchronised=False)
            patient.state, new, _ = on_units(
                patient.state, patient.baseline, face(values), moment, settings, quiet=quiet, asymmetry=None
            )
            patient.baseline = new or patient.baseline
            patient.now += 0.5
        patient.now += seconds
        days = (patient.now - begin) / (24 * HOUR)
        assert patient.rest_pspi - 1.3 <= settings.rise_per_day * days + 1e-9
        assert patient.baseline is not None
        rest = dict.fromkeys(ACTION_UNITS, 0.0) | REST
        for name in ACTION_UNITS:
            moved = patient.baseline.offsets[name] - rest[name]
            assert -baselines.FALL * settings.rise_per_day * days - 1e-9 <= moved <= settings.rise_per_day * days + 1e-9
            assert patient.baseline.offsets[name] >= 0.0


def test_memory_is_bounded() -> None:
    patient = Patient(captured=REST)
    most = 0
    for _ in range(40):
        patient.show(30, lambda s: face(REST | {"AU25": 2.0 * (s % 4 < 2)}), every=0.1)
        most = max(most, len(patient.state.samples))
    assert most <= 2 * 2 * patient.settings.learn_s


def test_a_reading_costs_little() -> None:
    """Ten readings a second for five minutes of rest, learning included; the limit is a hundred times generous."""
    patient = Patient(captured=REST)
    begin = time.perf_counter()
    patient.show(300, calm, every=0.1)
    assert (time.perf_counter() - begin) / 3000 < 0.001
