"""The Prkachin-Solomon pain intensity, exactly by its formula."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from npng_edge.units import ActionUnits, EyeClosure

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
