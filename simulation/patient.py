"""A made-up patient: what the camera's readings of one face would be, from one seed.

Readings are made as the action-unit model gives them, not as FACS coders would: what is simulated is everything after
the model. Where a figure was measured it was measured with this project's model:

* rest and smiles: on 102 people photographed neutral and smiling (Face Research Lab London Set), the change of each
  unit from the person's own neutral face;
* laughing: on the one real clip there is (one woman, some seconds);
* the mouth in speech, sleep and pain: on this project's rendered clips (`clips/*.csv` and what the model reads there);
* noise from reading to reading: on expressions that the woman of the real clip holds for a second or two it is 0.00 to
  0.05 for a unit near 0, where the model has a soft knee, and 0.03 to 0.12 at 3. `NOISE` is twice that, for night and
  cheap cameras;
* posture and light: rendered neutral faces of all poses and lights read as PSPI 0.16 in the middle and below 0.56 nine
  times in ten (the model's card), so one unit of one person moves by less. `POSTURE` allows more, and more for a unit
  that does not rest at 0.

Everything else, above all how often a patient does what, and how posture and light move the units, is assumed. It says
how the policy behaves on such a patient, and nothing about real ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from npng_edge.policy.face.baseline import UNREST as UNITS
from npng_edge.units import MOTION_REGIONS, Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Floats: TypeAlias = npt.NDArray[np.float64]

COLUMN = {unit: column for column, unit in enumerate(UNITS)}
"""Of the units that a rule reads; the others are 0 in made-up patients."""
NOISE = (0.05, 0.05)
"""Standard deviation from reading to reading, per unit: this much, and this much per point of intensity."""
DRIFT, DRIFT_S = (0.05, 0.10), 600.0
"""Slow wandering of each unit's reading (light, swelling, a dressing): this much, and this much per point of the
neutral face's intensity; and the time in which it changes."""
POSTURE, POSTURE_S = (0.10, 0.20), 1200.0
"""Step of each unit's reading when the head lies differently, likewise, and the mean time between such changes."""
BLINKS_HZ, BLINK_S = 0.25, 0.25
"""15 blinks a minute, a quarter of a second each (assumed)."""

REST = {"AU4": 0.37, "AU6": 0.20, "AU7": 0.17, "AU9": 0.12, "AU10": 0.10, "AU12": 0.18, "AU20": 0.15, "AU25": 0.10}
"""Mean over people of a neutral face as it is read; exponentially distributed (measured)."""
SMILE = {
    "AU6": 2.7, "AU7": 0.5, "AU9": 0.5, "AU10": 1.3, "AU12": 4.0, "AU20": 0.2, "AU25": 1.9, "AU26": 0.35,
}  # fmt: skip
"""Change of the units in a broad smile: nine of ten people's is less (measured)."""
SMILE_AU4 = 0.15
"""Half of the smiles change AU4 by nothing, half by this in the mean (measured)."""
LAUGH = {"AU6": 3.4, "AU7": 0.6, "AU9": 1.2, "AU10": 2.5, "AU12": 4.5, "AU20": 0.4, "AU25": 3.6, "AU26": 1.1}
"""Measured; the eyes close at the height of it."""
PAIN = {"AU25": 0.30, "AU26": 0.10, "AU20": 0.08, "AU12": 0.08, "AU17": 0.05}
"""Units beside PSPI's own, per point of PSPI (rendered)."""


@dataclass(frozen=True)
class Person:
    """Who is simulated."""

    name: str
    rest: Floats
    """(units,) Units of the neutral face as read, 0..5."""
    noise: float
    """How noisy this person's readings are, 1 as usual."""
    expressiveness: float
    """PSPI per VAS step."""
    frown: float
    """Share of PSPI that AU4 has in pain; small, as today's model reads AU4 too low."""
    smile: float
    """How broadly this person smiles, 0..1."""
    lip: float
    """How much the upper lip (AU10) rises in speech."""
    heart_rate: float
    respiratory_rate: float
    systolic: float


@dataclass(frozen=True)
class Act:
    """Something the patient does, or that happens to them."""

    kind: str
    """A key of `ACTS`, or `away`, `hand`, `gone`, `care`."""
    start: float
    """Seconds from the start of the simulation."""
    seconds: float
    strength: float = 1.0
    """0..1; for `pain` the PSPI above the neutral face."""

    @property
    def end(self) -> float:
        """Seconds from the start of the simulation."""
        return self.start + self.seconds


@dataclass(frozen=True)
class Seen:
    """What the camera makes of it, one row per reading."""

    times: Floats
    """(n,) seconds."""
    units: Floats
    """(n, units)."""
    eyes: Floats
    """(n,) closure of both eyes, 0..1."""
    hidden: npt.NDArray[np.int64]
    """(n,) 0: scored; else number of the reason in `HIDDEN`."""
    people: npt.NDArray[np.int64]
    motion: Floats
    """(n, 5)."""
    pain: Floats
    """(n,) PSPI above rest that is truly pain."""


HIDDEN: Mapping[str, tuple[int, Reason]] = {
    "away": (1, Reason.TURNED_AWAY),
    "hand": (2, Reason.OCCLUDED),
    "gone": (3, Reason.NO_FACE),
}


def person(rng: np.random.Generator, name: str) -> Person:
    """Somebody: drawn from what was measured on people where it was."""
    rest = np.zeros(len(UNITS))
    for unit, mean in REST.items():
        rest[COLUMN[unit]] = min(rng.exponential(mean), 6.0 * mean)
    return Person(
        name=name,
        rest=rest,
        noise=rng.uniform(0.7, 1.5),
        expressiveness=float(np.clip(rng.normal(1.0, 0.4), 0.25, 2.0)),
        frown=rng.uniform(0.15, 0.40),
        smile=rng.uniform(0.4, 1.15),
        lip=rng.uniform(0.3, 1.8),
        heart_rate=rng.normal(76, 8),
        respiratory_rate=rng.normal(15.5, 1.2),
        systolic=rng.normal(128, 10),
    )


def see(who: Person, acts: Sequence[Act], seconds: float, rate: float, rng: np.random.Generator) -> Seen:
    """Everything the camera reads of a person in some time.

    Args:
        who: The patient.
        acts: What happens; where acts overlap, the stronger movement of each unit shows.
        seconds: How long.
        rate: Readings a second.
        rng: The only source of chance.
    """
    times = np.arange(1, round(seconds * rate) + 1) / rate
    count = len(times)
    shown = np.zeros((count, len(UNITS)))
    pain = np.zeros(count)
    hidden, people = np.zeros(count, np.int64), np.ones(count, np.int64)
    motion = np.abs(rng.normal(0.0, 0.02, (count, len(MOTION_REGIONS))))
    eyes = np.where(rng.random(count) < BLINKS_HZ * BLINK_S, 1.0, np.abs(rng.normal(0.05, 0.05, count)))
    for act in acts:
        rows = slice(*np.searchsorted(times, (act.start, act.end)))
        at = times[rows] - act.start
        if act.kind in HIDDEN:
            hidden[rows] = HIDDEN[act.kind][0]
        elif act.kind == "care":
            people[rows] = 2
            motion[rows] += np.abs(rng.normal(0.25, 0.15, (len(at), len(MOTION_REGIONS))))
        elif len(at):
            units, lids = ACTS[act.kind](who, act, at, rng)
            for unit, values in units.items():
                column = shown[rows, COLUMN[unit]]
                np.maximum(column, values, out=column)
            eyes[rows] = np.maximum(eyes[rows], lids)
            if act.kind == "pain":
                pain[rows] = act.strength
                motion[rows, 0] += 0.1
    shown += who.rest + _drift(times, who.rest, rng)
    shown += rng.normal(0.0, who.noise, shown.shape) * (NOISE[0] + NOISE[1] * np.maximum(shown, 0.0))
    eyes += rng.normal(0.0, 0.03, count)
    return Seen(times, np.clip(shown, 0.0, 5.0), np.clip(eyes, 0.0, 1.0), hidden, people, motion, pain)


def _drift(times: Floats, rest: Floats, rng: np.random.Generator) -> Floats:
    """(n, units) Slow wandering, and steps when the head lies differently."""
    knots = np.arange(0.0, times[-1] + 2 * DRIFT_S, DRIFT_S)
    wander = rng.normal(0.0, 1.0, (len(knots), len(rest))) * (DRIFT[0] + DRIFT[1] * rest)
    lies = np.cumsum(rng.exponential(POSTURE_S, max(8, int(3 * times[-1] / POSTURE_S))))
    steps = rng.normal(0.0, 1.0, (len(lies) + 1, len(rest))) * (POSTURE[0] + POSTURE[1] * rest)
    steps[0] = 0.0
    slow = np.stack([np.interp(times, knots, column) for column in wander.T], axis=1)
    drift: Floats = slow + steps[np.searchsorted(lies, times)]
    return drift


def _rise(at: Floats, seconds: float, onset: float, offset: float) -> Floats:
    """(n,) 0..1: onset, apex and offset, as FACS describes a movement."""
    rise: Floats = np.clip(np.minimum(at / onset, (seconds - at) / offset), 0.0, 1.0)
    return rise


def _frowns(at: Floats, hz: float, mean: float, seconds: tuple[float, float], rng: np.random.Generator) -> Floats:
    """(n,) AU4 of short frowns, `hz` a second, exponentially distributed about a mean."""
    frowns = np.zeros(len(at))
    length = float(at[-1]) if len(at) else 0.0
    for start in rng.uniform(0.0, length, rng.poisson(hz * length)):
        frowns[(at >= start) & (at < start + rng.uniform(*seconds))] = min(rng.exponential(mean), 3.0)
    return frowns


Shown: TypeAlias = "tuple[dict[str, Floats], Floats]"
"""Units above rest, (n,) each, and closure of the eyes."""


def _mixed(pattern: Mapping[str, float], amount: Floats) -> dict[str, Floats]:
    return {unit: value * amount for unit, value in pattern.items()}


def _smile(who: Person, act: Act, at: Floats, rng: np.random.Generator) -> Shown:
    rise = _rise(at, act.seconds, 0.6, 1.0)
    units = _mixed(SMILE, who.smile * act.strength * rise)
    units["AU4"] = rise * (rng.exponential(SMILE_AU4) if rng.random() < 0.5 else 0.0)
    return units, 0.3 * rise * act.strength


def _laugh(_: Person, act: Act, at: Floats, rng: np.random.Generator) -> Shown:
    rise = _rise(at, act.seconds, 0.5, 1.5) * rng.uniform(0.85, 1.1)
    units = _mixed(LAUGH, rise * act.strength)
    units["AU4"] = rise * (rng.exponential(SMILE_AU4) if rng.random() < 0.5 else 0.0)
    return units, np.where(rise > 0.95, rng.uniform(0.3, 1.0), 0.3 * rise)


def _talk(who: Person, act: Act, at: Floats, rng: np.random.Generator) -> Shown:
    """Syllables of 3 to 5 a second, phrases of some seconds, here and there a frown for emphasis."""
    phrase = np.sin(2 * np.pi * at / rng.uniform(4, 9) + rng.uniform(0, 6)) > -0.6
    wide = act.strength * rng.uniform(0.4, 1.0, len(at))
    mouth = phrase * wide * (0.5 + 0.5 * np.sin(2 * np.pi * rng.uniform(3, 5) * at + rng.uniform(0, 6)))
    units = _mixed({"AU25": 3.0, "AU26": 2.4, "AU20": 0.6}, mouth)
    units["AU10"] = who.lip * mouth
    units["AU17"] = 0.8 * phrase * (wide - mouth)
    units["AU4"] = _frowns(at, 0.05, 0.5, (0.5, 2.0), rng)
    units["AU7"] = 0.5 * units["AU4"]
    return units, np.zeros(len(at))


def _chew(who: Person, act: Act, at: Floats, rng: np.random.Generator) -> Shown:
    """About 1.4 a second with closed lips, a bite now and then."""
    jaw = 0.5 + 0.5 * np.sin(2 * np.pi * 1.4 * at + rng.uniform(0, 6))
    bite: Floats = np.where(np.sin(2 * np.pi * at / 20.0) > 0.95, 1.0, 0.0)
    units = _mixed({"AU17": 0.8, "AU26": 0.8, "AU25": 0.5}, jaw * act.strength)
    units["AU25"] = np.maximum(units["AU25"], 3.0 * bite)
    units["AU10"] = 0.5 * who.lip * bite
    units["AU4"] = _frowns(at, 0.01, 0.4, (0.5, 2.0), rng)
    return units, 0.3 * bite


def _yawn(_: Person, act: Act, at: Floats, rng: np.random.Generator) -> Shown:
    rise = _rise(at, act.seconds, 1.2, 1.0)
    units = _mixed({"AU26": 3.6, "AU25": 4.2, "AU10": rng.uniform(0.2, 1.2), "AU9": rng.uniform(0.1, 0.6)}, rise)
    units["AU7"] = rise * (rng.uniform(0.5, 2.0) if rng.random() < 0.5 else 0.3)
    units["AU6"] = 0.5 * units["AU7"]
    units["AU4"] = rise * (rng.uniform(0.3, 1.5) if rng.random() < 0.2 else 0.0)
    return units, rise * (rng.uniform(0.6, 1.0) if rng.random() < 0.7 else 0.2)


def _squint(_: Person, act: Act, at: Floats, rng: np.random.Generator) -> Shown:
    """Into light: lids and cheeks, in half of the cases the brow a little."""
    rise = _rise(at, act.seconds, 0.3, 0.5)
    brow = rng.uniform(0.2, 1.2) if rng.random() < 0.5 else 0.0
    light = {"AU4": brow, "AU7": 2.2, "AU6": rng.uniform(0.3, 1.8), "AU10": rng.uniform(0.0, 0.5)}
    units = _mixed(light, act.strength * rise)
    return units, rise * rng.uniform(0.1, 0.4)


def _sleep(_: Person, act: Act, at: Floats, rng: np.random.Generator) -> Shown:
    """Eyes closed, the jaw sinks; every twenty minutes or so the face twitches."""
    deep = _rise(at, act.seconds, 10.0, 5.0)
    units = {"AU26": 0.5 * rng.random() * deep, "AU25": 0.8 * rng.random() * deep}
    twitch = _frowns(at, 1 / 1200.0, 0.8, (0.2, 1.2), rng)
    units |= {"AU4": twitch, "AU7": 0.6 * twitch, "AU10": 0.4 * twitch}
    return units, deep * rng.uniform(0.65, 0.95)


def _down(_: Person, act: Act, at: Floats, rng: np.random.Generator) -> Shown:
    """Reading: lowered eyes are read as half or wholly closed, the brow as a little lowered."""
    rise = _rise(at, act.seconds, 1.0, 1.0)
    return {"AU4": rise * rng.uniform(0.0, 0.4)}, rise * rng.uniform(0.3, 0.9)


def _pain(who: Person, act: Act, at: Floats, _: np.random.Generator) -> Shown:
    """PSPI of the given height: brow, lids and nose share it, the eyes have their point from PSPI 5 on."""
    rise = _rise(at, act.seconds, 1.0, 2.0)
    closed = act.strength >= 5.0
    rest = act.strength - closed
    brow = min(who.frown * act.strength, rest / 3.0)
    units = _mixed({unit: share * act.strength for unit, share in PAIN.items()}, rise)
    lids, nose = 0.55 * (rest - brow), 0.45 * (rest - brow)
    units |= _mixed({"AU4": brow, "AU6": lids, "AU7": 0.8 * lids, "AU9": 0.8 * nose, "AU10": nose}, rise)
    return units, np.where(rise > 0.5, 0.95, 0.0) if closed else 0.3 * rise


ACTS: Mapping[str, Callable[[Person, Act, Floats, np.random.Generator], Shown]] = {
    "smile": _smile,
    "laugh": _laugh,
    "talk": _talk,
    "chew": _chew,
    "yawn": _yawn,
    "squint": _squint,
    "sleep": _sleep,
    "down": _down,
    "pain": _pain,
}
"""How each act shows: units above rest and closure of the eyes at seconds since its start."""
