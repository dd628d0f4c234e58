"""What a pattern sounds like, as a WAV file. The tone is our own choice: 660 Hz with four harmonics, edges of 20 ms."""

from __future__ import annotations

import io
import math
import wave
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from npng_edge.indicate.patterns import Pattern

RATE = 48_000
PITCH_HZ = 660.0
HARMONICS = (1.0, 0.7, 0.5, 0.4, 0.3)
"""Amplitudes of the pitch and of its multiples by 2, 3, 4 and 5."""
EDGE_S = 0.02


def wav(pattern: Pattern, volume: float) -> bytes:
    """A WAV file, mono, 16 bit, 48 kHz, of one round of a pattern.

    Args:
        pattern: When the tone is on.
        volume: Its peak, 0..1 of full scale.
    """
    samples = np.concatenate([_tone(seconds, volume if on else 0.0) for on, seconds in pattern.steps])
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(RATE)
        writer.writeframes(np.rint(samples * 32767).astype("<i2").tobytes())
    return file.getvalue()


def _tone(seconds: float, peak: float) -> NDArray[np.float64]:
    """Samples in -1..1, shape (round(seconds * RATE),)."""
    time = np.arange(round(seconds * RATE)) / RATE
    tone = np.zeros_like(time)
    for number, amplitude in enumerate(HARMONICS, start=1):
        tone += amplitude * np.sin(2 * math.pi * PITCH_HZ * number * time)
    tone *= np.clip(np.minimum(time, seconds - time) / EDGE_S, 0.0, 1.0)
    tone *= peak / np.abs(tone).max()
    return tone
