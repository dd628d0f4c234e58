"""How well the shipped learner does: on rendered people it did not learn from, and what it says of sound real ones."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import expit

from npng_edge.infer.asymmetry import MAX_PITCH_DEG, MAX_YAW_DEG, REGIONS, SIDES, AsymmetryModel
from npng_edge.infer.runtime import Format, load
from training.datasets.metrics import mean
from training.judge.speed import median_us
from training.palsy import head, pictures, skin
from training.palsy.measures import HALF, judged
from training.palsy.splits import SPLITS, folds, split

if TYPE_CHECKING:
    from collections.abc import Callable

    from npng_edge.infer.runtime import Model
    from training.palsy.data import Faces, Flags, Floats

FOLDS = 5
ROWS = {
    "mesh alone": ("odd", "even"),
    "features alone": ("features",),
    "gradients alone": ("skin",),
    "all three": ("odd", "even", "skin", "features"),
    "mesh and gradients, odd parts (shipped)": head.SHIPPED,
}
"""Our learner, and what it is given in each row of the table."""
DEGREES = ((0.3, 0.6, "slight"), (0.6, 0.8, "moderate"), (0.8, 1.01, "severe to complete"))
"""Share of the mouth's movement that is lost, from and below."""


def given_of(model: Model, faces: Faces) -> head.Given:
    """What a learner can be given of each face.

    Args:
        model: the shipped action-unit model.
        faces: to read.
    """
    rows = []
    for crop, mesh in zip(faces.crops, faces.landmarks, strict=True):
        both = (crop[np.newaxis], np.ascontiguousarray(crop[np.newaxis, :, ::-1]))
        rows.append(np.concatenate([model(one, mesh[np.newaxis])[-1] for one in both]))
    return head.Given(faces.landmarks.reshape(len(faces), -1), skin.read(faces.crops), np.stack(rows))


def judgeable(faces: Faces) -> Flags:
    """(n,) whether the device would judge a head that is turned so."""
    turned = np.abs(faces.pose[:, :2]) > (MAX_YAW_DEG, MAX_PITCH_DEG)
    return np.asarray(~turned.any(axis=1))


def beside(faces: Faces, given: head.Given, seed: int) -> list[dict[str, Any]]:
    """Rows of the table for our own learner, on the very splits of `compare.compare`.

    Args:
        faces: all of them.
        given: of `given_of`.
        seed: of the splits and the learning.
    """
    rows = []
    for name, parts in ROWS.items():
        for how in SPLITS:
            # The part to stop by is learnt from as well: there is no early stopping here.
            learn, stop, judge = split(faces.people, how, seed)
            nets, seen = _taught(faces, given, learn | stop, seed, parts)
            said = expit(head.odds(nets, seen[judge]))
            rows.append({"model": name, "split": how, "epochs": head.EPOCHS, **judged(faces.palsy[judge], said)})
    return rows


def held_out(faces: Faces, given: head.Given, seed: int, tell: Callable[[float], None]) -> tuple[Floats, Floats]:
    """(n,) log odds of a palsy, and (n, 2, regions) movement lost, by learners that knew nobody of the face's fold.

    Args:
        faces: all of them.
        given: of `given_of`.
        seed: of the folds and the learning.
        tell: called with the share that is done.
    """
    said, lost = np.zeros(len(faces), np.float32), np.zeros((len(faces), len(SIDES), len(REGIONS)), np.float32)
    fold = folds(faces.people, FOLDS, seed)
    for number in range(FOLDS):
        out = fold == number
        nets, seen = _taught(faces, given, ~out, seed)
        said[out], lost[out] = head.odds(nets, seen[out]), head.lost(nets, seen[out])
        tell((number + 1) / FOLDS)
    return said, lost


def _taught(
    faces: Faces, given: head.Given, learn: Flags, seed: int, parts: tuple[str, ...] = head.SHIPPED
) -> tuple[list[head.Net], Floats]:
    """Learners that know only the faces `learn`, and all faces in their terms."""
    seen = head.look(given, head.shape_of(given.rows(learn)), parts)
    return head.fit(seen[learn], faces.rows(learn), seed), seen


def scores(faces: Faces, log_odds: Floats, seed: int) -> Floats:
    """(n,) the shipped score of each face, by a line fitted to the people of other folds.

    Args:
        faces: all of them.
        log_odds: of `held_out`.
        seed: of its folds.
    """
    found, fold, seen = np.zeros(len(faces), np.float32), folds(faces.people, FOLDS, seed), judgeable(faces)
    for number in range(FOLDS):
        out = fold == number
        rest = seen & ~out
        found[out] = head.line(log_odds[rest], faces.people[rest], faces.palsy[rest]).score(log_odds[out])
    return found


def breakdown(faces: Faces, score: Floats) -> dict[str, Any]:
    """What `held_out` amounts to: pictures, people, tasks, degrees, kinds, poses.

    Args:
        faces: all of them.
        score: of `scores`.
    """
    seen = judgeable(faces)
    faces, score = faces.rows(seen), score[seen]
    said = expit(score)
    palsy, lost = faces.palsy, faces.lost[:, 0]
    people = np.unique(faces.people)
    mine = [faces.people == person for person in people]
    sick = np.array([palsy[rows][0] for rows in mine])
    whole = expit(np.array([score[rows].mean() for rows in mine]))
    degree = np.array([lost[rows][0] for rows in mine])
    central = np.array([faces.lost[rows][0, 2] < HALF * faces.lost[rows][0, 0] for rows in mine]) & sick
    yaw = np.abs(faces.pose[:, 0])

    def found(rows: Flags, people_rows: Flags) -> dict[str, Any]:
        return {
            "faces": int(rows.sum()), "recall": mean(said[rows] >= HALF),
            "people": int(people_rows.sum()), "people_recall": mean(whole[people_rows] >= HALF),
        }  # fmt: skip

    of = dict(zip(people.tolist(), range(len(people)), strict=True))
    row = np.array([of[person] for person in faces.people.tolist()])
    return {
        "people": len(people),
        "pictures": judged(palsy, said),
        "persons": judged(sick, whole),
        "tasks": {
            name: judged(palsy[rows], said[rows])
            for name in dict.fromkeys(pictures.ORDER)
            if (rows := np.isin(faces.tasks, [k for k, task in enumerate(pictures.ORDER) if task == name])).any()
        },
        "degrees": {
            name: found(palsy & (lost >= low) & (lost < high), sick & (degree >= low) & (degree < high))
            for low, high, name in DEGREES
        },
        "kinds": {
            "whole side": found(palsy & ~central[row], sick & ~central),
            "lower face only": found(palsy & central[row], central),
        },
        "turned": {
            name: judged(palsy[rows], said[rows])
            for name, rows in (("yaw below 10 degrees", yaw < 10.0), ("yaw 10 degrees or more", yaw >= 10.0))
            if rows.any()
        },
    }


def versions(contents: dict[str, bytes], faces: Faces) -> dict[str, Any]:
    """Size and time of each version of the model, and by how much its outputs differ from the first one's.

    Args:
        contents: by name, of the ONNX files.
        faces: to read; the time is that of the first.
    """
    found: dict[str, Any] = {}
    first: Floats | None = None
    for name, content in contents.items():
        model = AsymmetryModel(load(content, Format.ONNX))
        looks = [model.score(crop, mesh) for crop, mesh in zip(faces.crops, faces.landmarks, strict=True)]
        said = np.array([[look.score, *np.ravel(look.lost).tolist()] for look in looks], np.float32)
        first = said if first is None else first
        off = np.abs(said - first).mean(axis=0)
        found[name] = {
            "bytes": len(content),
            "median_us": median_us(partial(model.score, faces.crops[0], faces.landmarks[0])),
            "score": float(off[0]),
            "lost": float(off[1:].mean()),
        }
    return found


def sides_right(faces: Faces, lost: Floats) -> dict[str, Any]:
    """How often the weaker side is told right, and how far off the movement lost is.

    Args:
        faces: all of them.
        lost: of `held_out`.
    """
    sick = faces.palsy & judgeable(faces)
    true, said = faces.side[sick], lost[sick]
    off = np.abs(said[np.arange(len(true)), true] - faces.lost[sick])
    return {
        "faces": len(true),
        "side": mean(said.sum(axis=2).argmax(axis=1) == true),
        "error": {name: float(off[:, k].mean()) for k, name in enumerate(REGIONS)},
    }
