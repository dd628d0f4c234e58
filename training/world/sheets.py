"""Sheets of rendered faces for people to look at."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from training.world import face_model
from training.world.ingredients import WHOLE
from training.world.plans import PLANS, show
from training.world.samples import render, take
from training.world.setting import SEEDS_PER_PERSON, setting

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from npng_edge.units import Image

SIZE, COLUMNS = 168, 8
"""Pixels a side of one face, and faces in a row."""
LOOK_ALIKES = ("pain", "distress", "laugh", "squint", "disgust", "sneeze", "yawn", "anger", "sleep")
"""Kinds of expression, one a row; the first is what all others could be taken for."""
STRENGTHS = (3.0, 5.0)
"""Least and most in a row, growing from left to right."""
FIRST = 3_000_000
"""Seed, far from those that models are trained on."""
WORLD = range(FIRST, FIRST + 48 * (SEEDS_PER_PERSON + 1), SEEDS_PER_PERSON + 1)
"""Seeds of the sheet of the whole world: all of different people."""


def sheet(seeds: Iterable[int], path: Path = face_model.DEFAULT_PATH) -> Image:
    """One face a seed, as a learner gets them.

    Args:
        seeds: a multiple of `COLUMNS`.
        path: of the packed face model.
    """
    return _tiled([sample.image for sample in render(seeds, SIZE, path=path)])


def look_alikes(path: Path = face_model.DEFAULT_PATH) -> Image:
    """Pain, and below it what is easily taken for it: the same people in every row, unhidden, before a good camera."""
    world = WHOLE.without("camera").without("worn")
    rows = []
    for row, kind in enumerate(LOOK_ALIKES):
        tiles = []
        for column, strength in enumerate(np.linspace(*STRENGTHS, COLUMNS)):
            seed = FIRST + column * SEEDS_PER_PERSON + 1
            shot = setting(seed, SIZE, world)
            expression = show(PLANS[kind], float(strength), np.random.default_rng([19, row, column]))
            tiles.append(take(seed, replace(shot, expression=expression), SIZE, path, world).image)
        cv2.putText(tiles[0], kind, (6, SIZE - 8), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 3, cv2.LINE_AA)
        cv2.putText(tiles[0], kind, (6, SIZE - 8), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (255, 255, 255), 1, cv2.LINE_AA)
        rows += tiles
    return _tiled(rows)


def _tiled(tiles: Sequence[Image]) -> Image:
    return np.concatenate([np.concatenate(tiles[at : at + COLUMNS], axis=1) for at in range(0, len(tiles), COLUMNS)])
