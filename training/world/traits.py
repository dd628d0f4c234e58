"""What is true of a rendered picture beside its expression, told again by its seed: pose, light, who wears what."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from training.judge.groups import named, stepped
from training.world.people import nature
from training.world.setting import identity_of, setting

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from training.judge.groups import Groups, Step
    from training.world.face_model import FaceModel
    from training.world.people import Nature
    from training.world.setting import Setting

PICTURE = 224
"""Pixels a side of the pictures that `samples.render` makes."""
FACE = 14.0
"""Width of a face, model centimetres."""
JAW, EYES = (4, 12), (36, 45)
"""Multi-PIE landmarks: halfway down the jaw, and the outer corners of the eyes."""

YAWS: tuple[Step, ...] = ((0.0, "less than 10 degrees"), (10.0, "10 to 25"), (25.0, "25 and more"))
PITCHES: tuple[Step, ...] = ((-90.0, "from above"), (-10.0, "about level"), (10.0, "from below"))
ROLLS: tuple[Step, ...] = ((0.0, "less than 10 degrees"), (10.0, "10 and more"))
SKINS: tuple[Step, ...] = ((0.0, "very light"), (0.25, "light"), (0.5, "dark"), (0.75, "very dark"))
AGES: tuple[Step, ...] = ((0.0, "young"), (0.33, "middle"), (0.67, "old"))
SIZES: tuple[Step, ...] = ((0.0, "less than 60 pixels"), (60.0, "60 to 100"), (100.0, "100 and more"))
VIEWS: tuple[Step, ...] = ((0.0, "any other"), (1.0, "near, level, upright, nothing worn"))
EXTREMES: tuple[Step, ...] = ((0.0, "tenth with least"), (0.1, "between"), (0.9, "tenth with most"))


def traits(seeds: npt.NDArray[np.int64], model: FaceModel) -> dict[str, Groups]:
    """The group that each picture belongs to, per trait.

    Args:
        seeds: (n,) of the pictures.
        model: the parametric face.
    """
    shots = {seed: setting(seed, PICTURE) for seed in np.unique(seeds).tolist()}
    people = {number: nature(number) for number in {identity_of(seed) for seed in shots}}
    vertices = {number: model.person(person.shape)[model.landmarks] for number, person in people.items()}
    jaws = {number: _apart(points, JAW) / _apart(points, EYES) for number, points in vertices.items()}
    unusual = {number: float(np.linalg.norm(person.shape)) for number, person in people.items()}
    shown = [(shots[seed], people[identity_of(seed)], identity_of(seed)) for seed in seeds.tolist()]
    return {
        "yaw": stepped([abs(shot.pose.yaw) for shot, _, _ in shown], YAWS),
        "pitch": stepped([shot.pose.pitch for shot, _, _ in shown], PITCHES),
        "roll": stepped([abs(shot.pose.roll) for shot, _, _ in shown], ROLLS),
        "light": named(["infra-red" if shot.infrared else "day" for shot, _, _ in shown]),
        "skin": stepped([person.melanin for _, person, _ in shown], SKINS),
        "age": stepped([person.age for _, person, _ in shown], AGES),
        "width of the jaw": stepped(_rank([jaws[number] for _, _, number in shown]), EXTREMES),
        "distance from the mean face": stepped(_rank([unusual[number] for _, _, number in shown]), EXTREMES),
        "worn": named([" and ".join(person.worn) or "nothing" for _, person, _ in shown]),
        "size of the face": stepped([_size(shot) for shot, _, _ in shown], SIZES),
        "view": stepped([_good(shot, person) for shot, person, _ in shown], VIEWS),
    }


def _size(shot: Setting) -> float:
    """Of a face, pixels."""
    return shot.pixels * FACE / shot.span


def _good(shot: Setting, person: Nature) -> bool:
    """Whether camera and face are as a ward would have them: near, level and upright, with nothing in the way."""
    straight = abs(shot.pose.yaw) < 25.0 and abs(shot.pose.pitch) < 10.0 and abs(shot.pose.roll) < 10.0
    return straight and _size(shot) >= 100.0 and not person.worn


def _apart(points: npt.NDArray[np.float32], ends: tuple[int, int]) -> float:
    return float(np.linalg.norm(points[ends[0]] - points[ends[1]]))


def _rank(values: Sequence[float]) -> list[float]:
    """Share of the others that is lower, 0..1."""
    return [float(place) / len(values) for place in np.searchsorted(np.sort(values), values)]
