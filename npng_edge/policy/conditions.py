"""The table of alarm conditions: one row each. A new condition is one new row and the evidence for it."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from npng_edge.units import AlarmKind, Priority


@dataclass(frozen=True, slots=True)
class Condition:
    """What the hazard is and what staff should do about it."""

    name: str
    kind: AlarmKind
    priority: Priority
    action: str
    """One sentence for the person who comes."""


_PHYSIOLOGICAL, _TECHNICAL = AlarmKind.PHYSIOLOGICAL, AlarmKind.TECHNICAL

CONDITIONS = MappingProxyType(
    {
        row.name: row
        for row in (
            Condition("pain", _PHYSIOLOGICAL, Priority.MEDIUM, "Look after the patient and assess the pain."),
            Condition("camera", _TECHNICAL, Priority.MEDIUM, "Check the camera, its cable and its lens."),
            Condition("no-face", _TECHNICAL, Priority.LOW, "Turn the camera to the face, or clear the view."),
            Condition("model", _TECHNICAL, Priority.MEDIUM, "Pain is not being read: call biomedical engineering."),
            Condition("storage", _TECHNICAL, Priority.MEDIUM, "Alarms may be lost at power failure: call engineering."),
            Condition("broker", _TECHNICAL, Priority.MEDIUM, "The nurse station is not reached: check the network."),
        )
    }
)
"""By name. Priorities are a first proposal; the hospital's risk analysis decides (IEC 60601-1-8 leaves it to that)."""
