"""Seeds to pictures of people with and without a weak side, each as a bad camera in a bad light would show it.

Nine seeds in a row are one person, who does what is asked in `ORDER`; every other person has a palsy. Whoever has none
is uneven as people are: by habit, on purpose, by light, by a tube in one nostril.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from npng_edge.units import Pose
from training.palsy.tasks import ask, habit, random_lean
from training.palsy.weakness import drawn_aside, drooping, random_weakness, smoothed, weakened
from training.world import face_model, views
from training.world.expressions import at_rest, move
from training.world.paint import Canvas, blank, blurred, mixed
from training.world.people import Person, random_person
from training.world.render import Head, Renderer
from training.world.setting import INFRARED_SHARE

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from npng_edge.units import Image
    from training.palsy.weakness import Weakness
    from training.world.face_model import FaceModel, Floats
    from training.world.people import Look
    from training.world.render import Lighting

ORDER = ("rest", "rest", "smile", "smile", "brow", "eyes shut", "speech", "anything", "one-sided")
"""What one person does, picture by picture; with a palsy the last is `anything` again."""
FIRST = 3_000_000
"""Identity of the first person, far from those that the action units are learnt from."""
SIDE = 224
"""Of a picture, pixels."""
TUBE_SHARE, ONE_SIDED_LIGHT = 0.12, 0.2
TURNED = 0.65
"""Poses over those of the action units' world: who is turned further is not judged (`asymmetry.MAX_YAW_DEG`)."""
COARSEST = 0.5
"""Share of the picture's pixels that the worst camera has: what is coarser the device does not score."""


@dataclass(frozen=True, eq=False)
class Sample:
    """One labelled picture."""

    image: Image
    """(224, 224, 3) uint8, BGR."""
    person: int
    task: int
    """Number in `ORDER`."""
    weakness: Weakness | None


def person_of(seed: int) -> int:
    """The person that a seed shows."""
    return seed // len(ORDER)


def render(seed: int, path: Path = face_model.DEFAULT_PATH) -> Sample:
    """Draw one picture; the same seed gives the same.

    Args:
        seed: not negative.
        path: of the packed face model.
    """
    model, renderer = _stage(path)
    rng = np.random.default_rng([19, seed])
    number, task = person_of(seed), seed % len(ORDER)
    infrared, weakness, lean, person, rest = _person(number, path)
    wanted = "anything" if ORDER[task] == "one-sided" and weakness else ORDER[task]
    expression = ask(wanted, rng, lean)
    if weakness:
        expression = weakened(expression, weakness)
        rest = rest + model.offsets(drawn_aside(expression, weakness))
    moved = move(model, rest, expression, person)
    turned = views.pose(rng)
    head = Head(
        vertices=moved.vertices,
        look=person.look,
        folds=smoothed(moved, weakness) if weakness else moved.folds,
        lip_gap=moved.lip_gap,
        gaze=views.gaze(rng),
        pose=Pose(TURNED * turned.yaw, TURNED * turned.pitch, turned.roll),
        centre=(float(rng.normal(0, 0.06)), float(rng.normal(0, 0.06))),
        span=float(rng.uniform(21.0, 27.0)),
    )
    light = _one_sided(views.lighting(rng, infrared=infrared), rng)
    seen = max(views.pixels(SIDE, rng), round(COARSEST * SIDE))
    drawn = renderer.draw([head], light, float(rng.uniform(14.0, 45.0)), (3 * seen // 2, 3 * seen // 2))
    clean = views.composed(drawn, views.background(seen, rng), seen)
    image = views.degraded(clean, SIDE, rng, grey=infrared)
    return Sample(image, number, task, weakness)


def sheet(people: Iterable[int], path: Path = face_model.DEFAULT_PATH) -> Image:
    """A picture for people to look at: a row per person, a column per task.

    Args:
        people: numbers, as in `person_of`.
        path: of the packed face model.
    """
    count = len(ORDER)
    rows = [np.concatenate([render(count * n + task, path).image for task in range(count)], axis=1) for n in people]
    return np.concatenate(rows)


@lru_cache(maxsize=2)
def _stage(path: Path) -> tuple[FaceModel, Renderer]:
    model = face_model.load(path)
    return model, Renderer(model, 3 * SIDE // 2, 3 * SIDE // 2)


@lru_cache(maxsize=2)
def _person(number: int, path: Path) -> tuple[bool, Weakness | None, dict[str, float], Person, Floats]:
    """Night or day, the palsy, the habit of moving, the looks, and (vertices, 3) at rest."""
    rng = np.random.default_rng([23, number])
    infrared = bool(rng.random() < INFRARED_SHARE)
    person = random_person(FIRST + number, infrared=infrared)
    weakness = random_weakness(rng) if number % 2 else None
    resting = dict(person.resting) if person.weakness == (0.0, 0.0) else {}
    for shapes in (habit(rng), drooping(weakness) if weakness else {}):
        for name, amount in shapes.items():
            resting[name] = resting.get(name, 0.0) + amount
    look = _with_tube(person.look, rng) if rng.random() < TUBE_SHARE else person.look
    person = replace(person, resting=resting, weakness=(0.0, 0.0), look=look)
    return infrared, weakness, random_lean(rng), person, at_rest(face_model.load(path), person)


def _with_tube(look: Look, rng: np.random.Generator) -> Look:
    """A feeding tube in one nostril, taped to the nose or the cheek."""
    canvas, tube, tape = Canvas(rng), blank(), blank()
    aside = np.array([float(rng.choice([-1.0, 1.0])), 1.0])
    low = float(rng.uniform(-2.4, -1.7))
    canvas.line(tube, np.array([(0.5, -1.2), (1.2, low), (4.0, low + 0.6), (7.5, low + 1.4)]) * aside, 0.3, 1.0)
    stuck = ((0.0, 1.0), (0.5, -0.9)) if rng.random() < 0.5 else ((3.6, low + 0.1), (5.2, low + 1.2))
    canvas.line(tape, np.array(stuck) * aside, float(rng.uniform(0.8, 1.8)), 1.0)
    paint = look.paint.astype(np.float32) / 255.0
    paint[:] = mixed(paint, rng.uniform(0.6, 0.95) * np.array([0.95, 1.0, 1.0]), blurred(tube, 0.05) * 0.85)
    paint[:] = mixed(paint, rng.uniform(0.7, 0.97) * np.array([1.0, 0.97, 0.92]), blurred(tape, 0.05) * 0.95)
    return replace(look, paint=np.asarray(np.clip(paint * 255.0, 0, 255), dtype=np.uint8))


def _one_sided(light: Lighting, rng: np.random.Generator) -> Lighting:
    """Sometimes a window beside the bed: the first lamp from one side, and nearly all the light."""
    if rng.random() > ONE_SIDED_LIGHT:
        return light
    directions, colours = light.directions.copy(), light.colours.copy()
    aside = np.array([rng.choice([-1.0, 1.0]) * rng.uniform(0.7, 1.2), rng.uniform(-0.1, 0.5), rng.uniform(0.15, 0.7)])
    directions[0] = aside / np.linalg.norm(aside)
    colours[1:] *= 0.4
    return replace(light, directions=directions, colours=colours, sky=light.sky * 0.6, ground=light.ground * 0.6)
