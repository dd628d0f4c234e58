"""Who lies in the bed: wrong requests change nothing and say what to do."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any, TypeVar

import pytest

from npng_edge.policy.stays import life_cycle
from npng_edge.policy.stays.profile import Baseline, Profile
from npng_edge.requests import Assign, Discharge, Refusal, RefusalReason, Request, Update
from npng_edge.units import BaselineOrigin, Moment

NOW = Moment(50.0, 1_700_000_000.0, synchronised=True)
HERE = Profile("PT-0001", "stay-1", NOW.utc - 3600, baseline=Baseline({}, BaselineOrigin.LEARNT, NOW.utc, 120, 0.1))
R = TypeVar("R", bound=Request)


def ask(model: type[R], **fields: Any) -> R:
    expires = datetime.fromtimestamp(NOW.utc + 60, timezone.utc)
    return model.model_validate({"id": "r1", "who": "nurse 7", "expires": expires} | fields)


def test_a_patient_is_assigned_to_a_free_bed_with_nothing_left_of_the_last_one() -> None:
    request = ask(Assign, patient="PT-0002", spo2_scale=2, clips=True)
    assert life_cycle.assign(None, request, NOW, "stay-2") == Profile(
        patient="PT-0002", stay="stay-2", since_utc=NOW.utc, spo2_scale=2, clips=True
    )


@pytest.mark.parametrize("patient", ["PT-0002", "PT-0001"])
def test_a_taken_bed_is_refused_even_for_the_same_patient(patient: str) -> None:
    refusal = life_cycle.assign(HERE, ask(Assign, patient=patient), NOW, "stay-2")
    assert refusal == Refusal(
        RefusalReason.OCCUPIED, "PT-0001 is assigned to this bed: discharge or transfer that patient first."
    )


def test_only_the_patient_who_lies_here_is_discharged() -> None:
    assert life_cycle.named(HERE, ask(Discharge, patient="PT-0001")) is None
    wrong = life_cycle.named(HERE, ask(Discharge, patient="PT-0002"))
    assert wrong is not None
    assert wrong.reason is RefusalReason.WRONG_PATIENT
    assert "PT-0002" in wrong.detail
    assert "PT-0001 is assigned" in wrong.detail
    nobody = life_cycle.named(None, ask(Discharge, patient="PT-0001"))
    assert nobody is not None
    assert nobody.reason is RefusalReason.NO_PATIENT


def test_an_update_changes_what_it_names_and_nothing_else() -> None:
    updated = life_cycle.update(HERE, ask(Update, patient="PT-0001", clips=True))
    assert isinstance(updated, Profile)
    assert (updated.clips, updated.spo2_scale, updated.baseline) == (True, 1, HERE.baseline)
    updated = life_cycle.update(updated, ask(Update, patient="PT-0001", clips=False, spo2_scale=2))
    assert isinstance(updated, Profile)
    assert (updated.clips, updated.spo2_scale) == (False, 2)
    for profile, reason in ((HERE, RefusalReason.WRONG_PATIENT), (None, RefusalReason.NO_PATIENT)):
        refusal = life_cycle.update(profile, ask(Update, patient="PT-0009", clips=True))
        assert isinstance(refusal, Refusal)
        assert refusal.reason is reason


def test_a_transferred_patient_keeps_the_stay_and_everything_known() -> None:
    assert life_cycle.accept(None, HERE, NOW.utc - 600, NOW) is HERE
    assert life_cycle.accept(None, HERE, NOW.utc + 60, NOW) is HERE  # the other bed's clock is a minute ahead


@pytest.mark.parametrize(("age", "word"), [(13 * 3600.0, "13.0 h ago"), (-3600.0, "1.0 h in the future")])
def test_an_old_bundle_is_an_old_truth(age: float, word: str) -> None:
    refusal = life_cycle.accept(None, HERE, NOW.utc - age, NOW)
    assert isinstance(refusal, Refusal)
    assert refusal.reason is RefusalReason.OUT_OF_TIME
    assert word in refusal.detail


def test_nobody_is_imported_into_a_taken_bed() -> None:
    refusal = life_cycle.accept(HERE, HERE, NOW.utc, NOW)
    assert isinstance(refusal, Refusal)
    assert refusal.reason is RefusalReason.OCCUPIED
