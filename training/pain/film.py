"""Seeds to films: one rendered person a film, some seconds before a bedside camera, and what is true of each picture.

Three seeds in a row are one person. A film is a function of time: the same seed at another rate is the same film.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from npng_edge.infer.action_units import prepare
from npng_edge.infer.pipeline import MIN_PRESENCE
from npng_edge.units import Pose
from training.pain.acts import KINDS, SHOWN, SLOTS, Act, programme
from training.units.features import find
from training.world import face_model, views
from training.world.expressions import Expression, at_rest, labels, move
from training.world.people import random_person
from training.world.render import Head, Renderer
from training.world.setting import INFRARED_SHARE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from npng_edge.infer.mesh import FaceMesh, Region
    from npng_edge.units import Image
    from training.world.expressions import Moved
    from training.world.face_model import FaceModel, Floats
    from training.world.people import Person

    Bytes: TypeAlias = npt.NDArray[np.uint8]
    Doubles: TypeAlias = npt.NDArray[np.float64]

FILMS_PER_PERSON = 3
LATER = (315, 910)
"""Seeds from which on the films are about more of what is hard, see `Kind.slots`."""
FIRST_PERSON = 200_000
"""Identities far from those that the action units are learnt from: the films are of people nobody has fitted to."""
SIZE, DRAWN = 144, 192
"""Side of a picture, and of what is drawn for it, pixels: the face is about as large as in the aligned crop."""
SECONDS = (8.0, 10.0)
RATE = 5.0
"""Pictures a second."""
BLINK_S = 0.25
UNSEEN = -1


@dataclass(frozen=True, eq=False)
class Film:
    """One film as the device sees it, and the truth. n pictures, of which those without a face hold zeros."""

    kind: str
    """Of `KINDS`, what it is about."""
    person: int
    times: Doubles
    """(n,) seconds."""
    seen: npt.NDArray[np.bool_]
    """(n,) whether the mesh believed in the face."""
    crops: Bytes
    """(n, 112, 112)"""
    landmarks: Floats
    """(n, 468, 3) normalised."""
    shown: npt.NDArray[np.int64]
    """(n,) what is shown, number of `KINDS`; -1: nothing."""
    pspi: Floats
    """(n,) true PSPI; a blink is no AU43."""


@dataclass(frozen=True, eq=False)
class Camera:
    """What is the same in every picture of a film."""

    seen: int
    """Pixels a side that the camera really has of the picture."""
    field_of_view: float
    span: float
    behind: Image
    grey: bool
    blur: float
    noise: float
    quality: int
    """Of JPEG, 0..100; 0: none."""

    @classmethod
    def random(cls, rng: np.random.Generator, *, infrared: bool) -> Camera:
        """Any camera, as for single pictures (`training.world.views`), none so bad that the device would not score."""
        seen = max(views.pixels(SIZE, rng), SIZE // 2)
        return cls(
            seen=seen,
            field_of_view=float(rng.uniform(14.0, 45.0)),
            span=float(rng.uniform(22.0, 27.0)),
            behind=views.background(seen, rng),
            grey=infrared or rng.random() < 0.15,
            blur=float(rng.uniform(0.3, 1.1)) if rng.random() < 0.4 else 0.0,
            noise=abs(float(rng.normal(0.0, 4.0))),
            quality=int(rng.integers(40, 95)) if rng.random() < 0.5 else 0,
        )

    def takes(self, drawn: npt.NDArray[np.uint8], rng: np.random.Generator) -> Image:
        """(SIZE, SIZE, 3) of one drawn head."""
        image = views.composed(drawn, self.behind, self.seen)
        if self.blur:
            image = np.asarray(cv2.GaussianBlur(image, (0, 0), self.blur), dtype=np.uint8)
        if self.grey:
            single = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), dtype=np.uint8)
            image = np.repeat(single[..., None], 3, axis=2)
        noise = rng.normal(0.0, self.noise, (*image.shape[:2], 1 if self.grey else 3))
        image = np.asarray(np.clip(image + noise, 0, 255), dtype=np.uint8)
        if self.quality:
            encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, self.quality])[1]
            image = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), dtype=np.uint8)
        if image.shape[0] != SIZE:
            image = np.asarray(cv2.resize(image, (SIZE, SIZE), interpolation=cv2.INTER_LINEAR), dtype=np.uint8)
        return image


def person_of(seed: int) -> int:
    """The person a film shows."""
    return FIRST_PERSON + seed // FILMS_PER_PERSON


def kind_of(seed: int) -> str:
    """What a film is about: in a row of 35 films each kind has its share, and its people vary."""
    slots = SLOTS[bisect_right(LATER, seed)]
    return slots[seed * 13 % len(slots)]


def shoot(seed: int, mesh: FaceMesh, face: Path = face_model.DEFAULT_PATH, rate: float = RATE) -> Film:
    """Render one film and read it as the device would, following the face from picture to picture.

    Args:
        seed: Not negative.
        mesh: Of the device.
        face: The packed face model.
        rate: Pictures a second.
    """
    rng = np.random.default_rng([31, seed])
    infrared = bool(np.random.default_rng([13, person_of(seed)]).random() < INFRARED_SHARE)
    model, renderer = _stage(face)
    person, rest = _person(person_of(seed), face, infrared=infrared)
    times = np.arange(0.0, rng.uniform(*SECONDS), 1.0 / rate)
    acts = programme(kind_of(seed), float(times[-1]), rng)
    camera, light = Camera.random(rng, infrared=infrared), views.lighting(rng, infrared=infrared)
    faces, blinks = _expressions(acts, times, rng)
    heads = _heads(acts, times, rng)
    region: Region | None = None
    found: list[tuple[Bytes, Floats] | None] = []
    pspi = []
    for expression, blink, (pose, gaze, centre) in zip(faces, blinks, heads, strict=True):
        moved = move(model, rest, expression, person)
        head = Head(moved.vertices, person.look, moved.folds, moved.lip_gap, gaze, pose, centre, camera.span)
        side = DRAWN * camera.seen // SIZE
        image = camera.takes(renderer.draw([head], light, camera.field_of_view, (side, side)), rng)
        fit = mesh.fit(image, region) if region else find(mesh, image, rng)
        fit = fit if fit is not None and fit.presence >= MIN_PRESENCE else None
        region = fit.following if fit else None
        found.append(prepare(fit.drawn, fit.in_drawn) if fit else None)
        pspi.append(_pspi(moved, blink=blink))
    nothing = np.zeros((112, 112), np.uint8), np.zeros((468, 3), np.float32)
    return Film(
        kind=kind_of(seed),
        person=person_of(seed),
        times=times,
        seen=np.array([one is not None for one in found]),
        crops=np.stack([(one or nothing)[0] for one in found]),
        landmarks=np.stack([(one or nothing)[1] for one in found]),
        shown=_shown(acts, times),
        pspi=np.array(pspi, np.float32),
    )


@lru_cache(maxsize=1)
def _stage(face: Path) -> tuple[FaceModel, Renderer]:
    model = face_model.load(face)
    return model, Renderer(model, DRAWN, DRAWN)


@lru_cache(maxsize=1)
def _person(number: int, face: Path, *, infrared: bool) -> tuple[Person, Floats]:
    person = random_person(number, infrared=infrared)
    return person, at_rest(face_model.load(face), person)


def _expressions(
    acts: tuple[Act, ...], times: Doubles, rng: np.random.Generator
) -> tuple[list[Expression], npt.NDArray[np.bool_]]:
    """What the face does in each picture, and in which of them it only blinks."""
    levels: dict[str, Doubles] = {}
    for one in acts:
        tremble = 1.0 + rng.uniform(0.0, 0.15) * np.sin(rng.uniform(2.0, 9.0) * times + rng.uniform(0, 6.3))
        for unit in one.units:
            levels[unit] = np.maximum(levels.get(unit, np.zeros(len(times))), one.intensity(unit, times) * tremble)
    lids = abs(float(rng.normal(0.0, 0.08))) + 0.04 * wander(times, 1.0, rng)
    for one in acts:
        lids = np.maximum(lids, one.closure * one.amount(times))
    blink = np.zeros(len(times))
    at = float(rng.uniform(0.0, 3.0))
    while at < times[-1]:  # 12 to 30 a minute
        blink = np.maximum(blink, np.clip(1.6 * (1.0 - np.abs(times - at) / (0.6 * BLINK_S)), 0.0, 1.0))
        at += float(rng.uniform(2.0, 5.0))
    tilt = {unit: value for one in acts for unit, value in one.tilt.items()}
    return [
        Expression(
            {unit: float(min(level[frame], 5.0)) for unit, level in levels.items()},
            closure=float(np.clip(max(lids[frame], blink[frame]), 0.0, 1.0)),
            tilt=tilt,
        )
        for frame in range(len(times))
    ], blink > lids


def _heads(
    acts: tuple[Act, ...], times: Doubles, rng: np.random.Generator
) -> Iterator[tuple[Pose, Floats, tuple[float, float]]]:
    """Pose, gaze and place of the head in each picture: never quite still, moved by breath and by the acts."""
    start = rng.uniform(-1, 1, 3) * (22.0, 14.0, 14.0)
    breath = np.sin(2 * np.pi * rng.uniform(0.2, 0.35) * times + rng.uniform(0, 6.3))
    still = 0.15 if any(one.kind == "sleep" for one in acts) else rng.uniform(0.4, 1.6)
    turns = [
        place + still * spread * wander(times, 1.5, rng) for place, spread in zip(start, (3.0, 2.0, 1.5), strict=True)
    ]
    turns[1] = turns[1] + 0.5 * breath
    for one in acts:
        amount = one.amount(times)
        turns = [turn + way * amount for turn, way in zip(turns, one.nod, strict=True)]
    looks = [0.12 * np.sign(wander(times, 1.2, rng)) * abs(rng.normal(0, 1.0)) for _ in range(2)]
    x, y = rng.normal(0, 0.05), 0.06 + rng.normal(0, 0.05)
    for frame in range(len(times)):
        gaze = np.array([np.clip(looks[0][frame], -0.4, 0.4), np.clip(looks[1][frame], -0.25, 0.25), 1.0])
        yield (
            Pose(*(float(turn[frame]) for turn in turns)),
            np.asarray(gaze / np.linalg.norm(gaze), np.float32),
            (float(x), float(y + 0.008 * breath[frame])),
        )


def wander(times: Doubles, seconds: float, rng: np.random.Generator) -> Doubles:
    """(n,) a smooth random course of about unit variance that changes within about so many seconds."""
    waves = [np.sin(2 * np.pi * times / (seconds * rng.uniform(0.8, 4.0)) + rng.uniform(0, 6.3)) for _ in range(4)]
    return np.asarray(np.sum(waves, axis=0) / np.sqrt(2.0))


def _shown(acts: tuple[Act, ...], times: Doubles) -> npt.NDArray[np.int64]:
    """What counts when several acts overlap is pain, else the one that began last."""
    names = list(KINDS)
    shown = np.full(len(times), UNSEEN)
    for one in sorted(acts, key=lambda one: KINDS[one.kind].pain):
        shown[one.amount(times) >= SHOWN] = names.index(one.kind)
    return shown


def _pspi(moved: Moved, *, blink: bool) -> float:
    au = labels(moved)
    shut = min(moved.closed) >= 0.5 and not blink
    return au["AU4"] + max(au["AU6"], au["AU7"]) + max(au["AU9"], au["AU10"]) + shut
