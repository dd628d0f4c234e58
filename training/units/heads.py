"""What else the net's numbers tell: each side of the face by itself, and how far off the intensities may be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from training.units import fit, learn
from training.units.features import SIDES

if TYPE_CHECKING:
    from training.units.backbone import Net
    from training.units.features import Examples
    from training.units.learn import Calibration, Linear

Floats: TypeAlias = npt.NDArray[np.float32]

PENALTY = 0.1
"""Of both regressions, see `learn.ridge`."""
LEAST = 0.02
"""Share of a scale below which no expected error goes: nothing is known better than that."""


@dataclass(frozen=True, eq=False)
class Heads:
    """Beside the intensities."""

    sides: Linear
    """From the net's numbers to raw scores of each unit on the person's left, then on the right."""
    knee: Calibration
    """Of these scores."""
    doubt: Linear
    """From the net's numbers and the outputs to the expected absolute error of each output."""


def fit_heads(net: Net, fitted: Examples, held_out: Examples, read: Floats) -> Heads:
    """Fit the heads to what the net says.

    Args:
        net: taught.
        fitted: faces that it was taught with; the sides are learnt from these.
        held_out: faces of other people; knees and errors are learnt from these.
        read: (n, outputs) calibrated outputs of the model for `held_out`.
    """
    numbers = fit.seen(net, held_out.crops)
    sides = learn.ridge(fit.seen(net, fitted.crops), fitted.hints[:, :SIDES], PENALTY)
    most = np.full(SIDES, 5.0, np.float32)
    knee = learn.calibrate(sides(numbers), held_out.hints[:, :SIDES], held_out.neutral, most)
    errors = np.abs(read - held_out.targets)
    doubt = learn.ridge(np.concatenate([numbers, read], axis=1), errors, PENALTY)
    return Heads(sides, knee, doubt)
