"""Whether the patient can be seen: evidence for the technical conditions about the view."""

from __future__ import annotations

from typing import TYPE_CHECKING

from npng_edge.policy.alarm.alarms import Finding
from npng_edge.units import Reason

if TYPE_CHECKING:
    from collections.abc import Collection

    from npng_edge.units import Reading

SPECIFIC = ("no-face", "view-blocked")
"""While one of these is present, `poor-view` would say the same again."""


def findings(reading: Reading, present: Collection[str]) -> tuple[Finding, ...]:
    """What one reading says about the view of the patient.

    A face that is seen ends `no-face`, and one that is not covered ends `view-blocked`, even if it cannot be scored for
    another reason: `poor-view` takes over. Its evidence is that nothing is scored, for whatever reasons, and no more
    specific condition says so; so a view that changes from one fault to another, each too short for its own condition,
    is noticed all the same.

    Args:
        reading: The reading.
        present: Conditions that are present now.
    """
    failed = Reason.MODEL_FAILED in reading.reasons
    seen = reading.face is not None
    blocked = Reason.OCCLUDED in reading.reasons if seen else None
    return (
        Finding("no-face", None if failed else not seen, "No face is found."),
        Finding("view-blocked", None if failed else blocked, "Something covers the face."),
        Finding("two-patients", reading.in_bed > 1, f"{reading.in_bed} faces are in the bed region."),
        _poor(reading, present),
    )


def _poor(reading: Reading, present: Collection[str]) -> Finding:
    if reading.action_units is not None:
        return Finding("poor-view", False, "")
    if Reason.MODEL_FAILED in reading.reasons or any(name in present for name in SPECIFIC):
        return Finding("poor-view", None, "")
    reasons = ", ".join(reason.value for reason in reading.reasons)
    return Finding("poor-view", True, f"The face cannot be read: {reasons}.")
