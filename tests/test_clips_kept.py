"""Encrypted clips: nothing readable on disk, nothing without consent, and a proof of every deletion."""

from __future__ import annotations

import hashlib
import os
import stat
import struct
from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from npng_edge.policy.stays.profile import Profile
from npng_edge.record import clip_file, clips
from npng_edge.record.clip_file import ClipError, open_clip
from npng_edge.record.clips import Clips, Deletion, Kept
from npng_edge.record.keys import KeyFileError, new_key, read_key
from npng_edge.settings import Clips as ClipsSettings
from npng_edge.units import Frame, Moment

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

UTC = 1_780_000_000.0
JPEG_MAGIC = b"\xff\xd8\xff\xe0"
"""Four bytes: three of them turn up by chance in one of a hundred clips that are sealed."""
PROFILE = Profile("P-1234", "stay-1", UTC, clips=True)
IMAGE = cv2.GaussianBlur(np.random.default_rng(5).integers(0, 255, (360, 640, 3), dtype=np.uint8), (31, 31), 0)
"""Blurred noise: it makes a JPEG of ordinary size."""


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "hospital.key"
    path.write_text(new_key())
    path.chmod(0o600)
    return path


@pytest.fixture
def make(tmp_path: Path, key_file: Path) -> Callable[..., Clips]:
    def made(profile: Profile | None = PROFILE, **changes: object) -> Clips:
        clips = Clips(tmp_path / "state", ClipsSettings(**({"enabled": True, "key_file": key_file} | changes)))
        clips.allow(profile)
        return clips

    return made


def film(clips: Clips, start: float, seconds: float, fps: float = 10.0) -> None:
    for number in range(round(seconds * fps)):
        clips.add(Frame(number, start + number / fps, IMAGE))


def episode(clips: Clips, name: str = "run-e1", onset: float = 100.0) -> None:
    """An episode of 10 s, with half a minute before it."""
    film(clips, onset - 30, 32)
    clips.begin(name, onset)
    film(clips, onset + 2, 8)
    clips.end(Moment(onset + 10, UTC + onset + 10, synchronised=True))


def files(clips: Clips) -> list[Path]:
    return sorted(path for path in clips._folder.rglob("*") if path.is_file())


def keep(clips: Clips, name: str = "run-e1", now: float = UTC) -> tuple[Kept, Path]:
    episode(clips, name)
    (kept,) = (event for event in clips.tend(now) if isinstance(event, Kept))
    return kept, clips._folder / f"{name}.npngclip"


def test_a_clip_holds_the_seconds_before_the_onset(make: Callable[..., Clips], key_file: Path) -> None:
    kept, path = keep(make())
    header, pictures = open_clip(path, read_key(key_file))
    assert (header.episode_id, header.stay, header.patient) == ("run-e1", "stay-1", "P-1234")
    assert header.pictures == kept.pictures == len(pictures) == 60  # 2 a second, 20 s before and 10 s after
    assert pictures[0].utc == header.begin_utc == pytest.approx(UTC + 80)
    assert pictures[-1].utc == header.end_utc == pytest.approx(UTC + 109.5)
    image = cv2.imdecode(np.frombuffer(pictures[7].jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert image.shape == (180, 320, 3)
    small = cv2.resize(IMAGE, (320, 180), interpolation=cv2.INTER_AREA)
    assert float(np.abs(image.astype(int) - small).mean()) < 4


def test_nothing_readable_is_on_disk(make: Callable[..., Clips], key_file: Path) -> None:
    kept, path = keep(make())
    data = path.read_bytes()
    assert kept.size == len(data) > 60_000
    assert JPEG_MAGIC not in data
    assert b"JFIF" not in data
    assert read_key(key_file) not in data
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert files_of(path.parent) == [path]


def files_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_the_disk_is_not_touched_before_the_end(
    make: Callable[..., Clips], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips = make()
    before = files_of(tmp_path)
    film(clips, 0, 30)
    clips.begin("run-e1", 28.0)
    film(clips, 30, 10)
    clips.tend(UTC)
    assert files_of(tmp_path) == before
    # And what is written is sealed before any file is opened.
    written: list[bytes] = []
    original = clip_file.write
    monkeypatch.setattr(clip_file, "write", lambda path, data: (written.append(data), original(path, data)))
    clips.end(Moment(40, UTC, synchronised=True))
    clips.tend(UTC)
    assert len(written) == 1
    assert JPEG_MAGIC not in written[0]


@pytest.mark.parametrize(
    ("profile", "changes"),
    [(PROFILE, {"enabled": False}), (replace(PROFILE, clips=False), {}), (None, {})],
    ids=["switched off", "no consent", "nobody"],
)
def test_without_consent_and_configuration_nothing_is_held(
    make: Callable[..., Clips], tmp_path: Path, profile: Profile | None, changes: dict[str, object]
) -> None:
    clips = make(profile, **changes)
    episode(clips)
    assert not clips._before
    assert clips.tend(UTC) == ()
    assert list(tmp_path.rglob("*.npngclip")) == []
    assert not ClipsSettings().enabled
    assert not Profile("P-1234", "s", UTC).clips


def test_withdrawal_forgets_what_is_held_and_deletes_what_is_kept(make: Callable[..., Clips]) -> None:
    clips = make()
    first, path = keep(clips)
    episode(clips, "run-e2", 300)  # waits to be written
    film(clips, 400, 30)
    clips.begin("run-e3", 428)  # goes on
    clips.allow(replace(PROFILE, clips=False))
    assert not clips._before
    (deletion,) = clips.delete("stay-1", UTC + 9)
    assert deletion == Deletion("run-e1", "stay-1", first.sha256, UTC + 9, "withdrawn")
    clips.end(Moment(440, UTC + 440, synchronised=True))
    assert clips.tend(UTC + 10) == ()
    assert not path.exists()
    assert files(clips) == []


def test_a_stay_is_deleted_and_no_other(make: Callable[..., Clips]) -> None:
    clips = make()
    keep(clips)
    clips.allow(replace(PROFILE, stay="stay-2"))
    keep(clips, "run-e2")
    assert [deletion.episode_id for deletion in clips.delete("stay-1", UTC)] == ["run-e1"]
    assert [path.name for path in files(clips)] == ["run-e2.npngclip"]


def test_pictures_of_one_patient_never_reach_the_next(make: Callable[..., Clips]) -> None:
    clips = make()
    film(clips, 0, 30)
    clips.allow(Profile("P-5678", "stay-2", UTC, clips=True))
    clips.begin("run-e9", 30)
    clips.end(Moment(31, UTC, synchronised=True))
    assert clips.tend(UTC) == ()


def test_retention_ends_with_a_proof(make: Callable[..., Clips]) -> None:
    clips = make(retention_h=1.0)
    kept, path = keep(clips)
    data = path.read_bytes()
    assert clips.tend(UTC + 3600 + 109) == ()
    later = UTC + 3600 + 170
    assert clips.tend(later) == (Deletion("run-e1", "stay-1", kept.sha256, later, "retention"),)
    assert files(clips) == []
    # Anybody can compute it from a copy: all that follows the header and the 60 bytes of the wrapped key.
    (length,) = struct.unpack_from(">I", data, 10)
    assert kept.sha256 == hashlib.sha256(data[10 + 4 + length + 60 :]).hexdigest()


def test_the_key_is_overwritten_in_place_before_the_file_is_removed(
    make: Callable[..., Clips], key_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips = make()
    kept, path = keep(clips)
    witness = tmp_path / "witness"
    os.link(path, witness)  # the same blocks of the disk, after the name is gone
    clips.delete("stay-1", UTC)
    assert not path.exists()
    with pytest.raises(ClipError, match="its key was erased"):
        open_clip(witness, read_key(key_file))
    # Power fails between the two steps: the next start ends what was begun, with the same proof.
    kept, path = keep(clips, "run-e2")
    monkeypatch.setattr(clip_file, "remove", lambda _: (_ for _ in ()).throw(OSError("power")))
    assert clips.delete("stay-1", UTC) == ()
    assert "could not be deleted: power" in str(clips.fault)
    monkeypatch.undo()
    again = make()
    assert again.tend(UTC) == (Deletion("run-e2", "stay-1", kept.sha256, UTC, "unfinished"),)
    assert files(again) == []


def test_number_and_size_are_bounded(make: Callable[..., Clips], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clips, "MOST_CLIPS", 2)
    held = make()
    for number in range(4):
        episode(held, f"run-e{number}", 100.0 + 1000 * number)
    events = held.tend(UTC)
    assert [event.episode_id for event in events if isinstance(event, Deletion)] == ["run-e0", "run-e1"]
    assert {event.reason for event in events if isinstance(event, Deletion)} == {"space"}
    monkeypatch.setattr(clips, "MOST_BYTES", 1)
    assert [event.episode_id for event in held.tend(UTC + 61)] == ["run-e2", "run-e3"]


def test_memory_is_bounded(make: Callable[..., Clips], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clips, "MEMORY_BYTES", 50_000)
    held = make(fps=10.0, width=640)
    film(held, 0, 20)
    assert sum(len(jpeg) for _, jpeg in held._before) == held._before_bytes <= 50_000
    held.begin("run-e1", 20)
    film(held, 20, 20)
    assert held._recording is not None
    assert held._recording.size < 100_000
    for number in range(clips.MOST_WAITING + 1):
        held.begin(f"run-e{number}", 40)
        held.end(Moment(40, UTC, synchronised=True))
    assert len(held._waiting) == clips.MOST_WAITING
    assert "too slow" in str(held.fault)


def test_a_long_episode_is_cut(make: Callable[..., Clips], key_file: Path) -> None:
    held = make(longest_s=30.0)
    film(held, 0, 40, fps=4)
    held.begin("run-e1", 40)
    film(held, 40, 60, fps=4)
    held.end(Moment(100, UTC + 100, synchronised=True))
    held.tend(UTC)
    header, _ = open_clip(files(held)[0], read_key(key_file))
    assert header.end_utc - header.begin_utc == pytest.approx(30)


@pytest.mark.parametrize("name", ["../e", "", "a/b", ".hidden", "e" * 101])
def test_a_name_that_is_no_file_name_is_refused(make: Callable[..., Clips], name: str) -> None:
    with pytest.raises(ValueError, match="cannot name a file"):
        make().begin(name, 0.0)


def test_the_wrong_key_is_refused(make: Callable[..., Clips]) -> None:
    _, path = keep(make())
    with pytest.raises(ClipError, match="another key, or changed"):
        open_clip(path, bytes(32))


def test_every_change_is_noticed(make: Callable[..., Clips], key_file: Path) -> None:
    _, path = keep(make())
    key, data = read_key(key_file), path.read_bytes()
    assert len(open_clip(path, key)[1]) == 60
    rng = np.random.default_rng(1)
    places = [0, 9, 12, *range(20, 360, 7), *rng.integers(300, len(data), 60).tolist(), len(data) - 1]
    for place in places:
        changed = bytearray(data)
        changed[place] ^= 1
        path.write_bytes(changed)
        with pytest.raises(ClipError):
            open_clip(path, key)
    for length in [0, 5, 12, 100, 300, 350, len(data) - 1, *rng.integers(0, len(data), 30).tolist()]:
        path.write_bytes(data[:length])
        with pytest.raises(ClipError):
            open_clip(path, key)


def test_pictures_cannot_be_swapped_left_out_or_added(make: Callable[..., Clips], key_file: Path) -> None:
    _, path = keep(make())
    key, data = read_key(key_file), path.read_bytes()
    (length,) = struct.unpack_from(">I", data, 10)
    at = 14 + length + 60
    head, chunks = data[:at], []
    while at < len(data):
        (size,) = struct.unpack_from(">I", data, at)
        chunks.append(data[at : at + 4 + size])
        at += 4 + size
    for wrong in ([*chunks[1:], chunks[0]], chunks[:-1], [*chunks, chunks[0]], []):
        path.write_bytes(head + b"".join(wrong))
        with pytest.raises(ClipError):
            open_clip(path, key)


def test_two_clips_have_two_keys(make: Callable[..., Clips]) -> None:
    held = make()
    _, one = keep(held, "run-e1")
    held.begin("run-e2", 100.0)
    held.end(Moment(110, UTC + 110, synchronised=True))
    held.tend(UTC)
    first, second = one.read_bytes(), one.with_name("run-e2.npngclip").read_bytes()
    assert first[-2000:] != second[-2000:]


def test_a_missing_key_is_said_before_there_is_an_episode(make: Callable[..., Clips], key_file: Path) -> None:
    text = key_file.read_text()
    key_file.unlink()
    held = make()
    held.tend(UTC)
    assert "no such key file" in str(held.fault)
    episode(held)
    assert held.tend(UTC + 1) == ()
    key_file.write_text(text)
    key_file.chmod(0o600)
    held.tend(UTC + 62)
    assert held.fault is None
    keep(held, "run-e2", UTC + 70)


def test_a_disk_that_refuses_is_reported_and_never_raises(make: Callable[..., Clips], tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where the folder should be")
    held = make()
    episode(held)
    assert held.tend(UTC) == ()
    assert "was not kept" in str(held.fault)
    (tmp_path / "state").unlink()
    keep(held, "run-e2", UTC + 1)
    assert held.fault is None


def test_leftovers_and_strangers_are_removed(make: Callable[..., Clips]) -> None:
    held = make()
    keep(held)
    (held._folder / "run-e7.part").write_bytes(b"half")
    (held._folder / "run-e8.npngclip").write_bytes(b"no clip")
    held.tend(UTC + 61)
    assert [path.name for path in files(held)] == ["run-e1.npngclip"]


def test_a_new_frame_clock_does_not_stop_the_pictures(make: Callable[..., Clips]) -> None:
    held = make()
    film(held, 5000, 10)
    film(held, 0, 10)
    assert len([time for time, _ in held._before if time < 100]) == 20


def test_keys(tmp_path: Path, key_file: Path) -> None:
    assert len(read_key(key_file)) == 32
    assert new_key() != new_key()
    key_file.chmod(0o640)
    with pytest.raises(KeyFileError, match=r"mode 640.*chmod 600"):
        read_key(key_file)
    key_file.chmod(0o600)
    key_file.write_text("c2hvcnQ=\n")
    with pytest.raises(KeyFileError, match="5 bytes instead of 32"):
        read_key(key_file)
    key_file.write_text("not base64 at all")
    with pytest.raises(KeyFileError, match="no base64"):
        read_key(key_file)
    with pytest.raises(KeyFileError, match="no such key file"):
        read_key(tmp_path / "nowhere")
    with pytest.raises(KeyFileError, match="cannot be read"):
        read_key(tmp_path)
