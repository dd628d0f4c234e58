"""Does a score depend on who somebody is? Groups of people, and what chance gives (Fisher's permutation test, 1935)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt
import scipy.stats

from npng_edge.capture.images import read_still
from npng_edge.policy.face.pspi import pspi
from training.judge.evaluate_stills import LOW_PSPI
from training.judge.groups import named, stepped

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from npng_edge.units import Image
    from training.judge.evaluate_stills import Still
    from training.judge.faces import Finder
    from training.judge.groups import Groups, Step

CHEEKS = (50, 280)
"""Points of the face mesh in the middle of either cheek."""
PATCH = 0.05
"""Radius of the patch of skin around them, in widths of the face."""
TONES: tuple[Step, ...] = (
    (-90.0, "tan to dark (below 28)"),
    (28.0, "intermediate (28 to 41)"),
    (41.0, "light (41 on)"),
)
"""From which individual typology angle on, degrees, a skin has its name; the six classes are Chardon's, joined so that
each holds enough people."""
AGES: tuple[Step, ...] = ((0.0, "under 25"), (25.0, "25 to 34"), (35.0, "35 and older"))
FEWEST = 5
"""People; smaller groups are neither shown nor tested."""
SHUFFLES = 5000
SEED = 61


def typology_angle(image: Image, landmarks: npt.NDArray[np.float32]) -> float:
    """The individual typology angle of a face's cheeks: arctan((L* - 50) / b*), in degrees; higher is lighter.

    Source: Chardon, Cretois and Hourseau, "Skin colour typology and suntanning pathways", International Journal of
    Cosmetic Science 13 (1991) 191-208. The camera's colours are taken for sRGB under daylight; it is not calibrated.

    Args:
        image: (height, width, 3) uint8 BGR.
        landmarks: (468, 3) of the face mesh, image pixels.
    """
    radius = max(1, round(PATCH * float(np.ptp(landmarks[:, 0]))))
    patches: npt.NDArray[np.uint8] = np.zeros(image.shape[:2], np.uint8)
    for point in CHEEKS:
        x, y = (round(float(place)) for place in landmarks[point, :2])
        cv2.circle(patches, (x, y), radius, (255.0,), -1)
    skin = np.asarray(cv2.cvtColor(image.astype(np.float32) / np.float32(255.0), cv2.COLOR_BGR2Lab))[patches > 0]
    lightness, _, yellow = np.median(skin, axis=0).tolist()
    return math.degrees(math.atan2(lightness - 50.0, max(yellow, 1e-6)))


def tones(finder: Finder, folder: Path, pictures: Sequence[Still]) -> dict[str, float]:
    """The typology angle of each person, by their neutral picture."""
    angles = {}
    for one in pictures:
        image = read_still(folder / one.name) if one.label["expression"] == "neutral" else None
        fit = None if image is None else finder.find(image)
        if image is not None and fit is not None:
            angles[one.label["subject"]] = typology_angle(image, fit.landmarks)
    return angles


def evaluate_groups(pictures: Sequence[Still], angles: Mapping[str, float]) -> dict[str, Any]:
    """Neutral PSPI and how well a smile is told, by skin tone, ethnicity, age and sex.

    Args:
        pictures: of people who are neutral in one and smile in another.
        angles: of their skin.

    Returns:
        `tests`, and one row a group.
    """
    neutral = {one.label["subject"]: one for one in pictures if one.units and one.label["expression"] == "neutral"}
    smiling = {one.label["subject"]: one for one in pictures if one.units and one.label["expression"] == "happiness"}
    people = sorted(neutral.keys() & smiling.keys())
    pain = np.array([pspi(units) for who in people if (units := neutral[who].units)])
    smiles, rest = (np.array([of[who].score("AU12") for who in people]) for of in (smiling, neutral))
    beats = (smiles[:, None] > rest) + 0.5 * (smiles[:, None] == rest)
    ranks = scipy.stats.rankdata(pain)

    def smile_auc(rows: npt.NDArray[np.int64]) -> float:
        return float(beats[np.ix_(rows, rows)].mean())

    def mean_rank(rows: npt.NDArray[np.int64]) -> float:
        return float(ranks[rows].mean())

    rows, tests = [], []
    for trait, groups in _groups([neutral[who].label for who in people], [angles.get(who) for who in people]):
        members = dict(groups.members(FEWEST))
        for name, who in members.items():
            share, median = float((pain[who] < LOW_PSPI[0]).mean()), float(np.median(pain[who]))
            rows.append(
                {"trait": trait, "group": name, "people": len(who), "median": median, "share": share,
                 "auc": smile_auc(who), "own": float((smiles[who] > rest[who]).mean())}
            )  # fmt: skip
        for what, figure in (("neutral PSPI", mean_rank), ("AU12 AUC", smile_auc)) if len(members) > 1 else ():
            tests.append({"trait": trait, "what": what, "p": chance(list(members.values()), figure)})
    return {"people": len(people), "below": LOW_PSPI[0], "shuffles": SHUFFLES, "groups": rows, "tests": tests}


def chance(groups: Sequence[npt.NDArray[np.int64]], figure: Callable[[npt.NDArray[np.int64]], float]) -> float:
    """How often people dealt out at random differ by group as much as they do.

    Args:
        groups: the numbers of the people in each.
        figure: of some people, by their numbers.

    Returns:
        The p value of the spread of the figure between groups, weighed by their size; at least 1 / (1 + `SHUFFLES`).
    """
    everybody = np.concatenate(groups)
    cuts, middle = np.cumsum([len(group) for group in groups])[:-1], figure(everybody)

    def spread(people: npt.NDArray[np.int64]) -> float:
        return sum(len(part) * (figure(part) - middle) ** 2 for part in np.split(people, cuts))

    rng = np.random.default_rng(SEED)
    # A hair less than what was found, so that the very same deal counts however it is added up.
    found = spread(everybody) * (1.0 - 1e-9)
    as_far = sum(spread(rng.permutation(everybody)) >= found for _ in range(SHUFFLES))
    return (1 + as_far) / (1 + SHUFFLES)


def _groups(labels: Sequence[Mapping[str, str]], angles: Sequence[float | None]) -> list[tuple[str, Groups]]:
    """Per trait the group of each person."""
    ages = [float(label["age"]) if label["age"].replace(".", "").isdigit() else None for label in labels]
    return [
        ("skin, typology angle", stepped(angles, TONES)),
        ("ethnicity", named([label["ethnicity"].replace("_", " ") for label in labels])),
        ("age", stepped(ages, AGES)),
        ("sex", named([label["gender"] for label in labels])),
    ]
