"""What raises PSPI and is not pain, as far as single action units can tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from npng_edge.settings import Pain
    from npng_edge.units import ActionUnits


def look_alike(units: ActionUnits, settings: Pain) -> str | None:
    """`smile` when the lip corners are pulled (AU12) and the brows are hardly lowered (AU4), else None.

    A smile or laugh raises cheeks and lip (AU6, AU10) as pain does, but does not lower the brows; a pain face with
    pulled lip corners does. So AU4 always wins: a clearly lowered brow is never put down to a smile.
    """
    smiling = units.intensity["AU12"] >= settings.smile_au12 and units.intensity["AU4"] < settings.pain_au4
    return "smile" if smiling else None


def is_certain(units: ActionUnits, settings: Pain) -> bool:
    """Whether the brows are so still that a look-alike speaks against pain; else it only does not speak for it."""
    return units.intensity["AU4"] < settings.smile_au4
