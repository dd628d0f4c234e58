"""Seeds to labelled pictures: one rendered face each, as a bad camera in a bad light would show it."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

import numpy as np

from npng_edge.units import ACTION_UNITS
from training.world import face_model, views
from training.world.expressions import at_rest, labels, move, side_labels
from training.world.ingredients import WHOLE
from training.world.people import Person, random_person
from training.world.render import Head, Renderer
from training.world.setting import identity_of, setting

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from npng_edge.units import Image, Pose
    from training.world.face_model import FaceModel, Floats
    from training.world.ingredients import World
    from training.world.setting import Setting


@dataclass(frozen=True, eq=False)
class Sample:
    """One labelled picture."""

    image: Image
    """(size, size, 3) uint8, BGR."""
    intensity: dict[str, float]
    """Per unit of `ACTION_UNITS`, 0..5."""
    eyes_closed: tuple[float, float]
    """The person's left and right eye, 0 open .. 1 closed."""
    identity_id: int
    pose: Pose
    neutral: bool
    """Whether the face was asked to do nothing at all."""
    sides: Floats
    """(2, 20) intensity 0..5 of `ACTION_UNITS` on the person's left and right."""
    lip_gap: float
    """Centimetres."""
    lid_gaps: tuple[float, float]
    """Left and right, centimetres."""
    coefficients: Floats
    """(57,) activations of the face model's expression shapes, in its order, beyond the person's face at rest."""


def render(
    seeds: Iterable[int],
    size: int = 224,
    workers: int = 1,
    path: Path = face_model.DEFAULT_PATH,
    world: World = WHOLE,
) -> Iterator[Sample]:
    """Render one sample per seed, in order.

    Args:
        seeds: not negative; the same seed gives the same picture.
        size: of the square pictures, pixels.
        workers: processes; 1 renders in this one.
        path: of the packed face model.
        world: what there is in it.
    """
    if workers <= 1:
        yield from (_one(seed, size, path, world) for seed in seeds)
        return
    rest = iter(seeds)
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        while batch := list(islice(rest, 64 * workers)):
            parts = [batch[start::workers] for start in range(workers)]
            done = [pool.submit(_many, part, size, path, world) for part in parts]
            results: list[Sample | None] = [None] * len(batch)
            for start, future in enumerate(done):
                results[start::workers] = future.result()
            yield from (sample for sample in results if sample is not None)


def _many(seeds: list[int], size: int, path: Path, world: World) -> list[Sample]:
    return [_one(seed, size, path, world) for seed in seeds]


@lru_cache(maxsize=4)
def _stage(size: int, path: Path) -> tuple[FaceModel, Renderer]:
    model = face_model.load(path)
    return model, Renderer(model, 3 * size // 2, 3 * size // 2)


@lru_cache(maxsize=4)
def _person(identity: int, path: Path, world: World, *, infrared: bool) -> tuple[Person, Floats]:
    person = random_person(identity, infrared=infrared, world=world)
    return person, at_rest(face_model.load(path), person)


def _one(seed: int, size: int, path: Path, world: World) -> Sample:
    return take(seed, setting(seed, size, world), size, path, world)


def take(seed: int, shot: Setting, size: int, path: Path = face_model.DEFAULT_PATH, world: World = WHOLE) -> Sample:
    """Take one picture.

    Args:
        seed: tells who is shown.
        shot: what is to be seen; its dice are used up.
        size: of the square picture, pixels.
        path: of the packed face model.
        world: what there is in it.
    """
    model, renderer = _stage(size, path)
    person, rest = _person(identity_of(seed), path, world, infrared=shot.infrared)
    moved = move(model, rest, shot.expression, person)
    head = Head(
        vertices=moved.vertices,
        look=person.look,
        folds=moved.folds,
        lip_gap=moved.lip_gap,
        gaze=shot.gaze,
        pose=shot.pose,
        centre=shot.centre,
        span=shot.span,
    )
    drawn = renderer.draw([head], shot.light, shot.field_of_view, (3 * shot.pixels // 2, 3 * shot.pixels // 2))
    clean = views.composed(drawn, views.background(shot.pixels, shot.rng), shot.pixels)
    if world.worn:
        views.hand(clean, np.array(person.look.skin), shot.rng)
    image = views.degraded(clean, size, shot.rng, grey=shot.infrared) if world.camera else clean
    shown = labels(moved)
    return Sample(
        image=image,
        intensity={unit: shown[unit] for unit in ACTION_UNITS},
        eyes_closed=moved.closed,
        identity_id=identity_of(seed),
        pose=shot.pose,
        neutral=shot.neutral,
        sides=np.array([list(side.values()) for side in side_labels(moved)], dtype=np.float32),
        lip_gap=moved.lip_gap,
        lid_gaps=moved.lid_gaps,
        coefficients=moved.coefficients,
    )


def write_shards(folder: Path, seeds: Iterable[int], per_shard: int = 500, **how: Any) -> None:
    """Render into `folder/NNNNNN.npz`, one file per so many samples, each complete as soon as it has its name.

    Arrays of a shard: `image` (n, size, size, 3) uint8 BGR; `intensity` (n, 20) in the order of `ACTION_UNITS`;
    `eyes_closed` (n, 2) left and right; `pose` (n, 3) yaw, pitch, roll; `identity`, `neutral` and `seed` (n,).
    For a net to learn from besides: `sides` (n, 2, 20), `intensity` of the left and right; `lip_gap` (n,) and
    `lid_gaps` (n, 2) in centimetres; `coefficients` (n, 57).

    Args:
        folder: made if absent; shards already there are kept and not rendered again.
        seeds: what to render.
        per_shard: samples per file.
        how: passed on to `render`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rest = iter(seeds)
    while batch := list(islice(rest, per_shard)):
        target = folder / f"{batch[0]:06d}.npz"
        if target.exists():
            continue
        samples = list(render(batch, **how))
        partial = target.with_suffix(".part.npz")
        np.savez(
            partial,
            image=np.stack([sample.image for sample in samples]),
            intensity=np.array([[s.intensity[unit] for unit in ACTION_UNITS] for s in samples], dtype=np.float32),
            eyes_closed=np.array([sample.eyes_closed for sample in samples], dtype=np.float32),
            pose=np.array([(s.pose.yaw, s.pose.pitch, s.pose.roll) for s in samples], dtype=np.float32),
            identity=np.array([sample.identity_id for sample in samples]),
            neutral=np.array([sample.neutral for sample in samples]),
            seed=np.array(batch),
            sides=np.stack([sample.sides for sample in samples]),
            lip_gap=np.array([sample.lip_gap for sample in samples], dtype=np.float32),
            lid_gaps=np.array([sample.lid_gaps for sample in samples], dtype=np.float32),
            coefficients=np.stack([sample.coefficients for sample in samples]),
        )
        partial.rename(target)
