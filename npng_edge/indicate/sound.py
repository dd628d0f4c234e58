"""Tones through ALSA's `aplay`, one process for each burst, so that a sound driver that hangs holds nothing up."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
import time as clock
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from npng_edge.indicate.output import OutputError
from npng_edge.indicate.patterns import SIGNS, Pattern
from npng_edge.indicate.tone import wav

if TYPE_CHECKING:
    from npng_edge.policy.alarm.local import Signal
    from npng_edge.settings import Sound

SILENCE = Pattern(((False, 0.1),))
"""Played to see whether the sound device works."""
CHECK_S = 600.0
"""While nothing sounds, the sound device is tried so often."""
OPEN_S = 0.6
"""The first trial must be over within this time: with what it takes to end a process, a turn stays below a second."""
LATE_S = 3.0
"""A process that lives so much longer than its sound hangs."""
END_S = 0.2
"""A process that was killed must be gone within this time."""
MOST_WORDS = 10_000
"""So many bytes of what a process complains are read."""


@dataclass(frozen=True, slots=True)
class _Playing:
    """A process that plays."""

    process: subprocess.Popen[bytes]
    said: IO[bytes]
    """What it wrote to its standard error."""
    end_by: float
    """Monotonic seconds; one that lives on hangs."""


class Aplay:
    """Plays one burst after another, each by a process of its own.

    Args:
        settings: The ALSA device and the volume.
    """

    def __init__(self, settings: Sound) -> None:
        self._device = settings.device
        audible = (sign.buzzer for sign in SIGNS.values() if sign.buzzer.steps)
        self._wavs = {pattern: wav(pattern, settings.volume) for pattern in (SILENCE, *audible)}
        self._program = ""
        self._playing: _Playing | None = None
        self._check_at = 0.0
        self._burst: tuple[Signal, int] | None = None

    def open(self) -> None:
        """Find the program, and try the sound device with a moment of silence."""
        program = shutil.which("aplay")
        if program is None:
            raise OutputError("aplay is not installed: apt install alsa-utils.")
        self._program, self._burst = program, None
        trial = self._play(SILENCE)
        with suppress(subprocess.TimeoutExpired):
            trial.process.wait(OPEN_S)
        if trial.process.poll() is None:
            self._end()
            raise OutputError(self._advise("it hangs"))
        self._judge()

    def give(self, signal: Signal, time: float) -> float:
        """Start the burst that is due; seconds until the next one."""
        self._judge()
        pattern = SIGNS[signal].buzzer
        if not pattern.steps:
            # The last burst may play to its end.
            self._burst = None
            if self._playing is None and clock.monotonic() >= self._check_at:
                self._play(SILENCE)
            return math.inf
        number = 0 if pattern.every_s is None else int(time // pattern.every_s)
        if self._burst != (signal, number):
            self._burst = (signal, number)
            self._play(pattern)
        return math.inf if pattern.every_s is None else (number + 1) * pattern.every_s - time

    def close(self) -> None:
        """Silence."""
        self._end()

    def _play(self, pattern: Pattern) -> _Playing:
        """Start a process that plays one round, instead of the one that plays."""
        self._end()
        # From memory and not through a pipe: a full pipe would make this thread wait for the sound.
        command = [self._program, "--quiet", "--nonblock", "--file-type=wav", f"--device={self._device}"]
        said = _in_memory()
        try:
            with _in_memory(self._wavs[pattern]) as sound:
                process = subprocess.Popen(command, stdin=sound, stdout=subprocess.DEVNULL, stderr=said)  # noqa: S603 - without a shell
        except OSError:
            said.close()
            raise
        now = clock.monotonic()
        self._check_at = now + CHECK_S
        self._playing = _Playing(process, said, now + pattern.length_s + LATE_S)
        return self._playing

    def _judge(self) -> None:
        """Take note of a process that has ended.

        Raises:
            OutputError: It failed, or hangs.
        """
        playing = self._playing
        if playing is None:
            return
        status = playing.process.poll()
        if status is None:
            if clock.monotonic() >= playing.end_by:
                self._end()
                raise OutputError(self._advise("it hangs"))
            return
        self._playing = None
        with playing.said as said:
            said.seek(0)
            words = said.read(MOST_WORDS).decode(errors="replace").strip()
        if status != 0:
            raise OutputError(self._advise(words.splitlines()[-1] if words else f"it ended with status {status}"))

    def _end(self) -> None:
        """End the process that plays, if one does.

        Raises:
            OutputError: The kernel does not let it end; no other is started before it has.
        """
        if self._playing is None:
            return
        self._playing.process.kill()
        try:
            self._playing.process.wait(END_S)
        except subprocess.TimeoutExpired:
            raise OutputError(self._advise("it hangs and cannot be ended")) from None
        self._playing.said.close()
        self._playing = None

    def _advise(self, wrong: str) -> str:
        return f"aplay on {self._device}: {wrong}: set local_alarm.sound.device; aplay -L lists the devices."


def _in_memory(content: bytes = b"") -> IO[bytes]:
    """A file that is nowhere but in memory."""
    file = os.fdopen(os.memfd_create("npng-edge-sound"), "w+b")
    file.write(content)
    file.seek(0)
    return file
