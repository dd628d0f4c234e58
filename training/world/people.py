"""Random people: shape, skin, hair, brows, eyes, and how their skin folds. All from one seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import cv2
import numpy as np

from training.world.expressions import SHAPES
from training.world.folds import DEEPEST, FOLDS, lower_folds, painted_folds, upper_folds
from training.world.ingredients import WHOLE
from training.world.paint import SIZE, Canvas, Complexion, paint_face
from training.world.worn import wear

if TYPE_CHECKING:
    from collections.abc import Mapping

    from training.world.face_model import Floats
    from training.world.ingredients import World
    from training.world.paint import Bytes, Doubles

Colour: TypeAlias = tuple[float, float, float]

UNITS = ("AU1", "AU2", "AU4", "AU5", "AU6", "AU7", "AU9", "AU10", "AU12", "AU15", "AU17", "AU20", "AU26")
"""Units that some faces show more than others."""
PALSY_SHARE, FRINGE_SHARE = 0.05, 0.12
_SKINS = np.array([[0.93, 0.76, 0.68], [0.76, 0.56, 0.44], [0.33, 0.21, 0.16]])
_HAIRS = np.array([[0.07, 0.05, 0.045], [0.2, 0.12, 0.07], [0.42, 0.27, 0.14], [0.68, 0.5, 0.28], [0.5, 0.2, 0.09]])
_IRISES = np.array([[0.17, 0.11, 0.08], [0.3, 0.19, 0.11], [0.36, 0.36, 0.22], [0.36, 0.48, 0.58], [0.48, 0.53, 0.57]])


@dataclass(frozen=True, eq=False)
class Look:
    """Everything about a head that is not its shape; colours are sRGB 0..1."""

    paint: Bytes
    """(384, 384, 3) RGB; row 0 is the lowest."""
    folds_upper: Bytes
    """(384, 384, 4) heights of four folds, 128 = flat."""
    folds_lower: Bytes
    grain: Bytes
    """(256, 256, 1) noise."""
    skin: Colour
    hair: Colour
    hairline: tuple[float, float, float, float]
    """Height at the middle, fall per x squared, depth behind which hair grows, lowest hair; mean-face centimetres."""
    ears: float
    """How far behind the hairline the hair stays below the temples, centimetres."""
    volume: float
    cloth: float
    iris: Colour
    pupil: float
    """Grey, 0..1."""
    sclera: Colour
    teeth: Colour
    mouth: Colour
    eye_size: tuple[float, float]
    """Angle of the iris and of the pupil seen from the eye's centre, radians."""
    oil: float
    occlusion: float


@dataclass(frozen=True, eq=False)
class Person:
    """One identity."""

    shape: Floats
    """(100,) identity coefficients."""
    look: Look
    folding: Floats
    """(2, 8): depth of each fold at rest, and added at intensity 5, centimetres."""
    strength: dict[str, float]
    """Per unit, how far this face moves compared with others."""
    resting: dict[str, float]
    """Activations of the face model's shapes that are this face at rest: low brows, wide eyes, drooping corners."""
    weakness: tuple[float, float]
    """Left, right: share of every movement that a palsy takes away; (0, 0) in most people."""


def random_person(seed: int, *, infrared: bool = False, world: World = WHOLE) -> Person:
    """Make up a person.

    Args:
        seed: the same seed is the same person.
        infrared: as a camera sees them at night by infra-red lamps: skin of all tones is bright, lips and brows pale.
        world: what people have in it.
    """
    rng = np.random.default_rng([7, seed])
    age, shape, folding = _body(rng)
    look = _look(rng, age, infrared=infrared, world=world)
    resting, weakness = _at_rest(rng.spawn(1)[0], age)
    strength = {unit: float(np.clip(rng.normal(1.0, 0.18), 0.65, 1.45)) for unit in UNITS}
    return Person(
        shape=shape,
        look=look,
        folding=(folding * world.wrinkles).astype(np.float32),
        strength=strength if world.strong_units else _within_shapes(strength),
        resting=resting if world.resting_faces else {},
        weakness=weakness if world.resting_faces else (0.0, 0.0),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Nature:
    """What a person is like, in words rather than pictures."""

    age: float
    """0 young .. 1 old."""
    shape: Floats
    """(100,) as in `Person`."""
    melanin: float
    """0 very light .. 1 very dark, by day."""
    worn: tuple[str, ...]
    """Names of `worn.THINGS`."""


def nature(seed: int) -> Nature:
    """The same person as `random_person`, without painting a face."""
    rng = np.random.default_rng([7, seed])
    age, shape, _ = _body(rng)
    melanin = _complexion(rng, age, infrared=False).melanin
    return Nature(age, shape, float(melanin), wear(np.zeros((SIZE, SIZE, 3), np.float32), rng.spawn(1)[0]))


def _body(rng: np.random.Generator) -> tuple[float, Floats, Doubles]:
    """Age, shape, and (2, 8) how deep the skin folds at rest and how much deeper at intensity 5."""
    age = rng.beta(1.3, 1.3)
    shape = np.clip(rng.normal(0.0, rng.uniform(0.6, 1.0), 100), -2.5, 2.5).astype(np.float32)
    at_rest = DEEPEST * age**1.5 * rng.uniform(0.0, 0.45, len(FOLDS))
    added = DEEPEST * rng.uniform(0.5, 1.8, len(FOLDS)) * (0.5 + 0.7 * age)
    return float(age), shape, np.stack([at_rest, added])


def _within_shapes(strength: Mapping[str, float]) -> dict[str, float]:
    """The same differences between units, where no shape goes beyond its full activation in a usual face."""
    most = {unit: max(gain for _, gain in shapes) for unit, shapes in SHAPES.items()}
    return {unit: strength.get(unit, 1.0) / max(gain, 1.0) for unit, gain in most.items()}


_RESTING = {
    "browDown": (0.0, 0.22), "browInnerUp": (0.0, 0.2), "browOuterUp": (0.0, 0.2), "eyeWide": (0.15, 0.4),
    "eyeSquint": (0.05, 0.25), "eyeBlink": (0.0, 0.07), "cheekSquint": (0.0, 0.12), "noseSneer": (0.0, 0.05),
    "mouthSmile": (0.0, 0.07), "mouthFrown": (0.1, 0.2), "mouthPress": (0.05, 0.15), "mouthUpperUp": (0.0, 0.04),
}  # fmt: skip
"""Mean and spread of the activations of a face at rest; by eye, well below what counts as an action unit."""


def _at_rest(rng: np.random.Generator, age: float) -> tuple[dict[str, float], tuple[float, float]]:
    """The fields `resting` and `weakness` of `Person`."""
    resting: dict[str, float] = {}
    for shape, (mean, spread) in _RESTING.items():
        both = rng.normal(mean, spread)
        for side in ("L", "R"):
            resting[f"{shape}_{side}"] = float(np.clip(both + rng.normal(0.0, 0.2 * spread), -0.5, 0.9))
    weakness = [0.0, 0.0]
    if rng.random() < PALSY_SHARE:
        weak_side = int(rng.integers(2))
        weakness[weak_side] = lost = float(rng.uniform(0.35, 1.0))
        for shape, droop in (("mouthFrown", 0.5), ("browDown", 0.35), ("eyeWide", 0.3), ("mouthStretch", -0.15)):
            name = f"{shape}_{'LR'[weak_side]}"
            resting[name] = resting.get(name, 0.0) + lost * droop * (0.5 + age)
    return resting, (weakness[0], weakness[1])


def _look(rng: np.random.Generator, age: float, *, infrared: bool, world: World) -> Look:
    complexion = _complexion(rng, age, infrared=infrared)
    canvas = Canvas(rng)
    face = paint_face(canvas, complexion, beards=world.beards)
    # A stream of its own: what a person wears changes nothing else about them.
    things = rng.spawn(1)[0]
    if world.worn:
        wear(face, things)
    return Look(
        paint=np.asarray(np.clip(face * 255.0, 0, 255), dtype=np.uint8),
        folds_upper=painted_folds(canvas, upper_folds(rng)),
        folds_lower=painted_folds(canvas, lower_folds(rng)),
        grain=_grain(rng),
        skin=_colour(complexion.skin),
        **_hair_style(rng, complexion.hair),
        iris=_colour(complexion.iris),
        pupil=float(rng.spawn(1)[0].uniform(0.25, 0.8)) if infrared and rng.spawn(1)[0].random() < 0.5 else 0.015,
        sclera=_colour(np.array([0.92, 0.89, 0.86]) * rng.uniform(0.82, 1.08)),
        teeth=_colour(np.array([0.88, 0.84, 0.74]) * rng.uniform(0.75, 1.08)),
        mouth=_colour(np.array([0.52, 0.2, 0.19]) * rng.uniform(0.7, 1.2)),
        eye_size=(rng.uniform(0.4, 0.5), rng.uniform(0.12, 0.24)),
        oil=float(rng.uniform(0.0, 0.35) ** 1.3),
        occlusion=float(rng.uniform(1.5, 4.0)),
    )


def _complexion(rng: np.random.Generator, age: float, *, infrared: bool) -> Complexion:
    melanin = rng.beta(0.9, 1.1)
    skin = _SKINS[0] + (_SKINS[1] - _SKINS[0]) * min(2 * melanin, 1.0)
    skin = skin + (_SKINS[2] - _SKINS[1]) * max(2 * melanin - 1.0, 0.0)
    skin = np.clip(skin * rng.normal(1.0, 0.035, 3), 0.08, 0.97)
    fair = rng.random() > 0.35 + melanin
    hair = _HAIRS[rng.integers(1, 5)] if fair else _HAIRS[0] * rng.uniform(0.7, 1.6)
    if age > 0.6 and rng.random() < 0.7:
        hair = hair + (np.array([0.75, 0.74, 0.72]) - hair) * rng.uniform(0.3, 1.0)
    iris = _IRISES[rng.integers(0, 5 if fair else 2)]
    brows = np.clip(hair * rng.uniform(0.5, 1.1), 0.02, 0.7)
    if infrared:
        skin = np.full(3, 0.72 + 0.12 * skin.mean())
        hair, brows = hair * 0.7 + 0.25, skin * rng.uniform(0.45, 0.7)
        iris = np.full(3, rng.uniform(0.3, 0.55))
    return Complexion(skin, hair, brows, iris, melanin, age, infrared)


def _colour(rgb: Doubles) -> Colour:
    red, green, blue = np.clip(rgb, 0.0, 1.0)
    return float(red), float(green), float(blue)


def _hair_style(rng: np.random.Generator, hair: Doubles) -> dict[str, Any]:
    """The fields of `Look` that say where hair or cloth lies, and its colour."""
    kind = rng.random()
    line = (rng.uniform(8.2, 10.3), rng.uniform(0.0, 0.035))
    if rng.spawn(1)[0].random() < FRINGE_SHARE:  # hair over the forehead
        line = (line[0] - 1.6, -0.3 * line[1])
    style: dict[str, Any] = {"ears": 4.0, "cloth": 0.0, "volume": 0.0, "hair": _colour(hair)}
    if kind < 0.12:  # bald
        return style | {"hairline": (99.0, 0.0, -99.0, 99.0)}
    if kind < 0.22:  # hair at the sides only
        back = (rng.uniform(0.0, 2.0), rng.uniform(-4.0, 0.0))
        return style | {"hairline": (99.0, 0.0, *back), "volume": rng.uniform(0.2, 0.8)}
    if kind < 0.38:  # a cap, or a scarf that covers the neck
        scarf = rng.random() < 0.4
        back = (rng.uniform(1.0, 3.0), -20.0 if scarf else rng.uniform(1.0, 4.0))
        edge = (rng.uniform(7.8, 9.6), rng.uniform(0.0, 0.03), *back)
        cloth = {"cloth": 1.0, "volume": rng.uniform(0.2, 1.0), "hair": _colour(rng.uniform(0.1, 0.9, 3))}
        return style | cloth | {"hairline": edge, "ears": 0.0 if scarf else 4.0}
    if kind < 0.72:  # short
        back = (rng.uniform(1.0, 2.8), rng.uniform(-3.0, 1.0))
        return style | {"hairline": (*line, *back), "volume": rng.uniform(0.1, 1.3)}
    back = (rng.uniform(1.5, 3.2), rng.uniform(-18.0, -6.0))
    covered = 4.0 if rng.random() < 0.5 else rng.uniform(0.0, 1.0)
    return style | {"hairline": (*line, *back), "volume": rng.uniform(0.4, 1.9), "ears": covered}


def _grain(rng: np.random.Generator) -> Bytes:
    noise = rng.random((256, 256)).astype(np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), 1.2, borderType=cv2.BORDER_REFLECT_101)
    soft = (soft - soft.mean()) / soft.std() * 0.2 + 0.5
    return np.asarray(np.clip(soft * 255, 0, 255), dtype=np.uint8)[..., None]
