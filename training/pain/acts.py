"""What a face does over some seconds: pain of every kind, and what looks like it, each with the speed that it has.

Speeds are ranges that hold what is reported of faces; where nothing is, they were set by eye. A movement rises (onset),
stays (apex) and goes (offset), as FACS describes it (Ekman, Friesen and Hager 2002). Syllables come two to seven a
second (Chandrasekaran and others, PLoS Computational Biology 5 (2009) e1000436), the notes of a laugh about five
(Provine and Yong, Ethology 89 (1991) 115), a yawn lasts about six seconds (Provine, Ethology 72 (1986) 109).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from training.world.expressions import SHAPES
from training.world.plans import PLANS, Plan

if TYPE_CHECKING:
    from collections.abc import Mapping

Doubles: TypeAlias = npt.NDArray[np.float64]
Range: TypeAlias = tuple[float, float]

SHOWN = 0.15
"""A movement is there from this share of its apex on."""


@dataclass(frozen=True)
class Kind:
    """One thing that faces do. Ranges are drawn from evenly; seconds unless said otherwise."""

    slots: tuple[int, int, int]
    """How often it is filmed, relative to the others: at first, and later, when more was known of what is hard."""
    plan: Plan
    """The units at the apex."""
    strength: Range
    """Of the plan, 0..5."""
    onset: Range
    apex: Range
    offset: Range
    times: tuple[int, int] = (1, 1)
    """How often in a row, at least and at most."""
    already: float = 0.0
    """Chance that it is there when the film begins."""
    beat: Range = (0.0, 0.0)
    """Rhythm of mouth and jaw, a second; 0: none."""
    late: float = 1.0
    """Power of the rise: above 1 it starts slowly and ends suddenly."""
    talks: bool = False
    """Whether the mouth talks at the same time."""
    nods: float = 3.0
    """Spread of how far the head goes with it, degrees."""

    @property
    def pain(self) -> bool:
        """Whether this is pain."""
        return self.plan in (PLANS["pain"], PLANS["distress"], PLANS["weeping"])


_QUIET = Plan(
    0.0, {"AU1": (0.1, 0.1, 0.3), "AU17": (0.15, 0.1, 0.4), "AU24": (0.15, 0.1, 0.4), "AU14": (0.1, 0.1, 0.4)}
)
_CRYING = Plan(
    0.0,
    {"AU1": (0.9, 0.3, 0.9), "AU15": (0.7, 0.4, 1.0), "AU17": (0.6, 0.3, 1.0), "AU20": (0.6, 0.3, 1.0),
     "AU26": (0.5, 0.1, 0.6), "AU6": (0.4, 0.2, 0.5), "AU11": (0.3, 0.3, 0.8), "AU16": (0.3, 0.2, 0.8)},
    lids=(0.35, 0.3, 1.0),
)  # fmt: skip
_FROWN = Plan(0.0, {"AU4": (1.0, 0.4, 0.8), "AU7": (0.3, 0.2, 0.4), "AU24": (0.3, 0.2, 0.6), "AU17": (0.2, 0.2, 0.6)})
_TALK = Plan(
    0.0,
    {"AU26": (1.0, 0.3, 0.6), "AU16": (0.8, 0.3, 0.8), "AU22": (0.6, 0.3, 0.8), "AU18": (0.5, 0.3, 0.8),
     "AU20": (0.4, 0.2, 0.6), "AU10": (0.3, 0.1, 0.5), "lips-together": (0.5, 0.3, 1.0), "AU12": (0.2, 0.1, 0.4),
     "AU1": (0.2, 0.2, 0.7), "AU2": (0.2, 0.2, 0.7), "AU4": (0.15, 0.1, 0.35)},
)  # fmt: skip
_PAIN = PLANS["pain"]

KINDS: Mapping[str, Kind] = {
    "grimace": Kind((5, 4, 3), _PAIN, (2.2, 5.0), (0.2, 1.2), (0.8, 4.0), (0.5, 2.5), nods=6.0),
    "held pain": Kind((2, 2, 2), _PAIN, (1.8, 5.0), (0.3, 2.0), (4.0, 9.0), (0.8, 3.0), already=0.5, nods=5.0),
    "repeated pain": Kind((2, 2, 2), _PAIN, (2.0, 5.0), (0.2, 0.7), (0.4, 1.2), (0.4, 1.0), times=(2, 4), nods=6.0),
    "weak pain": Kind((2, 2, 2), _PAIN, (0.9, 2.2), (0.3, 1.2), (1.0, 5.0), (0.5, 2.0), already=0.15),
    "talking in pain": Kind((2, 1, 1), _PAIN, (1.8, 5.0), (0.2, 1.2), (1.5, 5.0), (0.5, 2.0), talks=True, nods=6.0),
    "smile": Kind((2, 2, 2), PLANS["smile"], (1.5, 5.0), (0.3, 1.0), (1.0, 5.0), (0.5, 2.5)),
    "laugh": Kind((3, 3, 3), PLANS["laugh"], (2.0, 5.0), (0.2, 0.7), (1.5, 5.0), (0.5, 2.5), beat=(4.0, 5.5), nods=6.0),
    "talk": Kind(
        (2, 2, 2), _TALK, (2.0, 4.5), (0.1, 0.4), (2.0, 8.0), (0.1, 0.4), already=0.3, beat=(2.0, 5.0), nods=4.0
    ),
    "chew": Kind(
        (1, 1, 1), PLANS["chew"], (2.0, 4.5), (0.1, 0.4), (3.0, 8.0), (0.2, 0.5), already=0.4, beat=(0.9, 1.8)
    ),
    "yawn": Kind((1, 1, 1), PLANS["yawn"], (3.5, 5.0), (1.5, 2.5), (1.0, 2.5), (0.8, 1.6), nods=6.0),
    "sneeze": Kind(
        (1, 2, 3), PLANS["sneeze"], (2.5, 5.0), (0.8, 2.0), (0.15, 0.4), (0.3, 0.9), (1, 2), late=3.0, nods=10.0
    ),
    "squint": Kind((2, 2, 2), PLANS["squint"], (2.0, 5.0), (0.2, 0.8), (1.0, 6.0), (0.3, 1.0), already=0.3),
    "sleep": Kind((1, 0, 1), PLANS["sleep"], (0.5, 3.0), (0.5, 2.0), (4.0, 9.0), (0.3, 0.8), already=0.7, nods=1.0),
    "surprise": Kind((1, 1, 0), PLANS["surprise"], (2.0, 5.0), (0.15, 0.5), (0.5, 2.0), (0.5, 1.5)),
    "disgust": Kind((2, 3, 4), PLANS["disgust"], (2.0, 5.0), (0.3, 0.9), (0.8, 3.0), (0.5, 1.5)),
    "crying": Kind((2, 2, 2), _CRYING, (2.0, 5.0), (0.5, 2.0), (3.0, 7.0), (0.8, 2.0), already=0.3, beat=(0.7, 1.6)),
    "frown": Kind((1, 1, 1), _FROWN, (1.5, 4.0), (0.3, 1.0), (1.0, 6.0), (0.4, 1.5), already=0.2),
    "neutral": Kind((2, 0, 0), _QUIET, (0.5, 3.0), (0.5, 1.5), (0.5, 4.0), (0.5, 1.5)),
    "eyes closed": Kind(
        (1, 0, 0), Plan(0.0, lids=(1.0, 0.9, 1.0)), (1.0, 1.0), (0.2, 0.5), (2.0, 8.0), (0.2, 0.4), already=0.4
    ),
    "crying in pain": Kind((0, 4, 1), PLANS["distress"], (2.0, 5.0), (0.4, 1.5), (2.0, 7.0), (0.6, 2.0), already=0.25),
    "weeping in pain": Kind((0, 0, 2), PLANS["weeping"], (2.0, 5.0), (0.4, 1.5), (2.0, 7.0), (0.6, 2.0), already=0.25),
}
"""Those that are most easily taken for pain are filmed most often."""
PAINS = tuple(name for name, kind in KINDS.items() if kind.pain)
LOOK_ALIKES = tuple(name for name in KINDS if name not in PAINS)
PAIN_NUMBERS, LOOK_ALIKE_NUMBERS = ([list(KINDS).index(name) for name in names] for names in (PAINS, LOOK_ALIKES))
"""Places in `KINDS`."""
SLOTS = tuple(tuple(name for name, kind in KINDS.items() for _ in range(kind.slots[when])) for when in range(3))
"""What is filmed at first, and later; all are of one length."""

MOUTH = ("AU10", "AU12", "AU16", "AU17", "AU18", "AU20", "AU22", "AU26", "AU27", "AU34", "lips-together", "jaw-left")
"""Units that a rhythm moves."""


@dataclass(frozen=True)
class Act:
    """One kind of movement at its place in a film."""

    kind: str
    rises: tuple[tuple[float, float, float, float], ...]
    """(begin, onset, apex, offset) seconds."""
    units: dict[str, float]
    """Intensities 0..5 at the apex."""
    closure: float
    """Of the lids at the apex, 0..1; below what they do otherwise it changes nothing."""
    tilt: dict[str, float]
    nod: tuple[float, float, float]
    """Yaw, pitch, roll that the head goes with it, degrees."""
    beats: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Per unit: rhythm a second, and phase in radians."""
    late: float = 1.0

    @property
    def end(self) -> float:
        """When it is over."""
        return max(begin + onset + apex + offset for begin, onset, apex, offset in self.rises)

    def amount(self, times: Doubles) -> Doubles:
        """(n,) share of the apex, 0..1, at (n,) seconds."""
        shares = []
        for begin, onset, apex, offset in self.rises:
            up = np.clip((times - begin) / onset, 0.0, 1.0)
            down = np.clip((begin + onset + apex + offset - times) / offset, 0.0, 1.0)
            share = np.minimum(up**self.late, down)
            shares.append(share * share * (3.0 - 2.0 * share))
        return np.asarray(np.max(shares, axis=0))

    def intensity(self, unit: str, times: Doubles) -> Doubles:
        """(n,) 0..5, rhythm included."""
        level = self.units[unit] * self.amount(times)
        if unit in self.beats:
            hertz, phase = self.beats[unit]
            # The rhythm is never that of a clock.
            level = level * (0.5 + 0.5 * np.sin(2 * np.pi * hertz * times + phase + np.sin(1.3 * times + 3.0 * phase)))
        return level


def act(name: str, begin: float, rng: np.random.Generator) -> Act:
    """Make up a movement.

    Args:
        name: One of `KINDS`.
        begin: When it begins, seconds, if it is not there from the start.
        rng: Of everything about it.
    """
    kind = KINDS[name]
    strength = rng.uniform(*kind.strength)
    units = {
        unit: float(min(strength * rng.uniform(low, high), 5.0))
        for unit, (chance, low, high) in kind.plan.units.items()
        if rng.random() < chance
    }
    rises, at = [], begin
    for _ in range(rng.integers(*kind.times, endpoint=True)):
        onset, apex, offset = (float(rng.uniform(*span)) for span in (kind.onset, kind.apex, kind.offset))
        rises.append((at, onset, apex, offset))
        at += onset + apex + offset + float(rng.uniform(0.3, 1.5))
    if rng.random() < kind.already:
        begin, onset, apex, offset = rises[0]
        rises[0] = (-onset - float(rng.uniform(0.0, 0.5)), onset, apex + begin, offset)
    chance, low, high = kind.plan.lids
    hertz = rng.uniform(*kind.beat)
    nod = rng.normal(0.0, [kind.nods, kind.nods, 0.6 * kind.nods])
    return Act(
        kind=name,
        rises=tuple(rises),
        units={unit: value for unit, value in units.items() if unit in SHAPES},
        closure=float(rng.uniform(low, high)) if rng.random() < chance else 0.0,
        tilt={unit: float(np.clip(rng.normal(0.0, kind.plan.uneven), -1.0, 1.0)) for unit in units},
        nod=(float(nod[0]), float(nod[1]), float(nod[2])),
        beats={
            unit: (hertz * float(rng.uniform(0.9, 1.1)), float(rng.uniform(0, 6.3))) for unit in units if unit in MOUTH
        }
        if hertz
        else {},
        late=kind.late,
    )


def programme(name: str, seconds: float, rng: np.random.Generator) -> tuple[Act, ...]:
    """The acts of one film about `name`: before or after them something harmless may happen.

    Args:
        name: One of `KINDS`.
        seconds: Length of the film.
        rng: Of everything.
    """
    harmless = str(rng.choice(LOOK_ALIKES))
    before, after = rng.random() < 0.2, rng.random() < 0.3
    begin = float(rng.uniform(0.4, 2.5))
    acts: list[Act] = []
    if before and not KINDS[name].already:
        first = act(harmless, -float(rng.uniform(0.0, 2.0)), rng)
        if first.end < 0.45 * seconds:
            acts, begin = [first], max(begin, first.end - float(rng.uniform(0.0, 0.4)))
    acts.append(act(name, begin, rng))
    if KINDS[name].talks:
        acts.append(act("talk", float(rng.uniform(-2.0, 2.0)), rng))
    if after and len(acts) == 1 and acts[0].end < seconds - 2.0:
        acts.append(act(harmless, acts[0].end + float(rng.uniform(0.0, 0.8)), rng))
    return tuple(acts)
