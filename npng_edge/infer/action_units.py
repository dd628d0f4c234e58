"""Action units of one face: the aligned crop and the mesh through our own model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from npng_edge.infer.align import CROP, align, normalise_landmarks, place
from npng_edge.infer.runtime import checked
from npng_edge.units import ACTION_UNITS, ActionUnits, EyeClosure

if TYPE_CHECKING:
    from npng_edge.infer.align import Placement
    from npng_edge.infer.runtime import Model

Floats: TypeAlias = npt.NDArray[np.float32]
Bytes: TypeAlias = npt.NDArray[np.uint8]

INPUTS = (("uint8", (1, CROP, CROP)), ("float32", (1, 468, 3)))
"""The aligned grey crop and the normalised mesh."""
FEATURES = 256
"""Numbers that the backbone boils a face down to."""
UNITS = len(ACTION_UNITS)
OUTPUTS = ((1, UNITS), (1, 2), (1, 2, UNITS), (1, UNITS + 2), (1, FEATURES))
"""Intensities 0..5 in the order of `ACTION_UNITS`; closure 0..1 of the person's own left and right eye; intensities of
each side, left first; expected absolute errors of the first two outputs; what other models look at."""


@dataclass(frozen=True, slots=True, eq=False)
class Expression:
    """Everything that is read from one face at once."""

    units: ActionUnits
    sides: Floats
    """(2, units) intensity 0..5 on the person's own left, then right, in the order of `ACTION_UNITS`."""
    features: Floats
    """(256,) numbers that the backbone boils the face down to, for the models of pain: 192 at least 0, then 64 that say
    by how much one half of the picture differs from the other."""


class ActionUnitModel:
    """Reads the action units of a face that the mesh has found."""

    def __init__(self, model: Model) -> None:
        """Take a loaded model.

        Raises:
            ModelError: If its inputs or outputs are not those of an action-unit model.
        """
        self._model = checked(model, "action-unit model", INPUTS, OUTPUTS)

    def read(self, image: Bytes, landmarks: Floats, placement: Placement | None = None) -> Expression:
        """Score one face in a picture.

        Args:
            image: (height, width, 3) BGR or (height, width) grey, uint8: the frame, or the mesh's own crop of it,
                which is cheaper and as good.
            landmarks: (468, 3) in pixels of that image, z in the same scale.
            placement: of these landmarks, if it is known already.

        Raises:
            ValueError: When no face can be placed by the landmarks, or the model returns what is not a number.
        """
        return self.score(*prepare(image, landmarks, placement))

    def score(self, crop: Bytes, mesh: Floats) -> Expression:
        """Score one face that is prepared already.

        Args:
            crop: (112, 112) uint8 grey, as `align` draws it.
            mesh: (468, 3) float32, as `normalise_landmarks` gives it.

        Raises:
            ValueError: When the model returns what is not a number.
        """
        intensity, closed, sides, deviation, features = self._model(crop[np.newaxis], mesh[np.newaxis])
        values: list[float] = intensity[0].tolist() + closed[0].tolist()
        # One sum finds any value that is not finite: nothing finite makes up for it.
        if not abs(sum(values) + float(sides.sum() + deviation.sum() + features.sum())) < float("inf"):
            raise ValueError("the action-unit model returned a value that is not a number")
        units, (left, right) = values[:UNITS], values[UNITS:]
        doubts: list[float] = deviation[0, :UNITS].tolist()
        read = ActionUnits(
            {unit: _within(value, 5.0) for unit, value in zip(ACTION_UNITS, units, strict=True)},
            EyeClosure(_within(left, 1.0), _within(right, 1.0)),
            # A thousandth is finer than any of them is known, and keeps logs short.
            {unit: round(_within(doubt, 5.0), 3) for unit, doubt in zip(ACTION_UNITS, doubts, strict=True)},
        )
        return Expression(read, sides[0], features[0])


def prepare(image: Bytes, landmarks: Floats, placement: Placement | None = None) -> tuple[Bytes, Floats]:
    """What the model is given, in training as on the device.

    Args:
        image: (height, width, 3) BGR or (height, width) grey, uint8.
        landmarks: (468, 3) in image pixels.
        placement: of these landmarks, if it is known already.

    Returns:
        The aligned crop, (112, 112) uint8, and the normalised mesh, (468, 3) float32.

    Raises:
        ValueError: When no face can be placed by the landmarks.
    """
    at = place(landmarks) if placement is None else placement
    return align(image, landmarks, at), normalise_landmarks(landmarks, at)


def _within(value: float, most: float) -> float:
    return min(max(value, 0.0), most)
