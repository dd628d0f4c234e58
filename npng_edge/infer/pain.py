"""How likely a face shows pain: in one picture, and in the last seconds, against what only looks like pain.

Both models look at what the action-unit model has read already, the face in 256 numbers and the units; neither looks at
the picture again. The model of the last seconds is a recurrent net that is run over a grid of five steps a second, so
that it sees the same whatever the camera's rate is. It remembers nothing older than the grid.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from npng_edge.infer.action_units import FEATURES
from npng_edge.infer.runtime import checked
from npng_edge.units import ACTION_UNITS

if TYPE_CHECKING:
    from npng_edge.infer.action_units import Expression
    from npng_edge.infer.runtime import Model

    Floats: TypeAlias = npt.NDArray[np.float32]

RATE_HZ = 5.0
"""Steps a second of the grid."""
STEPS = 20
"""Of the grid: four seconds."""
HOLD_S = 0.65
"""A reading stands for so long where no newer one comes: two readings a second are enough, with room for jitter."""
FEWEST = 5
"""Steps that must have been seen before anything is said of the last seconds."""
LIDS = 2
NUMBERS = len(ACTION_UNITS) + LIDS
"""Units in the order of `ACTION_UNITS`, 0..5, then closure of the left and right eye, 0..1."""


class PainModel:
    """Tells how likely one picture shows pain. Keeps no state."""

    def __init__(self, model: Model) -> None:
        """Take a loaded model.

        Raises:
            ModelError: If its inputs or output are not those of a pain model.
        """
        self._model = _checked(model, "pain model", (1, FEATURES), (1, NUMBERS))

    def probability(self, seen: Expression) -> float:
        """Of pain, 0..1.

        Args:
            seen: One face.

        Raises:
            ValueError: When the model returns what is not a number.
        """
        return _probability(self._model(seen.features[np.newaxis], numbers(seen)[np.newaxis]))


class TemporalPainModel:
    """Tells how likely some seconds show pain. Keeps no state."""

    def __init__(self, model: Model) -> None:
        """Take a loaded model.

        Raises:
            ModelError: If its inputs or output are not those of a model of some seconds.
        """
        shapes = (1, STEPS, FEATURES), (1, STEPS, NUMBERS), (1, STEPS, 1)
        self._model = _checked(model, "model of pain over some seconds", *shapes)

    def probability(self, features: Floats, units: Floats, seen: Floats) -> float:
        """Of pain in the last of these steps, 0..1.

        Args:
            features: (STEPS, 256), oldest first; of steps without a face they do not matter.
            units: (STEPS, NUMBERS)
            seen: (STEPS, 1) 1 with a face, 0 without.

        Raises:
            ValueError: When the model returns what is not a number.
        """
        return _probability(self._model(features[np.newaxis], units[np.newaxis], seen[np.newaxis]))


class PainCourse:
    """Follows one face over time: gathers its last seconds, whatever the rate, and has them judged. Not thread-safe."""

    def __init__(self, model: TemporalPainModel) -> None:
        """Begin without a past.

        Args:
            model: Judges the last seconds.
        """
        self._model = model
        self.reset()

    def reset(self) -> None:
        """Forget the past: another face, or a face that was away for long."""
        self._features = np.zeros((STEPS, FEATURES), np.float32)
        self._units = np.zeros((STEPS, NUMBERS), np.float32)
        self._seen = np.zeros((STEPS, 1), np.float32)
        self._begun: float | None = None
        self._step = 0
        self._newest: tuple[float, Floats, Floats] | None = None
        self._probability: float | None = None

    def see(self, time: float, seen: Expression | None) -> float | None:
        """Take the next picture.

        Args:
            time: Of the picture, seconds; should not go back.
            seen: What was read from the face; None: nothing was.

        Returns:
            How likely the last seconds show pain, 0..1, judged anew five times a second at the most. None without a
            face, and for the first second of one.

        Raises:
            ValueError: When the model returns what is not a number.
        """
        if self._begun is None or not 0.0 <= time - (self._begun + self._step / RATE_HZ) < STEPS / RATE_HZ:
            self.reset()
            self._begun = time - 1.0 / RATE_HZ
        before = self._newest
        if seen is not None:
            self._newest = time, seen.features, numbers(seen)
        due = math.floor((time - self._begun) * RATE_HZ + 1e-6) - self._step
        for number in range(due):
            self._step += 1
            last = number == due - 1
            self._push(time if last else self._begun + self._step / RATE_HZ, self._newest if last else before)
        if due:
            known = self._seen.sum() >= FEWEST
            self._probability = self._model.probability(self._features, self._units, self._seen) if known else None
        return self._probability if seen is not None else None

    def _push(self, time: float, reading: tuple[float, Floats, Floats] | None) -> None:
        """Let the oldest step go and add a new one at its end."""
        for rows in (self._features, self._units, self._seen):
            rows[:-1] = rows[1:]
        fresh = reading is not None and time - reading[0] <= HOLD_S
        self._seen[-1] = float(fresh)
        self._features[-1], self._units[-1] = reading[1:] if reading is not None and fresh else (0.0, 0.0)


def numbers(seen: Expression) -> Floats:
    """(NUMBERS,) units and lids of one face, as the models take them."""
    eyes = seen.units.eyes_closed
    return np.array([*(seen.units.intensity[unit] for unit in ACTION_UNITS), eyes.left, eyes.right], np.float32)


def _checked(model: Model, what: str, *shapes: tuple[int, ...]) -> Model:
    return checked(model, what, [("float32", shape) for shape in shapes], [(1, 1)])


def _probability(outputs: tuple[npt.NDArray[np.float32], ...]) -> float:
    value = float(outputs[0].item())
    if not math.isfinite(value):
        raise ValueError("the pain model returned a value that is not a number")
    return min(max(value, 0.0), 1.0)
