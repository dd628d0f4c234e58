"""The Prkachin-Solomon pain intensity, exactly by its formula."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from npng_edge.units import ActionUnits, EyeClosure

PSPI_UNITS = ("AU4", "AU6", "AU7", "AU9", "AU10")
"""Units that it is made of, beside closed eyes."""
CLOSED = 0.5
"""An eye counts as closed from this closure on; PSPI knows AU43 only as 0 or 1."""


def eyes_closed(eyes: EyeClosure) -> bool:
    """Whether AU43 is present: both eyes are closed."""
    return min(eyes.left, eyes.right) >= CLOSED


def pspi(units: ActionUnits) -> float:
    """Pain intensity 0..16 of one face: AU4 + max(AU6, AU7) + max(AU9, AU10) + AU43.

    Source: Prkachin and Solomon, "The structure, reliability and validity of pain expression", Pain 139 (2008) 267-274.
    """
    au = units.intensity
    return au["AU4"] + max(au["AU6"], au["AU7"]) + max(au["AU9"], au["AU10"]) + float(eyes_closed(units.eyes_closed))


def pspi_error(units: ActionUnits) -> float | None:
    """The error of `pspi` that the model's own expected errors come to; None: the model gives none.

    Of two units whose larger counts, that one brings its error. Errors of different units are taken as independent, so
    their squares add up. AU43 is 0 or 1 and taken as certain. The rule is our own.
    """
    error, au = units.deviation, units.intensity
    if error is None:
        return None
    counted = ("AU4", max("AU6", "AU7", key=au.__getitem__), max("AU9", "AU10", key=au.__getitem__))
    return math.hypot(*(error[name] for name in counted))
