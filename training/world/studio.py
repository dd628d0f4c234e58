"""The synthetic patient before the camera: the rendered people, the room around them, and what is true of a frame."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from npng_edge.units import ACTION_UNITS, Pose
from training.world import ward
from training.world.expressions import Expression, Moved, labels, move
from training.world.people import random_person
from training.world.render import Head, Lighting, Renderer
from training.world.script import RATE, Clip, Key, state_at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from npng_edge.units import Image
    from training.world.face_model import FaceModel, Floats
    from training.world.people import Person

PATIENT, VISITOR = 1_000_003, 1_000_012
"""Identities, far from those that models are trained on."""
SPAN = 41.0
"""Centimetres at the patient's head that fill the height of the picture: the face is about 130 pixels wide."""
PLACE = (0.16, 0.13)
"""Of the patient's head, half picture heights from the middle."""
VISIBLE_YAW = 60.0
"""Turned further, the patient's face counts as not visible, degrees."""

PAIN = {"AU4": 3.4, "AU6": 3.0, "AU7": 2.6, "AU9": 1.6, "AU10": 2.4, "AU20": 1.0, "AU26": 0.5, "AU16": 1.0}
SMILE = {"AU12": 3.4, "AU6": 2.2, "AU16": 0.8}


@dataclass(frozen=True, eq=False)
class Shot:
    """One frame and what is true of it."""

    image: Image
    """(360, 640, 3) uint8, BGR."""
    truth: dict[str, float]
    """Columns of the file beside the clip."""


class Studio:
    """The patient, the visitor and the room."""

    def __init__(self, model: FaceModel) -> None:
        self._model = model
        self._renderer = Renderer(model, 3 * ward.WIDTH // 2, 3 * ward.HEIGHT // 2)
        half = ward.HEIGHT / 2
        self._head_pixel = (ward.WIDTH / 2 + PLACE[0] * half, half - PLACE[1] * half)
        self._bed = ward.bed(self._head_pixel).astype(np.float32)
        self._blanket = ward.blanket(self._head_pixel[0])

    def shoot(self, clip: Clip) -> Iterator[Shot]:
        """Every frame of a clip, in order; the same clip always gives the same frames."""
        rng = np.random.default_rng(9)
        patient, visitor = (random_person(number, infrared=clip.night) for number in (PATIENT, VISITOR))
        shapes = [self._model.person(person.shape) for person in (patient, visitor)]
        frames = round(clip.keys[-1].time * RATE)
        blinks, sway, syllables = _blinks(rng, frames), _sway(rng, frames), _syllables(rng, frames)
        for frame in range(frames):
            state = state_at(clip, frame / RATE)
            expression = _expression(state, syllables[frame], float(blinks[frame]))
            moved = move(self._model, shapes[0], expression, patient)
            breath = math.sin(2 * math.pi * 0.25 * state.time)
            heads = [_patient_head(patient, moved, state, sway[frame], breath)]
            if state.visitor > 0:
                looking = Expression(
                    {"AU12": 1.0, "AU26": 0.4 * syllables[frame]["AU26"]}, closure=float(blinks[-1 - frame])
                )
                met = move(self._model, shapes[1], looking, visitor)
                heads.append(_visitor_head(visitor, met, state, sway[-1 - frame]))
            picture = self._composed(heads, state, breath, patient, night=clip.night)
            noisy = picture + rng.normal(0, 3.5 if clip.night else 2.2, (ward.HEIGHT, ward.WIDTH, 1))
            image = np.asarray(np.clip(noisy, 0, 255), dtype=np.uint8)
            yield Shot(image, _truth(frame, state, moved, float(blinks[frame])))

    def _composed(self, heads: list[Head], state: Key, breath: float, patient: Person, *, night: bool) -> Floats:
        drawn = self._renderer.draw(heads, _NIGHT if night else _DAY, 24.0)
        small = cv2.resize(drawn, (ward.WIDTH, ward.HEIGHT), interpolation=cv2.INTER_AREA).astype(np.float32)
        picture = small[..., :3] + self._bed * (1.0 - small[..., 3:] / 255.0)
        if len(heads) > 1:
            x, y = heads[1].centre
            scale = ward.HEIGHT / heads[1].span
            half = ward.HEIGHT / 2
            ward.clothes(picture, ward.WIDTH / 2 + x * half, half - y * half + 9.5 * scale)
        ward.lay(picture, self._blanket, 1.5 * breath)
        if state.hand > 0:
            below = self._head_pixel[1] + 20 + 320 * (1.0 - state.hand)
            ward.hand(picture, self._head_pixel[0] + 4, below, np.array(patient.look.skin) * 0.92)
        if night:
            grey = picture.mean(axis=2, keepdims=True)
            across, down = np.meshgrid(np.linspace(-1, 1, ward.WIDTH), np.linspace(-1, 1, ward.HEIGHT))
            picture = np.repeat(grey * (0.85 - 0.35 * (across**2 + down**2))[..., None], 3, axis=2)
        return np.asarray(picture, dtype=np.float32)


_DAY = Lighting(
    directions=np.array([[-0.5, 0.62, 0.6], [0.75, 0.2, 0.63], [0.0, 0.95, 0.3]], np.float32),
    colours=np.array([[0.62, 0.6, 0.56], [0.2, 0.22, 0.25], [0.2, 0.2, 0.2]], np.float32),
    sky=np.array([0.34, 0.34, 0.35], np.float32),
    ground=np.array([0.24, 0.23, 0.21], np.float32),
    exposure=1.35,
)
_NIGHT = Lighting(
    directions=np.array([[-0.2, 0.2, 0.96], [0.2, 0.2, 0.96], [0.0, 1.0, 0.1]], np.float32),
    colours=np.array([[0.4] * 3, [0.4] * 3, [0.05] * 3], np.float32),
    sky=np.full(3, 0.12, np.float32),
    ground=np.full(3, 0.1, np.float32),
    exposure=1.1,
)


def _expression(state: Key, syllable: dict[str, float], blink: float) -> Expression:
    tremble = 1.0 + 0.05 * math.sin(9.0 * state.time) * state.pain
    units: dict[str, float] = {}
    for amount, shown in ((state.pain * tremble, PAIN), (state.smile, SMILE), (state.talk, syllable)):
        for unit, value in shown.items():
            units[unit] = max(units.get(unit, 0.0), amount * value)
    units["AU26"] = max(units["AU26"], 0.25 * state.asleep)
    closure = max(0.95 * min(1.0, 1.4 * state.pain), state.asleep, blink)
    tilt = {"AU4": 0.05, "AU12": 0.08, "AU10": -0.06}
    return Expression({unit: min(value, 5.0) for unit, value in units.items()}, closure=closure, tilt=tilt)


def _patient_head(person: Person, moved: Moved, state: Key, sway: Floats, breath: float) -> Head:
    yaw, pitch, roll = (float(value) for value in sway)
    still = 1.0 - 0.8 * state.asleep
    pose = Pose(
        state.yaw + yaw * still - 3.0 * state.pain,
        2.0 + pitch * still + 4.0 * state.pain,
        4.0 + roll + 8.0 * state.asleep,
    )
    gaze = np.array([-0.02 * yaw, -0.02 * pitch, 1.0])
    return Head(
        vertices=moved.vertices,
        look=person.look,
        folds=moved.folds,
        lip_gap=moved.lip_gap,
        gaze=(gaze / np.linalg.norm(gaze)).astype(np.float32),
        pose=pose,
        centre=(PLACE[0], PLACE[1] + 0.004 * breath),
        span=SPAN,
    )


def _visitor_head(person: Person, moved: Moved, state: Key, sway: Floats) -> Head:
    return Head(
        vertices=moved.vertices,
        look=person.look,
        folds=moved.folds,
        lip_gap=moved.lip_gap,
        gaze=np.array([0.1, -0.1, 1.0], np.float32),
        pose=Pose(25.0 + float(sway[0]), -6.0 + float(sway[1]), float(sway[2])),
        centre=(-2.3 + 1.15 * state.visitor, 0.32),
        span=1.12 * SPAN,
    )


def _blinks(rng: np.random.Generator, frames: int) -> Floats:
    """Closure per frame: a blink of about a quarter of a second every 3 to 5 seconds, none at either end."""
    closure = np.zeros(frames, np.float32)
    start = int(rng.integers(20, 45))
    while start + 20 < frames:
        closure[start : start + 4] = (0.55, 1.0, 0.9, 0.35)
        start += int(rng.integers(3 * RATE, 5 * RATE))
    return closure


def _sway(rng: np.random.Generator, frames: int) -> Floats:
    """(frames, 3) yaw, pitch and roll of a head that is never quite still, degrees; 0 at either end."""
    knots = rng.normal(0, [1.6, 1.0, 0.6], (frames // (2 * RATE) + 2, 3))
    knots[[0, -1]] = 0.0
    at = np.linspace(0, len(knots) - 1, frames)
    lines = np.stack([np.interp(at, np.arange(len(knots)), column) for column in knots.T], axis=1)
    return np.asarray(cv2.GaussianBlur(lines, (1, 31), 0, sigmaY=6), dtype=np.float32)


def _syllables(rng: np.random.Generator, frames: int) -> list[dict[str, float]]:
    """Units of a talking mouth per frame, about four syllables a second."""
    names = ("AU26", "AU22", "AU18", "AU16", "AU20")
    knots = np.abs(rng.normal(0, [1.1, 0.9, 0.9, 1.2, 0.7], (frames * 8 // RATE + 2, len(names))))
    knots[::2] *= 0.25
    at = np.arange(frames) * 8 / RATE
    columns = [np.interp(at, np.arange(len(knots)), column) for column in knots.T]
    return [dict(zip(names, (float(value) for value in row), strict=True)) for row in zip(*columns, strict=True)]


def _truth(frame: int, state: Key, moved: Moved, blink: float) -> dict[str, float]:
    """One row: intensities as shown, closure as rendered; AU43 in PSPI leaves blinks (AU45) out."""
    seen = labels(moved)
    au = {unit: seen[unit] for unit in ACTION_UNITS}
    shut = min(moved.closed) >= 0.5 and blink == 0.0
    return {
        "frame": frame,
        "time": frame / RATE,
        **au,
        "eye_closed_left": moved.closed[0],
        "eye_closed_right": moved.closed[1],
        "face_visible": int(abs(state.yaw) <= VISIBLE_YAW and state.hand < 0.4),
        "people": 1 + (state.visitor > 0.5),
        "pspi_true": au["AU4"] + max(au["AU6"], au["AU7"]) + max(au["AU9"], au["AU10"]) + shut,
    }
