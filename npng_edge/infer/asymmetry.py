"""Whether one side of a face is weaker than the other: a new facial palsy can be a stroke, and cannot wait.

A small net of our own (`training.palsy`) is given how the face differs from its mirror image, in the mesh and in the
gradients of the crop. Weakness shows in some expressions and not in others, and sound faces are lopsided for a moment;
so the face is looked at once a second and the last looks are taken together.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from npng_edge.infer.align import CROP
from npng_edge.infer.runtime import checked

if TYPE_CHECKING:
    from npng_edge.infer.runtime import Model
    from npng_edge.units import Pose

Floats: TypeAlias = npt.NDArray[np.float32]
Bytes: TypeAlias = npt.NDArray[np.uint8]

REGIONS = ("mouth", "eye", "brow")
SIDES = ("left", "right")
"""The person's own."""
INPUTS = (("uint8", (1, CROP, CROP)), ("float32", (1, 468, 3)))
"""The aligned grey crop and the normalised mesh."""
OUTPUTS = ((1,), (1, len(SIDES), len(REGIONS)))
"""Log odds of a palsy; the share of movement lost, 0..1, per side and region."""
MAX_YAW_DEG, MAX_PITCH_DEG = 25.0, 20.0
"""A head turned further is not judged: one side is foreshortened, and the net never saw such faces."""
EVERY_S = 1.0
"""Between looks, on the frame clock."""
OVER_S = 10.0
"""Looks not older than this are taken together."""
WEAK = 0.3
"""Share of its movement that a weak region has lost at least."""
KEPT_S = 3.0
"""Without a look for so long, nothing is known."""


@dataclass(frozen=True, slots=True, eq=False)
class Sides:
    """A face as the model is given it."""

    mesh: Floats
    """(468, 3) as `normalise_landmarks` gives it."""
    crop: Bytes
    """(112, 112) as `align` draws it."""
    pose: Pose


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at a face says."""

    score: float
    """Log odds of a weak side; of some looks the mean is taken."""
    lost: tuple[tuple[float, ...], ...]
    """As in `Asymmetry`."""


@dataclass(frozen=True, slots=True)
class Asymmetry:
    """What is known of a face."""

    probability: float
    """Of a weak side, 0..1."""
    lost: tuple[tuple[float, ...], ...]
    """Share of movement lost, 0..1: a row for each of `SIDES`, a column for each of `REGIONS`."""

    @property
    def weaker(self) -> str:
        """The weaker side, and the regions of it that have lost `WEAK` or more, at least one: `right mouth and eye`."""
        side = max(range(len(SIDES)), key=lambda row: sum(self.lost[row]))
        least = min(WEAK, max(self.lost[side]))
        regions = [region for region, share in zip(REGIONS, self.lost[side], strict=True) if share >= least]
        return f"{SIDES[side]} {', '.join(regions[:-1])}{' and ' if regions[1:] else ''}{regions[-1]}"


class AsymmetryModel:
    """Compares the sides of a face."""

    def __init__(self, model: Model) -> None:
        """Take a loaded model.

        Raises:
            ModelError: If its inputs or outputs are not those of an asymmetry model.
        """
        self._model = checked(model, "asymmetry model", INPUTS, OUTPUTS)

    def score(self, crop: Bytes, mesh: Floats) -> Look:
        """Compare the sides.

        Args:
            crop: (112, 112) uint8, as `align` draws it.
            mesh: (468, 3) float32, as `normalise_landmarks` gives it.

        Raises:
            ValueError: When the model returns what is not a number.
        """
        score, lost = self._model(crop[np.newaxis], mesh[np.newaxis])
        value = float(score.item())
        if not math.isfinite(value + float(lost.sum())):
            raise ValueError("the asymmetry model returned a value that is not a number")
        return Look(value, tuple(map(tuple, lost[0].tolist())))


class AsymmetryWatch:
    """Looks at one face now and then, and takes the last looks together. Not thread-safe."""

    def __init__(self, model: AsymmetryModel) -> None:
        self._model = model
        self._looks: deque[tuple[float, Look]] = deque()

    def reset(self) -> None:
        """Forget the face."""
        self._looks.clear()

    def see(self, time: float, face: Sides | None) -> Asymmetry | None:
        """Take in one frame.

        Args:
            time: of the frame, seconds on the frame clock.
            face: in it; None when it is not seen well enough to be scored.

        Returns:
            The mean of the last looks; None without a face, and when it was not judged lately.

        Raises:
            ValueError: When a model returns what is not a number.
        """
        while self._looks and not time - OVER_S < self._looks[0][0] <= time:
            self._looks.popleft()
        if face is None:
            return None
        if not self._looks or time - self._looks[-1][0] >= EVERY_S:
            turned = abs(face.pose.yaw) > MAX_YAW_DEG or abs(face.pose.pitch) > MAX_PITCH_DEG
            if not turned:
                self._looks.append((time, self._model.score(face.crop, face.mesh)))
        if not self._looks or time - self._looks[-1][0] > KEPT_S:
            return None
        looks = [look for _, look in self._looks]
        mean = sum(look.score for look in looks) / len(looks)
        lost = np.mean([look.lost for look in looks], axis=0)
        return Asymmetry(1.0 / (1.0 + math.exp(-min(max(mean, -30.0), 30.0))), tuple(map(tuple, lost.tolist())))
