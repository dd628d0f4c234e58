"""What happens in each of the synthetic patient's clips, second by second."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

RATE = 15
"""Frames per second."""


@dataclass(frozen=True)
class Key:
    """What happens at one moment; between two of them everything changes smoothly. Amounts are 0..1."""

    time: float
    pain: float = 0.0
    smile: float = 0.0
    talk: float = 0.0
    asleep: float = 0.0
    yaw: float = 0.0
    """Of the patient's head, degrees."""
    hand: float = 0.0
    """0 out of the picture .. 1 before the face."""
    visitor: float = 0.0
    """0 out of the picture .. 1 beside the bed."""


@dataclass(frozen=True)
class Clip:
    """One clip to make."""

    keys: tuple[Key, ...]
    """In order of time; the last one ends the clip."""
    night: bool = False
    """Seen by infra-red light."""


CLIPS: dict[str, Clip] = {
    "patient": Clip((
        Key(0), Key(8), Key(9.5, pain=1), Key(15, pain=0.95), Key(17, pain=0), Key(24.5), Key(25.5, smile=1, talk=0.2),
        Key(27.5, smile=0.8, talk=1), Key(29.5, smile=1, talk=0.5), Key(31), Key(35),
    )),
    "rest": Clip((Key(0), Key(15))),
    "pain": Clip((Key(0), Key(6), Key(8, pain=1), Key(14, pain=0.95), Key(16), Key(25))),
    "smile-talk": Clip((
        Key(0), Key(3), Key(4, smile=1), Key(7, smile=1, talk=0.3), Key(8, talk=1), Key(13, talk=1, smile=0.3),
        Key(14, smile=1), Key(15, smile=1), Key(16.5), Key(18),
    )),
    "sleep": Clip((Key(0), Key(3), Key(5, asleep=1), Key(15, asleep=1)), night=True),
    "turned-away": Clip((Key(0), Key(4), Key(6, yaw=80), Key(10.5, yaw=80), Key(12.5), Key(16))),
    "hand": Clip((Key(0), Key(4), Key(5, hand=1), Key(11, hand=1), Key(12), Key(16))),
    "second-person": Clip((Key(0), Key(3), Key(5.5, visitor=1), Key(11, visitor=1), Key(13.5), Key(16))),
}  # fmt: skip


def state_at(clip: Clip, time: float) -> Key:
    """The clip's state at a time in seconds, eased between its keys."""
    times = [key.time for key in clip.keys]
    after = int(np.clip(np.searchsorted(times, time, side="right"), 1, len(times) - 1))
    first, second = clip.keys[after - 1], clip.keys[after]
    share = float(np.clip((time - first.time) / (second.time - first.time), 0.0, 1.0))
    eased = share * share * (3.0 - 2.0 * share)
    values: dict[str, Any] = {
        part.name: getattr(first, part.name) + eased * (getattr(second, part.name) - getattr(first, part.name))
        for part in fields(Key)
    }
    return Key(**{**values, "time": time})
