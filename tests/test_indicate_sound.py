"""Sound at the bed: the tones, and what plays them. A program stands for `aplay` and keeps what it is given."""

from __future__ import annotations

import io
import math
import os
import shutil
import wave
from typing import TYPE_CHECKING

import numpy as np
import pytest
from test_indicate import WAIT_S, edges, player

from npng_edge.indicate import sound
from npng_edge.indicate.output import OutputError
from npng_edge.indicate.patterns import SIGNS
from npng_edge.indicate.player import RETRY_S
from npng_edge.indicate.sound import SILENCE, Aplay
from npng_edge.indicate.tone import EDGE_S, RATE, wav
from npng_edge.policy.alarm.local import Signal
from npng_edge.settings import LocalAlarm, Sound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that runs many tests may start and end a process late."""
    monkeypatch.setattr(sound, "OPEN_S", WAIT_S)
    monkeypatch.setattr(sound, "END_S", WAIT_S)


@pytest.fixture
def aplay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Installs a program named aplay with this body, and returns the folder in which it runs."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setenv("PLAYED", str(tmp_path))

    def install(body: str) -> Path:
        program = folder / "aplay"
        program.write_text(f"#!/bin/sh\n{body}\n")
        program.chmod(0o755)
        return tmp_path

    return install


RECORDS = (
    'cat > "$PLAYED/part"; echo "$@" >> "$PLAYED/arguments"; mv "$PLAYED/part" "$PLAYED/$(ls "$PLAYED" | wc -l)".wav'
)


@pytest.fixture
def output() -> Iterator[Aplay]:
    made = Aplay(Sound(device="hw:1", volume=0.5))
    yield made
    made.close()


def heard(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(folder.glob("*.wav"), key=lambda path: int(path.stem))]


def finish(output: Aplay) -> None:
    """Wait until the program has ended by itself."""
    assert output._playing is not None
    output._playing.process.wait(WAIT_S)


@pytest.mark.parametrize("signal", [Signal.LOW, Signal.MEDIUM, Signal.HIGH])
def test_a_tone_file_holds_the_pulses_of_its_pattern(signal: Signal) -> None:
    pattern = SIGNS[signal].buzzer
    with wave.open(io.BytesIO(wav(pattern, 0.5))) as reader:
        assert (reader.getnchannels(), reader.getsampwidth(), reader.getframerate()) == (1, 2, RATE)
        samples = np.frombuffer(reader.readframes(reader.getnframes()), "<i2").astype(float)
    assert len(samples) == pytest.approx(pattern.length_s * RATE, abs=20)
    assert np.abs(samples).max() == pytest.approx(0.5 * 32767, rel=0.01)
    # The loudest of each hundredth of a second: a pulse is where it is not silent.
    loud = np.abs(samples[: len(samples) // 480 * 480]).reshape(-1, 480).max(axis=1) > 0
    assert np.count_nonzero(np.diff(np.concatenate([[False], loud]).astype(int)) == 1) == len(
        edges(pattern, pattern.length_s)
    )
    # No click: it begins and ends from silence.
    edge = round(EDGE_S * RATE / 10)
    assert np.abs(samples[:edge]).max() < 0.1 * 32767
    assert np.abs(samples[-edge:]).max() < 0.1 * 32767


def test_each_burst_is_one_process_that_is_given_the_tone(aplay: Callable[[str], Path], output: Aplay) -> None:
    folder = aplay(RECORDS)
    output.open()
    every_s = SIGNS[Signal.MEDIUM].buzzer.every_s
    assert every_s is not None
    assert output.give(Signal.MEDIUM, 0.0) == every_s
    finish(output)
    assert output.give(Signal.MEDIUM, 4.0) == every_s - 4.0
    assert output._playing is None
    assert output.give(Signal.MEDIUM, every_s) == every_s
    finish(output)
    burst = wav(SIGNS[Signal.MEDIUM].buzzer, 0.5)
    assert heard(folder) == [wav(SILENCE, 0.5), burst, burst]
    lines = set((folder / "arguments").read_text().splitlines())
    assert lines == {"--quiet --nonblock --file-type=wav --device=hw:1"}


def test_a_new_signal_cuts_the_burst_of_the_old_one(aplay: Callable[[str], Path], output: Aplay) -> None:
    aplay("sleep 0.01")
    output.open()
    aplay("exec sleep 60")
    output.give(Signal.LOW, 0.0)
    playing = output._playing
    output.give(Signal.HIGH, 0.0)
    assert playing is not None
    assert playing.process.returncode == -9
    assert output._playing is not None
    assert output._playing is not playing


def test_silence_lets_the_last_burst_end_and_closing_cuts_it(aplay: Callable[[str], Path], output: Aplay) -> None:
    aplay("true")
    output.open()
    aplay("exec sleep 60")
    output.give(Signal.HIGH, 0.0)
    playing = output._playing
    assert output.give(Signal.NONE, 0.0) == math.inf
    assert output._playing is playing
    output.close()
    assert playing is not None
    assert playing.process.returncode == -9


def test_no_aplay_is_a_fault(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    play = player(LocalAlarm(kind="sound"))
    play.step(0.0)
    assert play.fault == "Local alarm: aplay is not installed: apt install alsa-utils."


def test_a_sound_device_that_is_missing_is_a_fault_until_it_is_there(aplay: Callable[[str], Path]) -> None:
    aplay("echo 'ALSA lib confmisc.c: cannot find card' >&2; echo 'aplay: main:830: audio open error' >&2; exit 1")
    play = player(LocalAlarm(kind="sound"))
    play.step(0.0)
    assert play.fault == (
        "Local alarm: aplay on default: aplay: main:830: audio open error: "
        "set local_alarm.sound.device; aplay -L lists the devices."
    )
    aplay("true")
    play.step(RETRY_S)
    assert play.fault is None
    play.close()


@pytest.mark.parametrize(
    ("body", "told"), [("exit 3", "it ended with status 3"), ("kill -9 $$", "it ended with status -9")]
)
def test_an_aplay_that_says_nothing_is_a_fault_all_the_same(aplay: Callable[[str], Path], body: str, told: str) -> None:
    aplay(body)
    play = player(LocalAlarm(kind="sound"))
    play.step(0.0)
    assert told in str(play.fault)


def test_an_aplay_that_hangs_at_the_start_is_ended(
    aplay: Callable[[str], Path], output: Aplay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sound, "OPEN_S", 0.05)
    aplay("exec sleep 60")
    with pytest.raises(OutputError, match="it hangs"):
        output.open()
    assert output._playing is None


def test_an_aplay_that_hangs_in_a_burst_is_ended(
    aplay: Callable[[str], Path], output: Aplay, monkeypatch: pytest.MonkeyPatch
) -> None:
    aplay("true")
    output.open()
    aplay("exec sleep 60")  # It reads nothing either: the tone of HIGH would not fit into a pipe.
    monkeypatch.setattr(sound, "LATE_S", -60.0)
    output.give(Signal.HIGH, 0.0)
    with pytest.raises(OutputError, match="it hangs"):
        output.give(Signal.HIGH, 0.1)
    assert output._playing is None


def test_a_sound_device_that_goes_away_while_nothing_sounds_is_noticed(
    aplay: Callable[[str], Path], output: Aplay, monkeypatch: pytest.MonkeyPatch
) -> None:
    aplay("true")
    output.open()
    aplay("echo gone >&2; exit 1")
    assert output.give(Signal.NONE, 1.0) == math.inf
    assert output._playing is None
    monkeypatch.setattr(output, "_check_at", 0.0)
    output.give(Signal.NONE, 2.0)
    finish(output)
    with pytest.raises(OutputError, match="gone"):
        output.give(Signal.NONE, 3.0)


def test_an_aplay_that_was_removed_is_a_fault(aplay: Callable[[str], Path], tmp_path: Path) -> None:
    aplay("true")
    play = player(LocalAlarm(kind="sound"))
    play.step(0.0)
    (tmp_path / "bin" / "aplay").unlink()
    play.show(Signal.HIGH)
    play.step(1.0)
    assert "No such file" in str(play.fault)


@pytest.mark.skipif(shutil.which("aplay") is None, reason="aplay is not installed (apt install alsa-utils)")
def test_the_real_aplay_plays_what_it_is_given(tmp_path: Path) -> None:
    """Into a file, through ALSA's own plug-in: there need not be a sound card."""
    file = tmp_path / "played.wav"
    output = Aplay(Sound(device=f"file:FILE={file},FORMAT=wav", volume=0.5))
    output.open()
    output.give(Signal.HIGH, 0.0)
    finish(output)
    output.give(Signal.NONE, 1.0)
    with wave.open(str(file)) as reader, wave.open(io.BytesIO(wav(SIGNS[Signal.HIGH].buzzer, 0.5))) as expected:
        frames = expected.getnframes()
        assert reader.readframes(frames) == expected.readframes(frames)
