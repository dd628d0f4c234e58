"""What follows for clips from the policy's states, and what the disk's thread does; no thread, no camera."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from test_clips_kept import IMAGE, PROFILE

from npng_edge.bedside.filming import HUNG_S, Filming
from npng_edge.policy import monitor
from npng_edge.policy.events import Arrived
from npng_edge.policy.happening.account import Running
from npng_edge.record.clips import Clips, Deletion, Kept
from npng_edge.record.history import Forgotten
from npng_edge.record.keys import new_key
from npng_edge.settings import Clips as ClipsSettings
from npng_edge.settings import Policy, Storage
from npng_edge.units import Frame, Moment

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from npng_edge.policy.state import Patient
    from npng_edge.policy.stays.profile import Profile


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Filming]:
    key = tmp_path / "key"
    key.touch(0o600)
    key.write_text(new_key())

    def made(**changes: object) -> Filming:
        clips = ClipsSettings.model_validate({"enabled": True, "key_file": key} | changes)
        filming = Filming(
            Storage(directory=tmp_path / "state", clips=clips),
            on_death=lambda name, error: pytest.fail(f"{name} {error}"),
        )
        filming.stop()  # So that a turn does not wait for the next.
        return filming

    return made


def patient(profile: Profile = PROFILE, episode: str | None = None, onset: float = 30.0) -> Patient:
    moment = Moment(0.0, profile.since_utc, synchronised=True)
    state, _ = monitor.step(monitor.begin("run"), Arrived(profile), moment, Policy())
    assert state.patient is not None
    running = None if episode is None else Running(episode, None, onset, onset + 2)
    return replace(state.patient, happenings=replace(state.patient.happenings, running=running))


def film(filming: Filming, start: float, seconds: float) -> None:
    assert filming.on_frame is not None
    for number in range(round(seconds * 4)):
        filming.on_frame(Frame(number, start + number / 4, IMAGE))


def at(now: float) -> Moment:
    return Moment(now, time.time() + now - 100, synchronised=True)


def keep(filming: Filming) -> Kept:
    """One clip of an episode from 30 to 40, of which nobody may tell the policy anything."""
    here = patient()
    filming.follow(None, here, at(0))
    film(filming, 0, 32)
    filming.follow(here, patient(episode="run-e1"), at(32))
    film(filming, 32, 8)
    filming.follow(patient(episode="run-e1"), here, at(40))
    filming.turn()
    (kept,) = filming.proofs(clock_right=True)
    assert isinstance(kept, Kept)
    return kept


def test_an_episode_of_a_patient_who_agreed_is_kept(make: Callable[..., Filming]) -> None:
    kept = keep(make())
    assert (kept.episode_id, kept.stay, kept.pictures) == ("run-e1", PROFILE.stay, 60)


def test_an_episode_that_goes_on_in_another_is_kept_as_two(make: Callable[..., Filming]) -> None:
    filming = make()
    filming.follow(None, patient(), at(0))
    film(filming, 0, 32)
    filming.follow(patient(), patient(episode="run-e1"), at(32))
    film(filming, 32, 18)
    filming.follow(patient(episode="run-e1"), patient(episode="run-e2", onset=50), at(50))
    film(filming, 50, 10)
    filming.follow(patient(episode="run-e2", onset=50), patient(), at(60))
    filming.turn()
    assert [one.episode_id for one in filming.proofs(clock_right=True)] == ["run-e1", "run-e2"]


def test_withdrawal_ends_the_picture_taking_and_deletes(make: Callable[..., Filming], tmp_path: Path) -> None:
    filming = make()
    kept = keep(filming)
    film(filming, 50, 20)
    withdrawn = patient(replace(PROFILE, clips=False), "run-e2", 68)
    filming.follow(patient(episode="run-e2", onset=68), withdrawn, at(70))
    film(filming, 70, 20)
    filming.follow(withdrawn, patient(replace(PROFILE, clips=False)), at(90))
    filming.turn()
    (deletion,) = filming.proofs(clock_right=True)
    assert isinstance(deletion, Deletion)
    assert (deletion.sha256, deletion.reason, deletion.stay) == (kept.sha256, "withdrawn", PROFILE.stay)
    assert list((tmp_path / "state" / "clips").iterdir()) == []


def test_a_withdrawal_that_a_loss_of_power_cut_off_is_done_at_the_next_start(make: Callable[..., Filming]) -> None:
    keep(make())
    again = make()
    again.follow(None, patient(replace(PROFILE, clips=False)), at(0))
    again.turn()
    assert [one.episode_id for one in again.proofs(clock_right=True)] == ["run-e1"]


def test_the_clips_of_a_deleted_stay_go_with_it(make: Callable[..., Filming]) -> None:
    filming = make()
    keep(filming)
    filming.forget([Forgotten("another", 3, ""), Forgotten(PROFILE.stay, 3, "")])
    filming.turn()
    (deletion,) = filming.proofs(clock_right=True)
    assert isinstance(deletion, Deletion)
    assert deletion.reason == "stay-deleted"


def test_switched_off_nothing_is_filmed_and_old_clips_are_deleted_by_a_clock_that_is_right(
    make: Callable[..., Filming], monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(make())
    off = make(enabled=False, key_file=None, retention_h=1.0)
    assert off.on_frame is None
    off.follow(None, patient(), at(0))
    off.turn()
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 7200)
    off.turn()  # Nobody has said yet that the clock is right.
    assert off.proofs(clock_right=True) == []
    monkeypatch.setattr(time, "time", lambda: now + 7300)
    off.turn()
    (deletion,) = off.proofs(clock_right=True)
    assert isinstance(deletion, Deletion)
    assert deletion.reason == "retention"
    assert off.fault is None


def test_a_disk_that_hangs_is_a_fault(make: Callable[..., Filming], monkeypatch: pytest.MonkeyPatch) -> None:
    filming = make()
    monkeypatch.setattr(filming._thread, "is_alive", lambda: True)
    assert filming.fault is None
    filming.beat -= HUNG_S + 1
    assert "has not answered" in str(filming.fault)


def test_a_clip_that_was_lost_is_not_a_fault_for_ever(make: Callable[..., Filming], tmp_path: Path) -> None:
    filming = make()
    clips: Clips = filming._clips
    (tmp_path / "state").write_text("a file where the folder should be")
    filming.follow(None, patient(), at(0))
    film(filming, 0, 32)
    filming.follow(patient(), patient(episode="run-e1"), at(32))
    filming.follow(patient(episode="run-e1"), patient(), at(40))
    now = time.time()
    clips.tend(now)
    assert "run-e1 was not kept" in str(filming.fault)
    (tmp_path / "state").unlink()
    clips.tend(now + 50)
    assert filming.fault is not None
    clips.tend(now + 61)
    assert filming.fault is None
