from __future__ import annotations

import base64
import json
import secrets
import zlib
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from npng_edge.policy.happening.episode import Closing, Episode, Sample, Trigger, TriggerKind
from npng_edge.policy.stays.figures import Minute, Summary
from npng_edge.policy.stays.profile import Baseline, Dose, Override, Prescription, Profile, Rating
from npng_edge.policy.stays.stay import Audit, Stay
from npng_edge.record import bundle as bundle_module
from npng_edge.record.bundle import Bundle, BundleError, open_bundle, seal
from npng_edge.record.codec import AUDIT, EPISODE, HOUR, PROFILE, CodecError
from npng_edge.requests import RefusalReason
from npng_edge.units import ACTION_UNITS, BaselineOrigin, EyeClosure, LookAlike, Pose

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = bytes(range(32))
NOW = 1_700_000_000.0
DAY = 86_400.0

PROFILE_1 = Profile(
    patient="patient-0001",
    stay="stay-1",
    since_utc=NOW - 3 * DAY,
    spo2_scale=2,
    clips=True,
    baseline=Baseline(
        MappingProxyType({name: 0.1 + i / 7 for i, name in enumerate(ACTION_UNITS)}),
        BaselineOrigin.CAPTURED,
        NOW,
        250,
        0.3,
        0.05,
    ),
    ratings=(Rating(NOW, 0.1 + 0.2, "patient", "김 간호사", 3.3, 0.7, 99),),
    threshold_vas=4.0,
    override=Override(3.5, NOW + DAY, "nurse", None, NOW),
    prescription=Prescription("morphine", 1.0, 600.0, 5.0, 15.0, NOW + DAY, "doctor", "after surgery", NOW, 0.25),
    ledger=(Dose(NOW, 12.5, "morphine", 1.0, "asked", "b-1"), Dose(NOW, 13.5, "morphine", 2.0, "given")),
    ledger_elapsed=1 / 3,
)
AUDIT_1 = Audit(NOW, "rate", "nurse", None, "refused", "malformed", "vas: at the most 10")
HOUR_1 = Summary(
    NOW,
    NOW + 3600,
    seconds=3600.0,
    unscored_s=MappingProxyType({"no-face": 12.5}),
    histogram=(0.1, 2.0),
    minutes=(Minute(NOW, 1.5, 60.0, 3.0),),
    ratings=PROFILE_1.ratings,
    doses=PROFILE_1.ledger,
)


def episode(number: int, points: int = 10) -> Episode:
    return Episode(
        id=f"run-e{number}",
        revision=1,
        continues=None,
        closing=Closing.OVER,
        onset_utc=NOW,
        raised_utc=NOW + 1.5,
        peak_utc=None,
        end_utc=NOW + 30,
        duration_s=30.0,
        before_s=60.0,
        seen_s=29.5,
        above_baseline=True,
        peak_pspi=6.5,
        mean_pspi=None,
        peak_units=MappingProxyType({"AU4": 3.25, "AU43": 1.0}),
        trigger=Trigger(TriggerKind.HANDLING, 0.5, "left"),
        most_people=2,
        attended_s=3.0,
        vitals=(),
        dynamics=None,
        series=tuple(
            Sample(
                i / 2,
                intensity=tuple((number * 31 + i * 17 + j) % 97 / 20 for j in range(len(ACTION_UNITS))),
                pspi_error=(number + i) % 13 / 10,
                eyes=EyeClosure(0.1, 0.2),
                pose=Pose(1.0, 2.0, 3.0),
                look_alike=LookAlike.TALK,
            )
            for i in range(points)
        ),
    )


STAY = Stay(PROFILE_1, None, (HOUR_1,), (episode(1), episode(2)), (AUDIT_1,))


def refusal(open_it: Callable[[], Bundle]) -> RefusalReason:
    with pytest.raises(BundleError) as raised:
        open_it()
    assert raised.value.refusal.detail.endswith((".", "?"))
    return raised.value.refusal.reason


def test_everything_kept_of_a_patient_comes_back_exactly() -> None:
    assert PROFILE.decode(PROFILE.encode(PROFILE_1)) == PROFILE_1
    assert HOUR.decode(HOUR.encode(HOUR_1)) == HOUR_1
    assert EPISODE.decode(EPISODE.encode(episode(1))) == episode(1)
    assert AUDIT.decode(AUDIT.encode(AUDIT_1)) == AUDIT_1
    minimal = Profile("patient-0001", "stay-1", NOW)
    assert PROFILE.decode(PROFILE.encode(minimal)) == minimal
    assert json.loads(PROFILE.encode(minimal))["v"] == 1


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b'{"v":1', b'{"v":2', "not of version 1"),
        (b'"spo2_scale":2', b'"spo2_scale":3', "spo2_scale: Input should be 1 or 2"),
        (b'"clips":true', b'"clips":"yes"', "clips: Input should be a valid boolean"),
        (b'"clips":true', b'"clip":true', "clip: Unexpected keyword argument"),
        (b'"drug":"morphine"', b'"drug":"morphine","dose":1', r"prescription\.dose: Unexpected"),
        (b'"who":"nurse"', b'"who":null', r"override\.who: Input should be a valid string"),
        (b'"patient":"patient-0001",', b"", "patient: Field required"),
        (b'"captured"', b'"guessed"', r"baseline\.origin: Input should be"),
    ],
)
def test_a_body_that_is_not_a_profile_is_refused(old: bytes, new: bytes, message: str) -> None:
    body = PROFILE.encode(PROFILE_1)
    assert old in body
    with pytest.raises(CodecError, match=f"Profile: .*{message}"):
        PROFILE.decode(body.replace(old, new, 1))


def test_a_body_cut_short_is_refused() -> None:
    body = PROFILE.encode(PROFILE_1)
    for length in range(0, len(body), 37):
        with pytest.raises(CodecError):
            PROFILE.decode(body[:length])


def test_what_an_older_version_did_not_write_takes_its_default() -> None:
    body = PROFILE.encode(replace(PROFILE_1, clips=False))
    assert PROFILE.decode(body.replace(b'"clips":false,', b"")) == replace(PROFILE_1, clips=False)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_could_not_be_read_again_is_never_written(value: float) -> None:
    with pytest.raises(CodecError, match="is not a number"):
        PROFILE.encode(replace(PROFILE_1, threshold_vas=value))
    with pytest.raises(CodecError, match="cannot be written"):
        PROFILE.encode(replace(PROFILE_1, patient="\udc80"))
    named = replace(PROFILE_1, patient="NaN and Infinity")
    assert PROFILE.decode(PROFILE.encode(named)) == named


def test_a_stay_is_sealed_and_opened() -> None:
    text = seal(STAY, KEY, bed="demo/ward-1/bed-01", utc=NOW)
    bundle = open_bundle(text, KEY, utc=NOW + 60)
    assert bundle.stay == STAY
    assert (bundle.bed, bundle.created_utc, bundle.left_out) == ("demo/ward-1/bed-01", NOW, 0)
    assert open_bundle(f"\n {text[:100]}\r\n{text[100:]}\n", KEY, utc=None) == bundle
    again = seal(STAY, KEY, bed="demo/ward-1/bed-01", utc=NOW)
    assert open_bundle(again, KEY, utc=NOW).id != bundle.id


def test_nothing_of_the_patient_can_be_read_without_the_key() -> None:
    sealed = base64.b64decode(seal(STAY, KEY, bed="demo/ward-1/bed-01", utc=NOW))
    assert sealed.startswith(b"NPNGSTAY1")
    for secret in (b"patient-0001", b"stay-1", b"bed-01", b"morphine", "김".encode()):
        assert secret not in sealed


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_any_change_is_noticed(data: st.DataObject) -> None:
    sealed = bytearray(base64.b64decode(SEALED))
    place = data.draw(st.integers(0, len(sealed) - 1))
    sealed[place] ^= 1 << data.draw(st.integers(0, 7))
    reason = refusal(lambda: open_bundle(base64.b64encode(sealed).decode(), KEY, utc=NOW))
    assert reason is (RefusalReason.MALFORMED if place < len(b"NPNGSTAY1") else RefusalReason.NOT_AUTHENTIC)


@settings(max_examples=100, deadline=None)
@given(text=st.one_of(st.text(max_size=200), st.binary(max_size=200).map(lambda raw: base64.b64encode(raw).decode())))
def test_anything_else_is_no_bundle(text: str) -> None:
    assert refusal(lambda: open_bundle(text, KEY, utc=NOW)) is RefusalReason.MALFORMED


def test_cut_short_or_with_another_key_it_is_not_authentic() -> None:
    text = seal(STAY, KEY, bed="b", utc=NOW)
    assert refusal(lambda: open_bundle(text[:-40], KEY, utc=NOW)) is RefusalReason.NOT_AUTHENTIC
    assert refusal(lambda: open_bundle(text[:64], KEY, utc=NOW)) is RefusalReason.NOT_AUTHENTIC
    assert refusal(lambda: open_bundle(text, secrets.token_bytes(32), utc=NOW)) is RefusalReason.NOT_AUTHENTIC


@pytest.mark.parametrize(("age", "ok"), [(7 * DAY, True), (7 * DAY + 1, False), (-3600.0, True), (-3601.0, False)])
def test_an_old_bundle_and_one_from_the_future_are_refused(age: float, *, ok: bool) -> None:
    text = seal(STAY, KEY, bed="b", utc=NOW)
    if ok:
        assert open_bundle(text, KEY, utc=NOW + age).stay == STAY
    else:
        assert refusal(lambda: open_bundle(text, KEY, utc=NOW + age)) is RefusalReason.OUT_OF_TIME
    assert open_bundle(text, KEY, utc=None).stay == STAY  # For a report.


def packed(content: bytes) -> str:
    """A bundle with this inside, sealed with the right key."""
    name, nonce = bytes(16), bytes(12)
    header = bundle_module._HEADER.pack(b"NPNGSTAY1", name, NOW)
    sealed = bundle_module._cipher(KEY, name).encrypt(nonce, content, header)
    return base64.b64encode(header + nonce + sealed).decode()


def test_an_authentic_bundle_is_still_not_trusted_with_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle_module, "MOST_BYTES", 100_000)
    bomb = zlib.compress(b"0" * 10_000_000)
    assert len(bomb) < 20_000
    with pytest.raises(BundleError, match="larger than any stay"):
        open_bundle(packed(bomb), KEY, utc=NOW)
    for content in (b"", b"no zlib", zlib.compress(b"{}"), zlib.compress(b'{"v":1,"value":{}}'), bomb[:100]):
        text = packed(content)
        assert refusal(partial(open_bundle, text, KEY, utc=NOW)) is RefusalReason.MALFORMED


def test_header_and_content_belong_together() -> None:
    other = bundle_module._CODEC.encode(Bundle("0" * 32, "b", NOW + 1, STAY))
    with pytest.raises(BundleError, match="differ"):
        open_bundle(packed(zlib.compress(other)), KEY, utc=NOW)


def test_the_oldest_episodes_leave_their_series_when_those_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle_module, "MOST_SAMPLES", 85)
    stay = replace(STAY, episodes=tuple(episode(n, points=0 if n == 3 else 20) for n in range(8)))
    bundle = open_bundle(seal(stay, KEY, bed="b", utc=NOW), KEY, utc=NOW)
    assert [len(one.series) for one in bundle.stay.episodes] == [0, 0, 0, 0, 20, 20, 20, 20]
    assert [replace(one, series=()) for one in bundle.stay.episodes] == [
        replace(one, series=()) for one in stay.episodes
    ]
    assert (bundle.shortened, bundle.left_out) == (3, 0)


def test_a_stay_too_large_loses_its_oldest_rows_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    stay = replace(STAY, episodes=tuple(episode(n, points=40) for n in range(64)))
    whole = len(seal(stay, KEY, bed="b", utc=NOW))
    monkeypatch.setattr(bundle_module, "MOST_CHARACTERS", whole // 3)
    text = seal(stay, KEY, bed="b", utc=NOW)
    assert len(text) <= whole // 3
    bundle = open_bundle(text, KEY, utc=NOW)
    assert bundle.stay == replace(stay, episodes=stay.episodes[48:])
    assert bundle.left_out == 48
    monkeypatch.setattr(bundle_module, "MOST_CHARACTERS", 1500)
    bundle = open_bundle(seal(stay, KEY, bed="b", utc=NOW), KEY, utc=NOW)
    assert bundle.stay.profile == PROFILE_1
    assert (bundle.stay.episodes, bundle.left_out) == ((), 64)
    monkeypatch.setattr(bundle_module, "MOST_CHARACTERS", 100)
    with pytest.raises(BundleError, match="profile alone") as raised:
        seal(stay, KEY, bed="b", utc=NOW)
    assert raised.value.refusal.reason is RefusalReason.TOO_LONG


SEALED = seal(STAY, KEY, bed="demo/ward-1/bed-01", utc=NOW)
